//! How is a page of figures laid out? In columns for a terminal, or in Markdown. Knows no figure and what none means.

/// What is printed: facts above a table, words below it.
pub(crate) struct Page {
    /// One a line.
    pub(crate) facts: Vec<String>,
    /// The headings first; all of the same length, a name before the figures.
    pub(crate) lines: Vec<Vec<String>>,
    /// One a line.
    pub(crate) notes: Vec<String>,
}

impl Page {
    /// In columns, for a terminal.
    pub(crate) fn text(&self) -> String {
        let columns = self.lines.first().map_or(0, Vec::len);
        let width = |column: usize| self.lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..columns).map(width).collect();
        let aligned = |line: &Vec<String>| {
            let figures = line.iter().zip(&widths).skip(1).map(|(cell, width)| format!("  {cell:>width$}"));
            format!("{:<width$}{}", line[0], figures.collect::<String>(), width = widths[0])
        };
        let table: Vec<_> = self.lines.iter().map(aligned).collect();
        parted(&[self.facts.join("\n"), table.join("\n"), self.notes.join("\n")])
    }

    /// For a README or an issue.
    pub(crate) fn markdown(&self) -> String {
        let facts: Vec<_> = self.facts.iter().map(|fact| format!("- {fact}")).collect();
        let mut table: Vec<_> = self.lines.iter().map(|line| format!("| {} |", line.join(" | "))).collect();
        let columns = self.lines.first().map_or(0, Vec::len);
        table.insert(1, format!("|---{}|", "|--:".repeat(columns.saturating_sub(1))));
        // A line break alone joins lines into a paragraph.
        parted(&[facts.join("\n"), table.join("\n"), self.notes.join("\n\n")])
    }
}

/// With an empty line between those that say something.
fn parted(parts: &[String]) -> String {
    parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("\n\n")
}

/// What one figure was over the rounds.
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Zeros when there was no round.
    pub(crate) fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<_> = figures.collect();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or_default();
        let last = sorted.len().saturating_sub(1);
        Self { least: at(0), median: f64::midpoint(at(last / 2), at(last.div_ceil(2))), most: at(last) }
    }

    /// `11.8 (11.7–13.0)`; a single round has nothing to put into brackets.
    pub(crate) fn bracketed(&self, digits: usize) -> String {
        let Self { least, median, most } = self;
        match least < most {
            true => format!("{median:.digits$} ({least:.digits$}–{most:.digits$})"),
            false => format!("{median:.digits$}"),
        }
    }
}

/// `2,000,000`.
pub(crate) fn grouped(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1000), number % 1000),
    }
}
