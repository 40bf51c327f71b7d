//! Will the table be vacuumed beside the batches, and if not, why? Words for the plan; decides nothing about when.

use super::facts::{Facts, VacuumRight};
use crate::job::{Change, Job, Vacuum};
use crate::pace::VacuumTiming;

/// What a plan says of it. Nothing where there is nothing to vacuum, and nobody asked.
pub(super) fn note(job: &Job, facts: &Facts) -> Option<String> {
    let rows = facts.table.as_ref().map_or(0, |table| table.estimated_rows);
    let leaves_dead_rows = !matches!(job.change, Change::Copy { .. });
    Some(match (job.batch.vacuum, &facts.vacuum) {
        (Vacuum::Off, VacuumRight::NotNeeded) => return None,
        (Vacuum::Off, _) if !leaves_dead_rows => return None,
        (Vacuum::Off, _) => {
            "each changed row leaves a dead one behind, and the table is not vacuumed beside the batches \
                             (`batch.vacuum` is `off`): it may grow to more than twice its size, in four laps by about half"
                .to_owned()
        }
        (Vacuum::Auto, VacuumRight::NotNeeded) => {
            "`batch.vacuum` does nothing here: this database leaves no dead rows behind".to_owned()
        }
        (Vacuum::Auto, _) if !leaves_dead_rows => {
            "`batch.vacuum` does nothing for this job: a copy leaves no dead rows behind in the table that it walks"
                .to_owned()
        }
        (Vacuum::Auto, VacuumRight::Given) => {
            let threshold = VacuumTiming::new(rows).threshold();
            format!("the table is vacuumed beside the batches, whenever about {threshold} rows are dead")
        }
        (Vacuum::Auto, VacuumRight::Missing { grant }) => format!(
            "the table is not vacuumed beside the batches, because this role may not: run `{grant}`; the job runs without"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::TableFacts;

    #[test]
    fn a_plan_says_whether_the_table_is_vacuumed_and_why_not() {
        let missing = VacuumRight::Missing { grant: "grant maintain on t to anna".into() };
        for (change, vacuum, right, says) in [
            ("[change.set]\na = \"1\"", "off", VacuumRight::Given, Some("more than twice its size")),
            ("[change.delete]", "off", VacuumRight::NotNeeded, None),
            ("[change.delete]", "auto", VacuumRight::Given, Some("whenever about 100000 rows are dead")),
            ("[change.delete]", "auto", missing, Some("run `grant maintain on t to anna`; the job runs without")),
            ("[change.delete]", "auto", VacuumRight::NotNeeded, Some("does nothing here")),
            ("[change.copy]\ninto = \"u\"\ncolumns = { a = \"a\" }", "off", VacuumRight::Given, None),
            ("[change.copy]\ninto = \"u\"\ncolumns = { a = \"a\" }", "auto", VacuumRight::Given, Some("a copy leaves")),
        ] {
            let text =
                format!("version = 1\nname = \"a\"\n[table]\nname = \"t\"\n{change}\n[batch]\nvacuum = \"{vacuum}\"");
            let (job, _) = crate::job::parse(&text).unwrap();
            let table = TableFacts { estimated_rows: 1_100_000, ..TableFacts::default() };
            let facts = Facts { table: Some(table), vacuum: right, ..Facts::default() };
            let note = note(&job, &facts);
            assert_eq!(note.is_some(), says.is_some(), "{change} {vacuum}: {note:?}");
            assert!(note.unwrap_or_default().contains(says.unwrap_or_default()), "{change} {vacuum}");
        }
    }
}
