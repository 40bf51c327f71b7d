//! Names that stand for nothing, or for nothing that can be walked or written to.

use super::{Impossible, PLAIN, SEEN, SET_TOUCHED};

pub(super) const TABLES: &[Impossible] = &[
    Impossible {
        name: "no-table",
        postgres: Some(PLAIN),
        sqlite: None,
        job: "[table]\nname = \"imposible\"\n[change.set]\ntouched = \"1\"",
        says: "error[no-such-table]: there is no table imposible that this role can see\n\
               help: did you mean public.impossible?\n",
    },
    Impossible {
        name: "no-table-in-the-file",
        postgres: None,
        sqlite: Some(PLAIN),
        job: "[table]\nname = \"imposible\"\n[change.set]\ntouched = \"1\"",
        says: "error[no-such-table]: there is no table imposible that this role can see\n\
               help: did you mean impossible?\n",
    },
    Impossible {
        name: "no-schema",
        postgres: Some(PLAIN),
        sqlite: Some(PLAIN),
        job: "[table]\nname = \"nowhere.rows\"\n[change.set]\ntouched = \"1\"",
        says: "error[no-such-table]: there is no table nowhere.rows that this role can see\n\
               help: check the schema and the name; they are taken as written, upper and lower case included\n",
    },
    Impossible {
        name: "view",
        postgres: Some(
            "create table impossible (id integer primary key, touched integer not null default 0);
             create view seen as select * from impossible",
        ),
        sqlite: Some(
            "create table impossible (id integer primary key, touched integer not null default 0);
             create view seen as select * from impossible",
        ),
        job: SEEN,
        says: "error[not-a-table]: seen is a view, not a table\nhelp: name the table that holds the rows\n",
    },
    Impossible {
        name: "materialized-view",
        postgres: Some(
            "create table impossible (id integer primary key, touched integer not null default 0);
             create materialized view seen as select * from impossible; create unique index on seen (id)",
        ),
        sqlite: None,
        job: SEEN,
        says: "error[not-a-table]: seen is a materialized view, not a table\nhelp: name the table that holds the rows\n",
    },
    Impossible {
        name: "foreign-table",
        postgres: Some(
            "drop foreign data wrapper if exists none cascade; create foreign data wrapper none;
             create server nowhere foreign data wrapper none;
             create foreign table seen (id integer not null, touched integer) server nowhere",
        ),
        sqlite: None,
        job: SEEN,
        says: "error[not-a-table]: seen is a foreign table, not a table\nhelp: name the table that holds the rows\n",
    },
    Impossible {
        name: "sequence",
        postgres: Some("create sequence seen"),
        sqlite: None,
        job: SEEN,
        says: "error[not-a-table]: seen is a sequence, not a table\nhelp: name the table that holds the rows\n",
    },
    Impossible {
        name: "index",
        postgres: Some("create table impossible (id integer constraint seen primary key)"),
        sqlite: None,
        job: SEEN,
        says: "error[not-a-table]: seen is an index, not a table\nhelp: name the table that holds the rows\n",
    },
    Impossible {
        name: "virtual-table",
        postgres: None,
        sqlite: Some("create virtual table impossible using fts5 (touched)"),
        job: SET_TOUCHED,
        says: "error[not-a-table]: impossible is a virtual table, not a table\nhelp: name the table that holds the rows\n",
    },
    Impossible {
        name: "catalog",
        postgres: Some(PLAIN),
        sqlite: None,
        job: "[table]\nname = \"pg_catalog.pg_class\"\n[change.set]\nreltuples = \"0\"",
        says: "error[system-table]: pg_catalog.pg_class belongs to the database itself\n\
               help: name a table of the application\n",
    },
    Impossible {
        name: "catalog-of-the-file",
        postgres: None,
        sqlite: Some(PLAIN),
        job: "[table]\nname = \"sqlite_schema\"\nkey = [\"rootpage\"]\n[change.set]\nsql = \"''\"",
        says: "error[system-table]: sqlite_schema belongs to the database itself\n\
               help: name a table of the application\n",
    },
    Impossible {
        name: "unlogged",
        postgres: Some("create unlogged table impossible (id integer primary key, touched integer not null default 0)"),
        sqlite: None,
        job: SET_TOUCHED,
        says: "error[table-unlogged]: impossible is unlogged: a crash empties it while the checkpoints would say it is done\n\
               help: make it logged first: `alter table … set logged`\n",
    },
    Impossible {
        name: "unlogged-partition",
        postgres: Some(
            "create table impossible (id integer primary key, touched integer not null default 0) partition by range (id);
             create table low partition of impossible for values from (0) to (9);
             create unlogged table narrow partition of impossible default",
        ),
        sqlite: None,
        job: SET_TOUCHED,
        says: "error[table-unlogged]: impossible is unlogged: a crash empties it while the checkpoints would say it is done\n\
               help: make it logged first: `alter table … set logged`\n",
    },
    Impossible {
        name: "unlogged-target-of-a-copy",
        postgres: Some(
            "create table impossible (id integer primary key, touched integer not null default 0);
             create unlogged table narrow (id integer primary key)",
        ),
        sqlite: None,
        job: "[table]\nname = \"impossible\"\n[change.copy]\ninto = \"narrow\"\ncolumns = { id = \"id\" }",
        says: "error[table-unlogged]: narrow is unlogged: a crash empties it while the checkpoints would say it is done\n\
               help: make it logged first: `alter table … set logged`\n",
    },
    Impossible {
        name: "unlogged-archive",
        postgres: Some(
            "create table impossible (id integer primary key);
             create unlogged table narrow (id integer)",
        ),
        sqlite: None,
        job: "[table]\nname = \"impossible\"\n[change.delete]\narchive_into = \"narrow\"",
        says: "error[table-unlogged]: narrow is unlogged: a crash empties it while the checkpoints would say it is done\n\
               help: make it logged first: `alter table … set logged`\n",
    },
    Impossible {
        name: "copy-into-a-view",
        postgres: Some(
            "create table impossible (id integer primary key);
             create view narrow as select * from impossible",
        ),
        sqlite: None,
        job: "[table]\nname = \"impossible\"\n[change.copy]\ninto = \"narrow\"\ncolumns = { id = \"id\" }",
        says: "error[not-a-table]: narrow is a view, not a table\nhelp: name the table that holds the rows\n",
    },
    Impossible {
        name: "copy-into-nothing",
        postgres: Some(PLAIN),
        sqlite: Some(PLAIN),
        job: "[table]\nname = \"impossible\"\n[change.copy]\ninto = \"narrow\"\ncolumns = { id = \"id\" }",
        says: "error[no-such-table]: there is no table narrow that this role can see\n\
               help: check the schema and the name; they are taken as written, upper and lower case included\n",
    },
    Impossible {
        name: "table-that-others-inherit-from",
        postgres: Some(
            "create table impossible (id integer primary key, touched integer not null default 0);
             create table narrow () inherits (impossible)",
        ),
        sqlite: None,
        job: SET_TOUCHED,
        says: "error[table-inherited]: impossible has child tables: its unique key does not hold for their rows, \
               which it shows as its own\n\
               help: walk each table that has no children by a job of its own\n",
    },
];
