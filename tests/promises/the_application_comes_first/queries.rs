//! A probe and signals of the user's own: are they obeyed, kept from writing, and doubted when they answer nonsense?

use crate::support::{Counted, ROWS, SlowRun, Target, add_one, batches_of, promises, stays_held};
use rustix::process::Signal;

promises!(on [postgres_15, postgres_15_behind_pgbouncer, sqlite]:
    a_probe_that_writes_is_refused,
    a_signal_over_its_limit_holds_the_run_until_it_is_at_half,
);
promises!(on [postgres_15, sqlite]:
    a_slow_probe_holds_the_run,
    a_signal_that_answers_nonsense_is_unknown_and_holds_the_run,
    a_signal_that_answers_nonsense_may_be_ignored,
);
promises!(on [postgres_15]:
    a_probe_that_is_quick_again_lets_the_run_go_on,
);

/// How the application's own query takes long: as long as the table says.
async fn probe_of(target: &Target, slow: bool) -> String {
    target.execute("create table slowness (amount double precision)").await;
    target
        .execute(&format!("insert into slowness values ({})", if slow { target.either("0.1", "300000") } else { "0" }))
        .await;
    let sql = target.either(
        "select pg_sleep(amount) from slowness",
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < (select amount from slowness)) \
         select count(*) from n",
    );
    format!("[pace.probe]\nsql = \"{sql}\"\nmax = \"20ms\"\n")
}

async fn a_slow_probe_holds_the_run(target: Target) {
    let pace = probe_of(&target, true).await;
    let items = SlowRun::prepare(&target, 1_000, &pace).await;
    let mut run = SlowRun { runner: target.start(&["run", &items.job.path]), items };
    // Until there are enough readings it is unknown.
    run.is_held(&target, "> 20ms").await;
    stays_held(&target, &run.items, "probe ").await;
    run.runner.signal(Signal::TERM);
    run.runner.end().await.exits(4);
}

async fn a_probe_that_is_quick_again_lets_the_run_go_on(target: Target) {
    let pace = probe_of(&target, false).await;
    let mut run = SlowRun::start(&target, &pace).await;
    target.execute("update slowness set amount = 0.1").await;
    run.is_held(&target, "probe ").await;
    target.execute("update slowness set amount = 0").await;
    run.goes_on(&target).await;
    run.ends_well(&target).await;
}

async fn a_probe_that_writes_is_refused(target: Target) {
    target.execute("create table heard (id integer)").await;
    // A function hides what it does from everybody who only reads the query.
    let function = "create function sneak() returns bigint language sql volatile as
                    'insert into heard values (1) returning 1::bigint'";
    if let Some(function) = target.either(Some(function), None) {
        target.execute(function).await;
    }
    let sql = target.either("select sneak()", "with one as (select 1) insert into heard select 1 returning 1");
    let probe = format!("[pace.probe]\nsql = \"{sql}\"\nmax = \"1s\"\n");
    let items = Counted::with_job(&target, 100, &add_one("items", &(batches_of(10) + &probe))).await;
    let plan = target.tidegate(&["plan", &items.job.path, "--output", "json"]).await.exits(1).json();
    assert!(plan["refusals"].to_string().contains("probe-writes"), "{plan}");
    target.tidegate(&["run", &items.job.path]).await.exits(1).says("probe-writes");
    assert_eq!(target.number("select count(*) from heard").await, 0, "rows that the probe wrote");
    assert_eq!(target.number("select count(*) from items where applied <> 0").await, 0);
}

async fn a_signal_over_its_limit_holds_the_run_until_it_is_at_half(target: Target) {
    let mut run = SlowRun::start(&target, &gauge(&target, "").await).await;
    target.execute("update gauge set value = 10").await;
    run.is_held(&target, "queue 10 > 8").await;
    stays_held(&target, &run.items, "queue").await;
    // Under its limit, and not yet at half of it.
    target.execute("update gauge set value = 6").await;
    run.is_held(&target, "queue 6").await;
    stays_held(&target, &run.items, "queue").await;
    target.execute("update gauge set value = 3").await;
    run.goes_on(&target).await;
    run.ends_well(&target).await;
}

/// What makes the query answer so, on each database, and how the reason calls it.
struct Nonsense {
    what: &'static str,
    postgres: &'static str,
    sqlite: Option<&'static str>,
    reason: &'static str,
}

const NONSENSE: [Nonsense; 6] = [
    Nonsense { what: "no row", postgres: "delete from gauge", sqlite: Some("delete from gauge"), reason: "no row" },
    Nonsense {
        what: "null",
        postgres: "update gauge set value = null",
        sqlite: Some("update gauge set value = null"),
        reason: "NULL",
    },
    Nonsense {
        what: "two rows",
        postgres: "insert into gauge values (2)",
        sqlite: Some("insert into gauge values (2)"),
        reason: "2 rows",
    },
    // SQLite turns NaN into null.
    Nonsense { what: "not a number", postgres: "update gauge set value = 'NaN'", sqlite: None, reason: "NaN" },
    Nonsense {
        what: "a type that the driver does not know",
        postgres: "create type mood as enum ('fine'); alter table gauge alter column value type mood using 'fine'",
        sqlite: None,
        reason: "mood",
    },
    Nonsense {
        what: "a text",
        postgres: "alter table gauge alter column value type text using 'many'",
        sqlite: Some("update gauge set value = 'many'"),
        reason: "text",
    },
];

async fn a_signal_that_answers_nonsense_is_unknown_and_holds_the_run(target: Target) {
    let items = SlowRun::prepare(&target, ROWS * NONSENSE.len() as u64, &gauge(&target, "").await).await;
    let runner = target.start(&["run", &items.job.path]);
    let mut run = SlowRun::after_its_first_batches(&target, items, runner).await;
    for Nonsense { what, postgres, sqlite, reason } in NONSENSE {
        let Some(nonsense) = target.either(Some(postgres), sqlite) else { continue };
        target.execute(nonsense).await;
        let said = run.is_held(&target, "queue unknown: ").await;
        assert_eq!(said, format!("queue unknown: the query returned {reason}"), "{what}");
        stays_held(&target, &run.items, "queue unknown: ").await;
        make_gauge(&target).await;
        run.goes_on(&target).await;
    }
    run.ends_well(&target).await;
}

async fn a_signal_that_answers_nonsense_may_be_ignored(target: Target) {
    let mut run = SlowRun::start(&target, &gauge(&target, "on_unknown = \"ignore\"\n").await).await;
    target.execute("delete from gauge").await;
    run.runner.brings("the unknown signal", async || is_unknown(&target, &run.items).await).await;
    run.goes_on(&target).await;
    run.ends_well(&target).await;
}

/// A signal `queue` that reads the table `gauge`, which says 1.
pub(super) async fn gauge(target: &Target, more: &str) -> String {
    make_gauge(target).await;
    format!("[[pace.signal]]\nname = \"queue\"\nsql = \"select value from gauge\"\nmax = 8\n{more}")
}

/// One message, so that nobody sees it half done; anew, because its column may be a text by now.
async fn make_gauge(target: &Target) {
    let table = "drop table if exists gauge; create table gauge (value double precision);
                 insert into gauge values (1)";
    target.execute(&target.either(table.to_owned(), format!("begin immediate; {table}; commit"))).await;
}

async fn is_unknown(target: &Target, items: &Counted) -> bool {
    let why = target.why(&items.job).await;
    let signals = why["signals"].as_array().unwrap_or_else(|| panic!("no signals in {why}"));
    signals.iter().any(|signal| signal["signal"] == "queue" && signal["unknown"].is_string())
}
