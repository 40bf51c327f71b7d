//! What can `plan` not allow? One impossible job per refusal, with the code that must name it.

use crate::support::Target;

/// A job that must be refused before anything is written.
pub(super) struct Impossible {
    pub(super) name: &'static str,
    /// `None` where the database knows no such thing.
    pub(super) postgres: Option<&'static str>,
    pub(super) sqlite: Option<&'static str>,
    pub(super) job: &'static str,
    pub(super) code: &'static str,
}

impl Impossible {
    /// Makes the table `impossible` anew; `None` where the database knows no such thing.
    pub(super) async fn set_up(&self, target: &Target) -> Option<&Self> {
        let tables = target.either(self.postgres, self.sqlite)?;
        target.execute("drop view if exists seen; drop table if exists narrow; drop table if exists impossible").await;
        target.execute(tables).await;
        Some(self)
    }
}

const PLAIN: &str = "create table impossible (id integer primary key, touched integer not null default 0)";
const WITH_VIEW: &str = "create table impossible (id integer primary key, touched integer not null default 0);
                         create view seen as select * from impossible";
const WITH_NARROW_TABLE: &str = "create table impossible (id integer primary key, touched integer not null default 0);
                                 create table narrow (id integer)";

const SET_TOUCHED: &str = "[table]\nname = \"impossible\"\n[change.set]\ntouched = \"1\"";
const KEY_ID: &str = "[table]\nname = \"impossible\"\nkey = [\"id\"]\n[change.set]\ntouched = \"1\"";

pub(super) const IMPOSSIBLE: &[Impossible] = &[
    Impossible {
        name: "no-table",
        postgres: Some(PLAIN),
        sqlite: Some(PLAIN),
        job: "[table]\nname = \"imposible\"\n[change.set]\ntouched = \"1\"",
        code: "no-such-table",
    },
    Impossible {
        name: "view",
        postgres: Some(WITH_VIEW),
        sqlite: Some(WITH_VIEW),
        job: "[table]\nname = \"seen\"\nkey = [\"id\"]\n[change.set]\ntouched = \"1\"",
        code: "not-a-table",
    },
    Impossible {
        name: "no-primary-key",
        postgres: Some("create table impossible (id integer, touched integer not null default 0)"),
        sqlite: Some("create table impossible (id integer, touched integer not null default 0)"),
        job: SET_TOUCHED,
        code: "no-key",
    },
    Impossible {
        name: "nullable-key",
        postgres: Some("create table impossible (id integer unique, touched integer not null default 0)"),
        sqlite: Some("create table impossible (id integer unique, touched integer not null default 0)"),
        job: KEY_ID,
        code: "key-nullable",
    },
    Impossible {
        // SQLite lets a primary key be null unless it is an integer or says otherwise.
        name: "nullable-primary-key",
        postgres: None,
        sqlite: Some("create table impossible (id text primary key, touched integer not null default 0)"),
        job: SET_TOUCHED,
        code: "key-nullable",
    },
    Impossible {
        name: "key-with-duplicates",
        postgres: Some(
            "create table impossible (id integer not null, touched integer not null default 0);
                        create index on impossible (id)",
        ),
        sqlite: Some(
            "create table impossible (id integer not null, touched integer not null default 0);
                      create index by_id on impossible (id)",
        ),
        job: KEY_ID,
        code: "key-not-unique",
    },
    Impossible {
        name: "key-unique-for-some-rows",
        postgres: Some(
            "create table impossible (id integer not null, touched integer not null default 0);
                        create unique index on impossible (id) where touched = 0",
        ),
        sqlite: Some(
            "create table impossible (id integer not null, touched integer not null default 0);
                      create unique index some on impossible (id) where touched = 0",
        ),
        job: KEY_ID,
        code: "key-not-unique",
    },
    Impossible {
        name: "sets-its-key",
        postgres: Some(PLAIN),
        sqlite: Some(PLAIN),
        job: "[table]\nname = \"impossible\"\n[change.set]\nid = \"id + 1\"",
        code: "sets-key-column",
    },
    Impossible {
        name: "missing-column",
        postgres: Some(PLAIN),
        sqlite: Some(PLAIN),
        job: "[table]\nname = \"impossible\"\n[change.set]\ntuched = \"1\"",
        code: "no-such-column",
    },
    Impossible {
        name: "missing-key-column",
        postgres: Some(PLAIN),
        sqlite: Some(PLAIN),
        job: "[table]\nname = \"impossible\"\nkey = [\"uid\"]\n[change.set]\ntouched = \"1\"",
        code: "no-such-column",
    },
    Impossible {
        name: "expression-of-another-type",
        postgres: Some(PLAIN),
        sqlite: None, // SQLite stores anything anywhere.
        job: "[table]\nname = \"impossible\"\n[change.set]\ntouched = \"now()\"",
        code: "statement-refused",
    },
    Impossible {
        name: "expression-of-unknown-function",
        postgres: Some(PLAIN),
        sqlite: Some(PLAIN),
        job: "[table]\nname = \"impossible\"\n[change.set]\ntouched = \"no_such_function(id)\"",
        code: "statement-refused",
    },
    Impossible {
        name: "scope-of-missing-column",
        postgres: Some(PLAIN),
        sqlite: Some(PLAIN),
        job: "[table]\nname = \"impossible\"\nwhere = \"colour is null\"\n[change.set]\ntouched = \"1\"",
        code: "statement-refused",
    },
    Impossible {
        name: "generated-column",
        postgres: Some(
            "create table impossible (id integer primary key, touched integer not null default 0,
                        twice integer generated always as (touched * 2) stored)",
        ),
        sqlite: Some(
            "create table impossible (id integer primary key, touched integer not null default 0,
                      twice integer generated always as (touched * 2) stored)",
        ),
        job: "[table]\nname = \"impossible\"\n[change.set]\ntwice = \"1\"",
        code: "column-generated",
    },
    Impossible {
        name: "unlogged",
        postgres: Some("create unlogged table impossible (id integer primary key, touched integer not null default 0)"),
        sqlite: None,
        job: SET_TOUCHED,
        code: "table-unlogged",
    },
    Impossible {
        name: "copy-without-its-conflict-key",
        postgres: Some(WITH_NARROW_TABLE),
        sqlite: Some(WITH_NARROW_TABLE),
        job: "[table]\nname = \"impossible\"\n[change.copy]\ninto = \"narrow\"\n\
              columns = { id = \"id\" }\non_conflict = \"skip\"",
        code: "conflict-key-not-copied",
    },
    Impossible {
        name: "archive-lacks-a-column",
        postgres: Some(WITH_NARROW_TABLE),
        sqlite: Some(WITH_NARROW_TABLE),
        job: "[table]\nname = \"impossible\"\n[change.delete]\narchive_into = \"narrow\"",
        code: "archive-lacks-column",
    },
];
