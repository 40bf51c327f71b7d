//! Where do the figures go? On the screen as soon as there are some, and into the files that were asked for. Knows no figure
//! and what none means.

use crate::machine::Machine;
use crate::options::Options;
use crate::table::Page;
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What was told so far.
pub(crate) struct Output<'a> {
    options: &'a Options,
    machine: Machine,
    pages: Vec<Page>,
    figures: BTreeMap<String, Vec<Value>>,
}

/// The file of figures.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    machine: &'a Machine,
    #[serde(flatten)]
    figures: &'a BTreeMap<String, Vec<Value>>,
}

impl<'a> Output<'a> {
    /// Nothing is told yet, but the machine is looked at: before the comparison makes its own load.
    pub(crate) fn new(options: &'a Options) -> Self {
        Self { options, machine: Machine::here(), pages: Vec::new(), figures: BTreeMap::new() }
    }

    /// Prints a page; the files are written anew with it, so that what is there is not lost with what is still to come.
    /// `question`: what its figures are an answer to; answers to the same one are listed.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn tell(&mut self, page: Page, question: &str, figures: Value) -> Result<()> {
        let markdown = self.options.prints_markdown();
        if self.pages.is_empty() {
            println!("{}\n", self.machine_lines(if markdown { "- " } else { "" }));
        }
        println!("{}\n", if markdown { page.markdown() } else { page.text() });
        self.pages.push(page);
        self.figures.entry(question.to_owned()).or_default().push(figures);
        self.write_files()
    }

    fn write_files(&self) -> Result<()> {
        if let Some(file) = self.options.markdown_file() {
            let pages: Vec<_> = self.pages.iter().map(|page| page.markdown() + "\n").collect();
            write(file, &format!("{}\n\n{}", self.machine_lines("- "), pages.join("\n")))?;
        }
        if let Some(file) = &self.options.json {
            let document = Document { version: 1, machine: &self.machine, figures: &self.figures };
            write(file, &(serde_json::to_string_pretty(&document)? + "\n"))?;
        }
        Ok(())
    }

    fn machine_lines(&self, mark: &str) -> String {
        self.machine.lines().iter().map(|line| format!("{mark}{line}")).collect::<Vec<_>>().join("\n")
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| format!("write {}", file.display()))
}
