//! Which row of a failed batch is at fault? Halves the batch until it has one row. Pure: hears how many rows failed and how
//! many passed, says how many to try next.
//!
//! The row lies among the first `suspects` rows after the cursor: a half that fails holds it, a half that passes leaves it
//! in the rest. One row costs one try for each halving, so isolating k rows costs at most k · 2 · log2(batch) tries.

/// The search for one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Isolation {
    suspects: u32,
}

/// What a failed try tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Narrowed {
    /// The row is among these.
    To(Isolation),
    /// It is this one.
    Found,
}

impl Isolation {
    /// A batch of so many rows failed.
    pub(super) fn failed(rows: u32) -> Narrowed {
        match rows {
            0 | 1 => Narrowed::Found,
            suspects => Narrowed::To(Self { suspects }),
        }
    }

    /// One row is under suspicion.
    pub(super) fn of_one_row() -> Self {
        Self { suspects: 1 }
    }

    /// A part of so many rows passed. `None`: nobody is left to suspect; the row was mended meanwhile.
    pub(super) fn passed(self, rows: u32) -> Option<Self> {
        match self.suspects.saturating_sub(rows) {
            0 => None,
            suspects => Some(Self { suspects }),
        }
    }

    /// How many rows to try next: half of the suspects, and the last one alone.
    pub(super) fn rows(self) -> u32 {
        (self.suspects / 2).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Walks rows `0..total` in batches; the rows that were set aside, and how many tries met one that fails.
    fn walk(total: u32, batch: u32, poison: &BTreeSet<u32>) -> (BTreeSet<u32>, u32) {
        let (mut cursor, mut found, mut tries, mut isolation) = (0, BTreeSet::new(), 0, None);
        while cursor < total {
            let rows = isolation.map_or(batch, Isolation::rows);
            let end = (cursor + rows).min(total);
            let is_search = isolation.is_some();
            match poison.range(cursor..end).next() {
                None => {
                    isolation = isolation.and_then(|isolation: Isolation| isolation.passed(rows));
                    cursor = end;
                    tries += u32::from(is_search);
                }
                Some(_) => {
                    tries += 1;
                    match Isolation::failed(rows) {
                        Narrowed::To(narrower) => isolation = Some(narrower),
                        Narrowed::Found => {
                            found.insert(cursor);
                            (cursor, isolation) = (end, None);
                        }
                    }
                }
            }
        }
        (found, tries)
    }

    proptest! {
        #[test]
        fn exactly_the_rows_at_fault_are_found_and_the_search_is_short(
            total in 1_u32..5_000,
            batch in 16_u32..2_000,
            poison in proptest::collection::btree_set(0_u32..5_000, 0..40),
        ) {
            let poison: BTreeSet<u32> = poison.into_iter().filter(|row| *row < total).collect();
            let (found, tries) = walk(total, batch, &poison);
            prop_assert_eq!(&found, &poison);
            let halvings = f64::from(batch).log2();
            prop_assert!(f64::from(tries) <= poison.len() as f64 * 2.0 * halvings, "{} tries for {:?}", tries, poison);
        }
    }

    #[test]
    fn a_row_that_was_mended_meanwhile_ends_the_search() {
        let Narrowed::To(search) = Isolation::failed(10) else { panic!("ten rows are not one") };
        assert_eq!(search.rows(), 5);
        let rest = search.passed(5).unwrap();
        assert_eq!((rest.rows(), rest.passed(2).unwrap().passed(1).unwrap().rows()), (2, 1));
        assert_eq!(rest.passed(5), None);
    }
}
