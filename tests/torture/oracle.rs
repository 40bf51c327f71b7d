//! Was every row changed exactly once, and is nothing left behind? All exact: what is counted must be what is expected,
//! to the row. [`super::the_oracle`] proves that it can say no.

use super::workload::{Workload, note, old};
use super::writers::Ledger;
use crate::support::{Target, until};

/// A word that stands in the password and in every row, and may stand in no output.
pub(super) const CANARY: &str = "c4nary";

/// How far the run came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Every row in scope is changed.
    Done,
    /// Cancelled: some are changed.
    Partly,
}

/// Something counted, and what it must be.
struct Count {
    what: &'static str,
    sql: String,
    expected: i64,
}

impl Workload {
    /// Panics unless everything is as it must be after a run that is done.
    pub(super) async fn is_changed_exactly_once(&self, target: &Target, ledger: &Ledger) {
        let findings = self.findings(target, ledger, End::Done).await;
        assert!(findings.is_empty(), "{}: {findings:#?}", self.table);
    }

    /// The same after a run that was cancelled.
    pub(super) async fn is_changed_at_most_once(&self, target: &Target, ledger: &Ledger) {
        let findings = self.findings(target, ledger, End::Partly).await;
        assert!(findings.is_empty(), "{}: {findings:#?}", self.table);
    }

    /// What is not as it must be, in words.
    pub(super) async fn findings(&self, target: &Target, ledger: &Ledger, end: End) -> Vec<String> {
        until("no transaction of the program is open", async || target.is_quiet().await).await;
        let mut findings = ledger.differences(target, &self.table).await;
        for Count { what, sql, expected } in self.counts(target, end) {
            let found = target.number(&sql).await;
            if found != expected {
                findings.push(format!("{what}: {found} instead of {expected}"));
            }
        }
        findings.extend(shown_secrets(target));
        findings.extend(kept_secrets(target).await);
        findings
    }

    /// Whether the rows and the checkpoints that cover them say the same, at one moment of one server.
    pub(super) async fn agrees_with_its_checkpoints(&self, target: &Target) -> bool {
        target.number(&format!("select {} - {}", self.visits(), self.checkpointed(target))).await == 0
    }

    fn counts(&self, target: &Target, end: End) -> Vec<Count> {
        let Self { table, .. } = self;
        let (old, note, in_scope) = (old("id"), note(""), self.in_scope());
        let count = |what, condition: &str| Count {
            what,
            sql: format!("select count(*) from {table} where {condition}"),
            expected: 0,
        };
        let mut counts = vec![
            count("rows visited twice", "applied > 1"),
            count("rows with an old value", "applied > 0 and (new is null or new <> old * 3 + 1)"),
            count("quiet rows written", &format!("id % 10 <> 0 and (old <> {old} or note <> '{note}' || id)")),
            Count {
                what: "deleted rows visited twice",
                sql: format!("select count(*) from {table}_gone where applied > 1"),
                expected: 0,
            },
            Count {
                what: "quiet rows",
                sql: format!("select count(*) from {table} where id % 10 <> 0"),
                expected: self.quiet_rows() as i64,
            },
            Count {
                what: "visits that no checkpoint counts",
                sql: format!("select {} - {}", self.visits(), self.checkpointed(target)),
                expected: 0,
            },
            Count {
                what: "leases held",
                sql: format!(
                    "select count(*) from {} as h join {} as r on r.id = h.run_id where r.job = '{}'",
                    target.state("heartbeat"),
                    target.state("run"),
                    self.job_name()
                ),
                expected: 0,
            },
        ];
        if end == End::Done {
            counts.push(count("rows lost", &format!("applied = 0 and {in_scope}")));
        }
        counts
    }

    /// Every visit there was, also to rows that the application has deleted.
    fn visits(&self) -> String {
        let table = &self.table;
        let sum = |of: &str| format!("(select coalesce(sum(applied), 0) from {of})");
        format!("({} + {})", sum(table), sum(&format!("{table}_gone")))
    }

    /// The checkpoints' sum of rows.
    fn checkpointed(&self, target: &Target) -> String {
        let (slice, run, job) = (target.state("slice"), target.state("run"), self.job_name());
        format!(
            "(select coalesce(sum(s.rows_changed), 0) from {slice} as s join {run} as r on r.id = s.run_id \
             where r.job = '{job}')"
        )
    }
}

/// Outputs of the program that hold a secret.
fn shown_secrets(target: &Target) -> Option<String> {
    let files = std::fs::read_dir(target.folder()).expect("the test's folder").flatten().map(|entry| entry.path());
    let outputs = files.filter(|path| path.extension().is_some_and(|kind| kind == "stdout" || kind == "stderr"));
    let telling: Vec<_> = outputs.filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    let telling: Vec<_> = telling.iter().filter(|output| output.contains(CANARY)).collect();
    telling.first().map(|first| format!("secrets shown in {} outputs, as: {first}", telling.len()))
}

/// State tables that hold a secret. On SQLite they lie in the same file as the rows; the statements that write them are the same.
async fn kept_secrets(target: &Target) -> Option<String> {
    if !target.either(true, false) {
        return None;
    }
    for table in target.column("select tablename from pg_tables where schemaname = 'tidegate'").await {
        let sql = format!("select count(*) from tidegate.{table} as t where t::text like '%{CANARY}%'");
        if target.number(&sql).await > 0 {
            return Some(format!("secrets kept in the state table {table}"));
        }
    }
    None
}
