//! Which queries may an expression run beside the statement it stands in? Reads words only: what a function does is for
//! the catalog to say.

use super::sql;
use super::statement::Expression;
use sqlparser::tokenizer::{Token, Word};

impl Expression {
    /// Whether a query stands in it, or cannot be ruled out.
    pub fn may_hold_query(&self) -> bool {
        const QUERIES: [&str; 4] = ["SELECT", "TABLE", "VALUES", "WITH"];
        let sql = sql::read(self.as_sql());
        let begins_query = |token: &Token| match token {
            Token::Word(word) => {
                word.quote_style.is_none() && QUERIES.iter().any(|query| word.value.eq_ignore_ascii_case(query))
            }
            _ => false,
        };
        sql.stop.is_some() || sql.words.iter().any(|word| begins_query(&word.token))
    }

    /// Names that stand before a bracket, as the catalog writes them: functions that are called, and words of the language.
    pub fn called(&self) -> Vec<String> {
        let words = sql::read(self.as_sql()).words;
        let pairs = words.iter().zip(words.iter().skip(1));
        let names = pairs.filter_map(|(word, next)| match (&word.token, &next.token) {
            (Token::Word(word), Token::LParen) => Some(as_catalogued(word)),
            _ => None,
        });
        names.collect()
    }
}

fn as_catalogued(word: &Word) -> String {
    match word.quote_style {
        Some(_) => word.value.clone(),
        None => word.value.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_seen_outside_of_quotes() {
        let table = [
            ("(select max(x) from other)", true),
            ("exists (SELECT from other)", true),
            ("id in (table ids)", true),
            ("id in (values (1), (2))", true),
            ("(with a as (select 1) select * from a)", true),
            // What was not read may hold anything.
            ("U&'\\+zzzzzz' || note", true),
            ("'select' || \"select\"", false),
            ("first_name || ' ' || last_name -- select", false),
            ("coalesce(selected, 0) + 1", false),
        ];
        for (sql, holds) in table {
            assert_eq!(Expression::parse(sql).unwrap().may_hold_query(), holds, "{sql}");
        }
    }

    #[test]
    fn functions_are_named_as_the_catalog_does() {
        let called = |sql| Expression::parse(sql).unwrap().called();
        assert_eq!(called("Lower(name) || app.\"Look\"(id) || 'trim(x)'"), ["lower", "Look"]);
        assert_eq!(called("a + b"), [""; 0]);
    }
}
