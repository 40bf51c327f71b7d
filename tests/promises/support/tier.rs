//! How often is a fault repeated? `TIDEGATE_TEST_TIER=smoke|nightly|release`: every change, every night, every release.

/// How much time the tests may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tier {
    /// Minutes, on every change.
    Smoke,
    /// A tenth of a release.
    Nightly,
    /// What the README counts.
    Release,
}

/// How often in this tier: a nightly run repeats a tenth of what a release does, and never less than a smoke test.
pub(crate) fn amount(smoke: u64, release: u64) -> u64 {
    let word = std::env::var("TIDEGATE_TEST_TIER").unwrap_or_else(|_| "smoke".to_owned());
    let tier = Tier::from_word(&word);
    let tier = tier.unwrap_or_else(|| panic!("TIDEGATE_TEST_TIER is smoke, nightly or release, not {word:?}"));
    tier.amount(smoke, release)
}

impl Tier {
    fn from_word(word: &str) -> Option<Self> {
        match word {
            "smoke" => Some(Self::Smoke),
            "nightly" => Some(Self::Nightly),
            "release" => Some(Self::Release),
            _ => None,
        }
    }

    fn amount(self, smoke: u64, release: u64) -> u64 {
        match self {
            Self::Smoke => smoke,
            Self::Nightly => smoke.max(release / 10),
            Self::Release => release,
        }
    }
}

#[test]
fn an_unknown_tier_is_no_tier() {
    assert_eq!(Tier::from_word("Release"), None);
    assert_eq!(Tier::from_word(""), None);
}

#[test]
fn a_night_is_a_tenth_of_a_release_and_never_less_than_a_smoke_test() {
    for (smoke, release, night) in [(20, 1000, 100), (2, 50, 5), (5, 40, 5), (1, 1, 1)] {
        let amounts = [Tier::Smoke, Tier::Nightly, Tier::Release].map(|tier| tier.amount(smoke, release));
        assert_eq!(amounts, [smoke, night, release]);
    }
}
