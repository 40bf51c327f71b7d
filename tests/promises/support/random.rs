//! Where do random choices come from, and how often is a fault repeated? A seed that every test prints, so that a
//! failure can be run again; a number of rounds that a long run raises.

/// splitmix64: enough to scatter kills, and no dependency.
pub(crate) struct Random(u64);

impl Random {
    /// Seeded by `TIDEGATE_TEST_SEED`, else afresh. Cargo shows the seed when the test fails.
    pub(crate) fn new() -> Self {
        let seed = match std::env::var("TIDEGATE_TEST_SEED") {
            Ok(seed) => seed.parse().expect("TIDEGATE_TEST_SEED is a whole number"),
            Err(_) => uuid::Uuid::new_v4().as_u64_pair().0,
        };
        println!("repeat with TIDEGATE_TEST_SEED={seed}");
        Self(seed)
    }

    /// Another source, for another task, that repeats with this one.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.below(u64::MAX))
    }

    /// A number from `0` to `limit - 1`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// How often a test repeats its fault: `TIDEGATE_TEST_ROUNDS`, else once.
pub(crate) fn rounds() -> usize {
    let rounds = std::env::var("TIDEGATE_TEST_ROUNDS");
    rounds.map_or(1, |rounds| rounds.parse().expect("TIDEGATE_TEST_ROUNDS is a whole number"))
}
