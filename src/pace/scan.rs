//! How far does a batch look for rows in scope? Where few rows need the change, what is looked at and what is changed are
//! two numbers: a long stretch without any costs one look. Hears what the last batches found; knows no clock.

use std::time::Duration;

/// Where fewer than one row in so many was in scope, batches look for rows in scope instead of counting all.
const SPARSE: u64 = 4;

/// The look grows at most so fast from batch to batch.
const GROWTH: u32 = 4;

/// Where at least so many of a hundred keys were rows, the end of the next batch is counted in keys. Fewer would make batches
/// smaller than they are to be by more than sizes differ by themselves.
const DENSE_PERCENT: u64 = 90;

/// How a batch finds its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// After so many rows of the table, in scope or not: by the index of the walk alone.
    Count,
    /// After so many keys, which are whole numbers: there are no more rows than that. No row is read to find it.
    Span,
    /// After so many rows in scope, or after that many rows of the table; each is looked at.
    Among(u32),
    /// After so many rows in scope, which an index of theirs finds: nothing else is looked at.
    ByIndex,
}

/// How far a batch goes at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// How many rows; which ones count, the look says.
    pub rows: u32,
    /// How they are found.
    pub look: Look,
    /// In how many laps its circuit is walked, should one begin here.
    pub laps: u32,
    /// The first lap of its circuit ends with this batch.
    pub closes_circuit: bool,
}

impl Stretch {
    /// So many rows of the table.
    pub fn of_rows(rows: u32) -> Self {
        Self::by(rows, Look::Count)
    }

    fn by(rows: u32, look: Look) -> Self {
        Self { rows, look, laps: 1, closes_circuit: false }
    }

    /// Whether rows in scope are looked for before any is changed.
    pub fn is_sought(self) -> bool {
        matches!(self.look, Look::Among(_) | Look::ByIndex)
    }

    /// Among so many rows, counted as it counts, lies whatever a batch met that went so far.
    pub fn covers(self) -> u32 {
        match self.look {
            Look::Among(rows) => rows,
            // Of so many keys no stripe has more than its share.
            Look::Span => self.rows.saturating_mul(self.laps),
            Look::Count | Look::ByIndex => self.rows,
        }
    }
}

/// Whether nearly every key was a row that a batch changed, in whose range so many keys have room.
pub fn is_dense(span: Option<u64>, changed: u64) -> bool {
    span.is_some_and(|span| changed.saturating_mul(100) >= span.saturating_mul(DENSE_PERCENT))
}

/// What a committed batch found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it was to end.
    pub stretch: Stretch,
    /// Rows it changed.
    pub changed: u64,
    /// It ended where the look did, or where the slice does; otherwise before, because its rows were together.
    pub looked_to_the_end: bool,
    /// From BEGIN to the answer of COMMIT.
    pub took: Duration,
}

/// How far batches look, learned from all workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Whether rows can be told to be in scope at all.
    has_scope: bool,
    by_index: bool,
    by_span: bool,
    laps: u32,
    /// Neighbouring keys of the same lap; `None`: a row's lap is told by its place.
    stripe: Option<u32>,
    /// Rows that a batch looks at; as long as it is not above the batch's own rows, all are counted.
    rows: u32,
    most: u32,
    target_time: Duration,
}

impl Scan {
    /// For a job without `where`: every row is one of the batch.
    pub fn every_row() -> Self {
        Self {
            has_scope: false,
            by_index: false,
            by_span: false,
            laps: 1,
            stripe: None,
            rows: 0,
            most: 0,
            target_time: Duration::ZERO,
        }
    }

    /// For a walk over rows of which about `share` are in scope.
    pub fn of_walk(share: f64, rows: u32, most: u32, target_time: Duration) -> Self {
        let sparse = share * (SPARSE as f64) < 1.0;
        let rows = if sparse { rows.saturating_mul(GROWTH).min(most) } else { 0 };
        Self { has_scope: true, by_index: false, by_span: false, laps: 1, stripe: None, rows, most, target_time }
    }

    /// For a sweep, which finds next to nothing.
    pub fn of_sweep(most: u32, target_time: Duration) -> Self {
        Self { has_scope: true, by_index: false, by_span: false, laps: 1, stripe: None, rows: most, most, target_time }
    }

    /// The same where an index finds the rows in scope.
    #[must_use]
    pub fn by_index(self, by_index: bool) -> Self {
        Self { by_index, ..self }
    }

    /// Whether an index finds the rows in scope.
    pub fn is_by_index(&self) -> bool {
        self.by_index
    }

    /// The same where rows that are counted need not be looked up.
    #[must_use]
    pub fn by_span(self, by_span: bool) -> Self {
        Self { by_span, ..self }
    }

    /// The same on a walk in so many laps. By the key each of them changes so many neighbours at a time; by places `None`.
    #[must_use]
    pub fn in_laps(self, laps: u32, stripe: Option<u32>) -> Self {
        Self { laps, stripe, ..self }
    }

    /// How far a batch of so many rows goes. Rows that have to be sought are changed as the walk comes by, and so are those of a key
    /// with gaps: each lap would seek or count them anew, and few of a block make no room for each other.
    pub fn stretch(&self, rows: u32) -> Stretch {
        let look = match self {
            Self { has_scope: true, by_index: true, .. } => Look::ByIndex,
            Self { has_scope: true, rows: scan, .. } if *scan > rows => Look::Among(*scan),
            Self { by_span: true, .. } => Look::Span,
            _ => Look::Count,
        };
        match (look, self.stripe) {
            // Whole stripes: wherever they begin, so many keys have no more than the batch's rows of any lap.
            (Look::Span, Some(stripe)) if stripe <= rows => {
                Stretch { laps: self.laps, ..Stretch::by(rows - rows % stripe, look) }
            }
            (Look::Count, None) => Stretch { laps: self.laps, ..Stretch::by(rows, look) },
            _ => Stretch::by(rows, look),
        }
    }

    /// How far a batch goes that is to have so many rows and no others beside them.
    pub fn stretch_of(&self, rows: u32) -> Stretch {
        Stretch::by(rows, if self.has_scope && self.by_index { Look::ByIndex } else { Look::Count })
    }

    /// The server gave a batch up that went so far. `false`: by looking it did not go further than its rows.
    pub fn shrink(&mut self, stretch: Stretch) -> bool {
        let Look::Among(rows) = stretch.look else { return false };
        self.rows = self.rows.min(rows / GROWTH);
        true
    }

    /// Learns from a batch that changed rows.
    pub fn note(&mut self, found: Found) {
        if !self.has_scope || self.by_index {
            return;
        }
        let Stretch { rows, look, .. } = found.stretch;
        let next = match look {
            Look::ByIndex => return,
            // More than a few of those counted were in scope: nothing to look for.
            Look::Count | Look::Span if found.changed.saturating_mul(SPARSE) >= rows.into() => 0,
            Look::Count | Look::Span => rows.saturating_mul(2),
            Look::Among(scan) if !found.looked_to_the_end => scan / 2,
            Look::Among(scan) => {
                let fits = u64::from(rows).saturating_mul(scan.into()) / found.changed.max(1);
                u32::try_from(fits).unwrap_or(u32::MAX).min(scan.saturating_mul(GROWTH))
            }
        };
        self.rows = next.min(self.most);
        if let Look::Among(scan) = look
            && found.took > self.target_time
        {
            let share = self.target_time.div_duration_f64(found.took);
            self.rows = self.rows.min((f64::from(scan) * share) as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(500);

    fn found(stretch: Stretch, changed: u64) -> Found {
        Found { stretch, changed, looked_to_the_end: true, took: Duration::from_millis(50) }
    }

    /// How far the next batch looks after these, each of 1,000 rows at most.
    fn after(mut scan: Scan, changed: &[u64]) -> Look {
        for changed in changed {
            scan.note(found(scan.stretch(1_000), *changed));
        }
        scan.stretch(1_000).look
    }

    #[test]
    fn dense_rows_are_counted_and_sparse_ones_looked_for() {
        let dense = Scan::of_walk(1.0, 1_000, 50_000, TARGET);
        let table: [(&[u64], Look); 6] = [
            (&[], Look::Count),
            (&[1_000, 900, 250], Look::Count),
            (&[249], Look::Among(2_000)),
            (&[10, 20], Look::Among(8_000)),
            (&[10, 20, 80, 0], Look::Among(50_000)),
            // One in five: as many rows are looked at as hold 1,000 of them.
            (&[200, 400], Look::Among(5_000)),
        ];
        for (changed, look) in table {
            assert_eq!(after(dense, changed), look, "{changed:?}");
        }
        assert_eq!(after(Scan::of_walk(0.01, 1_000, 50_000, TARGET), &[]), Look::Among(4_000));
        assert_eq!(after(Scan::of_sweep(50_000, TARGET), &[0, 0]), Look::Among(50_000));
    }

    #[test]
    fn keys_are_counted_where_nearly_all_of_them_are_rows() {
        let table =
            [(Some(1_000), 1_000, true), (Some(1_000), 900, true), (Some(1_000), 899, false), (None, 1_000, false)];
        for (span, changed, dense) in table {
            assert_eq!(is_dense(span, changed), dense, "{span:?} {changed}");
        }
        let dense = Scan::every_row().by_span(true);
        assert_eq!(dense.stretch(1_000).look, Look::Span);
        assert_eq!(dense.stretch_of(1), Stretch::of_rows(1), "one row is counted, whatever its key is");
        assert_eq!(Scan::of_walk(1.0, 1_000, 9_000, TARGET).by_span(true).stretch(1_000).look, Look::Span);
        assert_eq!(Scan::of_walk(0.01, 1_000, 9_000, TARGET).by_span(true).stretch(1_000).look, Look::Among(4_000));
    }

    #[test]
    fn in_laps_a_batch_covers_whole_stripes_and_changes_no_more_rows_than_it_may() {
        let scan = Scan::every_row().in_laps(4, Some(16));
        for (by_span, rows, look, changes, covers, laps) in [
            (true, 1_000, Look::Span, 992, 3_968, 4),
            (true, 16, Look::Span, 16, 64, 4),
            // Fewer than a stripe has, or keys with gaps: as the walk comes by.
            (true, 15, Look::Span, 15, 15, 1),
            (false, 1_000, Look::Count, 1_000, 1_000, 1),
        ] {
            let stretch = scan.by_span(by_span).stretch(rows);
            let told = (stretch.look, stretch.rows, stretch.covers(), stretch.laps);
            assert_eq!(told, (look, changes, covers, laps), "{rows}");
            let most = (0..64).map(|from| (from..from + covers).filter(|key| key / 16 % 4 == 1).count()).max();
            assert!(most <= Some(rows as usize), "{most:?} of {rows}");
        }
        let by_places = Scan::every_row().in_laps(4, None).stretch(1_000);
        assert_eq!((by_places.look, by_places.covers(), by_places.laps), (Look::Count, 1_000, 4), "those of the lap");
        assert_eq!(scan.stretch_of(7), Stretch::of_rows(7), "a row that is sought may be of any lap");
        let sparse = Scan::of_walk(0.01, 1_000, 9_000, TARGET).in_laps(4, Some(16)).stretch(1_000);
        assert_eq!((sparse.look, sparse.laps), (Look::Among(4_000), 1), "rows that are sought are sought once");
    }

    #[test]
    fn rows_that_lie_together_bring_the_look_back_to_them() {
        let mut scan = Scan::of_sweep(8_000, TARGET);
        for _ in 0..3 {
            let full = Found { looked_to_the_end: false, ..found(scan.stretch(1_000), 1_000) };
            scan.note(full);
        }
        assert_eq!(scan.stretch(1_000).look, Look::Count);
    }

    #[test]
    fn a_look_that_took_too_long_is_shortened() {
        let mut scan = Scan::of_sweep(100_000, TARGET);
        scan.note(Found { took: TARGET * 4, ..found(scan.stretch(1_000), 0) });
        assert_eq!(scan.stretch(1_000).look, Look::Among(25_000));
    }

    #[test]
    fn without_where_or_with_an_index_nothing_is_learned() {
        assert_eq!(after(Scan::every_row(), &[0, 0, 0]), Look::Count);
        assert_eq!(after(Scan::of_walk(0.01, 1_000, 9_000, TARGET).by_index(true), &[0]), Look::ByIndex);
    }
}
