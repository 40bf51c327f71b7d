//! Which kinds of problem can a job file have? Knows their names and how grave they are, not how they are found.

use serde::Serialize;

/// Does a problem stop the job?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The job is refused.
    Error,
    /// The job runs; somebody should look.
    Warning,
}

/// One list makes the enum, its names and [`Code::ALL`], so that no code can be missing from one of them.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $severity:ident;)*) => {
        /// A kind of problem. Its name is stable: scripts may match on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code, in the order in which a file is read.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The stable name: `batch-below-minimum`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Code::$variant => $name,)*
                }
            }

            /// Whether this kind of problem stops the job.
            pub fn severity(self) -> Severity {
                match self {
                    $(Code::$variant => Severity::$severity,)*
                }
            }
        }
    };
}

codes! {
    /// The file is larger than any job.
    FileTooLarge = "file-too-large", Error;
    /// The text is no TOML.
    TomlSyntax = "toml-syntax", Error;
    /// A key or section that no job has.
    UnknownKey = "unknown-key", Error;
    /// A value of another type than its key takes.
    WrongType = "wrong-type", Error;
    /// A key or section that every job needs.
    MissingKey = "missing-key", Error;
    /// A job format that this tidegate does not read.
    UnsupportedVersion = "unsupported-version", Error;
    /// A name that cannot be a job's.
    JobName = "job-name", Error;
    /// A name that cannot be a table's or a column's.
    Identifier = "identifier", Error;
    /// A word outside the few that a key takes.
    UnknownValue = "unknown-value", Error;
    /// `table.key` names no column.
    KeyEmpty = "key-empty", Error;
    /// `table.key` names too many columns.
    KeyTooWide = "key-too-wide", Error;
    /// `table.key` names a column twice.
    KeyColumnTwice = "key-column-twice", Error;
    /// A walk as rows lie on disk, without a way to prove that it met each.
    PhysicalWithoutProof = "physical-without-proof", Error;
    /// The job says no change.
    ChangeMissing = "change-missing", Error;
    /// The job says more than one change.
    ChangeAmbiguous = "change-ambiguous", Error;
    /// The change names no column.
    ChangeEmpty = "change-empty", Error;
    /// The change gives a column two values.
    ColumnTwice = "column-twice", Error;
    /// The change moves rows along the key they are walked by.
    KeyColumnSet = "key-column-set", Error;
    /// Rows would be written into the table that is walked.
    SameTable = "same-table", Error;
    /// An expression without a word.
    ExpressionEmpty = "expression-empty", Error;
    /// A NUL character in an expression.
    ExpressionNul = "expression-nul", Error;
    /// A statement where an expression belongs.
    ExpressionStatement = "expression-statement", Error;
    /// A semicolon in an expression.
    ExpressionSemicolon = "expression-semicolon", Error;
    /// A comma outside every bracket of an expression.
    ExpressionComma = "expression-comma", Error;
    /// Brackets that do not pair.
    ExpressionBrackets = "expression-brackets", Error;
    /// A `$1` in an expression.
    ExpressionPlaceholder = "expression-placeholder", Error;
    /// A quote or comment that never ends.
    ExpressionUnterminated = "expression-unterminated", Error;
    /// An expression that only the server can judge.
    ExpressionUnread = "expression-unread", Warning;
    /// A size of zero or less.
    SizeNotPositive = "size-not-positive", Error;
    /// More rows than one transaction should hold.
    RowsOutOfRange = "rows-out-of-range", Error;
    /// A batch size outside what serves most tables.
    RowsUnusual = "rows-unusual", Warning;
    /// A batch that starts below its own minimum.
    BatchBelowMinimum = "batch-below-minimum", Error;
    /// A batch that starts above its own maximum.
    BatchAboveMaximum = "batch-above-maximum", Error;
    /// More workers than a database should see.
    WorkersOutOfRange = "workers-out-of-range", Error;
    /// A text that is no size.
    SizeInvalid = "size-invalid", Error;
    /// A size that is of no use.
    SizeTooSmall = "size-too-small", Error;
    /// A text that is no duration.
    DurationInvalid = "duration-invalid", Error;
    /// A duration in months or years.
    DurationWithoutLength = "duration-without-length", Error;
    /// A duration below what its key can keep: a timeout of 0 would be none.
    DurationTooShort = "duration-too-short", Error;
    /// A duration so long that it limits nothing.
    DurationTooLong = "duration-too-long", Error;
    /// A lock timeout that the statement timeout always beats.
    LockTimeoutTooLong = "lock-timeout-too-long", Error;
    /// Batches sized to be given up by the server.
    TargetTimeTooLong = "target-time-too-long", Error;
    /// A rate at which nothing or everything would be done.
    RateOutOfRange = "rate-out-of-range", Error;
    /// More than all of the time, or next to none.
    DutyOutOfRange = "duty-out-of-range", Error;
    /// No window at all, so no batch ever.
    WindowEmpty = "window-empty", Error;
    /// A text that is no window.
    WindowInvalid = "window-invalid", Error;
    /// A window in a zone that there is not.
    WindowZone = "window-zone", Error;
    /// A hold file that is not the same for everybody.
    HoldFile = "hold-file", Error;
    /// A limit that holds a run for ever, or never.
    LimitOutOfRange = "limit-out-of-range", Error;
    /// More replicas than there can be, or fewer than are named.
    ReplicasOutOfRange = "replicas-out-of-range", Error;
    /// A name that cannot be an environment variable's.
    VariableName = "variable-name", Error;
    /// An environment variable that is named twice.
    VariableTwice = "variable-twice", Error;
    /// A database's address in the job, perhaps with its password.
    AddressInJob = "address-in-job", Error;
    /// A name that cannot be a signal's.
    SignalName = "signal-name", Error;
    /// Two signals of one name.
    SignalNameTwice = "signal-name-twice", Error;
    /// Fewer rows than none may be set aside, or more than anybody looks at.
    QuarantineOutOfRange = "quarantine-out-of-range", Error;
    /// A text that is no share in per cent.
    ShareInvalid = "share-invalid", Error;
    /// A share of nothing, or of more than all.
    ShareOutOfRange = "share-out-of-range", Error;
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_kebab_case_and_unique() {
        let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for name in names {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
        }
    }
}
