//! What is written in `[pace]`? The plain words, each with its place; whether they make sense is not asked here.

use super::super::section::{Section, Word};

/// The words of `[pace]`.
pub(in super::super) struct PaceWords {
    pub(super) max_rows_per_second: Option<Word<i64>>,
    pub(super) duty: Option<Word<f64>>,
    pub(super) window: Option<Word<Vec<Word<String>>>>,
    pub(super) hold_file: Option<Word<String>>,
    pub(super) replication_lag: Option<Word<ReplicationWords>>,
    pub(super) wal_rate: Option<Word<LimitWords<String>>>,
    pub(super) retained_wal: Option<Word<LimitWords<String>>>,
    pub(super) archive_backlog: Option<Word<LimitWords<i64>>>,
    pub(super) autovacuum: Option<Word<HoldWords>>,
    pub(super) oldest_transaction: Option<Word<LimitWords<String>>>,
    pub(super) active_sessions: Option<Word<LimitWords<i64>>>,
    pub(super) lock_waits: Option<Word<LimitWords<String>>>,
    pub(super) probe: Option<Word<ProbeWords>>,
    pub(super) signal: Option<Word<Vec<Word<CustomWords>>>>,
}

/// The words that every signal takes.
pub(super) struct HoldWords {
    pub(super) on_unknown: Option<Word<String>>,
    pub(super) max_hold: Option<Word<String>>,
}

/// The words of a signal that has nothing but a limit.
pub(super) struct LimitWords<T> {
    pub(super) max: Option<Word<T>>,
    pub(super) hold: HoldWords,
}

/// The words of `[pace.replication_lag]`.
pub(super) struct ReplicationWords {
    pub(super) max: Option<Word<String>>,
    pub(super) max_bytes: Option<Word<String>>,
    pub(super) replicas: Option<Word<i64>>,
    pub(super) url_env: Option<Word<Vec<Word<String>>>>,
    pub(super) hold: HoldWords,
}

/// The words of `[pace.probe]`.
pub(super) struct ProbeWords {
    pub(super) sql: Option<Word<String>>,
    pub(super) max: Option<Word<String>>,
    pub(super) hold: HoldWords,
}

/// The words of one `[[pace.signal]]`.
pub(super) struct CustomWords {
    pub(super) name: Option<Word<String>>,
    pub(super) sql: Option<Word<String>>,
    pub(super) max: Option<Word<f64>>,
    pub(super) hold: HoldWords,
}

/// Reads the words of the section.
pub(in super::super) fn words(section: &mut Section<'_, '_>) -> PaceWords {
    PaceWords {
        max_rows_per_second: section.integer("max_rows_per_second"),
        duty: section.number("duty"),
        window: section.texts("window"),
        hold_file: section.text("hold_file"),
        replication_lag: section.section("replication_lag", replication),
        wal_rate: section.section("wal_rate", |section| text_limit(section, r#"max = "50MiB""#)),
        retained_wal: section.section("retained_wal", |section| text_limit(section, r#"max = "10GiB""#)),
        archive_backlog: section.section("archive_backlog", |section| count_limit(section, "max = 100")),
        autovacuum: section.section("autovacuum", hold),
        oldest_transaction: section.section("oldest_transaction", |section| text_limit(section, r#"max = "10m""#)),
        active_sessions: section.section("active_sessions", |section| count_limit(section, "max = 50")),
        lock_waits: section.section("lock_waits", |section| text_limit(section, r#"max = "500ms""#)),
        probe: section.section("probe", probe),
        signal: section.sections("signal", custom),
    }
}

fn replication(section: &mut Section<'_, '_>) -> ReplicationWords {
    section.require_either(["max", "max_bytes"], [r#"max = "2s""#, r#"max_bytes = "64MiB""#]);
    ReplicationWords {
        max: section.text("max"),
        max_bytes: section.text("max_bytes"),
        replicas: section.integer("replicas"),
        url_env: section.texts("url_env"),
        hold: hold(section),
    }
}

fn text_limit(section: &mut Section<'_, '_>, example: &str) -> LimitWords<String> {
    section.require("max", example);
    LimitWords { max: section.text("max"), hold: hold(section) }
}

fn count_limit(section: &mut Section<'_, '_>, example: &str) -> LimitWords<i64> {
    section.require("max", example);
    LimitWords { max: section.integer("max"), hold: hold(section) }
}

fn probe(section: &mut Section<'_, '_>) -> ProbeWords {
    section.require("sql", r#"sql = "select 1 from sessions where id = 1""#);
    section.require("max", r#"max = "20ms""#);
    ProbeWords { sql: section.text("sql"), max: section.text("max"), hold: hold(section) }
}

fn custom(section: &mut Section<'_, '_>) -> CustomWords {
    section.require("name", r#"name = "queue-depth""#);
    section.require("sql", r#"sql = "select count(*) from jobs where state = 'ready'""#);
    section.require("max", "max = 1000");
    CustomWords {
        name: section.text("name"),
        sql: section.text("sql"),
        max: section.number("max"),
        hold: hold(section),
    }
}

fn hold(section: &mut Section<'_, '_>) -> HoldWords {
    HoldWords { on_unknown: section.text("on_unknown"), max_hold: section.text("max_hold") }
}
