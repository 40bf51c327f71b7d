//! Promise 7: the same job file runs on every database. The jobs that ship, on tables such as their comments describe.

use crate::support::{Target, promises, series};

promises!(on [every_postgres, sqlite]: the_jobs_that_ship_do_what_they_say);

const ROWS: u64 = 3_000;

async fn the_jobs_that_ship_do_what_they_say(target: Target) {
    make_tables(&target).await;
    let left = [
        ("fill-full-name", ROWS, "select count(*) from users where full_name is null or full_name <> 'Ada ' || id"),
        ("fill-line-totals", ROWS, "select count(*) from order_lines where total is null or total <> 3 * line_no"),
        // A third of the users has no profile to copy; user 1 has one already, which stays.
        (
            "copy-user-profiles",
            ROWS * 2 / 3 - 1,
            "select count(*) from users as u left join user_profiles as p on p.user_id = u.id where u.bio is not null \
             and (p.bio is null or p.bio <> case u.id when 1 then 'mine' else 'bio' end)",
        ),
        (
            "archive-old-sessions",
            ROWS / 2,
            "select (select count(*) from sessions where ended_at < '2026-01-01') \
             + (select count(*) from sessions_archive where ended_at >= '2026-01-01')",
        ),
    ];
    for (name, rows, wrong) in left {
        let path = format!("{}/jobs/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let summary = target.tidegate(&["run", &path, "--output", "json"]).await.exits(0).json();
        assert_eq!(summary["rows_changed"], rows, "{name}");
        assert_eq!(target.number(wrong).await, 0, "rows that are not as {name} says");
    }
    assert_eq!(target.number("select count(*) from user_profiles").await, (ROWS * 2 / 3) as i64);
    assert_eq!(target.number("select count(*) from sessions_archive").await, (ROWS / 2) as i64);
    assert_eq!(target.number("select count(*) from sessions").await, (ROWS / 2) as i64);
}

async fn make_tables(target: &Target) {
    let numbers = series(target, ROWS).replace("select i from", "select i as n from");
    for sql in [
        "create table users (id integer primary key, first_name text not null, last_name text not null, \
         full_name text, bio text, language text)"
            .to_owned(),
        format!(
            "insert into users (id, first_name, last_name, bio) \
             select n, 'Ada', cast(n as text), case when n % 3 = 0 then null else ' bio ' end from ({numbers}) as s"
        ),
        "create table user_profiles (user_id integer primary key, bio text, language text not null)".to_owned(),
        "insert into user_profiles (user_id, bio, language) values (1, 'mine', 'de')".to_owned(),
        "create table order_lines (order_ref text not null, line_no integer not null, quantity integer not null, \
         unit_price integer not null, total integer, primary key (order_ref, line_no))"
            .to_owned(),
        format!(
            "insert into order_lines (order_ref, line_no, quantity, unit_price) \
             select 'order ' || n / 7, n, n, 3 from ({numbers}) as s"
        ),
        "create table sessions (id integer primary key, ended_at text not null)".to_owned(),
        format!(
            "insert into sessions (id, ended_at) \
             select n, case when n % 2 = 0 then '2025-06-01' else '2026-02-01' end from ({numbers}) as s"
        ),
        "create table sessions_archive (id integer primary key, ended_at text not null)".to_owned(),
    ] {
        target.execute(&sql).await;
    }
}
