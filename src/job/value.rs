//! Of which type is a value of the file? Knows TOML's types and what people call them, no key of a job.

use toml::de::DeValue;

/// The type that a key takes.
#[derive(Clone, Copy)]
pub(super) enum Expected {
    Text,
    Integer,
    Number,
    Boolean,
    Texts,
    Section,
    Sections,
}

impl Expected {
    /// After "takes".
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Texts => "an array of strings",
            Self::Section => "a section",
            Self::Sections => "sections in double brackets",
        }
    }

    /// How to write one.
    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Text => "write it in quotes",
            Self::Integer => "write a whole number, without quotes",
            Self::Number => "write a number, without quotes",
            Self::Boolean => "write `true` or `false`, without quotes",
            Self::Texts => r#"write strings in brackets, such as ["id"]"#,
            Self::Section => "give it a header of its own in brackets, and its keys on the lines below",
            Self::Sections => "give each a header of its own in double brackets, and its keys on the lines below",
        }
    }
}

/// A string.
pub(super) fn as_text(value: &DeValue<'_>) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// An integer that fits.
pub(super) fn as_integer(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// An integer, or a number with a fraction, of which TOML has `nan` and `inf` too.
pub(super) fn as_number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        integer => as_integer(integer).map(|integer| integer as f64),
    }
}

/// `true` or `false`.
pub(super) fn as_boolean(value: &DeValue<'_>) -> Option<bool> {
    value.as_bool()
}

/// After "this is".
pub(super) fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(integer) if i64::from_str_radix(integer.as_str(), integer.radix()).is_err() => {
            "too large a number"
        }
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a section",
    }
}
