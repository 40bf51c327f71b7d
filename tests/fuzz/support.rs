//! How often is a property tried, from which seed, and with which texts to begin with?

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseResult, TestRunner};
use std::path::Path;

/// Enough to notice a slip, few enough for every change: all targets together take seconds.
const CASES: u32 = 500;

/// Tries a property on as many made-up values as `TIDEGATE_FUZZ_CASES` says. The smallest value that breaks it is printed
/// with the seed that finds it again.
pub(crate) fn holds_for<S: Strategy>(values: S, property: impl Fn(S::Value) -> TestCaseResult) {
    let seed = number("PROPTEST_RNG_SEED").unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    let cases = number("TIDEGATE_FUZZ_CASES").map_or(CASES, |cases| u32::try_from(cases).expect("fewer cases"));
    println!("repeat with TIDEGATE_FUZZ_CASES={cases} PROPTEST_RNG_SEED={seed}");
    let config = Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(&values, property).unwrap_or_else(|failure| panic!("{failure}"));
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a whole number")))
}

/// The job files that ship, and those that are wrong in one way each.
pub(crate) fn corpus() -> Vec<String> {
    ["jobs", "tests/invalid"].iter().flat_map(|folder| jobs_in(folder)).collect()
}

/// The job files of a folder, always in the same order: a seed must mean the same cases.
pub(crate) fn jobs_in(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|extension| extension == "toml")).collect();
    files.sort();
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}
