//! Which keys are tried? Each type with its extremes and with values that sort, quote or print in surprising ways.

/// A table of one key.
pub(super) struct KeyCase {
    pub(super) name: &'static str,
    /// Types and collations that it needs.
    pub(super) before: &'static str,
    pub(super) columns: &'static str,
    pub(super) key: &'static str,
    /// After the closing parenthesis of the table.
    pub(super) options: &'static str,
    /// `(…), (…)`, in no order.
    pub(super) rows: &'static str,
}

/// A key of one column named `k`.
const fn one(name: &'static str, columns: &'static str, rows: &'static str) -> KeyCase {
    KeyCase { name, before: "select 1", columns, key: "k", options: "", rows }
}

const EIGHT: &str =
    "(1, 'a', 1, 'a', 1, 'a', 1, 'a'), (1, 'a', 1, 'a', 1, 'a', 1, 'b'), (1, 'a', 1, 'a', 1, 'a', 2, ''),
    (1, 'a', 1, 'a', 1, 'b', 0, 'a'), (1, 'a', 1, 'a', 2, '', 9, 'a'), (1, 'a', 2, '', 0, 'a', 1, 'a'),
    (1, 'b', 0, 'z', 1, 'a', 1, 'a'), (2, '', 1, 'a', 1, 'a', 1, 'a'), (-3, 'z', 1, 'a', 1, 'a', 1, 'a')";

pub(super) const POSTGRES: &[KeyCase] = &[
    one("smallint", "k smallint", "(-32768), (-1), (0), (1), (32767)"),
    one("integer", "k integer", "(-2147483648), (-1), (0), (7), (2147483647)"),
    one("bigint", "k bigint", "(-9223372036854775808), (-1), (0), (1000000000000), (9223372036854775807)"),
    one("numeric", "k numeric", "('-Infinity'), (-1e30), (-0.1), (0), (1e-20), (1.0), (1e30), ('Infinity'), ('NaN')"),
    one("numeric-scaled", "k numeric(12, 4)", "(-99999999.9999), (-0.0001), (0), (0.0001), (10), (9), ('NaN')"),
    one(
        "text-c",
        "k text collate \"C\"",
        r#"(''), (' '), ('A'), ('B'), ('a'), ('é'), ('''"'), ('\'), (E'\n\t'), ('🦀'), ('%')"#,
    ),
    one("text-default", "k text", r#"(''), ('10'), ('9'), ('a"b'), ('{a,b}'), ('NULL'), ('∅'), ('$1'), ('--')"#),
    one(
        "text-icu",
        "k text collate \"en-x-icu\"",
        "(''), ('a'), ('A'), ('b'), ('B'), ('ä'), ('Z'), ('coop'), ('co-op'), ('résumé'), ('resume'), ('Résumé')",
    ),
    one(
        "interval",
        "k interval",
        "('0'), ('1 day'), ('-1 day'), ('1 year -2 mons'), ('-1 days +02:03:04'), ('1 day -00:00:00.000001'), ('-5 years')",
    ),
    KeyCase {
        name: "text-case-insensitive",
        before: "create collation case_insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        columns: "k text collate case_insensitive",
        key: "k",
        options: "",
        rows: "('a'), ('B'), ('c'), ('É'), ('f'), ('Straße'), ('z')",
    },
    one("varchar", "k varchar(20)", "(''), ('a'), ('a '), ('aa'), ('ab'), ('B')"),
    one(
        "uuid",
        "k uuid",
        "('00000000-0000-0000-0000-000000000000'), ('ffffffff-ffff-ffff-ffff-ffffffffffff'),
         ('6ba7b810-9dad-11d1-80b4-00c04fd430c8'), ('80000000-0000-4000-8000-000000000000')",
    ),
    one(
        "bytea",
        "k bytea",
        r"('\x'), ('\x00'), ('\x0000'), ('\x27'), ('\x5c'), ('\x5c30'), ('\x7f'), ('\xff'), ('\xff00')",
    ),
    one(
        "date",
        "k date",
        "('-infinity'), ('4713-01-01 BC'), ('0001-01-01'), ('2024-02-29'), ('2024-03-01'), ('5874897-12-31'), ('infinity')",
    ),
    one(
        "timestamp",
        "k timestamp",
        "('-infinity'), ('4713-01-01 BC'), ('2024-02-03 04:05:06'), ('2024-02-03 04:05:06.000001'), ('infinity')",
    ),
    one(
        "timestamptz-in-the-repeated-hour",
        "k timestamptz",
        "('-infinity'), ('2024-10-27 02:30:00+02'), ('2024-10-27 02:30:00+01'), ('2024-10-27 02:59:59.999999+02'),
         ('2024-03-31 03:00:00+02'), ('infinity')",
    ),
    one("boolean", "k boolean", "(true), (false)"),
    KeyCase {
        name: "enum",
        before: "create type mood as enum ('sad', 'ok', 'Very Happy', 'a''b', '')",
        columns: "k mood",
        key: "k",
        options: "",
        rows: "('ok'), ('sad'), (''), ('a''b'), ('Very Happy')",
    },
    KeyCase {
        name: "two-columns",
        before: "select 1",
        columns: "\"Tenant\" integer, \"order\" text",
        key: "\"Tenant\", \"order\"",
        options: "",
        rows: "(1, 'a'), (1, 'b'), (1, ''), (2, 'a'), (2, 'A'), (-1, 'z'), (10, 'a')",
    },
    KeyCase {
        name: "boolean-mood-and-day",
        before: "create type weather as enum ('sun', 'rain')",
        columns: "a boolean, b weather, c date",
        key: "c, a, b",
        options: "",
        rows: "('infinity', true, 'sun'), ('infinity', true, 'rain'), ('infinity', false, 'rain'),
               ('2024-01-02', true, 'sun'), ('2024-01-02', false, 'sun'), ('-infinity', false, 'rain')",
    },
    KeyCase {
        name: "eight-columns",
        before: "select 1",
        columns: "a smallint, b text, c integer, d varchar(9), e bigint, f text collate \"C\", g numeric, h text",
        key: "a, b, c, d, e, f, g, h",
        options: "",
        rows: EIGHT,
    },
];

/// Name, type, and an expression over `i` and `random()`.
pub(super) const RANDOM_VALUES: &[(&str, &str, &str)] = &[
    ("random-bigint", "bigint", "(random() - 0.5) * 1.8e19 / 10 ^ (i % 19)"),
    ("random-double", "double precision", "(random() - 0.5) * 10 ^ (random() * 600 - 300)"),
    ("random-real", "real", "(random() - 0.5) * 10 ^ (random() * 70 - 35)"),
    ("random-numeric", "numeric", "round((random() - 0.5)::numeric * 10 ^ (random() * 40)::numeric, i % 30)"),
    (
        "random-text",
        "text collate \"en-x-icu\"",
        "(select coalesce(string_agg(chr((array[1, 32, 48, 97, 223, 931, 4352, 127744])[1 + (random() * 7)::int]
          + (random() * 20)::int), ''), '') from generate_series(1, i % 9))",
    ),
    ("random-bytea", "bytea", "substring(decode(md5(random()::text), 'hex') for i % 17)"),
    ("random-uuid", "uuid", "md5(random()::text)"),
    (
        "random-timestamp",
        "timestamptz",
        "'2000-01-01'::timestamptz + (random() - 0.5) * interval '12000 years' * (random() ^ 9)",
    ),
    ("random-interval", "interval", "make_interval(mins => i, secs => (random() - 0.5) * 10 ^ (i % 12))"),
    ("random-inet", "inet", "'0.0.0.0'::inet + (random() * 4e9)::bigint"),
];

pub(super) const SQLITE: &[KeyCase] = &[
    one("integer", "k integer", "(-9223372036854775808), (-1), (0), (1000000000000), (9223372036854775807)"),
    one(
        "integer-not-rowid",
        "k bigint not null",
        "(-9223372036854775808), (-1), (0), (9), (10), (9223372036854775807)",
    ),
    one(
        "text",
        "k text not null",
        r#"(''), (' '), ('A'), ('a'), ('é'), ('''"'), ('\'), ('10'), ('9'), ('🦀'), ('i:1')"#,
    ),
    one("text-nocase", "k text not null collate nocase", "(''), ('a'), ('B'), ('c'), ('D'), ('_'), ('z'), ('ZA')"),
    one(
        "real",
        "k real not null",
        "(-9e999), (-1.7e308), (-0.1), (0), (5e-324), (0.1), (0.30000000000000004), (1e300), (9e999)",
    ),
    one("blob", "k blob not null", "(x''), (x'00'), (x'0000'), (x'27'), (x'3a'), (x'ff'), (x'ff00')"),
    one("date-as-text", "k date not null", "('2024-02-29'), ('0001-01-01'), ('9999-12-31'), (20240229)"),
    one("mixed-classes", "k not null", "(1), (2.5), (10), ('1'), ('10'), (''), (x'31'), (x''), (-7)"),
    one("numeric-affinity", "k numeric not null", "('1'), ('1.5'), ('abc'), (10), (9), ('1e3'), (x'00')"),
    KeyCase {
        name: "without-rowid",
        before: "select 1",
        columns: "k integer not null",
        key: "k",
        options: " without rowid",
        rows: "(-9223372036854775808), (-1), (0), (9223372036854775807)",
    },
    KeyCase {
        name: "two-columns-without-rowid",
        before: "select 1",
        columns: "\"Tenant\" integer not null, \"order\" text not null",
        key: "\"Tenant\", \"order\"",
        options: " without rowid",
        rows: "(1, 'a'), (1, 'b'), (1, ''), (2, 'a'), (2, 'A'), (-1, 'z'), (10, 'a')",
    },
    KeyCase {
        name: "eight-columns",
        before: "select 1",
        columns: "a integer not null, b text not null, c integer not null, d text not null, e integer not null,
                  f text not null, g real not null, h text not null",
        key: "a, b, c, d, e, f, g, h",
        options: "",
        rows: EIGHT,
    },
];
