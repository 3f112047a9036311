//! Lists: a table for people, JSON for programs.

use countersign_core::Timestamp;
use serde_json::{Map, Value};

/// Prints rows as a table, or as a JSON array.
pub(crate) fn rows(columns: &[&str], rows: &[Vec<Value>], json: bool) -> anyhow::Result<()> {
    if json {
        let objects: Vec<_> = rows.iter().map(|row| object(columns, row)).collect();
        println!("{}", serde_json::to_string_pretty(&objects)?);
        return Ok(());
    }
    let texts: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let width = |at: usize, name: &str| {
        let cells = texts.iter().filter_map(|row| row.get(at)).map(|text| text.chars().count());
        cells.chain([name.len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = columns.iter().enumerate().map(|(at, name)| width(at, name)).collect();
    let head: Vec<String> = columns.iter().map(|name| name.to_uppercase()).collect();
    for row in std::iter::once(&head).chain(&texts) {
        let line: Vec<String> =
            row.iter().zip(&widths).map(|(text, width)| format!("{text:width$}")).collect();
        println!("{}", line.join("  ").trim_end());
    }
    Ok(())
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Prints one row as a table of one, or as a JSON object.
pub(crate) fn one(columns: &[&str], row: Vec<Value>, json: bool) -> anyhow::Result<()> {
    if !json {
        return rows(columns, &[row], false);
    }
    println!("{}", serde_json::to_string_pretty(&object(columns, &row))?);
    Ok(())
}

fn object(columns: &[&str], row: &[Value]) -> Map<String, Value> {
    columns.iter().map(|name| (*name).to_owned()).zip(row.iter().cloned()).collect()
}

/// A moment as RFC 3339 writes it.
pub(crate) fn time(at: Timestamp) -> Value {
    countersign_server::rfc3339(at).into()
}
