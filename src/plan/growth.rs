//! How much larger did a run make its table and its indexes, and which of them should be built anew? Compares two
//! readings of sizes; knows no database.

use serde::{Deserialize, Serialize};

/// An index is worth building anew when it has grown by half,
const GROWN_BY: f64 = 0.5;

/// and by more than a rebuild is worth anybody's time.
const GROWN_BY_BYTES: u64 = 8 * 1024 * 1024;

/// How large a table and its indexes are, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSizes {
    /// The table with what it stores apart, without its indexes.
    pub table_bytes: u64,
    /// Its indexes.
    pub indexes: Vec<IndexSize>,
}

/// How large an index is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexSize {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// In bytes.
    pub bytes: u64,
}

/// What became of a table's size between two readings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Bytes of the table with what it stores apart.
    pub table: SizeChange,
    /// Each index that was there both times.
    pub indexes: Vec<IndexGrowth>,
}

/// Bytes before and after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SizeChange {
    /// At the first reading.
    pub before: u64,
    /// At the second.
    pub after: u64,
}

/// What became of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexGrowth {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: SizeChange,
}

impl Growth {
    /// From one reading to another.
    pub fn between(before: &TableSizes, after: &TableSizes) -> Self {
        let was = |now: &IndexSize| {
            let same = before.indexes.iter().find(|index| (&index.schema, &index.name) == (&now.schema, &now.name));
            same.map(|index| index.bytes)
        };
        let grown = |now: &IndexSize| {
            let bytes = SizeChange { before: was(now)?, after: now.bytes };
            Some(IndexGrowth { schema: now.schema.clone(), name: now.name.clone(), bytes })
        };
        Self {
            table: SizeChange { before: before.table_bytes, after: after.table_bytes },
            indexes: after.indexes.iter().filter_map(grown).collect(),
        }
    }

    /// Of all indexes together.
    pub fn all_indexes(&self) -> SizeChange {
        self.indexes.iter().fold(SizeChange::default(), |sum, index| SizeChange {
            before: sum.before + index.bytes.before,
            after: sum.after + index.bytes.after,
        })
    }

    /// Indexes that a rebuild may make small again, the one that grew most first.
    pub fn wants_reindex(&self) -> Vec<&IndexGrowth> {
        let mut grown: Vec<_> = self.indexes.iter().filter(|index| index.wants_reindex()).collect();
        grown.sort_by_key(|index| std::cmp::Reverse(index.bytes.by()));
        grown
    }
}

impl SizeChange {
    /// Bytes more than before.
    pub fn by(self) -> u64 {
        self.after.saturating_sub(self.before)
    }
}

impl IndexGrowth {
    /// Whether a rebuild may make it small again.
    pub fn wants_reindex(&self) -> bool {
        let SizeChange { before, .. } = self.bytes;
        self.bytes.by() > GROWN_BY_BYTES && self.bytes.by() as f64 > before as f64 * GROWN_BY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn sizes(table: u64, indexes: &[(&str, u64)]) -> TableSizes {
        let index = |(name, mib): &(&str, u64)| IndexSize {
            schema: "public".to_owned(),
            name: (*name).to_owned(),
            bytes: mib * MIB,
        };
        TableSizes { table_bytes: table * MIB, indexes: indexes.iter().map(index).collect() }
    }

    #[test]
    fn an_index_that_grew_by_half_and_by_megabytes_wants_to_be_built_anew() {
        for (before, after, wants) in [
            (100, 150, false),
            (100, 151, true),
            (100, 90, false),
            (10, 18, false),
            (10, 19, true),
            (1, 9, false),
            (0, 9, true),
        ] {
            let growth = Growth::between(&sizes(1, &[("a", before)]), &sizes(1, &[("a", after)]));
            assert_eq!(growth.indexes[0].wants_reindex(), wants, "{before} → {after} MiB");
        }
    }

    #[test]
    fn what_grew_most_is_told_first_and_what_came_or_went_is_not_compared() {
        let before = sizes(100, &[("dropped", 10), ("key", 20), ("other", 50)]);
        let after = sizes(160, &[("key", 40), ("new", 99), ("other", 100)]);
        let growth = Growth::between(&before, &after);
        let told: Vec<_> = growth.wants_reindex().iter().map(|index| index.name.as_str()).collect();
        assert_eq!(told, ["other", "key"]);
        assert_eq!(growth.table, SizeChange { before: 100 * MIB, after: 160 * MIB });
        assert_eq!(growth.all_indexes(), SizeChange { before: 70 * MIB, after: 140 * MIB });
    }
}
