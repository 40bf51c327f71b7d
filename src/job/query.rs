//! Is this text one query that only reads? Reads words and brackets only: that nothing is written is for the server's
//! read-only transaction to see to.

use super::code::Code;
use super::sql;
use super::statement::{self, ExpressionError};
use std::fmt;
use std::ops::Range;

/// One query, as the user wrote it, with which a signal is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query(String);

impl Query {
    /// Takes the text as a query, without the white space around it.
    ///
    /// # Errors
    /// The first reason why it is none.
    pub fn parse(sql: &str) -> Result<Self, QueryError> {
        let refusal = findings(sql).into_iter().map(|(error, _)| error).find(|error| error.0.is_refusal());
        refusal.map_or_else(|| Ok(Self(sql.trim().to_owned())), Err)
    }

    /// The text: one statement, without a semicolon. It may end in a `--` comment.
    pub fn as_sql(&self) -> &str {
        &self.0
    }

    /// Whether the text has a placeholder of a database that writes them `?`, `:name` or `@name`. To PostgreSQL these
    /// signs are operators, so only the adapter of such a database asks.
    pub fn has_sign_placeholder(&self) -> bool {
        sql::has_sign_placeholder(&self.0)
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no query, or cannot be known to be one. The same kinds as of an expression, in other words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError(ExpressionError);

impl QueryError {
    /// The stable code of this kind of problem.
    pub fn code(&self) -> Code {
        self.0.code()
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match &self.0 {
            ExpressionError::Empty => "write a query, such as `select count(*) from jobs where state = 'ready'`",
            ExpressionError::Statement(_) => "measure with a query that begins with `select` or `with`",
            ExpressionError::Semicolon => "remove it: a signal is one query",
            ExpressionError::Bracket(_) => "close every bracket that is opened, in the same query",
            other => other.help(),
        }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ExpressionError::Empty => f.write_str("a query cannot be empty"),
            ExpressionError::Nul => f.write_str("a query cannot contain a NUL character"),
            ExpressionError::Statement(word) => write!(f, "`{word}` begins a statement that does more than read"),
            ExpressionError::Semicolon => f.write_str("`;` ends a statement, and a second one might follow"),
            ExpressionError::Unread(why) => write!(f, "this query could not be checked: {why}"),
            other => other.fmt(f),
        }
    }
}

impl std::error::Error for QueryError {}

/// All that is wrong with the text, each kind once, with the bytes where it stands. What a query has and an expression
/// has not is no finding.
pub(super) fn findings(text: &str) -> Vec<(QueryError, Range<usize>)> {
    let is_one = |error: &ExpressionError| match error {
        ExpressionError::Comma => false,
        ExpressionError::Statement(word) => !["select", "with"].contains(&word.to_ascii_lowercase().as_str()),
        _ => true,
    };
    let found = statement::findings(text).into_iter().filter(|finding| is_one(&finding.error));
    found.map(|finding| (QueryError(finding.error), finding.range)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_server_would_answer_is_a_query() {
        for sql in [
            "select 1",
            "SELECT a, b FROM c -- one, two; three",
            "with x as (select 1) select * from x",
            "values (1)",
            "table jobs",
            "(select 1) union all (select 2)",
            "select ';' || \"odd;name\" || $$;$1$$",
            "select count(*) from jobs where tags ? 'a'",
        ] {
            assert_eq!(Query::parse(sql).unwrap().as_sql(), sql);
        }
        assert_eq!(Query::parse("\n  select 1\n").unwrap().as_sql(), "select 1");
    }

    #[test]
    fn what_is_none_is_refused_with_its_place() {
        let cases: &[(&str, Code, &str)] = &[
            ("", Code::ExpressionEmpty, ""),
            ("/* later */", Code::ExpressionEmpty, "/* later */"),
            ("select 1\0", Code::ExpressionNul, "\0"),
            ("select 1;", Code::ExpressionSemicolon, ";"),
            ("select 1; drop table jobs", Code::ExpressionSemicolon, ";"),
            ("delete from jobs", Code::ExpressionStatement, "delete"),
            ("/* x */ commit", Code::ExpressionStatement, "commit"),
            ("select count(* from jobs", Code::ExpressionBrackets, "("),
            ("select $1", Code::ExpressionPlaceholder, "$1"),
            ("select 'open", Code::ExpressionUnterminated, "'open"),
        ];
        for (sql, code, place) in cases {
            let seen: Vec<_> = findings(sql).into_iter().map(|(error, range)| (error.code(), &sql[range])).collect();
            assert_eq!(seen, [(*code, *place)], "{sql}");
            assert_eq!(Query::parse(sql).unwrap_err().code(), *code, "{sql}");
        }
    }

    #[test]
    fn no_word_of_a_query_calls_it_an_expression() {
        for sql in ["", "select 1\0", "drop table jobs", ";", "(", "$1", "'", r"select E'\xC3'"] {
            for (error, _) in findings(sql) {
                assert!(!format!("{error} {}", error.help()).contains("expression"), "{sql}: {error}");
            }
        }
    }

    #[test]
    fn a_placeholder_that_only_sqlite_knows_is_seen() {
        assert!(Query::parse("select count(*) from jobs where id > ?").unwrap().has_sign_placeholder());
        assert!(!Query::parse("select count(*) from jobs where name = '?'").unwrap().has_sign_placeholder());
    }

    proptest! {
        #[test]
        fn no_text_makes_a_panic(sql in any::<String>()) {
            for (error, range) in findings(&sql) {
                prop_assert!(sql.get(range).is_some(), "{}", error);
            }
        }
    }
}
