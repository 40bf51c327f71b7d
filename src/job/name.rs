//! What is a table or a column called? Knows the shape of names, not whether a database has one of that name.

use serde::{Deserialize, Serialize};
use std::fmt;

/// PostgreSQL cuts longer identifiers without an error, and then means another one.
const MAX_BYTES: usize = 63;

/// The name of one column, table or schema, in its exact case.
///
/// Nothing is folded: `Users` means `Users` and never `users`, so whoever writes it into SQL quotes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ident(String);

/// The name of a table, with its schema where one was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TableName {
    /// Without one, the database's search path decides.
    pub schema: Option<Ident>,
    /// The table itself.
    pub name: Ident,
}

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is nothing.
    #[error("a name cannot be empty")]
    Empty,
    /// No database takes a NUL in a name.
    #[error("a name cannot contain a NUL character")]
    Nul,
    /// The database would cut it.
    #[error("a name of {0} bytes is longer than the {MAX_BYTES} that PostgreSQL keeps")]
    TooLong(usize),
    /// The first character that does not belong there.
    #[error("{} cannot stand in a name without double quotes", shown(*.0))]
    Character(char),
    /// A name starts with a double quote and never ends.
    #[error("the double quote of a name is never closed")]
    Unclosed,
    /// `a.b.c`, or a column with a table before it.
    #[error("this name has too many parts")]
    TooManyParts,
}

impl NameError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Empty => "write the name as the database has it",
            Self::Nul => "remove the character `\\u0000`",
            Self::TooLong(_) => "use the name as the database keeps it, which is the first 63 bytes",
            Self::Character(_) => r#"put an unusual name in double quotes inside the string: '"odd name"'"#,
            Self::Unclosed => "end the name with a double quote; a double quote within it is written twice",
            Self::TooManyParts => {
                "a table is `table` or `schema.table`, a column only its name; the database comes from `--database`"
            }
        }
    }
}

impl Ident {
    /// A name that every database keeps as it is.
    pub(crate) fn of_ours(name: &'static str) -> Self {
        Self(name.to_owned())
    }

    /// A name as the database itself tells it: any text it can keep.
    ///
    /// # Errors
    /// When no database could have told it.
    pub fn new(name: &str) -> Result<Self, NameError> {
        match name {
            "" => Err(NameError::Empty),
            _ if name.contains('\0') => Err(NameError::Nul),
            _ if name.len() > MAX_BYTES => Err(NameError::TooLong(name.len())),
            _ => Ok(Self(name.to_owned())),
        }
    }

    /// A name as a person writes it: `users`, or `"odd name"` in double quotes.
    ///
    /// # Errors
    /// When the text is no such name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (ident, rest) = take(text)?;
        nothing_left(rest)?;
        Ok(ident)
    }

    /// The name itself, without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TableName {
    /// A table as a person writes it: `users`, `public.users`, `"odd schema"."odd.table"`.
    ///
    /// # Errors
    /// When the text is no such name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (first, rest) = take(text)?;
        let Some(rest) = rest.strip_prefix('.') else {
            nothing_left(rest)?;
            return Ok(Self { schema: None, name: first });
        };
        let (name, rest) = take(rest)?;
        nothing_left(rest)?;
        Ok(Self { schema: Some(first), name })
    }
}

impl TryFrom<String> for TableName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<TableName> for String {
    fn from(name: TableName) -> Self {
        name.to_string()
    }
}

/// As a person would write it: in quotes only where it must be.
impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if plain_length(&self.0) == self.0.len() {
            f.write_str(&self.0)
        } else {
            write!(f, "\"{}\"", self.0.replace('"', "\"\""))
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => self.name.fmt(f),
        }
    }
}

/// Takes one name from the start of the text; gives it and what follows.
fn take(text: &str) -> Result<(Ident, &str), NameError> {
    if let Some(quoted) = text.strip_prefix('"') {
        return take_quoted(quoted);
    }
    let length = plain_length(text);
    let (name, rest) = text.split_at(length);
    match rest.chars().next() {
        Some(wrong) if name.is_empty() && wrong != '.' => Err(NameError::Character(wrong)),
        _ => Ok((Ident::new(name)?, rest)),
    }
}

/// Takes a quoted name whose opening quote is gone already.
fn take_quoted(text: &str) -> Result<(Ident, &str), NameError> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"').ok_or(NameError::Unclosed)?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Ok((Ident::new(&name)?, after)),
        }
    }
}

/// How many bytes from the start need no quotes.
fn plain_length(text: &str) -> usize {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let belongs = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    if starts { text.find(|c| !belongs(c)).unwrap_or(text.len()) } else { 0 }
}

fn shown(character: char) -> String {
    if character.is_whitespace() { "white space".to_owned() } else { format!("`{}`", character.escape_debug()) }
}

fn nothing_left(rest: &str) -> Result<(), NameError> {
    match rest.chars().next() {
        None => Ok(()),
        Some('.') => Err(NameError::TooManyParts),
        Some(wrong) => Err(NameError::Character(wrong)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn identifiers_are_read_as_written() {
        let long = "x".repeat(63);
        let too_long = "é".repeat(32);
        let cases: &[(&str, Result<&str, NameError>)] = &[
            ("id", Ok("id")),
            ("_Mixed$9", Ok("_Mixed$9")),
            (r#""odd name""#, Ok("odd name")),
            (r#""say ""hi""""#, Ok(r#"say "hi""#)),
            (&long, Ok(&long)),
            ("", Err(NameError::Empty)),
            (r#""""#, Err(NameError::Empty)),
            ("9lives", Err(NameError::Character('9'))),
            ("odd name", Err(NameError::Character(' '))),
            ("größe", Err(NameError::Character('ö'))),
            (r#""open"#, Err(NameError::Unclosed)),
            (r#""closed"x"#, Err(NameError::Character('x'))),
            ("users.id", Err(NameError::TooManyParts)),
            ("\"a\0b\"", Err(NameError::Nul)),
            (&format!("\"{too_long}\""), Err(NameError::TooLong(64))),
        ];
        for (text, expected) in cases {
            assert_eq!(Ident::parse(text).as_ref().map(Ident::as_str), expected.as_ref().copied(), "{text}");
        }
    }

    #[test]
    fn tables_are_shown_as_they_are_written() {
        for text in ["users", "public.users", r#""odd schema"."odd.table""#, r#"public."Odd""Table""#] {
            assert_eq!(TableName::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(TableName::parse(r#""public"."users""#).unwrap().to_string(), "public.users");
    }

    #[test]
    fn tables_have_one_or_two_parts() {
        for (text, expected) in [
            ("a.b.c", NameError::TooManyParts),
            ("a.", NameError::Empty),
            (".b", NameError::Empty),
            ("a b", NameError::Character(' ')),
            ("a. b", NameError::Character(' ')),
        ] {
            assert_eq!(TableName::parse(text), Err(expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_panic(text in any::<String>()) {
            let _ = Ident::parse(&text);
            let _ = TableName::parse(&text);
            let _ = Ident::new(&text);
        }

        #[test]
        fn every_name_of_a_catalog_survives_being_shown(name in "[^\0]{1,15}", schema in "[^\0]{1,15}") {
            let ident = Ident::new(&name).unwrap();
            prop_assert_eq!(&Ident::parse(&ident.to_string()).unwrap(), &ident);
            let table = TableName { schema: Some(Ident::new(&schema).unwrap()), name: ident };
            prop_assert_eq!(TableName::parse(&table.to_string()).unwrap(), table);
        }
    }
}
