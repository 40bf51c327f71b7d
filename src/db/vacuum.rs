//! What is known of a table's dead rows, and what comes of a vacuum? Knows neither statement nor connection.

use crate::job::TableName;
use std::pin::Pin;

/// Ready when what was begun is to end.
pub type GiveUp<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What is to be vacuumed, and how.
#[derive(Clone, Debug)]
pub struct VacuumOrder {
    /// The table, or partitions of it, one after the other.
    pub tables: Vec<TableName>,
    /// No faster than the server's autovacuum.
    pub gently: bool,
    /// The runner's token, by which its vacuum is told from others.
    pub holder: String,
}

/// The dead rows of a walked table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadRows {
    /// Where they lie: the table, or its partitions.
    pub parts: Vec<DeadPart>,
    /// What would let this role vacuum all of them, where it may not.
    pub missing_right: Option<String>,
}

/// A table that can be vacuumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadPart {
    /// Its name.
    pub table: TableName,
    /// Its dead rows, by the server's statistics: an estimate that comes late.
    pub rows: u64,
    /// How often it was vacuumed, by anybody.
    pub vacuums: u64,
    /// Who has a lock on it that a vacuum would wait for, where somebody has: for people.
    pub in_use_by: Option<String>,
}

/// How a vacuum ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VacuumEnd {
    /// Every table was vacuumed, or passed over because somebody had a lock on it.
    Done,
    /// It was asked to end.
    GivenUp,
    /// It ended because somebody else waited for a lock that it had.
    MadeWay,
}

impl DeadRows {
    /// Of all parts.
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.rows).sum()
    }

    /// How often any part was vacuumed, by anybody.
    pub fn vacuums(&self) -> u64 {
        self.parts.iter().map(|part| part.vacuums).sum()
    }

    /// The parts that are worth a vacuum: a table without partitions whatever the statistics say, of partitions those with
    /// at least one in a hundred of the dead rows.
    pub fn worth_a_vacuum(&self) -> Vec<&DeadPart> {
        let all = self.rows();
        let is_worth_it = |part: &&DeadPart| self.parts.len() == 1 || (part.rows > 0 && part.rows >= all / 100);
        self.parts.iter().filter(is_worth_it).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_with_next_to_no_dead_rows_is_left_alone() {
        for (rows, worth) in [
            (&[0][..], &[0][..]),
            (&[5], &[5]),
            (&[0, 0], &[]),
            (&[10_000, 0, 99, 500], &[10_000, 500]),
            (&[1, 1], &[1, 1]),
        ] {
            let part = |rows: &u64| DeadPart {
                table: TableName::parse("public.items").unwrap(),
                rows: *rows,
                vacuums: 0,
                in_use_by: None,
            };
            let dead = DeadRows { parts: rows.iter().map(part).collect(), missing_right: None };
            let kept: Vec<_> = dead.worth_a_vacuum().iter().map(|part| part.rows).collect();
            assert_eq!(kept, worth, "{rows:?}");
        }
    }
}
