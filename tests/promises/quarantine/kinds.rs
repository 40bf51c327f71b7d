//! Is each kind of error blamed on its row? Values that cannot be cast, constraints of the row, of the table and of another
//! table, what triggers raise, what speaks at COMMIT only, what an index cannot take.

use super::poison::{CHECK, Kind, Poisoned, sections, some_of};
use crate::support::{Random, Target, amount, promises};
use std::time::Instant;

promises!(on [every_postgres, sqlite]:
    one_row_of_each_kind_is_set_aside_and_no_other,
    ten_rows_of_each_kind_are_set_aside_and_no_other,
    many_rows_of_each_kind_are_set_aside_and_no_other,
);

async fn one_row_of_each_kind_is_set_aside_and_no_other(target: Target) {
    rows_of_each_kind(&target, 1).await;
}

async fn ten_rows_of_each_kind_are_set_aside_and_no_other(target: Target) {
    rows_of_each_kind(&target, 10).await;
}

async fn many_rows_of_each_kind_are_set_aside_and_no_other(target: Target) {
    rows_of_each_kind(&target, amount(50, 1_000) as usize).await;
}

async fn rows_of_each_kind(target: &Target, count: usize) {
    let mut random = Random::new();
    let (rows, begun) = (amount(20_000, 1_000_000), Instant::now());
    for kind in target.either(POSTGRES, SQLITE) {
        let poison = some_of(&mut random, rows, count);
        // Not one more may be set aside than fail.
        let items = Poisoned::new(target, *kind, rows, poison, &sections(2, count as u64)).await;
        let summary = items.run().await;
        assert_eq!(
            (&summary["state"], &summary["rows_quarantined"]),
            (&"succeeded".into(), &count.into()),
            "{summary}"
        );
        items.only_these_are_aside(&items.poison).await;
        for row in items.list().await["rows"].as_array().expect("rows") {
            let said = [&row["code"], &row["constraint"], &row["column"]].map(|word| word.as_str());
            assert_eq!(said, [Some(kind.code), kind.constraint, kind.column], "{}: {row}", kind.name);
            assert_eq!((&row["tries"], row["detail"].is_null()), (&1.into(), true), "{row}");
        }
    }
    println!("T14: {count} of {rows} rows of each kind set aside; {:.1} s", begun.elapsed().as_secs_f64());
}

/// What every kind leaves open.
const PLAIN: Kind = Kind {
    name: "",
    before: "",
    columns: "",
    after: "",
    set: "",
    poison: "",
    mend: "",
    code: "",
    constraint: None,
    column: None,
};

const UNIQUE: Kind = Kind {
    name: "unique",
    columns: "code text unique, wanted text",
    // The first row has the value, and keeps it.
    after: "update items set wanted = 'c' || id; update items set code = 'taken', wanted = 'taken' where id = 1",
    set: "code = \"wanted\"",
    poison: "wanted = 'taken'",
    mend: "wanted = 'mended ' || id",
    code: "23505",
    constraint: Some("items_code_key"),
    ..PLAIN
};

const NOT_NULL: Kind = Kind {
    name: "not-null",
    columns: "required text not null default '', wanted text default 'x'",
    set: "required = \"wanted\"",
    poison: "wanted = null",
    mend: "wanted = 'x'",
    code: "23502",
    column: Some("required"),
    ..PLAIN
};

const DEFERRED: Kind = Kind {
    name: "deferred-foreign-key",
    before: "drop table if exists owners; create table owners (id integer primary key); insert into owners values (7)",
    columns: "owner integer constraint owned references owners deferrable initially deferred, \
              wanted integer not null default 7",
    set: "owner = \"wanted\"",
    poison: "wanted = 8",
    mend: "wanted = 7",
    code: "23503",
    constraint: Some("owned"),
    ..PLAIN
};

const POSTGRES: &[Kind] = &[
    CHECK,
    UNIQUE,
    NOT_NULL,
    DEFERRED,
    Kind {
        name: "cast",
        columns: "number integer, wanted text not null default '1'",
        set: "number = \"wanted::integer\"",
        poison: "wanted = 'one'",
        mend: "wanted = '1'",
        code: "22P02",
        ..PLAIN
    },
    Kind {
        name: "out-of-range",
        columns: "small smallint, wanted integer not null default 1",
        set: "small = \"wanted::smallint\"",
        poison: "wanted = 100000",
        mend: "wanted = 1",
        code: "22003",
        ..PLAIN
    },
    Kind {
        name: "raised",
        columns: "wanted integer not null default 1",
        after: "create or replace function refuse() returns trigger language plpgsql as
                $$ begin if new.wanted < 0 then raise exception 'no % here', new.id; end if; return new; end $$;
                create trigger refuse before update of applied on items for each row execute function refuse()",
        poison: "wanted = -1",
        mend: "wanted = 1",
        code: "P0001",
        ..PLAIN
    },
    Kind {
        name: "raised-by-name",
        columns: "wanted integer not null default 1",
        after: "create or replace function refuse() returns trigger language plpgsql as
                $$ begin if new.wanted < 0 then raise exception 'no % here', new.id using errcode = 'TG001';
                end if; return new; end $$;
                create trigger refuse before update of applied on items for each row execute function refuse()",
        poison: "wanted = -1",
        mend: "wanted = 1",
        code: "TG001",
        ..PLAIN
    },
    Kind {
        name: "raised-at-commit",
        columns: "wanted integer not null default 1",
        after: "create or replace function refuse_late() returns trigger language plpgsql as
                $$ begin if new.wanted < 0 then raise exception 'no % here', new.id; end if; return null; end $$;
                create constraint trigger refuse_late after update of applied on items
                deferrable initially deferred for each row execute function refuse_late()",
        poison: "wanted = -1",
        mend: "wanted = 1",
        code: "P0001",
        ..PLAIN
    },
    Kind {
        name: "too-large-for-an-index",
        columns: "words text, wanted text not null default 'x'",
        after: "create index by_words on items (words)",
        set: "words = \"wanted\"",
        // Not to be compressed to less than an index takes.
        poison: "wanted = (select string_agg(md5((items.id * n)::text), '') from generate_series(1, 400) as n)",
        mend: "wanted = 'x'",
        code: "54000",
        ..PLAIN
    },
];

const SQLITE: &[Kind] = &[
    Kind { code: "275", ..CHECK },
    Kind { code: "2067", constraint: None, column: Some("code"), ..UNIQUE },
    Kind { code: "1299", ..NOT_NULL },
    Kind { code: "787", constraint: None, ..DEFERRED },
    Kind {
        name: "raised",
        columns: "wanted integer not null default 1",
        after: "create trigger refuse before update of applied on items when new.wanted < 0
                begin select raise(abort, 'not this one'); end",
        poison: "wanted = -1",
        mend: "wanted = 1",
        code: "1811",
        ..PLAIN
    },
];
