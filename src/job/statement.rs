//! Is this text one SQL expression? Reads words and brackets only: what the words mean is for the server to judge.
//!
//! The point is to catch mistakes where they were made. Whoever writes an expression into a statement still puts it
//! in parentheses, with a newline before the closing one, because an expression may end in a `--` comment.

use super::code::Code;
use super::sql::{self, Stop, Word};
use sqlparser::tokenizer::Token;
use std::fmt;
use std::ops::Range;

/// One SQL expression over a row of the walked table, as the user wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression(String);

impl Expression {
    /// Takes the text as an expression, without the white space around it.
    ///
    /// # Errors
    /// The first reason why it is none.
    pub fn parse(sql: &str) -> Result<Self, ExpressionError> {
        let error = findings(sql).into_iter().map(|finding| finding.error).find(ExpressionError::is_refusal);
        error.map_or_else(|| Ok(Self(sql.trim().to_owned())), Err)
    }

    /// The text, to be put in parentheses.
    pub fn as_sql(&self) -> &str {
        &self.0
    }

    /// Whether the text has a placeholder of a database that writes them `?`, `:name` or `@name`. To PostgreSQL these
    /// signs are operators, so only the adapter of such a database asks.
    pub fn has_sign_placeholder(&self) -> bool {
        sql::has_sign_placeholder(&self.0)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no expression, or cannot be known to be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Nothing, or nothing but comments.
    #[error("an expression cannot be empty")]
    Empty,
    /// No database takes a NUL in a text.
    #[error("an expression cannot contain a NUL character")]
    Nul,
    /// The keyword that begins the statement.
    #[error("`{0}` begins a statement, and this is the place of an expression")]
    Statement(String),
    /// A second statement might follow.
    #[error("`;` ends a statement, and this is the place of an expression")]
    Semicolon,
    /// A second value, or a second assignment, might follow.
    #[error("a comma outside brackets would begin a second value")]
    Comma,
    /// The bracket without its other half.
    #[error("`{0}` has no other half")]
    Bracket(char),
    /// The placeholder as written.
    #[error("`{0}` is a placeholder, and a job has no value to put there")]
    Placeholder(String),
    /// What never ends.
    #[error("{0} is never closed")]
    Unterminated(&'static str),
    /// The tokenizer's own words. No refusal: it knows less SQL than the server does.
    #[error("this expression could not be checked: {0}")]
    Unread(String),
}

impl ExpressionError {
    /// The stable code of this kind of problem.
    pub fn code(&self) -> Code {
        match self {
            Self::Empty => Code::ExpressionEmpty,
            Self::Nul => Code::ExpressionNul,
            Self::Statement(_) => Code::ExpressionStatement,
            Self::Semicolon => Code::ExpressionSemicolon,
            Self::Comma => Code::ExpressionComma,
            Self::Bracket(_) => Code::ExpressionBrackets,
            Self::Placeholder(_) => Code::ExpressionPlaceholder,
            Self::Unterminated(_) => Code::ExpressionUnterminated,
            Self::Unread(_) => Code::ExpressionUnread,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Empty => "write an expression over the row, such as `lower(email)`",
            Self::Nul => "remove the character `\\u0000`",
            Self::Statement(_) => "put a subquery in parentheses, or a column of that name in double quotes",
            Self::Semicolon => "remove it: tidegate writes the statements around the expression",
            Self::Comma => "write one expression, and give each further column a line of its own",
            Self::Bracket(_) => "close every bracket that is opened, in the same expression",
            Self::Placeholder(_) => "write the value itself",
            Self::Unterminated(_) => "close it; a quote within a string is written twice",
            Self::Unread(_) => "look at it again; if it is what you mean, let `tidegate plan` ask the server",
        }
    }

    /// Whether the text is refused for it.
    pub(super) fn is_refusal(&self) -> bool {
        self.code() != Code::ExpressionUnread
    }
}

/// Something found in an expression, and where: bytes of the text.
pub(super) struct Finding {
    pub(super) error: ExpressionError,
    pub(super) range: Range<usize>,
}

/// All that is wrong with the text, each kind once.
pub(super) fn findings(text: &str) -> Vec<Finding> {
    let sql = sql::read(text);
    let mut found = Vec::new();
    if sql.words.is_empty() && sql.stop.is_none() {
        found.push(Finding { error: ExpressionError::Empty, range: 0..text.len() });
    }
    if let Some(nul) = text.find('\0') {
        found.push(Finding { error: ExpressionError::Nul, range: nul..nul + 1 });
    }
    found.extend(sql.words.first().and_then(|word| Some(finding(word, statement(&word.token)?))));
    found.extend(sql.words.iter().filter_map(|word| Some(finding(word, placeholder(&word.token)?))));
    found.extend(structure(&sql.words, sql.stop.is_none()));
    found.extend(sql.stop.map(|(stop, range)| Finding { error: stopped(stop), range }));
    // Stable, so that the first of each kind stays.
    found.sort_by_key(|finding| finding.error.code());
    found.dedup_by_key(|finding| finding.error.code());
    found
}

/// Does the first word begin a statement?
fn statement(first: &Token) -> Option<ExpressionError> {
    const STATEMENTS: &[&str] = &[
        "ALTER", "BEGIN", "CALL", "COMMIT", "COPY", "CREATE", "DELETE", "DO", "DROP", "INSERT", "ROLLBACK", "SELECT",
        "SET", "TRUNCATE", "UPDATE", "WITH",
    ];
    let Token::Word(word) = first else { return None };
    let begins = word.quote_style.is_none() && STATEMENTS.contains(&word.value.to_ascii_uppercase().as_str());
    begins.then(|| ExpressionError::Statement(word.value.clone()))
}

/// Only `$1`: the question mark is an operator of jsonb.
fn placeholder(token: &Token) -> Option<ExpressionError> {
    match token {
        Token::Placeholder(text) if text.starts_with('$') => Some(ExpressionError::Placeholder(text.clone())),
        // The tokenizer reads `$1$ … $1$` as a string; to PostgreSQL no dollar quote begins with a digit.
        Token::DollarQuotedString(string) => {
            let tag = string.tag.as_ref().filter(|tag| tag.starts_with(|c: char| c.is_ascii_digit()))?;
            Some(ExpressionError::Placeholder(format!("${tag}")))
        }
        _ => None,
    }
}

/// Semicolons anywhere, commas outside brackets, brackets without their other half.
fn structure(words: &[Word], complete: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut open: Vec<(&Word, char)> = Vec::new();
    for word in words {
        let error = match word.token {
            Token::LParen => {
                open.push((word, '('));
                continue;
            }
            Token::LBracket => {
                open.push((word, '['));
                continue;
            }
            Token::RParen if open.pop_if(|(_, bracket)| *bracket == '(').is_none() => ExpressionError::Bracket(')'),
            Token::RBracket if open.pop_if(|(_, bracket)| *bracket == '[').is_none() => ExpressionError::Bracket(']'),
            Token::SemiColon => ExpressionError::Semicolon,
            Token::Comma if open.is_empty() => ExpressionError::Comma,
            _ => continue,
        };
        found.push(finding(word, error));
    }
    // In a text that was read only in part, the other half may stand in the rest.
    if complete {
        found.extend(open.iter().map(|(word, bracket)| finding(word, ExpressionError::Bracket(*bracket))));
    }
    found
}

fn stopped(stop: Stop) -> ExpressionError {
    match stop {
        Stop::Unterminated(what) => ExpressionError::Unterminated(what),
        Stop::NotUnderstood(why) => ExpressionError::Unread(why),
    }
}

fn finding(word: &Word, error: ExpressionError) -> Finding {
    Finding { error, range: word.range.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_server_would_take_is_an_expression() {
        for sql in [
            "first_name || ' ' || last_name",
            "null",
            "coalesce(a, b, array[1, 2][1], numeric(10, 2) '1.5')",
            "(select max(x) from y where y.id = z)",
            "tags ? 'a' and tags ?| array['b', 'c'] and tags @> '{}'",
            "'; drop table x, y; --' || \"odd;,name\" || $$;,($$ || $a$;,($a$",
            "a -- trailing, comment; (",
            "/* nested /* comment, */ ; */ a",
            "\"select\"",
            "selected + 1",
            "E'it\\'s; fine'",
            "it.copy",
            "größe > 5",
        ] {
            assert_eq!(Expression::parse(sql).unwrap().as_sql(), sql);
        }
        assert_eq!(Expression::parse(" \n lower(email)\t").unwrap().as_sql(), "lower(email)");
    }

    #[test]
    fn what_is_none_is_refused_with_its_place() {
        use ExpressionError::*;
        let cases: &[(&str, ExpressionError, &str)] = &[
            ("", Empty, ""),
            (" -- nothing", Empty, " -- nothing"),
            ("a\0", Nul, "\0"),
            ("SELECT 1", Statement("SELECT".into()), "SELECT"),
            ("/* hm */ delete from x", Statement("delete".into()), "delete"),
            ("1; drop table users", Semicolon, ";"),
            ("(1; 2)", Semicolon, ";"),
            ("1, admin = true", Comma, ","),
            ("'ö'\n|| 'ö', 2", Comma, ","),
            ("lower(a", Bracket('('), "("),
            ("a) where (true", Bracket(')'), ")"),
            ("array[(1]", Bracket(']'), "]"),
            ("a = $1", Placeholder("$1".into()), "$1"),
            ("$1$, admin = true, b = $1$", Placeholder("$1".into()), "$1$, admin = true, b = $1$"),
            ("a || 'open", Unterminated("this string"), "'open"),
            ("a || \"open", Unterminated("this quoted name"), "\"open"),
            ("a /* open", Unterminated("this comment"), "/* open"),
            ("a || $$open", Unterminated("this dollar-quoted string"), "$$open"),
            ("a || $x$open$$", Unterminated("this dollar-quoted string"), "$x$open$$"),
        ];
        for (sql, error, place) in cases {
            let found = findings(sql);
            let seen: Vec<_> = found.iter().map(|finding| (&finding.error, &sql[finding.range.clone()])).collect();
            assert!(seen.contains(&(error, *place)), "{sql}: {seen:?}");
            assert!(Expression::parse(sql).is_err(), "{sql}");
        }
    }

    #[test]
    fn what_only_the_server_understands_is_a_warning() {
        for sql in ["1__0", r"E'\xC3\xA9'", r"U&'\zzzz'"] {
            let found = findings(sql);
            assert!(matches!(found[..], [Finding { error: ExpressionError::Unread(_), .. }]), "{sql}");
            assert!(Expression::parse(sql).is_ok(), "{sql}");
        }
    }

    #[test]
    fn all_kinds_are_found_at_once() {
        let codes: Vec<_> = findings("select $1, 2; (").iter().map(|finding| finding.error.code().as_str()).collect();
        let expected = ["statement", "semicolon", "comma", "brackets", "placeholder"];
        assert_eq!(codes, expected.map(|name| format!("expression-{name}")));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_panic(sql in any::<String>()) {
            for finding in findings(&sql) {
                prop_assert!(sql.get(finding.range).is_some());
            }
        }

        #[test]
        fn no_sql_makes_a_panic(sql in r#"([a-z$'"(),;/*\-\[\]?\\\nEUXN&1_ö.]|\$\$|/\*|--){0,40}"#) {
            for finding in findings(&sql) {
                prop_assert!(sql.get(finding.range).is_some());
            }
        }
    }
}
