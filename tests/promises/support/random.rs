//! Where do random choices come from? A seed that every test prints, so that a failure can be run again.

/// splitmix64: enough to scatter kills, and no dependency.
pub(crate) struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    /// Seeded by `TIDEGATE_TEST_SEED`, else afresh. Cargo shows the seed when the test fails.
    pub(crate) fn new() -> Self {
        let seed = match std::env::var("TIDEGATE_TEST_SEED") {
            Ok(seed) => seed.parse().expect("TIDEGATE_TEST_SEED is a whole number"),
            Err(_) => uuid::Uuid::new_v4().as_u64_pair().0,
        };
        println!("repeat with TIDEGATE_TEST_SEED={seed}");
        Self { seed, state: seed }
    }

    /// Another source, for another task, that repeats with this one.
    pub(crate) fn fork(&mut self) -> Self {
        let seed = self.below(u64::MAX);
        Self { seed, state: seed }
    }

    /// What repeats it.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// A number from `0` to `limit - 1`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}
