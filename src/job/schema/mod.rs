//! What does an editor need to know of a job file? Publishes the format as a JSON schema; checks nothing itself.
//!
//! These structs describe the file for readers. The words that are read are in `file`; a test below proves that both
//! know the same keys.

#![allow(dead_code)] // The fields are read by the derive alone.

mod pace;

use super::amount::{self, shown, shown_size};
use super::limit;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};
use serde_json::Value;
use std::collections::BTreeMap;

/// The job file's JSON schema, draft-07.
pub fn json_schema() -> Value {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<JobFile>();
    RecursiveTransform(without_null).transform(&mut schema);
    schema.to_value()
}

/// TOML has no null: a key that may be left out is left out.
fn without_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
}

/// A tidegate job: which table, which rows, what change.
#[derive(JsonSchema)]
#[schemars(title = "tidegate job", deny_unknown_fields)]
struct JobFile {
    /// The version of the job format.
    #[schemars(extend("const" = limit::VERSION))]
    version: u32,
    /// The job's name, unique per database.
    #[schemars(regex(pattern = limit::JOB_NAME_PATTERN))]
    name: String,
    /// What the job is for, in a sentence.
    description: Option<String>,
    /// Who is asked about it.
    owner: Option<String>,
    /// The table that is walked.
    table: Table,
    /// What is done to each row: exactly one of `set`, `copy` and `delete`.
    change: Change,
    /// How large the transactions are and how long they may take.
    batch: Option<Batch>,
    /// How fast the run may go, and when not at all. All limits hold at once, and the strictest wins.
    pace: Option<pace::Pace>,
    /// How many rows may be set aside, because the change fails for them, before the run stops.
    errors: Option<Errors>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Table {
    /// `table` or `schema.table`, in its exact case. An unusual name goes in double quotes inside the string.
    name: String,
    /// The columns to walk by: unique together, none of them null. Without it, the primary key.
    #[schemars(length(min = 1, max = limit::MAX_KEY_COLUMNS), extend("uniqueItems" = true))]
    key: Option<Vec<String>>,
    /// Which rows still need the change, as an SQL expression. The run is complete when no row is left in it.
    r#where: Option<String>,
    /// How the table is walked.
    #[schemars(default)]
    walk: Walk,
    /// How often each stretch of the table is gone over, each time for other rows, so that new versions of rows find room beside
    /// the old ones. PostgreSQL only.
    #[schemars(default)]
    laps: Laps,
}

#[derive(Default, JsonSchema, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Walk {
    /// The plan decides.
    #[default]
    Auto,
    /// Ranges in key order.
    Key,
    /// Ranges of the table's blocks, as they lie on disk: PostgreSQL, with a `where` that the change makes false.
    Physical,
}

#[derive(Default, JsonSchema, serde::Serialize)]
enum Laps {
    /// The plan decides: several where no index has a column that is changed.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// Each row is changed as the walk comes by.
    #[serde(rename = "1")]
    One,
    /// Every second row, or group of rows, at a time.
    #[serde(rename = "2")]
    Two,
    /// Every fourth.
    #[serde(rename = "4")]
    Four,
    /// Every eighth.
    #[serde(rename = "8")]
    Eight,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1, "maxProperties" = 1))]
struct Change {
    /// Columns of the walked table, each with an SQL expression over the same row.
    #[schemars(extend("minProperties" = 1))]
    set: Option<BTreeMap<String, String>>,
    /// Rows are inserted into another table.
    copy: Option<Copy>,
    /// Rows are deleted.
    delete: Option<Delete>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Copy {
    /// The table that receives the rows.
    into: String,
    /// Columns of that table, each with an SQL expression over the walked row.
    #[schemars(extend("minProperties" = 1))]
    columns: BTreeMap<String, String>,
    /// What happens when the other table has a row of that primary key already.
    #[schemars(default)]
    on_conflict: OnConflict,
}

#[derive(Default, JsonSchema, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum OnConflict {
    /// The batch fails.
    #[default]
    Error,
    /// The other table's row stays as it is.
    Skip,
    /// The other table's row takes the copied values.
    Update,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Delete {
    /// A table that keeps the rows before they are deleted.
    archive_into: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Batch {
    /// Rows a batch starts with.
    #[schemars(range(min = 1, max = limit::MAX_ROWS), extend("default" = limit::DEFAULT_ROWS))]
    rows: Option<u32>,
    /// A batch is not made smaller than this. Never above `rows`, not even as the default.
    #[schemars(range(min = 1, max = limit::MAX_ROWS), extend("default" = limit::DEFAULT_MIN_ROWS))]
    min_rows: Option<u32>,
    /// A batch is not made larger than this. Never below `rows`, not even as the default.
    #[schemars(range(min = 1, max = limit::MAX_ROWS), extend("default" = limit::DEFAULT_MAX_ROWS))]
    max_rows: Option<u32>,
    /// Where few rows match `where`: how many rows a batch looks at, at most, to find those that do.
    #[schemars(range(min = 1, max = limit::MAX_SCAN_ROWS), extend("default" = limit::DEFAULT_SCAN_ROWS))]
    scan_rows: Option<u32>,
    /// Batches are sized to take this long. Below `statement_timeout`, and as the default at most half of it.
    #[schemars(extend("default" = shown(limit::DEFAULT_TARGET_TIME)))]
    target_time: Option<String>,
    /// Batches are sized to write at most so much write-ahead log: `64KiB`, `16MiB`, `1.5GiB`.
    #[schemars(regex(pattern = amount::SIZE_PATTERN), extend("default" = shown_size(limit::DEFAULT_MAX_WAL)))]
    max_wal: Option<String>,
    /// How many slices are walked at once; each takes a connection.
    #[schemars(range(min = 1, max = limit::MAX_WORKERS), extend("default" = limit::DEFAULT_WORKERS))]
    workers: Option<u32>,
    /// The server gives a statement up after this: `500ms`, `30s`, `2m`.
    #[schemars(extend("default" = shown(limit::DEFAULT_STATEMENT_TIMEOUT)))]
    statement_timeout: Option<String>,
    /// The server gives a wait for one lock up after this. Below `statement_timeout`.
    #[schemars(extend("default" = shown(limit::DEFAULT_LOCK_TIMEOUT)))]
    lock_timeout: Option<String>,
    /// Whether the table is vacuumed beside the batches, so that it does not grow to twice its size. PostgreSQL only.
    #[schemars(default)]
    vacuum: Vacuum,
}

#[derive(Default, JsonSchema, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Vacuum {
    /// Whenever about a tenth of the rows is dead. No batch begins meanwhile.
    Auto,
    /// Never; autovacuum comes when it comes.
    #[default]
    Off,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Errors {
    /// How many rows at most.
    #[schemars(range(min = *limit::QUARANTINE.start(), max = *limit::QUARANTINE.end()), extend("default" = 0))]
    quarantine: Option<u32>,
    /// What share of the table's rows at most, by the statistics at the start: `0.1%`. With `quarantine`, whichever is less.
    #[schemars(regex(pattern = amount::SHARE_PATTERN))]
    quarantine_share: Option<String>,
    /// Whether the server's own words about a row are kept in the quarantine. They repeat the row's values.
    #[schemars(extend("default" = false))]
    quarantine_detail: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Code, parse};

    /// The section at this path; `[name]` is one of several.
    fn section<'s>(schema: &'s Value, path: &[&str]) -> &'s Value {
        path.iter().fold(schema, |section, key| match key.strip_prefix('[') {
            Some(key) => &section["properties"][key.trim_end_matches(']')]["items"],
            None => &section["properties"][key],
        })
    }

    /// The keys of the section at this path, as the schema has them.
    fn keys(path: &[&str]) -> Vec<String> {
        section(&json_schema(), path)["properties"].as_object().unwrap().keys().cloned().collect()
    }

    /// The keys of the section at this path, as the reader has them: it tells all of them when it meets another.
    fn keys_read(path: &[&str]) -> Vec<String> {
        let name = path.join(".").replace(['[', ']'], "");
        let header = match path.last() {
            None => String::new(),
            Some(last) if last.starts_with('[') => format!("[[{name}]]\n"),
            Some(_) => format!("[{name}]\n"),
        };
        let problems = parse(&format!("{header}zzzzzzzzzzzz = 1")).unwrap_err();
        let unknown = problems.iter().find(|problem| problem.code == Code::UnknownKey).unwrap();
        let help = unknown.help.clone().unwrap();
        let mut keys: Vec<String> = help.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        keys.sort();
        keys
    }

    #[test]
    fn the_schema_and_the_reader_know_the_same_keys() {
        let pace = keys(&["pace"]);
        let paced = pace.iter().map(|key| match key.as_str() {
            "signal" => vec!["pace", "[signal]"],
            key => vec!["pace", key],
        });
        // What has no keys of its own is no section.
        let paced = paced.filter(|path| section(&json_schema(), path).get("properties").is_some());
        let plain = [&[][..], &["table"], &["change"], &["change", "copy"], &["batch"], &["pace"], &["errors"]];
        let paths: Vec<Vec<&str>> = plain.iter().map(|path| path.to_vec()).chain(paced).collect();
        assert_eq!(paths.len(), 7 + 10, "{paths:?}");
        for path in paths {
            assert_eq!(keys(&path), keys_read(&path), "{path:?}");
            assert_eq!(section(&json_schema(), &path)["additionalProperties"], false, "{path:?}");
        }
        // One key is near to every word, so the reader tells it as a suggestion.
        assert_eq!(keys(&["change", "delete"]), ["archive_into"]);
    }

    #[test]
    fn the_schema_is_draft_07_and_says_what_is_required() {
        let schema = json_schema();
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
        assert_eq!(schema["required"], serde_json::json!(["version", "name", "table", "change"]));
        assert_eq!(schema["properties"]["table"]["required"], serde_json::json!(["name"]));
        assert_eq!(
            schema["properties"]["change"]["properties"]["copy"]["required"],
            serde_json::json!(["into", "columns"])
        );
    }

    #[test]
    fn the_schema_says_limits_defaults_and_reasons() {
        let schema = json_schema();
        let batch = &schema["properties"]["batch"]["properties"];
        assert_eq!(batch["rows"]["type"], "integer");
        assert_eq!(
            (&batch["rows"]["minimum"], &batch["rows"]["maximum"]),
            (&Value::from(1), &Value::from(limit::MAX_ROWS))
        );
        assert_eq!(batch["rows"]["default"], limit::DEFAULT_ROWS);
        assert_eq!(batch["statement_timeout"]["default"], "30s");
        assert_eq!(batch["workers"]["description"], "How many slices are walked at once; each takes a connection.");
        let text = schema.to_string();
        assert!(!text.contains("null\"") && !text.contains("$ref"), "{text}");
        for word in ["auto", "key", "physical", "error", "skip", "update", "hold", "ignore", "off"] {
            assert!(text.contains(&format!("\"const\":\"{word}\"")), "{word}");
        }
    }
}
