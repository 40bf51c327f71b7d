//! Keys by which rows would be left out, or visited twice.

use super::{Impossible, KEY_ID, PLAIN, SET_TOUCHED};

const NOT_UNIQUE: &str = "error[key-not-unique]: no unique index covers exactly the key (id)\n\
                          help: walk by the primary key, or create a unique index on these columns\n";

pub(super) const KEYS: &[Impossible] = &[
    Impossible {
        name: "no-primary-key",
        postgres: Some("create table impossible (id integer, touched integer not null default 0)"),
        sqlite: Some("create table impossible (id integer, touched integer not null default 0)"),
        job: SET_TOUCHED,
        says: "error[no-key]: impossible has no primary key, and the job names no key\n\
               help: name a unique, not null set of columns in `table.key`\n",
    },
    Impossible {
        name: "nullable-key",
        postgres: Some("create table impossible (id integer unique, touched integer not null default 0)"),
        sqlite: Some("create table impossible (id integer unique, touched integer not null default 0)"),
        job: KEY_ID,
        says: "error[key-nullable]: key column id may be null: rows without a key would never be visited\n\
               help: walk by the primary key, or make the column not null\n",
    },
    Impossible {
        // SQLite lets a primary key be null unless it is an integer or says otherwise.
        name: "nullable-primary-key",
        postgres: None,
        sqlite: Some("create table impossible (id text primary key, touched integer not null default 0)"),
        job: SET_TOUCHED,
        says: "error[key-nullable]: key column id may be null: rows without a key would never be visited\n\
               help: walk by the primary key, or make the column not null\n",
    },
    Impossible {
        name: "key-without-an-index",
        postgres: Some("create table impossible (id integer not null, touched integer not null default 0)"),
        sqlite: Some("create table impossible (id integer not null, touched integer not null default 0)"),
        job: KEY_ID,
        says: NOT_UNIQUE,
    },
    Impossible {
        name: "key-with-duplicates",
        postgres: Some(
            "create table impossible (id integer not null, touched integer not null default 0);
             create index by_id on impossible (id)",
        ),
        sqlite: Some(
            "create table impossible (id integer not null, touched integer not null default 0);
             create index by_id on impossible (id)",
        ),
        job: KEY_ID,
        says: "error[key-not-unique]: no unique index covers exactly the key (id): index by_id is not unique\n\
               help: walk by the primary key, or create a unique index on these columns\n",
    },
    Impossible {
        name: "key-unique-for-some-rows",
        postgres: Some(
            "create table impossible (id integer not null, touched integer not null default 0);
             create unique index some_rows on impossible (id) where touched = 0",
        ),
        sqlite: Some(
            "create table impossible (id integer not null, touched integer not null default 0);
             create unique index some_rows on impossible (id) where touched = 0",
        ),
        job: KEY_ID,
        says: "error[key-not-unique]: no unique index covers exactly the key (id): index some_rows holds for some rows only\n\
               help: walk by the primary key, or create a unique index without `where`\n",
    },
    Impossible {
        name: "key-unique-at-the-end-of-a-transaction",
        postgres: Some(
            "create table impossible (id integer not null constraint later unique deferrable,
             touched integer not null default 0)",
        ),
        sqlite: None,
        job: KEY_ID,
        says: "error[key-not-unique]: no unique index covers exactly the key (id): index later is deferrable, \
               so that two rows may have the same key until a transaction ends\n\
               help: walk by another key, or make the constraint not deferrable\n",
    },
    Impossible {
        name: "primary-key-unique-at-the-end-of-a-transaction",
        postgres: Some(
            "create table impossible (id integer constraint later primary key deferrable initially deferred,
             touched integer not null default 0)",
        ),
        sqlite: None,
        job: SET_TOUCHED,
        says: "error[key-not-unique]: no unique index covers exactly the key (id): index later is deferrable, \
               so that two rows may have the same key until a transaction ends\n\
               help: walk by another key, or make the constraint not deferrable\n",
    },
    Impossible {
        name: "key-with-an-invalid-index",
        postgres: Some(
            "create table impossible (id integer not null, touched integer not null default 0);
             create unique index broken_off on impossible (id);
             update pg_index set indisvalid = false where indexrelid = 'broken_off'::regclass",
        ),
        sqlite: None,
        job: KEY_ID,
        says: "error[key-not-unique]: no unique index covers exactly the key (id): index broken_off is invalid, \
               its building was broken off\n\
               help: drop the index and create it again\n",
    },
    Impossible {
        name: "key-unique-as-an-expression",
        postgres: Some(
            "create table impossible (id text not null, touched integer not null default 0);
             create unique index on impossible (lower(id))",
        ),
        sqlite: Some(
            "create table impossible (id text not null, touched integer not null default 0);
             create unique index by_lower on impossible (lower(id))",
        ),
        job: KEY_ID,
        says: NOT_UNIQUE,
    },
    Impossible {
        name: "key-that-is-part-of-a-unique-one",
        postgres: Some(
            "create table impossible (id integer not null, part integer not null, touched integer not null default 0,
             primary key (id, part))",
        ),
        sqlite: Some(
            "create table impossible (id integer not null, part integer not null, touched integer not null default 0,
             primary key (id, part))",
        ),
        job: KEY_ID,
        says: NOT_UNIQUE,
    },
    Impossible {
        name: "key-unique-in-another-collation",
        postgres: None,
        sqlite: Some(
            "create table impossible (id text not null collate nocase, touched integer not null default 0);
             create unique index by_bytes on impossible (id collate binary)",
        ),
        job: KEY_ID,
        says: "error[key-not-unique]: no unique index covers exactly the key (id): index by_bytes has another collation \
               than its columns\n\
               help: walk by the primary key, or create a unique index in the columns' own collation\n",
    },
    Impossible {
        name: "key-whose-text-depends-on-a-setting",
        postgres: Some(
            "create domain price as money;
             create table impossible (id price primary key, touched integer not null default 0)",
        ),
        sqlite: None,
        job: SET_TOUCHED,
        says: "error[key-type-unstable]: key column id is of type price, whose text depends on the setting lc_monetary: \
               a checkpoint could be read as another key\n\
               help: walk by another key\n",
    },
    Impossible {
        name: "key-whose-text-is-a-name",
        postgres: Some("create table impossible (id regclass primary key, touched integer not null default 0)"),
        sqlite: None,
        job: SET_TOUCHED,
        says: "error[key-type-unstable]: key column id is of type regclass, whose text depends on the name that an object \
               has now: a checkpoint could be read as another key\n\
               help: walk by another key\n",
    },
    Impossible {
        name: "missing-key-column",
        postgres: Some(PLAIN),
        sqlite: Some(PLAIN),
        job: "[table]\nname = \"impossible\"\nkey = [\"uid\"]\n[change.set]\ntouched = \"1\"",
        says: "error[no-such-column]: impossible has no column uid\nhelp: impossible has id, touched\n",
    },
    Impossible {
        name: "sets-its-key",
        postgres: Some(PLAIN),
        sqlite: Some(PLAIN),
        job: "[table]\nname = \"impossible\"\n[change.set]\nid = \"id + 1\"",
        says: "error[sets-key-column]: the change sets id, a column of the key: a changed row could be visited twice or never\n\
               help: walk by another key, or change the key outside of tidegate\n",
    },
];
