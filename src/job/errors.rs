//! How many rows may fail before the run does? Judges `[errors]`.

/// How many rows may be set aside, and what is kept of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Errors {
    /// How many rows at most. `None`: no number is given.
    pub quarantine: Option<u32>,
    /// What share of the table's rows at most, 0 to 1. `None`: no share is given.
    pub quarantine_share: Option<f64>,
    /// Whether the server's own words about a row are kept in the quarantine: they repeat its values.
    pub quarantine_detail: bool,
}

impl Errors {
    /// How many rows of a table of about so many rows may be set aside: by number and by share, whichever is less; none
    /// where the job says neither.
    pub fn limit(&self, estimated_rows: u64) -> u64 {
        let by_share = self.quarantine_share.map(|share| (estimated_rows as f64 * share).floor() as u64);
        match (self.quarantine.map(u64::from), by_share) {
            (Some(count), Some(share)) => count.min(share),
            (Some(limit), None) | (None, Some(limit)) => limit,
            (None, None) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_stricter_of_number_and_share() {
        let limit = |quarantine, quarantine_share| {
            Errors { quarantine, quarantine_share, quarantine_detail: false }.limit(1_000)
        };
        assert_eq!(limit(None, None), 0);
        assert_eq!(limit(Some(5), None), 5);
        assert_eq!(limit(None, Some(0.01)), 10);
        assert_eq!(limit(Some(5), Some(0.01)), 5);
        assert_eq!(limit(Some(50), Some(0.01)), 10);
    }
}
