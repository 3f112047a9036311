//! What goes to standard output: results, as tables for people and JSON for programs.

use std::fmt::Display;
use std::io::{self, Write};

use countersign_core::Timestamp;
use serde_json::{Map, Value};

/// Prints a line. Unlike `println!`, a reader who has gone away is an error and no panic.
pub(crate) fn line(text: impl Display) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// Prints rows as a table, or as a JSON array.
pub(crate) fn rows(columns: &[&str], rows: &[Vec<Value>], json: bool) -> anyhow::Result<()> {
    if json {
        let objects: Vec<_> = rows.iter().map(|row| object(columns, row)).collect();
        return line(serde_json::to_string_pretty(&objects)?);
    }
    let texts: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let width = |at: usize, name: &str| {
        let cells = texts.iter().filter_map(|row| row.get(at)).map(|text| text.chars().count());
        cells.chain([name.len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = columns.iter().enumerate().map(|(at, name)| width(at, name)).collect();
    let head: Vec<String> = columns.iter().map(|name| name.to_uppercase()).collect();
    for row in std::iter::once(&head).chain(&texts) {
        let padded = row.iter().zip(&widths).map(|(text, width)| format!("{text:width$}"));
        line(padded.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// Prints one row as a table, or as a JSON object.
pub(crate) fn one(columns: &[&str], row: Vec<Value>, json: bool) -> anyhow::Result<()> {
    if json {
        line(serde_json::to_string_pretty(&object(columns, &row))?)
    } else {
        rows(columns, &[row], false)
    }
}

fn object(columns: &[&str], row: &[Value]) -> Map<String, Value> {
    columns.iter().map(|name| (*name).to_owned()).zip(row.iter().cloned()).collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) if text.is_empty() => "-".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// A moment as RFC 3339 writes it.
pub(crate) fn time(at: Timestamp) -> Value {
    countersign_server::rfc3339(at).into()
}
