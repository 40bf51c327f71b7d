//! Is every name read as it was written, and quoted so that a parser reads the same name? What the server itself makes of
//! quoted names is in `tests/promises`.

use crate::support::holds_for;
use proptest::prelude::*;
use sqlparser::dialect::{PostgreSqlDialect, SQLiteDialect};
use sqlparser::tokenizer::{Token, Tokenizer};
use tidegate::db::Dialect;
use tidegate::job::{Ident, TableName};

#[test]
fn a_name_is_read_as_it_is_shown() {
    holds_for((proptest::option::of(name()), name()), |(schema, name)| {
        prop_assert_eq!(Ident::parse(&name.to_string()), Ok(name.clone()));
        let table = TableName { schema, name };
        prop_assert_eq!(TableName::parse(&table.to_string()), Ok(table));
        Ok(())
    });
}

#[test]
fn a_text_is_a_name_or_says_why_not() {
    holds_for("\\PC{0,80}|[a-z\"._\u{0} ]{0,70}", |text| {
        match TableName::parse(&text) {
            Ok(table) => prop_assert_eq!(TableName::parse(&table.to_string()), Ok(table)),
            Err(error) => prop_assert!(!error.to_string().is_empty() && !error.help().is_empty()),
        }
        Ok(())
    });
}

#[test]
fn a_parser_reads_a_quoted_name_as_the_name_itself() {
    holds_for((name(), name()), |(schema, name)| {
        let table = TableName { schema: Some(schema.clone()), name: name.clone() };
        let word = |name: &Ident| (name.as_str().to_owned(), Some('"'));
        for dialect in [Dialect::Postgres, Dialect::Sqlite] {
            let sql = dialect.table(&table);
            prop_assert_eq!(words(dialect, &sql), Some(vec![word(&schema), word(&name)]), "{}", sql);
        }
        Ok(())
    });
}

/// Any text that a database keeps as a name, the wicked ones often.
fn name() -> impl Strategy<Value = Ident> {
    let text = prop_oneof!["[^\u{0}]{1,15}", "[\"'`\\[\\]a;.\\\\\n-]{1,30}", "[a-zA-Z_$0-9]{1,63}"];
    text.prop_filter_map("longer than a name", |text| Ident::new(&text).ok())
}

/// The words of a qualified name; `None` where there is anything but words and dots.
fn words(dialect: Dialect, sql: &str) -> Option<Vec<(String, Option<char>)>> {
    let parser: &dyn sqlparser::dialect::Dialect = match dialect {
        Dialect::Postgres => &PostgreSqlDialect {},
        Dialect::Sqlite => &SQLiteDialect {},
    };
    let tokens = Tokenizer::new(parser, sql).tokenize().ok()?;
    let is_qualified = matches!(tokens.as_slice(), [Token::Word(_), Token::Period, Token::Word(_)]);
    let words = tokens.into_iter().filter_map(|token| match token {
        Token::Word(word) => Some((word.value, word.quote_style)),
        _ => None,
    });
    is_qualified.then(|| words.collect())
}
