//! Does a batch take as long, and write as much, as it may? Sized while the run goes on: by time, by write-ahead log, and
//! with rows of megabytes from the first batch on.

use crate::support::{Counted, Process, Target, add_one, batches, promises, series, until};

promises!(on [every_postgres, sqlite]:
    quick_rows_make_batches_grow,
);
promises!(on [postgres_15]:
    slow_rows_make_batches_shrink_to_their_time,
    rows_that_an_index_finds_are_sized_by_what_they_cost,
);
promises!(on [postgres_15_alone]:
    rows_of_megabytes_stay_under_the_log_they_may_write_and_the_memory_cap,
);

async fn quick_rows_make_batches_grow(target: Target) {
    let batch = "[batch]\nrows = 100\nmin_rows = 10\nmax_rows = 2000\n";
    let items = Counted::with_job(&target, 20_000, &add_one("items", batch)).await;
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    // Slices end where they end, so some batches are small whatever the size is.
    let made = batches(&target).await;
    assert!(made < 100, "{made} batches for {} rows: never larger than they began", items.rows);
}

/// A row takes a millisecond, so fifty of them take the target.
async fn slow_rows_make_batches_shrink_to_their_time(target: Target) {
    let batch = "[batch]\nrows = 1000\nmin_rows = 5\nmax_rows = 1000\ntarget_time = \"50ms\"\n";
    let items = Counted::with_job(&target, 20_000, &add_one("items", batch)).await;
    target
        .execute(
            "create function rest() returns trigger language plpgsql as
             $$ begin perform pg_sleep(0.001); return new; end $$;
             create trigger rest before update on items for each row execute function rest()",
        )
        .await;
    let mut runner = target.start(&["run", &items.job.path]);
    runner.brings("the first batch", async || batches(&target).await > 0).await;
    // A row takes a millisecond or two.
    runner.brings("batches of fifty rows", async || (5..=100).contains(&batch_rows(&target, &items).await)).await;
    target.execute("drop trigger rest on items").await;
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

/// Their batches have as many rows as are sought, whatever lies between them.
async fn rows_that_an_index_finds_are_sized_by_what_they_cost(target: Target) {
    let scope = "[table]\nname = \"items\"\nwhere = \"note is null\"\n[change.set]\nnote = \"'n'\"\napplied = \"applied + 1\"\n";
    for (what, batch, made_at_least, made_at_most) in [
        // Of 1,250 rows a slice: 32 batches of 1,000 rows and what is left.
        ("much log", "[batch]\nrows = 1000\nmin_rows = 10\nmax_rows = 1000\nmax_wal = \"64KiB\"\n", 60, 2_000),
        ("quick rows", "[batch]\nrows = 100\nmin_rows = 10\nmax_rows = 2000\n", 16, 100),
    ] {
        target.execute("drop table if exists items; drop schema if exists tidegate cascade").await;
        let items = Counted::with_job(&target, 20_000, &format!("{scope}{batch}workers = 1\n")).await;
        target.execute("alter table items add note text").await;
        target.execute("create index todo on items (id) where note is null; analyze items").await;
        let plan = target.tidegate(&["plan", &items.job.path, "--output", "json"]).await.exits(0).json();
        assert_eq!(plan["walk"]["scope_index"], "todo");
        target.run(&items.job).await;
        items.was_applied_exactly_once(&target).await;
        let made = batches(&target).await;
        assert!((made_at_least..made_at_most).contains(&made), "{what}: {made} batches for {} rows", items.rows);
    }
}

/// As the runner told last; 0 before it has.
async fn batch_rows(target: &Target, items: &Counted) -> u64 {
    target.why(&items.job).await["speed"]["batch_rows"].as_u64().unwrap_or(0)
}

const MIB: i64 = 1 << 20;
const MAX_WAL: i64 = 16 * MIB;
const LARGEST_ROW: i64 = 8 * MIB;
const MEMORY_CAP: u64 = 256 << 20;

/// Rows of 1 to 8 MiB that no compression makes smaller. The job says nothing of it: not even `min_rows`.
async fn rows_of_megabytes_stay_under_the_log_they_may_write_and_the_memory_cap(target: Target) {
    target.execute("create table items (id integer primary key, applied integer not null default 0, body text)").await;
    target.execute("alter table items alter column body set storage external").await;
    let rows = 30;
    let numbers = series(&target, rows);
    let filled =
        format!("insert into items (id, body) select i, repeat('x', (1 + i * 7 % 8) * {MIB}) from ({numbers}) s");
    target.execute(&filled).await;
    target.execute("vacuum analyze items").await;
    // What each batch wrote, as the server saw it: every one of them ends with the checkpoint of its slice.
    target.execute("create table seen (position pg_lsn)").await;
    target.execute("insert into seen values (pg_current_wal_insert_lsn())").await;
    let job = target.job(
        "rewrite-bodies",
        "[table]\nname = \"items\"\n[change.set]\napplied = \"applied + 1\"\nbody = \"body || 'y'\"\n",
    );
    target
        .execute(
            "create function look() returns trigger language plpgsql as
             $$ begin insert into seen values (pg_current_wal_insert_lsn()); return null; end $$;
             create trigger look after update on items for each statement execute function look()",
        )
        .await;
    let peak = peak_memory(target.start(&["run", &job.path])).await;

    let wrong = "select count(*) from items where applied <> 1 or right(body, 1) <> 'y'";
    assert_eq!(target.number(wrong).await, 0);
    let written = "select position - lag(position) over (order by position) as bytes from seen";
    let most = target.number(&format!("select max(bytes)::bigint from ({written}) as written")).await;
    assert!(most < MAX_WAL + LARGEST_ROW, "a batch wrote {most} bytes of log");
    let made = batches(&target).await;
    assert!((8..=rows as i64 + 1).contains(&made), "{made} batches of {rows} rows");
    assert!(peak < MEMORY_CAP, "{peak} bytes of memory");
}

/// Runs it to its end; the most memory it had.
async fn peak_memory(mut runner: Process) -> u64 {
    let mut peak = 0;
    until("the end of the run", async || {
        peak = runner.peak_memory().unwrap_or(peak).max(peak);
        !runner.is_running()
    })
    .await;
    runner.end().await.exits(0);
    assert!(peak > 0, "the program ended before it was looked at");
    peak
}
