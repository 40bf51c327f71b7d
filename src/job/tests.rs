//! What does a whole job file mean, and what is told of a broken one?

use super::*;
use proptest::prelude::*;

const FULL: &str = r#"#:schema ./job.schema.json
version = 1
name = "fill-full-name"
description = "users.full_name from first and last name"
owner = "accounts-team"

[table]
name = "public.users"
key = ["id"]
where = "full_name is null"
walk = "auto"

[change.set]
full_name = "first_name || ' ' || last_name"
"Initials" = """
left(first_name, 1)
"""

[batch]
rows = 5_000
min_rows = 1000
max_rows = 10000
target_time = "250ms"
max_wal = "8MiB"
workers = 2
statement_timeout = "30s"
lock_timeout = "1s"

[pace]
max_rows_per_second = 20_000
duty = 0.5
window = ["Mon-Fri 22:00-06:00 Europe/Berlin"]

[pace.replication_lag]
max = "2s"
url_env = ["REPLICA_A_URL"]

[[pace.signal]]
name = "queue-depth"
sql = "select count(*) from jobs"
max = 1000
"#;

const SMALL: &str = "version = 1\nname = \"a\"\ntable = { name = \"t\" }\nchange = { delete = {} }\n";

fn codes(text: &str) -> Vec<&'static str> {
    let problems = parse(text).map_or_else(|problems| problems, |(_, warnings)| warnings);
    problems.iter().map(|problem| problem.code.as_str()).collect()
}

#[test]
fn a_full_job_is_read_as_written() {
    let (job, warnings) = parse(FULL).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(job.name, "fill-full-name");
    assert_eq!(job.owner.as_deref(), Some("accounts-team"));
    assert_eq!(job.table.to_string(), "public.users");
    assert_eq!(job.key, Some(vec![Ident::new("id").unwrap()]));
    assert_eq!(job.scope.unwrap().as_sql(), "full_name is null");
    assert_eq!(job.text, FULL);
    let Change::Set(columns) = job.change else { unreachable!() };
    let columns: Vec<_> = columns.iter().map(|(column, sql)| (column.as_str(), sql.as_sql())).collect();
    assert_eq!(columns, [("full_name", "first_name || ' ' || last_name"), ("Initials", "left(first_name, 1)")]);
}

#[test]
fn what_is_not_written_has_its_default() {
    let (job, warnings) = parse(SMALL).unwrap();
    assert_eq!(warnings, []);
    assert_eq!((job.key, job.scope, job.walk), (None, None, Walk::Auto));
    assert_eq!(job.change, Change::Delete { archive_into: None });
    let seconds = Duration::from_secs;
    let expected = Batch {
        rows: 5000,
        min_rows: None,
        max_rows: 10_000,
        scan_rows: 100_000,
        target_time: Duration::from_millis(500),
        max_wal: 16 * 1024 * 1024,
        workers: 1,
        statement_timeout: seconds(30),
        lock_timeout: seconds(1),
        vacuum: Vacuum::Off,
    };
    assert_eq!(job.batch, expected);
    assert_eq!(job.pace, Pace::default());
}

#[test]
fn the_bounds_of_a_batch_follow_its_start() {
    for (rows, bounds) in [(500, (500, 10_000)), (20_000, (1000, 20_000))] {
        let (job, _) = parse(&format!("{SMALL}batch = {{ rows = {rows} }}")).unwrap();
        let sizes = job.batch.sizes(100);
        assert_eq!((sizes.least, sizes.most), bounds);
    }
}

#[test]
fn a_wrong_value_is_not_taken_for_a_missing_one() {
    for (wrong, expected) in [
        ("table = 5", vec!["wrong-type"]),
        ("change = 5", vec!["wrong-type"]),
        ("change.set = 5", vec!["wrong-type"]),
        ("batch = { rows = \"many\", min_rows = 6000 }", vec!["wrong-type"]),
        ("batch = { rows = 0, min_rows = 6000 }", vec!["size-not-positive"]),
        ("batch = { statement_timeout = 30, lock_timeout = \"40s\" }", vec!["wrong-type"]),
        ("batch = { statement_timeout = 30, target_time = \"40s\" }", vec!["wrong-type"]),
        ("pace = 5", vec!["wrong-type"]),
        ("pace.signal = 5", vec!["wrong-type"]),
        ("pace.replication_lag = { max = 2, replicas = 1, url_env = [5, \"B\"] }", vec!["wrong-type", "wrong-type"]),
    ] {
        let key = wrong.split([' ', '.']).next().unwrap();
        let rest: Vec<&str> = SMALL.lines().filter(|line| !line.starts_with(key)).collect();
        assert_eq!(codes(&format!("{}\n{wrong}\n", rest.join("\n"))), expected, "{wrong}");
    }
}

#[test]
fn rules_are_asked_although_others_were_broken() {
    let text = FULL.replace("\"public.users\"", "\"public users\"").replace("full_name =", "id =");
    assert_eq!(codes(&text), ["identifier", "key-column-set"]);
}

#[test]
fn a_syntax_error_is_told_without_its_consequences() {
    for (from, to, syntax_errors) in [
        ("5_000", "5 000", 1),
        ("[batch]", "[batch", 1),
        ("[batch]", "batch]", 1),
        ("[batch]", "batch = {", 1),
        ("[table]", "[table", 1),
        ("\"accounts-team\"", "accounts-team", 1),
        ("key = [\"id\"]", "key = [\"id\"", 1),
        ("workers = 2", "workers = 2\nworkers = 3", 1),
        ("rows = 5_000", "rows 20_000", 1),
        ("owner", "name = 5\nowner = x\nowner", 3),
    ] {
        let text = FULL.replace(from, to).replace("\"1s\"", "\"1h\"").replace("name = \"fill", "name = \"Fill");
        let mut expected = vec!["job-name"];
        expected.extend(["toml-syntax"].repeat(syntax_errors));
        assert_eq!(codes(&text), expected, "{to}");
    }
}

#[test]
fn a_default_is_not_held_against_a_job_that_may_say_otherwise_behind_a_syntax_error() {
    let text = FULL.replace("250ms", "40s").replace("statement_timeout = \"30s\"", "statement_timeout \"60s\"");
    assert_eq!(codes(&text), ["toml-syntax"]);
    assert_eq!(codes(&FULL.replace("250ms", "40s")), ["target-time-too-long"]);
}

#[test]
fn sections_in_double_brackets_are_told_like_others() {
    for (from, to) in [
        ("[[pace.signal]]", "[[pace.signal]"),
        ("max = 1000", "max = [1000"),
        ("[\"REPLICA_A_URL\"]", "[\"REPLICA_A_URL\""),
    ] {
        assert_eq!(codes(&FULL.replace(from, to)), ["toml-syntax"], "{to}");
    }
    let twice = format!("{FULL}\n[[pace.signal]]\nname = \"queue-depth\"\nsql = \"select 1\"\nmax = 5\nmin = 5");
    assert_eq!(codes(&twice), ["signal-name-twice", "unknown-key"]);
}

proptest! {
    #[test]
    fn no_text_makes_a_panic(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn no_toml_makes_a_panic(lines in proptest::collection::vec(
        r#"(\[\[?(a|b|table|change|change\.set|batch|a\.b)\]?\]?|(name|key|a|"a b"|a\.b|set) ?= ?(1|"x"|\[|\{ ?|''|"""|a = 1)\}?\]?)"#,
        0..12,
    )) {
        let text = lines.join("\n");
        let problems = parse(&text).err().unwrap_or_default();
        render("a.toml", &text, &problems, false);
    }

    #[test]
    fn no_slip_in_a_job_makes_a_panic(place in 0..FULL.len(), cut in 0..12usize, put in "[\\[\\]{}\"'=.,\n a-z0-9$;(ö]{0,3}") {
        let mut text = FULL.to_owned();
        text.replace_range(place..(place + cut).min(FULL.len()), &put);
        let problems = parse(&text).map_or_else(|problems| problems, |(_, warnings)| warnings);
        prop_assert!(problems.is_sorted_by_key(|problem| problem.span.start));
        render("a.toml", &text, &problems, false);
    }
}
