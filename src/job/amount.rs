//! How long, or how much? Reads durations, sizes and shares as people write them, and says why a text is none. Knows no key of
//! a job.

use super::code::Code;
use super::limit;
use bytesize::ByteSize;
use std::time::Duration;

/// Why a text is no such amount.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AmountError {
    pub(super) code: Code,
    pub(super) why: String,
    pub(super) help: String,
}

/// How a size is written, for the published schema.
pub(super) const SIZE_PATTERN: &str = r"^[0-9]{1,6}(\.[0-9]{1,6})?(KiB|MiB|GiB|TiB)$";

/// Reads a duration.
///
/// # Errors
/// When the text is none, or one that the key does not take.
pub(super) fn duration(text: &str, takes: &limit::DurationRange) -> Result<Duration, AmountError> {
    let duration = any_duration(text)?;
    let (least, most) = (*takes.range.start(), *takes.range.end());
    if duration < least {
        let help = format!("write at least `{}`", shown(least));
        return Err(error(Code::DurationTooShort, takes.too_short, help));
    }
    if duration > most {
        let help = format!("write at most `{}`; {}", shown(most), takes.advice);
        return Err(error(Code::DurationTooLong, takes.too_long, help));
    }
    Ok(duration)
}

fn any_duration(text: &str) -> Result<Duration, AmountError> {
    const EXAMPLE: &str = "write a number and a unit, such as `500ms`, `30s` or `2m`";
    const NO_LENGTH: &[&str] = &["M", "month", "months", "y", "yr", "yrs", "year", "years"];
    if text.split(|c: char| !c.is_ascii_alphabetic()).any(|unit| NO_LENGTH.contains(&unit)) {
        let help = "use a unit of fixed length; a minute is `1m`, in lower case";
        return Err(error(Code::DurationWithoutLength, "months and years have no fixed length", help));
    }
    // Beyond this length humantime 2.4 can overflow where it adds up seconds, and panic.
    const MAX_DIGITS: usize = 9;
    if text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > MAX_DIGITS) {
        let why = format!("a number of more than {MAX_DIGITS} digits is no duration");
        return Err(error(Code::DurationInvalid, why, EXAMPLE));
    }
    humantime::parse_duration(text).map_err(|cause| {
        let why = match cause {
            // Its own words recommend months and years.
            humantime::DurationError::UnknownUnit { unit, .. } if !unit.is_empty() => {
                format!("no unit is called `{unit}`")
            }
            cause => cause.to_string(),
        };
        error(Code::DurationInvalid, why, EXAMPLE)
    })
}

/// Reads a size in bytes.
///
/// A unit is required, in one spelling: `16` might be meant as megabytes, `16M` and `16MB` are powers of ten to some and
/// of two to PostgreSQL, and a small `b` is a bit to many. The crate takes all of them.
///
/// # Errors
/// When the text is none, or too small for any use.
pub(super) fn size(text: &str) -> Result<u64, AmountError> {
    const UNITS: &[&str] = &["KiB", "MiB", "GiB", "TiB"];
    const EXAMPLE: &str = "write a number and one of the units `KiB`, `MiB`, `GiB` and `TiB`, such as `16MiB`";
    // Far below where a u64 of bytes ends; the crate would take the largest one and say nothing.
    const MAX_DIGITS: usize = 6;
    let invalid = |why: String| error(Code::SizeInvalid, why, EXAMPLE);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err(invalid("it does not begin with a number".to_owned()));
    }
    if whole.len() > MAX_DIGITS || fraction.len() > MAX_DIGITS {
        return Err(invalid(format!("a number of more than {MAX_DIGITS} digits wants a larger unit")));
    }
    if !UNITS.contains(&unit) {
        return Err(invalid(unknown_unit(unit)));
    }
    let bytes = text.parse::<ByteSize>().map_err(invalid)?.as_u64();
    if bytes < limit::MIN_SIZE {
        let help = format!("write at least `{}`", shown_size(limit::MIN_SIZE));
        return Err(error(Code::SizeTooSmall, "a handful of rows writes more than that", help));
    }
    Ok(bytes)
}

/// How a share is written, for the published schema.
pub(super) const SHARE_PATTERN: &str = r"^[0-9]{1,3}(\.[0-9]{1,6})?%$";

/// Reads a share, above 0 up to 1. The sign is required: `0.1` might be meant as a tenth of all, or of a hundredth.
///
/// # Errors
/// When the text is none, or a share of nothing or of more than all.
pub(super) fn share(text: &str) -> Result<f64, AmountError> {
    const EXAMPLE: &str = "write a number and a per cent sign, such as `0.1%`";
    let invalid = |why: &str| error(Code::ShareInvalid, why, EXAMPLE);
    let number = text.strip_suffix('%').ok_or_else(|| invalid("it does not end with `%`"))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_number =
        |digits: &str, most| (1..=most).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number(whole, 3) || !is_number(fraction, 6) {
        return Err(invalid("what is before the sign is no number of at most 3 digits, with 6 behind the point"));
    }
    match number.parse::<f64>() {
        Ok(percent) if percent > 0.0 && percent <= 100.0 => Ok(percent / 100.0),
        Ok(percent) => {
            let why = if percent > 0.0 { "there are no more rows than all" } else { "it is a share of nothing" };
            Err(error(Code::ShareOutOfRange, why, "write a share above `0%` and up to `100%`"))
        }
        Err(_) => Err(invalid("it is no number")),
    }
}

/// A duration as it is written in a job.
pub(super) fn shown(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// A size as it is written in a job.
pub(super) fn shown_size(bytes: u64) -> String {
    crate::quantity::Quantity::bytes(bytes as f64).to_string()
}

fn unknown_unit(unit: &str) -> String {
    match unit.trim() {
        "" => "it has no unit".to_owned(),
        known if known != unit => "a number and its unit are written together".to_owned(),
        unknown => {
            let letters: String = unknown.chars().take(12).map(|c| if c.is_control() { ' ' } else { c }).collect();
            format!("no unit is called `{letters}`")
        }
    }
}

fn error(code: Code, why: impl Into<String>, help: impl Into<String>) -> AmountError {
    AmountError { code, why: why.into(), help: help.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_or_refused_with_the_reason() {
        let cases: &[(&str, Result<Duration, Code>)] = &[
            ("30s", Ok(Duration::from_secs(30))),
            ("1m 30s", Ok(Duration::from_secs(90))),
            ("24h", Ok(Duration::from_secs(86_400))),
            ("1ms", Ok(Duration::from_millis(1))),
            ("1M", Err(Code::DurationWithoutLength)),
            ("2 months", Err(Code::DurationWithoutLength)),
            ("1h 1y", Err(Code::DurationWithoutLength)),
            ("1year", Err(Code::DurationWithoutLength)),
            ("0s", Err(Code::DurationTooShort)),
            ("999us", Err(Code::DurationTooShort)),
            ("24h 1ms", Err(Code::DurationTooLong)),
            ("", Err(Code::DurationInvalid)),
            ("30", Err(Code::DurationInvalid)),
            ("-1s", Err(Code::DurationInvalid)),
            ("soon", Err(Code::DurationInvalid)),
            ("5124095576030431h15s1000ms", Err(Code::DurationInvalid)),
        ];
        for (text, expected) in cases {
            assert_eq!(duration(text, &limit::TIMEOUT).map_err(|error| error.code), *expected, "{text}");
        }
    }

    #[test]
    fn a_size_has_a_unit_in_its_one_spelling() {
        const KIB: u64 = 1024;
        let cases: &[(&str, Result<u64, Code>)] = &[
            ("64KiB", Ok(64 * KIB)),
            ("16MiB", Ok(16 * KIB * KIB)),
            ("1.5GiB", Ok(1536 * KIB * KIB)),
            ("999999TiB", Ok(999_999 * KIB.pow(4))),
            ("63.9KiB", Err(Code::SizeTooSmall)),
            ("0MiB", Err(Code::SizeTooSmall)),
            ("0.000000TiB", Err(Code::SizeTooSmall)),
            ("", Err(Code::SizeInvalid)),
            ("16", Err(Code::SizeInvalid)),
            ("16777216", Err(Code::SizeInvalid)),
            ("16777216B", Err(Code::SizeInvalid)),
            ("16M", Err(Code::SizeInvalid)),
            ("16MB", Err(Code::SizeInvalid)),
            ("16Mi", Err(Code::SizeInvalid)),
            ("16mib", Err(Code::SizeInvalid)),
            ("16 MiB", Err(Code::SizeInvalid)),
            (" 16MiB", Err(Code::SizeInvalid)),
            ("MiB", Err(Code::SizeInvalid)),
            (".5GiB", Err(Code::SizeInvalid)),
            ("5.GiB", Err(Code::SizeInvalid)),
            ("1.2.3GiB", Err(Code::SizeInvalid)),
            ("-16MiB", Err(Code::SizeInvalid)),
            ("+16MiB", Err(Code::SizeInvalid)),
            ("1e3MiB", Err(Code::SizeInvalid)),
            ("1000000TiB", Err(Code::SizeInvalid)),
            ("99999999999999999999PiB", Err(Code::SizeInvalid)),
        ];
        for (text, expected) in cases {
            assert_eq!(size(text).map_err(|error| error.code), *expected, "{text}");
        }
    }

    #[test]
    fn a_share_has_its_sign_in_its_one_spelling() {
        let cases: &[(&str, Result<f64, Code>)] = &[
            ("0.1%", Ok(0.001)),
            ("1%", Ok(0.01)),
            ("100%", Ok(1.0)),
            ("0.000001%", Ok(1e-8)),
            ("0%", Err(Code::ShareOutOfRange)),
            ("0.000000%", Err(Code::ShareOutOfRange)),
            ("100.1%", Err(Code::ShareOutOfRange)),
            ("999%", Err(Code::ShareOutOfRange)),
            ("", Err(Code::ShareInvalid)),
            ("%", Err(Code::ShareInvalid)),
            ("1", Err(Code::ShareInvalid)),
            ("0.001", Err(Code::ShareInvalid)),
            ("1 %", Err(Code::ShareInvalid)),
            (" 1%", Err(Code::ShareInvalid)),
            ("-1%", Err(Code::ShareInvalid)),
            ("+1%", Err(Code::ShareInvalid)),
            (".5%", Err(Code::ShareInvalid)),
            ("5.%", Err(Code::ShareInvalid)),
            ("1e2%", Err(Code::ShareInvalid)),
            ("1,5%", Err(Code::ShareInvalid)),
            ("NaN%", Err(Code::ShareInvalid)),
            ("0.0000001%", Err(Code::ShareInvalid)),
            ("1000%", Err(Code::ShareInvalid)),
            ("1%%", Err(Code::ShareInvalid)),
        ];
        for (text, expected) in cases {
            assert_eq!(share(text).map_err(|error| error.code), *expected, "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_what_is_read() {
        for text in ["1ms", "500ms", "30s", "30m", "1day"] {
            assert_eq!(shown(duration(text, &limit::TIMEOUT).unwrap()), text);
        }
        for text in ["64KiB", "16MiB", "1.5GiB", "10TiB"] {
            assert_eq!(shown_size(size(text).unwrap()), text);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_panic(text in "[0-9.]{0,12}[a-zMyµ ]{0,4}[0-9]{0,20}[a-z]{0,4}[0-9]{0,9}[a-z]{0,2}") {
            let _ = duration(&text, &limit::TIMEOUT);
        }

        #[test]
        fn no_size_makes_a_panic(text in "[0-9.]{0,22}[KMGTPEiB µ]{0,4}") {
            let _ = size(&text);
        }
    }
}
