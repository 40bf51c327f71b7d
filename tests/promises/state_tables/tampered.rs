//! What if another hand changed the state tables? The run is refused with the table, the row and the next step, no row of
//! the target is changed, and when the row is put back the run goes on to exactly once.

use crate::support::{Counted, Target, add_one, batches_by, promises, until};

promises!(on [postgres_15, sqlite]:
    a_run_whose_record_was_changed_changes_nothing_until_it_is_put_back,
    what_is_only_told_stops_nobody,
);

/// A run that was killed in the middle: a slice that is done, one that is under way, one that is not begun.
struct Interrupted {
    items: Counted,
    slice: String,
    run: String,
    meta: String,
    partly: i64,
    fresh: i64,
}

/// One change by another hand, what undoes it where copies of `slice` and `run` do not, and what must be said.
struct Tamper {
    sql: String,
    undo: String,
    says: String,
}

impl Interrupted {
    async fn new(target: &Target) -> Self {
        let items = Counted::with_job(target, 3_000, &add_one("items", &batches_by(1, 20))).await;
        target.execute("analyze items").await;
        // In laps a slice has more batches, the last of each lap smaller than it may be.
        let point = format!("batch-checkpointed={}*off->return", target.either(60, 25));
        let killed = target.start_killed_at(&point, &["run", &items.job.path]).end().await;
        assert!(killed.was_killed(), "{killed}");
        until("its last commit is over", async || target.is_quiet().await).await;
        let [slice, run, meta] = ["slice", "run", "meta"].map(|table| target.state(table));
        target.execute(&format!("create table saved as select * from {slice}")).await;
        target.execute(&format!("create table saved_run as select * from {run}")).await;
        let number = async |which: &str| {
            target.number(&format!("select max(slice) from {slice} where not done and {which}")).await
        };
        let (partly, fresh) = (number("seq > 0").await, number("seq = 0").await);
        assert!(target.number("select count(*) from saved where done").await > 0, "a slice that is done");
        Self { items, slice, run, meta, partly, fresh }
    }

    /// Puts the slices and the run back as they were.
    async fn put_back(&self, target: &Target) {
        let Self { slice, run, .. } = self;
        target.execute(&format!("delete from {slice}")).await;
        target.execute(&format!("insert into {slice} select * from saved")).await;
        target.execute(&format!("update {run} set bound_key = (select bound_key from saved_run)")).await;
        target.execute(&format!("update {run} set state = 'failed' where state = 'asleep'")).await;
    }

    fn of_slice(&self, number: i64, assignment: &str, says: &str) -> Tamper {
        let Self { slice, .. } = self;
        Tamper {
            sql: format!("update {slice} set {assignment} where slice = {number}"),
            undo: String::new(),
            says: format!("error: {slice} of run 1, pass 0, slice {number}: {says}; {MEND}\n"),
        }
    }

    fn of_run(&self, assignment: &str, says: &str) -> Tamper {
        let (run, says) = (&self.run, format!("error: {says}; {MEND}\n"));
        Tamper { sql: format!("update {run} set {assignment}"), undo: String::new(), says }
    }

    fn tampers(&self, target: &Target) -> Vec<Tamper> {
        let Self { slice, meta, partly, fresh, .. } = self;
        let key = |number: &str| target.either(format!("'[\"{number}\"]'"), format!("'[\"i:{number}\"]'"));
        let no_key = |name: &str| format!("{name} is no key: a JSON array of texts");
        let outside = "cursor_key lies outside of the slice, or of its circuit";
        let unreadable = "a part of its keys cannot be read in the type of the key's column";
        let parts = |n: u8| format!("cursor_key does not have a part for each of the key's columns: {n} instead of 1");
        let no_count = |name: &str| format!("{name} is no count that batches add up to");
        let before = "after_key is not where the slice before it ends";
        let no_tables =
            "the state tables are not as tidegate made them; `tidegate init --print` shows how it makes them";
        vec![
            self.of_slice(*partly, &format!("cursor_key = {}", key("-5")), outside),
            self.of_slice(*partly, &format!("cursor_key = {}", key("999999")), outside),
            self.of_slice(*partly, "cursor_key = 'oops'", &no_key("cursor_key")),
            self.of_slice(*partly, "cursor_key = '[5]'", &no_key("cursor_key")),
            self.of_slice(*partly, "cursor_key = '[null]'", &no_key("cursor_key")),
            self.of_slice(*fresh, "through_key = '{\"id\": \"7\"}'", &no_key("through_key")),
            self.of_slice(*fresh, "after_key = '[\"1'", &no_key("after_key")),
            self.of_slice(*partly, "cursor_key = '[\"1\", \"2\"]'", &parts(2)),
            self.of_slice(*partly, "cursor_key = '[]'", &parts(0)),
            self.of_slice(*partly, "cursor_key = '[\"seven\"]'", unreadable),
            self.of_slice(
                *partly,
                "cursor_key = null",
                "cursor_key is null, and the slice does not begin at the open end",
            ),
            self.of_slice(*partly, "circuit_after = 'oops'", &no_key("circuit_after")),
            self.of_slice(*partly, "seq = -3", &no_count("seq")),
            self.of_slice(*partly, "seq = 9223372036854775807", &no_count("seq")),
            self.of_slice(*partly, "rows_changed = -1", &no_count("rows_changed")),
            self.of_slice(*partly, "done = true", "done is true, and cursor_key is not at through_key"),
            self.of_slice(*fresh, &format!("after_key = {0}, cursor_key = {0}", key("1")), before),
            Tamper {
                sql: format!("delete from {slice} where slice = {partly}"),
                undo: String::new(),
                says: format!("error: {slice} of run 1, pass 0: slice {partly} is missing; {MEND}\n"),
            },
            Tamper {
                sql: format!("delete from {slice} where slice = (select max(slice) from saved)"),
                undo: String::new(),
                says: format!(
                    "error: {slice} of run 1, pass 0: the slices do not end at the bound_key of the run; {MEND}\n"
                ),
            },
            self.of_run(
                "bound_key = null",
                &format!("{slice} of run 1, pass 0: there are slices, and the run has no bound_key"),
            ),
            self.of_run("bound_key = 'oops'", &format!("{} of run 1: {}", self.run, no_key("bound_key"))),
            self.of_run("state = 'asleep'", &format!("{} of run 1: `asleep` is no state of a run", self.run)),
            Tamper {
                sql: format!("create table saved_meta as select * from {meta}; delete from {meta}"),
                undo: format!("insert into {meta} select * from saved_meta; drop table saved_meta"),
                says: format!("{meta} holds no version of the state tables; {MEND}\n"),
            },
            Tamper {
                sql: format!("alter table {slice} rename to {}", target.either("gone", "tidegate_gone")),
                undo: format!(
                    "alter table {} rename to {}",
                    target.state("gone"),
                    target.either("slice", "tidegate_slice")
                ),
                says: no_tables.to_owned(),
            },
            Tamper {
                sql: format!("alter table {meta} rename to {}", target.either("forgotten", "tidegate_forgotten")),
                undo: format!(
                    "alter table {} rename to {}",
                    target.state("forgotten"),
                    target.either("meta", "tidegate_meta")
                ),
                says: no_tables.to_owned(),
            },
        ]
        .into_iter()
        .chain(self.of_another_type(target))
        .collect()
    }

    /// SQLite would not let it: its tables are strict.
    fn of_another_type(&self, target: &Target) -> Option<Tamper> {
        let Self { slice, .. } = self;
        let alter = |to: &str| {
            format!(
                "alter table {slice} alter column seq drop default, alter column seq type {to} using seq::{to},
                 alter column seq set default 0"
            )
        };
        let says = format!("{slice} of run 1, pass 0, slice 0: seq is no whole number; {MEND}\n");
        target.either(Some(Tamper { sql: alter("text"), undo: alter("bigint"), says }), None)
    }
}

const MEND: &str = "no row was changed; put it back as tidegate wrote it, then run again";

async fn a_run_whose_record_was_changed_changes_nothing_until_it_is_put_back(target: Target) {
    let interrupted = Interrupted::new(&target).await;
    let canary = "select sum(applied) from items";
    let before = target.number(canary).await;
    let job = &interrupted.items.job;
    for Tamper { sql, undo, says } in interrupted.tampers(&target) {
        target.execute(&sql).await;
        println!("{sql}");
        for _ in 0..2 {
            target.tidegate(&["run", &job.path]).await.exits(1).says(&says);
        }
        assert_eq!(target.number(canary).await, before, "a row was changed: {sql}");
        for command in ["status", "why", "history"] {
            let ended = target.tidegate(&[command, &job.name]).await;
            assert!([Some(0), Some(1)].contains(&ended.status.code()) && !ended.stderr.contains("panicked"), "{ended}");
        }
        if !undo.is_empty() {
            target.execute(&undo).await;
        }
        interrupted.put_back(&target).await;
    }
    target.run(job).await;
    interrupted.items.was_applied_exactly_once(&target).await;
}

/// Reports, events and times serve people: whatever stands there, commands answer and the run goes on.
async fn what_is_only_told_stops_nobody(target: Target) {
    let interrupted = Interrupted::new(&target).await;
    let job = &interrupted.items.job;
    let [event, pace, heartbeat] = ["event", "pace", "heartbeat"].map(|table| target.state(table));
    let far = target.either("'20000-01-01'", "1e15");
    let Interrupted { run, .. } = &interrupted;
    for sql in [
        format!("insert into {event} (run_id, kind, actor) values (1, 'transmogrified', 'somebody')"),
        format!("update {event} set from_state = 'asleep', to_state = 'awake' where kind = 'created'"),
        format!("delete from {pace}"),
        format!("insert into {pace} (run_id, report, reported_at) values (1, '{{\"oops\": ', {far})"),
        format!("update {run} set created_at = {far}, moved_at = {far}, held_seconds = -1e300"),
        format!("update {heartbeat} set since = {far}, eta_low_seconds = -1, eta_high_seconds = 1e300"),
    ] {
        target.execute(&sql).await;
        for command in ["status", "why", "history"] {
            target.tidegate(&[command, &job.name]).await.exits(0);
            target.tidegate(&[command, &job.name, "--output", "json"]).await.exits(0).json();
        }
    }
    let history = target.tidegate(&["history", &job.name]).await.exits(0).stdout;
    assert!(history.contains("transmogrified by somebody"), "{history}");
    target.run(job).await;
    interrupted.items.was_applied_exactly_once(&target).await;
}
