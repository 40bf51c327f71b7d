//! What does one section of the file say? Takes out the words that are asked for and reports the rest as unknown.
//! Knows sections and arrays of them, not what any key means.

use super::code::Code;
use super::problem::{Judged, Problem, Reported, quoted};
use super::value::{Expected, as_boolean, as_integer, as_number, as_text, type_name};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is written at one place of the file.
#[derive(Debug)]
pub(super) struct Word<T> {
    /// No value where the type is wrong; so that "wrong" is never taken for "not written".
    pub(super) value: Judged<T>,
    /// The bytes of the file.
    pub(super) span: Range<usize>,
}

impl<T> Word<T> {
    /// The value, where its type is right.
    pub(super) fn get(&self) -> Judged<&T> {
        self.value.as_ref().map_err(|reported| *reported)
    }
}

/// A column and its expression, as written.
pub(super) type Assignment = (Word<String>, Word<String>);

/// One section, while its words are taken out.
pub(super) struct Section<'t, 'p> {
    /// As in a header: `change.set`; empty for the file itself.
    path: String,
    span: Range<usize>,
    table: &'t DeTable<'t>,
    /// What was asked for; the rest is unknown.
    known: Vec<&'static str>,
    problems: &'p mut Vec<Problem>,
}

impl<'t, 'p> Section<'t, 'p> {
    /// Reads the whole file as a section.
    pub(super) fn root<T>(
        table: &'t DeTable<'t>,
        problems: &'p mut Vec<Problem>,
        read: impl FnOnce(&mut Section<'t, '_>) -> T,
    ) -> T {
        Section::new(String::new(), 0..0, table, problems).read(read)
    }

    /// A string.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Word<String>> {
        let value = self.take(key)?;
        Some(self.word(&self.name(key), value, Expected::Text, as_text))
    }

    /// An integer.
    pub(super) fn integer(&mut self, key: &'static str) -> Option<Word<i64>> {
        let value = self.take(key)?;
        Some(self.word(&self.name(key), value, Expected::Integer, as_integer))
    }

    /// An integer, or a number with a fraction.
    pub(super) fn number(&mut self, key: &'static str) -> Option<Word<f64>> {
        let value = self.take(key)?;
        Some(self.word(&self.name(key), value, Expected::Number, as_number))
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &'static str) -> Option<Word<bool>> {
        let value = self.take(key)?;
        Some(self.word(&self.name(key), value, Expected::Boolean, as_boolean))
    }

    /// An array of strings.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Word<Vec<Word<String>>>> {
        let value = self.take(key)?;
        let name = self.name(key);
        let array = self.word(&name, value, Expected::Texts, DeValue::as_array);
        let words = |array: &'t [Spanned<DeValue<'t>>], section: &mut Self| {
            array.iter().map(|item| section.word(&name, item, Expected::Text, as_text)).collect()
        };
        Some(Word { span: array.span, value: array.value.map(|array| words(array, self)) })
    }

    /// A section of which every key is a column and every value an expression, in the order of the file.
    pub(super) fn assignments(&mut self, key: &'static str) -> Option<Word<Vec<Assignment>>> {
        let value = self.take(key)?;
        let name = self.name(key);
        let table = self.word(&name, value, Expected::Section, DeValue::as_table);
        let words = |table: &'t DeTable<'t>, section: &mut Self| {
            let mut entries: Vec<_> = table.iter().collect();
            entries.sort_by_key(|(column, _)| column.span().start);
            let assignment = |(column, sql): (&Spanned<_>, &'t Spanned<DeValue<'t>>)| {
                let text = String::from(AsRef::<str>::as_ref(column.get_ref()));
                let sql = section.word(&format!("{name}.{text}"), sql, Expected::Text, as_text);
                (Word { value: Ok(text), span: column.span() }, sql)
            };
            entries.into_iter().map(assignment).collect()
        };
        Some(Word { span: table.span, value: table.value.map(|table| words(table, self)) })
    }

    /// A section within this one.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'t, '_>) -> T,
    ) -> Option<Word<T>> {
        let value = self.take(key)?;
        let path = self.name(key);
        let table = self.word(&path, value, Expected::Section, DeValue::as_table);
        let span = table.span.clone();
        let value = table.value.map(|table| Section::new(path, span, table, self.problems).read(read));
        Some(Word { value, span: table.span })
    }

    /// Sections of the same name within this one, each with a header in double brackets.
    pub(super) fn sections<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Section<'t, '_>) -> T,
    ) -> Option<Word<Vec<Word<T>>>> {
        let value = self.take(key)?;
        let path = self.name(key);
        let array = self.word(&path, value, Expected::Sections, DeValue::as_array);
        let words = |array: &'t [Spanned<DeValue<'t>>], section: &mut Self| {
            let mut word = |item: &'t Spanned<DeValue<'t>>| {
                let table = section.word(&path, item, Expected::Sections, DeValue::as_table);
                let span = table.span.clone();
                let value =
                    table.value.map(|table| Section::new(path.clone(), span, table, section.problems).read(&read));
                Word { value, span: table.span }
            };
            array.iter().map(&mut word).collect()
        };
        Some(Word { span: array.span, value: array.value.map(|array| words(array, self)) })
    }

    /// Says so when a key is not there at all. `example` is what to write.
    pub(super) fn require(&mut self, key: &'static str, example: &str) {
        if !self.table.contains_key(key) {
            let message = format!("{} is missing", quoted(&self.name(key)));
            let problem = Problem::new(Code::MissingKey, self.span.clone(), message).label("belongs here");
            self.problems.push(problem.help(format!("add `{example}`")));
        }
    }

    /// Says so when neither of two keys is there.
    pub(super) fn require_either(&mut self, keys: [&'static str; 2], examples: [&str; 2]) {
        if !keys.iter().any(|key| self.table.contains_key(*key)) {
            let [one, other] = keys.map(|key| quoted(&self.name(key)));
            let message = format!("{one} and {other} are missing, and one of them is needed");
            let problem = Problem::new(Code::MissingKey, self.span.clone(), message).label("belongs here");
            let [one, other] = examples;
            self.problems.push(problem.help(format!("add `{one}`, `{other}` or both")));
        }
    }

    fn new(path: String, span: Range<usize>, table: &'t DeTable<'t>, problems: &'p mut Vec<Problem>) -> Self {
        Self { path, span, table, known: Vec::new(), problems }
    }

    fn read<T>(mut self, read: impl FnOnce(&mut Section<'t, '_>) -> T) -> T {
        let words = read(&mut self);
        self.report_unknown();
        words
    }

    fn take(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.table.get(key)
    }

    fn word<T>(
        &mut self,
        name: &str,
        written: &'t Spanned<DeValue<'t>>,
        expected: Expected,
        read: impl FnOnce(&'t DeValue<'t>) -> Option<T>,
    ) -> Word<T> {
        let value = read(written.get_ref());
        if value.is_none() {
            let message = format!("{} takes {}", quoted(name), expected.noun());
            let problem = Problem::new(Code::WrongType, written.span(), message);
            let label = format!("this is {}", type_name(written.get_ref()));
            self.problems.push(problem.label(label).help(expected.help()));
        }
        Word { value: value.ok_or(Reported), span: written.span() }
    }

    fn report_unknown(self) {
        let place = if self.path.is_empty() { "a job".to_owned() } else { format!("`[{}]`", self.path) };
        for key in self.table.keys() {
            let word: &str = key.get_ref();
            if self.known.contains(&word) {
                continue;
            }
            let problem = Problem::new(Code::UnknownKey, key.span(), format!("{place} has no key {}", quoted(word)))
                .label("unknown key")
                .help(nearest_or_all(word, &self.known));
            self.problems.push(problem);
        }
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// The help for a word that is none of the known ones: the one that was meant, or else all of them.
pub(super) fn nearest_or_all(word: &str, known: &[&str]) -> String {
    // One slip for every three letters: `tabel` is `table`, `rows` is not `walk`.
    let slips = 1 + word.chars().count() / 3;
    let distance = |known: &&&str| strsim::osa_distance(&word.to_lowercase(), known);
    match known.iter().min_by_key(distance).filter(|nearest| distance(nearest) <= slips) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("use one of `{}`", known.join("`, `")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_word() {
        let known = ["rows", "min_rows", "workers"];
        for (word, help) in [
            ("row", "did you mean `rows`?"),
            ("Rows", "did you mean `rows`?"),
            ("wrokers", "did you mean `workers`?"),
            ("minrows", "did you mean `min_rows`?"),
            ("colour", "use one of `rows`, `min_rows`, `workers`"),
        ] {
            assert_eq!(nearest_or_all(word, &known), help, "{word}");
        }
    }
}
