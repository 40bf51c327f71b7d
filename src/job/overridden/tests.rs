//! Does a knob obey every rule of the job file?

use super::*;
use crate::pace::Limit;
use proptest::prelude::*;
use std::time::Duration;

const JOB: &str = r#"
version = 1
name = "fill-full-name"
[table]
name = "users"
[change.set]
initials = "left(first_name, 1)"
full_name = "first_name || ' ' || last_name"
[batch]
rows = 2000
[pace.replication_lag]
max = "2s"
[pace.probe]
sql = "select 1"
max = "20ms"
[[pace.signal]]
name = "queue-depth"
sql = "select count(*) from jobs"
max = 1000
"#;

fn values(values: &[(&str, &str)]) -> Vec<(String, String)> {
    values.iter().map(|(knob, value)| ((*knob).to_owned(), (*value).to_owned())).collect()
}

fn set(knobs: &[(&str, &str)]) -> Result<Overridden, Vec<String>> {
    overridden(JOB, &values(knobs))
}

fn knob(overridden: &Overridden, name: &str) -> Option<String> {
    overridden.knobs.iter().find(|knob| knob.name == name).expect("a knob of the job").value.clone()
}

#[test]
fn a_knob_takes_what_the_job_file_takes() {
    for (name, value) in [
        ("batch.rows", "500"),
        ("batch.min_rows", "1"),
        ("batch.max_rows", "4000"),
        ("batch.workers", "3"),
        ("batch.target_time", "100ms"),
        ("batch.max_wal", "1MiB"),
        ("batch.vacuum", "auto"),
        ("pace.max_rows_per_second", "5000"),
        ("pace.duty", "0.5"),
        ("pace.duty", "1"),
        ("pace.replication_lag.max", "10s"),
        ("pace.probe.max", "5ms"),
        ("pace.signal.queue-depth.max", "50"),
    ] {
        let overridden = set(&[(name, value)]).unwrap_or_else(|problems| panic!("{name}={value}: {problems:?}"));
        assert_eq!(knob(&overridden, name).as_deref(), Some(value), "{name}");
    }
}

#[test]
fn the_job_is_changed_where_it_was_set_and_nowhere_else() {
    let (before, _) = parse(JOB).unwrap();
    let after = set(&[("batch.workers", "3"), ("pace.duty", "0.5"), ("pace.replication_lag.max", "10s")]).unwrap().job;
    assert_eq!((after.batch.workers, after.pace.duty), (3, Some(0.5)));
    let lag: Vec<&Limit> = after.pace.signals.iter().flat_map(|signal| &signal.limits).collect();
    assert_eq!(lag[0].max.value, 10.0);
    assert_eq!(after.batch.rows, before.batch.rows);
    assert_eq!((after.change, after.text), (before.change, before.text), "also the order of the columns");
}

#[test]
fn what_is_wrong_is_said_in_the_job_files_words() {
    for (knobs, said) in [
        (&[("batch.workers", "0")][..], "`batch.workers` cannot be 0: nothing would ever be done"),
        (&[("batch.workers", "two")], "batch.workers"),
        (&[("pace.duty", "7")], "write a number from 0.01 to 1; 0.5 is half of the time"),
        (&[("batch.max_wal", "16M")], "16M"),
        (&[("batch.vacuum", "on")], "`batch.vacuum` cannot be `on`; use one of `auto`, `off`"),
        (&[("batch.max_rows", "100")], "a batch cannot start at 2000 rows when it may not go above 100"),
        (&[("batch.rows", "50"), ("batch.min_rows", "60")], "when it may not go below 60"),
        (&[("pace.replication_lag.max", "soon")], "pace.replication_lag.max"),
        (&[("batch.row", "50")], "`batch.row` cannot be set; did you mean `batch.rows`?"),
        (&[("table.name", "orders")], "`table.name` cannot be set; use one of `batch.rows`"),
        (&[("pace.wal_rate.max", "1MiB")], "the job does not limit it; it has `pace.replication_lag.max`"),
        (&[("pace.replication_lag.max_bytes", "1MiB")], "the job does not limit it"),
        (&[("pace.signal.other.max", "1")], "the job does not limit it"),
    ] {
        let problems = set(knobs).expect_err("a wrong value");
        assert!(problems.iter().any(|problem| problem.contains(said)), "{knobs:?}: {problems:?}");
    }
    let plain = "version = 1\nname = \"a\"\n[table]\nname = \"t\"\n[change.delete]\n";
    let problems = overridden(plain, &values(&[("pace.probe.max", "1s")])).expect_err("no such limit");
    assert_eq!(problems, ["`pace.probe.max` cannot be set: the job limits no signal"]);
}

#[test]
fn every_knob_is_told_with_the_value_it_has() {
    let job = set(&[]).unwrap();
    for (name, value, written) in [
        ("batch.rows", Some("2000"), true),
        ("batch.min_rows", None, false),
        ("batch.max_rows", Some("10000"), false),
        ("batch.target_time", Some("500ms"), false),
        ("batch.max_wal", Some("16MiB"), false),
        ("batch.vacuum", Some("off"), false),
        ("pace.duty", None, false),
        ("pace.probe.max", Some("20ms"), true),
        ("pace.signal.queue-depth.max", Some("1000"), true),
    ] {
        let expected = Knob { name: name.to_owned(), value: value.map(str::to_owned), written };
        assert!(job.knobs.contains(&expected), "{expected:?} in {:?}", job.knobs);
    }
    assert!(job.knobs.iter().all(|knob| knob.name != "pace.wal_rate.max"), "{:?}", job.knobs);
}

#[test]
fn what_the_file_takes_no_more_is_left_out_and_the_rest_holds() {
    for (knobs, ignored) in [
        (&[("batch.rows", "500"), ("pace.duty", "0.5")][..], &[][..]),
        (&[("batch.rows", "20000"), ("batch.max_rows", "20000")], &[]),
        (&[("pace.wal_rate.max", "1MiB"), ("pace.duty", "0.5")], &["pace.wal_rate.max"]),
        (&[("batch.max_rows", "100"), ("pace.duty", "0.5")], &["batch.max_rows"]),
        (&[("batch.max_rows", "100"), ("batch.rows", "100"), ("gone", "1")], &["gone"]),
    ] {
        let (overridden, left) = overridden_where_possible(JOB, &values(knobs)).unwrap();
        let names: Vec<&str> = left.iter().map(|ignored| ignored.knob.as_str()).collect();
        assert_eq!(names, ignored, "{knobs:?}");
        assert!(left.iter().all(|ignored| !ignored.why.is_empty()), "{left:?}");
        for (name, value) in knobs.iter().filter(|(name, _)| !ignored.contains(name)) {
            assert_eq!(knob(&overridden, name).as_deref(), Some(*value));
        }
    }
}

#[test]
fn a_word_is_a_number_or_a_string() {
    for (typed, toml) in [
        ("5000", "5000"),
        ("0.5", "0.5"),
        ("2s", "\"2s\""),
        ("\"2s\"", "\"2s\""),
        ("true", "\"true\""),
        ("1979-05-27", "\"1979-05-27\""),
        ("[1]", "\"[1]\""),
        ("1\nname = 2", "\"\"\"\n1\nname = 2\"\"\""),
    ] {
        assert_eq!(as_toml(typed), toml, "{typed}");
    }
    assert_eq!([as_typed("5000"), as_typed("\"2s\"")], ["5000", "2s"]);
    assert_eq!(set(&[("batch.target_time", "2s")]).unwrap().job.batch.target_time, Duration::from_secs(2));
}

proptest! {
    #[test]
    fn no_word_makes_a_panic_or_another_key(knob in "[a-z_.]{0,20}", typed in "\\PC{0,12}|[0-9.a-z\"\n=\\[#]{0,8}") {
        let _ = set(&[(&knob, &typed)]);
        if let Ok(overridden) = set(&[("batch.rows", &typed)]) {
            let (before, _) = parse(JOB).unwrap();
            prop_assert_eq!(overridden.job.pace, before.pace);
        }
    }
}
