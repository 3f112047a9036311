//! Copies of the database: made while it is in use, and put back.

use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::running::{Server, Visitor, countersign, printed};

/// Runs a command that must fail with 1; answers what it said.
fn refused(data: &Path, args: &[&str]) -> String {
    let output = countersign(data, args).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
    error
}

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_was_copied_is_back_and_everybody_signs_in_again() {
    let server = Server::start(&[]);
    let mut ann = Visitor::sign_up(&server).await;
    let out = TempDir::new().unwrap();
    let file = out.path().join("copy.db");
    let copy = file.to_str().unwrap();

    let said = printed(server.data.path(), &["backup", copy]);
    assert!(said.contains(" bytes; the master secret is not in it"), "{said}");
    assert_eq!(names(out.path()), ["copy.db"]);
    assert!(refused(server.data.path(), &["backup", copy]).contains("is there already; --force"));
    printed(server.data.path(), &["backup", copy, "--force"]);
    printed(server.data.path(), &["users", "add", "bob@example.com", "--generate"]);
    let said = refused(server.data.path(), &["restore", copy]);
    assert!(said.contains("a server or a command is at work here"), "{said}");
    ann.refresh().await;
    assert!(ann.answer["jwt_token"].is_string(), "{}", ann.answer);
    let data = server.kill();

    let before = std::fs::read(&file).unwrap();
    let said = printed(data.path(), &["restore", copy]);
    assert!(said.contains("restored; sessions ended: 1\n"), "{said}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    let listed = printed(data.path(), &["users", "list"]);
    assert!(listed.contains("ann@example.com") && !listed.contains("bob@example.com"), "{listed}");
    // What was there is kept, with what nobody had copied.
    let aside = said.lines().nth(1).unwrap().split(": ").next().unwrap().to_owned();
    let kept = Connection::open(&aside).unwrap();
    let users: u32 = kept.query_row("SELECT count(*) FROM users", [], |row| row.get(0)).unwrap();
    assert_eq!(users, 2);
    drop(kept);

    // Access tokens that the copy knows nothing of end with the keys that signed them.
    let keys = printed(data.path(), &["keys", "list"]);
    assert!(keys.lines().any(|line| line.contains(&ann.signer()) && line.contains("gone")), "{keys}");
    let server = Server::start_in(data, &[]);
    ann.move_to(&server);
    ann.refresh().await;
    assert_eq!(ann.answer["error"]["code"], "SESSION_ENDED", "{}", ann.answer);
}

#[test]
fn a_file_that_cannot_be_used_changes_nothing() {
    let (data, other, out) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    for folder in [&data, &other] {
        printed(folder.path(), &["migrate"]);
        printed(folder.path(), &["users", "add", "ann@example.com", "--generate"]);
    }
    let file = |name: &str| out.path().join(name).to_str().unwrap().to_owned();
    let good = file("good.db");
    printed(data.path(), &["backup", &good]);
    let database = data.path().join("countersign.db");
    let (before, there) = (std::fs::read(&database).unwrap(), names(data.path()));

    let bytes = std::fs::read(&good).unwrap();
    std::fs::write(file("cut.db"), &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(file("text.db"), "no database at all, however long it may be".repeat(100)).unwrap();
    std::fs::write(file("empty.db"), "").unwrap();
    let mut damaged = bytes.clone();
    // The second page and those after it, so that it can be opened.
    damaged[4096..8192].fill(0x55);
    std::fs::write(file("damaged.db"), damaged).unwrap();
    Connection::open(file("strange.db"))
        .unwrap()
        .execute_batch("CREATE TABLE meta (a); CREATE TABLE b (c)")
        .unwrap();
    std::fs::copy(&good, file("newer.db")).unwrap();
    Connection::open(file("newer.db"))
        .unwrap()
        .execute("UPDATE meta SET value = 1000 WHERE key = 'min_version'", [])
        .unwrap();
    printed(other.path(), &["backup", &file("other.db")]);

    for (name, why) in [
        ("missing.db", "there is no such file"),
        ("cut.db", "malformed"),
        ("text.db", "not a database"),
        ("empty.db", "no database of Countersign"),
        ("damaged.db", "damaged"),
        ("strange.db", "no database of Countersign"),
        ("newer.db", "the database needs a newer countersign: one that knows schema 1000"),
        ("other.db", "belongs to another master secret"),
    ] {
        let said = refused(data.path(), &["restore", &file(name)]);
        assert!(said.contains(why) && said.contains(name), "{name}: {said}");
        assert_eq!(names(data.path()), there, "{name}");
        assert!(std::fs::read(&database).unwrap() == before, "{name}: the database was changed");
    }
    std::fs::remove_file(data.path().join("master.secret")).unwrap();
    let said = refused(data.path(), &["restore", &good]);
    assert!(said.contains("the database needs its master secret"), "{said}");
}

#[test]
fn a_copy_goes_into_an_empty_folder_with_its_secret() {
    let (data, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    printed(data.path(), &["migrate"]);
    printed(data.path(), &["users", "add", "ann@example.com", "--generate"]);
    let copy = out.path().join("copy.db");
    printed(data.path(), &["backup", copy.to_str().unwrap()]);
    let elsewhere = TempDir::new().unwrap();
    std::fs::copy(data.path().join("master.secret"), elsewhere.path().join("master.secret")).unwrap();
    // Also where the old database cannot be read any more.
    for broken in [false, true] {
        if broken {
            std::fs::write(elsewhere.path().join("countersign.db"), "what a disk has left of it").unwrap();
            std::fs::write(elsewhere.path().join("countersign.db-wal"), "and of its log").unwrap();
        }
        let said = printed(elsewhere.path(), &["restore", copy.to_str().unwrap()]);
        assert_eq!(said.contains("what was there before"), broken, "{said}");
        assert!(printed(elsewhere.path(), &["users", "list"]).contains("ann@example.com"));
    }
    let kept: Vec<_> = names(elsewhere.path()).into_iter().filter(|name| name.contains(".before-")).collect();
    assert_eq!(kept.len(), 2, "the file and its log: {kept:?}");
}

#[test]
fn a_folder_without_a_database_has_nothing_to_copy() {
    let data = TempDir::new().unwrap();
    let copy = data.path().join("copy.db");
    assert!(refused(data.path(), &["backup", copy.to_str().unwrap()]).contains("there is no database here"));
    assert!(!copy.exists());
}
