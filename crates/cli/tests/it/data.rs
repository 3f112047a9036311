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
    Connection::open(&path)
        .unwrap()
        .execute("UPDATE meta SET value = 1000 WHERE key = 'min_version'", [])
        .unwrap();
    for args in [&["serve"][..], &["migrate"], &["users", "list"]] {
        let output = countersign(data.path(), args).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        let refusal =
            "the database needs a newer countersign: one that knows schema 1000, and this one knows ";
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
fn accounts_of_another_system_are_imported_line_by_line() {
    let data = TempDir::new().unwrap();
    printed(data.path(), &["migrate"]);
    let lines = r#"
{"email": "ann@example.com", "hash": "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso="}
{"email": "bob@example.com", "username": "bob", "roles": ["editor", "user"]}
{"email": "ann@example.com"}
{"email": "eve@example.com", "hash": "correct horse"}
{"email": "eve@example.com", "pasword": "correct horse"}
"#;
    std::fs::write(data.path().join("lines"), lines).unwrap();
    let stdin = std::fs::File::open(data.path().join("lines")).unwrap();
    let output = countersign(data.path(), &["users", "import"]).stdin(stdin).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "imported: 2; refused: 3\n");
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    let told: Vec<_> = error.lines().map(|line| line.split_once(": ").unwrap().0).collect();
    assert_eq!(told, ["line 4", "line 5", "line 6"], "{error}");
    assert!(error.contains("hash: neither bcrypt") && error.contains("`pasword`"), "{error}");
    let listed = printed(data.path(), &["users", "list"]);
    assert!(listed.contains("bob@example.com  bob"), "{listed}");
}

#[test]
fn a_hash_is_read_from_a_line_of_standard_input() {
    let data = TempDir::new().unwrap();
    printed(data.path(), &["migrate"]);
    for (line, good) in [
        ("5f4dcc3b5aa765d61d8327deb882cf99\n", false),
        ("$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e\n", true),
    ] {
        std::fs::write(data.path().join("line"), line).unwrap();
        let stdin = std::fs::File::open(data.path().join("line")).unwrap();
        let mut add = countersign(data.path(), &["users", "add", "ann@example.com", "--hash-stdin"]);
        let output = add.stdin(stdin).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.success(), good, "{line:?}: {error}");
        assert_eq!(error.contains("hash: neither bcrypt"), !good, "{line:?}: {error}");
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
