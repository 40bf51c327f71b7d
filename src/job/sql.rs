//! Which words is a piece of SQL made of, and where does each stand? Knows quotes and comments, no grammar.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Location, Token, Tokenizer, TokenizerError};
use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

/// A piece of SQL, read as far as it could be.
pub(super) struct Sql {
    /// Without white space and comments.
    pub(super) words: Vec<Word>,
    /// Why the reading ended early, and the rest from there.
    pub(super) stop: Option<(Stop, Range<usize>)>,
}

/// One word, quoted text or sign.
pub(super) struct Word {
    pub(super) token: Token,
    /// Its bytes.
    pub(super) range: Range<usize>,
}

/// Why the reading ended early.
pub(super) enum Stop {
    /// The end came within this.
    Unterminated(&'static str),
    /// In the tokenizer's words.
    NotUnderstood(String),
}

/// Reads the words of a text by PostgreSQL's rules; what only another database quotes, such as `[odd name]`, is read as
/// signs and words.
pub(super) fn read(text: &str) -> Sql {
    let mut tokens = Vec::new();
    let failure = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize_with_location_into_buf(&mut tokens).err();
    let mut place = Place::start_of(text);
    let mut words = Vec::new();
    for token in tokens {
        let range = place.offset_of(token.span.start)..place.offset_of(token.span.end);
        words.push(Word { token: token.token, range });
    }
    let unread = words.last().map_or(0, |word| word.range.end)..text.len();
    words.retain(|word| !matches!(word.token, Token::Whitespace(_)));
    Sql { words, stop: failure.map(|failure| (stop(&failure, &text[unread.clone()]), unread)) }
}

/// Whether the text has a placeholder of a database that writes them `?`, `:name` or `@name`.
pub(super) fn has_sign_placeholder(text: &str) -> bool {
    let words = read(text).words;
    let next = words.iter().skip(1).map(Some).chain([None]);
    words.iter().zip(next).any(|(word, next)| match word.token {
        Token::Question => true,
        Token::Colon | Token::AtSign => next.is_some_and(|next| matches!(next.token, Token::Word(_))),
        _ => false,
    })
}

fn stop(failure: &TokenizerError, unread: &str) -> Stop {
    let message = &failure.message;
    let at_the_end = message.contains("Unterminated") || message.contains("EOF");
    // The tokenizer says "unterminated encoded" of every escape it does not know, `E'\xC3\xA9'` among them.
    if !at_the_end || message.contains("Unterminated encoded") {
        let mut letters = message.chars();
        let first = letters.next().map(|letter| letter.to_ascii_lowercase());
        return Stop::NotUnderstood(first.into_iter().chain(letters).collect());
    }
    Stop::Unterminated(match unread.chars().next() {
        Some('"') => "this quoted name",
        Some('/') => "this comment",
        Some('$') => "this dollar-quoted string",
        _ => "this string",
    })
}

/// The tokenizer counts lines and characters, from 1; a file is cut at bytes. Moves forward only, so that a long text
/// is counted once.
struct Place<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
    here: Location,
}

impl<'a> Place<'a> {
    fn start_of(text: &'a str) -> Self {
        Self { text, rest: text.char_indices().peekable(), here: Location::new(1, 1) }
    }

    fn offset_of(&mut self, place: Location) -> usize {
        while self.here < place
            && let Some((_, letter)) = self.rest.next()
        {
            self.here = match letter {
                '\n' => Location::new(self.here.line + 1, 1),
                _ => Location::new(self.here.line, self.here.column + 1),
            };
        }
        self.rest.peek().map_or(self.text.len(), |(offset, _)| *offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_its_bytes() {
        let text = "größe\r\n || 'ö\nü' /* é */ -- end\n\"ä\"";
        let words: Vec<&str> = read(text).words.iter().map(|word| &text[word.range.clone()]).collect();
        assert_eq!(words, ["größe", "||", "'ö\nü'", "\"ä\""]);
    }

    #[test]
    fn placeholders_of_other_databases_are_seen_outside_of_quotes() {
        let table = [
            ("price * ?", true),
            ("price * ?1", true),
            ("price * :rate", true),
            ("price * @rate", true),
            ("price::int", false),
            ("'what? :a @b'", false),
            ("tags[1:2]", false),
        ];
        for (sql, has) in table {
            assert_eq!(has_sign_placeholder(sql), has, "{sql}");
        }
    }
}
