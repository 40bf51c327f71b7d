//! Does everything hold behind a pooler that gives each transaction another server? Most promises are also tested through
//! PgBouncer where they stand; here is what only a pooler can do to a run.

use crate::support::{Counted, Random, Target, add_one, batches, batches_of, promises};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection, Row};
use std::collections::BTreeSet;
use std::str::FromStr;

promises!(on [postgres_15_behind_pgbouncer]:
    ten_ends_of_the_pooler_are_survived_by_the_same_process,
    nothing_is_left_behind_in_the_poolers_sessions,
    what_the_pooler_refuses_is_said_with_a_way_out,
);
promises!(on [postgres_15_to_crash]:
    crashes_of_the_server_behind_the_pooler_are_survived_by_the_same_process,
);

async fn ten_ends_of_the_pooler_are_survived_by_the_same_process(target: Target) {
    let mut random = Random::new();
    let items = Counted::new(&target, 20_000, 20).await;
    let mut runner = target.start(&["run", &items.job.path]);
    for _ in 0..10 {
        let goal = batches(&target).await + 1 + random.below(30) as i64;
        runner.brings("batches before the next end", async || batches(&target).await >= goal).await;
        target.pooler().kill();
        assert!(runner.is_running(), "{}", runner.kill().await);
        target.pooler().start_again();
    }
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

/// The pooler stays, and says of every server that it lost what it says of everything: a protocol violation.
async fn crashes_of_the_server_behind_the_pooler_are_survived_by_the_same_process(target: Target) {
    let target = target.behind_pgbouncer();
    let items = Counted::new(&target, 10_000, 20).await;
    let mut runner = target.start(&["run", &items.job.path]);
    for _ in 0..3 {
        let goal = batches(&target).await + 10;
        runner.brings("batches before the next crash", async || batches(&target).await >= goal).await;
        target.cluster().stop_immediate();
        assert!(runner.is_running(), "{}", runner.kill().await);
        target.cluster().start_again();
    }
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

/// A run with everything that has a session of its own: batches, a sweep, the lease, signals of both kinds, a sample, a
/// plan. Afterwards every session of the pooler is as a new one: settings, statements, locks, tables, channels, keys.
async fn nothing_is_left_behind_in_the_poolers_sessions(target: Target) {
    let pace = "[pace.probe]\nsql = \"select 1\"\nmax = \"2s\"\n[pace.lock_waits]\nmax = \"10s\"\n\
                [pace.oldest_transaction]\nmax = \"10h\"\n";
    let sections =
        add_one("items", &(batches_of(20) + pace)).replace("[change.set]", "where = \"applied < 1\"\n[change.set]");
    let items = Counted::with_job(&target, 2_000, &sections).await;
    target.tidegate(&["plan", &items.job.path, "--sample", "3"]).await.exits(0);
    target.run(&items.job).await;
    target.tidegate(&["status"]).await.exits(0);
    items.was_applied_exactly_once(&target).await;

    let of_the_pooler = "select pid from pg_stat_activity where datname = current_database() \
                         and application_name = 'tidegate' order by pid";
    let used = target.column(of_the_pooler).await;
    assert!(used.len() >= 2, "sessions that the run has used: {used:?}");
    let expected = Session::look(&mut connect(&target.direct_url()).await).await;
    // Open transactions, so that each has a server of its own.
    let mut clients = Vec::new();
    let mut seen = BTreeSet::new();
    for _ in 0..used.len() {
        let mut client = connect(&target.url).await;
        sqlx::raw_sql("begin").execute(&mut client).await.expect("a transaction");
        let session = Session::look(&mut client).await;
        let left_behind: Vec<_> = session.state.difference(&expected.state).collect();
        assert!(left_behind.is_empty(), "in session {}: {left_behind:?}", session.pid);
        seen.insert(session.pid.to_string());
        clients.push(client);
    }
    assert_eq!(seen, BTreeSet::from_iter(used), "the sessions that were looked at are those the run has used");
}

/// What a session knows that would not go away by itself.
struct Session {
    pid: i32,
    state: BTreeSet<String>,
}

impl Session {
    async fn look(client: &mut PgConnection) -> Self {
        // What only says who we are, or when the session began, is no state; what `begin` sets ends with it.
        let sql = "select 'setting ' || name || ' = ' || setting from pg_settings
              where name not in ('transaction_isolation', 'transaction_read_only', 'transaction_deferrable')
            union all select 'statement ' || name from pg_prepared_statements
            union all select 'cursor ' || name from pg_cursors where name <> ''
            union all select 'lock ' || locktype from pg_locks
              where pid = pg_backend_pid() and locktype not in ('relation', 'virtualxid')
            union all select 'channel ' || channel from pg_listening_channels() as channel
            union all select 'table ' || relname from pg_class where relnamespace = pg_my_temp_schema()
            union all select 'key ' || key from unnest(array[
              current_setting('tidegate.range_end', true), current_setting('tidegate.through', true),
              current_setting('tidegate.after', true)]) as key where key <> ''
            union all select 'role ' || current_user || ' ' || session_user";
        let rows = sqlx::raw_sql(sql).fetch_all(&mut *client).await.expect("an answer");
        let state = rows.iter().map(|row| row.get::<String, _>(0)).collect();
        let pid = sqlx::raw_sql("select pg_backend_pid()").fetch_one(client).await.expect("an answer").get(0);
        Self { pid, state }
    }
}

/// As the program calls itself: a pooler carries the name over, and the time zone that each client wants.
async fn connect(url: &str) -> PgConnection {
    let options = PgConnectOptions::from_str(url).expect("a URL of ours").extra_float_digits(None);
    options.application_name("tidegate").connect().await.expect("the pooler answers")
}

async fn what_the_pooler_refuses_is_said_with_a_way_out(mut target: Target) {
    target.environment = vec![("PGOPTIONS", "-c search_path=public".to_owned())];
    let refused = target.tidegate(&["status"]).await.exits(1);
    refused.says("unsupported startup parameter").says("leave `options` and PGOPTIONS out");
    // Its one code for everything is not taken for a server that will come back.
    target.environment.clear();
    target.url = target.url.replace("postgres@", "nobody@");
    target.tidegate(&["status"]).await.exits(1).says("authentication failed (28P01)");
}
