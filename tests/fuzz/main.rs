//! Does any input make the library panic, lie or tell a secret? Properties over made-up input, each a target of its own;
//! what needs a database is in `tests/promises`.
//!
//! `TIDEGATE_FUZZ_CASES=1000000 cargo test --test fuzz job_text` looks for longer; a failure prints the seed that repeats
//! it. Reading order: [`support`] (how often, from which seed, which corpus), then any target.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]
#![allow(clippy::print_stdout, reason = "cargo shows what a failed test printed")]

mod support;

mod address;
mod amounts;
mod identifiers;
mod job_text;
mod keys;
mod reasons;
