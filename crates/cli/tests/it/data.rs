//! Data folders that commands cannot make by themselves.

use std::process::Stdio;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::running::{countersign, printed};

#[test]
fn a_database_that_needs_a_newer_binary_is_refused() {
    let data = TempDir::new().unwrap();
    printed(data.path(), &["migrate"]);
    let path = data.path().join("countersign.db");
    let min_version = 1_000_u32.to_be_bytes();
    Connection::open(&path)
        .unwrap()
        .execute("UPDATE meta SET value = ?1 WHERE name = 'min_version'", [min_version])
        .unwrap();
    for args in [&["serve"][..], &["migrate"], &["users", "list"]] {
        let output = countersign(data.path(), args).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        let refusal =
            "this database needs a newer countersign: its schema wants version 1000, this binary knows ";
        assert!(error.contains(refusal), "{args:?}: {error}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let data = TempDir::new().unwrap();
    printed(data.path(), &["migrate"]);
    std::fs::write(data.path().join("countersign.db"), "not a database, but long enough to be read").unwrap();
    let output = countersign(data.path(), &["users", "list"]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("countersign.db: the database cannot be opened: "), "{error}");
}

#[test]
fn a_password_is_read_from_a_line_of_standard_input() {
    let data = TempDir::new().unwrap();
    printed(data.path(), &["migrate"]);
    for (line, good) in [("too short\n", false), ("fifteen letters\r\n", true)] {
        std::fs::write(data.path().join("line"), line).unwrap();
        let stdin = std::fs::File::open(data.path().join("line")).unwrap();
        let mut add = countersign(data.path(), &["users", "add", "ann@example.com", "--password-stdin"]);
        let output = add.stdin(stdin).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.success(), good, "{line:?}: {error}");
        assert_eq!(error.contains("password: 15 to 1024 bytes"), !good, "{line:?}: {error}");
    }
}

#[test]
fn a_reader_who_goes_away_is_no_error() {
    let data = TempDir::new().unwrap();
    printed(data.path(), &["migrate"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut list = countersign(data.path(), &["users", "list"]);
    let output = list.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert!(output.status.success());
}
