//! Copies of the database: made while it is in use, and put back.

use std::path::Path;

use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use crate::running::{SOON, Server, Visitor, countersign, listening, printed};

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
    Connection::open(file("other_app.db"))
        .unwrap()
        .execute_batch(
            "CREATE TABLE meta (key, value); CREATE TABLE sessions (id); INSERT INTO meta VALUES ('schema_version', 1)",
        )
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
        ("other_app.db", "no database of Countersign"),
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
fn a_database_that_nobody_has_used_yet_is_one_of_ours() {
    let (data, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    printed(data.path(), &["migrate"]);
    let copy = out.path().join("copy.db");
    printed(data.path(), &["backup", copy.to_str().unwrap()]);
    printed(data.path(), &["users", "add", "ann@example.com", "--generate"]);
    let said = printed(data.path(), &["restore", copy.to_str().unwrap()]);
    assert!(said.contains("restored; sessions ended: 0"), "{said}");
    assert!(!printed(data.path(), &["users", "list"]).contains("ann@example.com"));
    // Nothing is sealed in it, so that it needs no secret of before.
    let elsewhere = TempDir::new().unwrap();
    printed(elsewhere.path(), &["restore", copy.to_str().unwrap()]);
    printed(elsewhere.path(), &["users", "add", "bob@example.com", "--generate"]);
}

#[test]
fn what_root_restores_belongs_to_whom_the_folder_does() {
    use std::os::unix::fs::{MetadataExt, chown};
    const SOMEBODY: u32 = 1234;

    let (data, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    printed(data.path(), &["migrate"]);
    printed(data.path(), &["users", "add", "ann@example.com", "--generate"]);
    let copy = out.path().join("copy.db");
    printed(data.path(), &["backup", copy.to_str().unwrap()]);
    // Only root can give files away; who is not finds everything in its own name.
    let owner = chown(data.path(), Some(SOMEBODY), Some(SOMEBODY))
        .map_or_else(|_| std::fs::metadata(data.path()).unwrap().uid(), |()| SOMEBODY);
    printed(data.path(), &["restore", copy.to_str().unwrap()]);
    assert_eq!(std::fs::metadata(data.path().join("countersign.db")).unwrap().uid(), owner);
}

#[test]
fn a_folder_without_a_database_has_nothing_to_copy() {
    let data = TempDir::new().unwrap();
    let copy = data.path().join("copy.db");
    assert!(refused(data.path(), &["backup", copy.to_str().unwrap()]).contains("there is no database here"));
    assert!(!copy.exists());
}

/// Short windows, so that refreshes confirm.
const WINDOWS: [&str; 4] = ["--flight", "1s", "--grace", "3s"];

/// A server that keeps a journal in `out`.
fn journaled(data: TempDir, out: &Path) -> Server {
    let journal = out.join("journal");
    Server::start_in(data, &[&WINDOWS[..], &["--journal", journal.to_str().unwrap()]].concat())
}

/// The status of a log-in.
async fn log_in(server: &Server, email: &str, password: &str) -> u16 {
    let body = json!({ "username": email, "password": password });
    let request = reqwest::Client::new().post(format!("{}/auth/login", server.url)).json(&body);
    request.send().await.unwrap().status().as_u16()
}

/// What the deny-list stream tells whoever begins to listen, until it has told `what`.
async fn told(server: &Server, what: &[&str]) {
    let mut stream = listening(server).await;
    let mut told = String::new();
    let all = async {
        while !what.iter().all(|what| told.contains(what)) {
            let some = stream.chunk().await.unwrap().expect("the stream goes on");
            told.push_str(std::str::from_utf8(&some).unwrap());
        }
    };
    tokio::time::timeout(SOON, all).await.expect("it is told");
}

#[tokio::test]
async fn with_its_journal_honest_sessions_go_on_and_ended_ones_stay_ended() {
    let out = TempDir::new().unwrap();
    let copy = out.path().join("copy.db");
    let copy = copy.to_str().unwrap();
    let server = journaled(TempDir::new().unwrap(), out.path());
    let mut visitors = Vec::new();
    for n in 0..8 {
        visitors.push(Visitor::sign_up_as(&format!("u{n}@example.com"), &server).await);
    }
    // The back-up is made while everybody refreshes.
    let data = server.data.path().to_owned();
    let backup = std::thread::spawn({
        let copy = copy.to_owned();
        move || printed(&data, &["backup", &copy])
    });
    let mut rounds = 0;
    while rounds < 2 || !backup.is_finished() {
        for visitor in &mut visitors {
            visitor.refresh().await;
        }
        rounds += 1;
    }
    backup.join().unwrap();

    let mut honest = visitors.split_off(3);
    let [left, revoked, renamed] = &mut visitors[..] else { unreachable!() };
    assert_eq!(left.log_out().await, 200);
    printed(server.data.path(), &["sessions", "end", "u1@example.com", revoked.session()]);
    std::fs::write(server.data.path().join("line"), "another horse battery\n").unwrap();
    let line = std::fs::File::open(server.data.path().join("line")).unwrap();
    let mut change =
        countersign(server.data.path(), &["users", "password", "u2@example.com", "--password-stdin"]);
    assert!(change.stdin(line).status().unwrap().success());
    let mut lost = Visitor::sign_up_as("lost@example.com", &server).await;
    for visitor in &mut honest {
        let depth = visitor.answer["session"]["depth"].as_u64().unwrap();
        visitor.refresh_to(depth + 2).await;
    }
    let data = server.kill();
    // As after two hours, of which a session may go unused for one.
    Connection::open(copy)
        .unwrap()
        .execute("UPDATE sessions SET created_at = created_at - 7200000, seen_at = seen_at - 7200000", [])
        .unwrap();

    let said = printed(data.path(), &["restore", copy, "--keep-sessions"]);
    assert!(said.contains("restored; sessions live on"), "{said}");
    let server = Server::start_in(data, &WINDOWS);
    for visitor in &mut honest {
        visitor.move_to(&server);
        let (session, depth) =
            (visitor.session().to_owned(), visitor.answer["session"]["depth"].as_u64().unwrap());
        visitor.refresh().await;
        assert_eq!(visitor.session(), session, "{}", visitor.answer);
        visitor.refresh_to(depth + 1).await;
    }
    told(&server, &[left.session(), revoked.session(), renamed.session()]).await;
    for visitor in [left, revoked, renamed] {
        visitor.move_to(&server);
        visitor.refresh().await;
        assert_eq!(visitor.answer["error"]["code"], "SESSION_ENDED", "{}", visitor.answer);
    }
    assert_eq!(log_in(&server, "u2@example.com", "correct horse battery").await, 401);
    assert_eq!(log_in(&server, "u2@example.com", "another horse battery").await, 200);
    lost.move_to(&server);
    lost.refresh().await;
    assert_eq!(lost.answer["error"]["code"], "REFRESH_TOKEN_INVALID", "{}", lost.answer);
}

#[tokio::test]
async fn a_database_put_back_by_hand_is_told_what_it_lacks() {
    let out = TempDir::new().unwrap();
    let copy = out.path().join("copy.db");
    let server = journaled(TempDir::new().unwrap(), out.path());
    let mut ann = Visitor::sign_up(&server).await;
    printed(server.data.path(), &["backup", copy.to_str().unwrap()]);
    assert_eq!(ann.log_out().await, 200);
    let data = server.kill();
    for file in ["countersign.db-wal", "countersign.db-shm"] {
        std::fs::remove_file(data.path().join(file)).unwrap();
    }
    std::fs::copy(&copy, data.path().join("countersign.db")).unwrap();
    let server = Server::start_in(data, &WINDOWS);
    ann.move_to(&server);
    ann.refresh().await;
    assert_eq!(ann.answer["error"]["code"], "SESSION_ENDED", "{}", ann.answer);
}

#[tokio::test]
async fn a_restore_that_fails_at_the_last_step_has_ended_nothing() {
    let out = TempDir::new().unwrap();
    let (copy, journal) = (out.path().join("copy.db"), out.path().join("journal"));
    let server = journaled(TempDir::new().unwrap(), out.path());
    let mut ann = Visitor::sign_up(&server).await;
    let mut bob = Visitor::sign_up_as("bob@example.com", &server).await;
    printed(server.data.path(), &["backup", copy.to_str().unwrap()]);
    assert_eq!(bob.log_out().await, 200);
    let data = server.stop();
    let (before, there) = (std::fs::read(&journal).unwrap(), names(out.path()));

    // What is in the way where the database's log would be cannot be put aside.
    let log = data.path().join("countersign.db-wal");
    std::fs::create_dir(&log).unwrap();
    let said = refused(data.path(), &["restore", copy.to_str().unwrap()]);
    assert!(said.contains("countersign.db: "), "{said}");
    assert!(std::fs::read(&journal).unwrap() == before, "the journal was changed");
    assert_eq!(names(out.path()), there);
    std::fs::remove_dir(&log).unwrap();
    // Nor can a journal be put where the one of before cannot be kept.
    let (kept, beside) = (out.path().join("journal.before"), names(data.path()));
    std::fs::create_dir(&kept).unwrap();
    let said = refused(data.path(), &["restore", copy.to_str().unwrap()]);
    assert!(said.contains("the journal "), "{said}");
    assert!(std::fs::read(&journal).unwrap() == before, "the journal was changed");
    assert_eq!(names(data.path()), beside);
    std::fs::remove_dir(&kept).unwrap();

    let server = Server::start_in(data, &WINDOWS);
    ann.move_to(&server);
    ann.refresh().await;
    assert!(ann.answer["jwt_token"].is_string(), "{}", ann.answer);
    bob.move_to(&server);
    bob.refresh().await;
    assert_eq!(bob.answer["error"]["code"], "SESSION_ENDED", "{}", bob.answer);
    let data = server.kill();

    // One that comes to its end leaves the journal, longer than it was, under its name alone.
    printed(data.path(), &["restore", copy.to_str().unwrap()]);
    assert!(std::fs::read(&journal).unwrap().starts_with(&before));
    assert_eq!(names(out.path()), there);
    // A journal that cannot even be copied does not keep it from that.
    std::fs::remove_file(&journal).unwrap();
    std::fs::create_dir(&journal).unwrap();
    let restore = ["restore", copy.to_str().unwrap(), "--keep-sessions"];
    assert!(refused(data.path(), &restore).contains("everybody signs in again"));
    printed(data.path(), &restore[..2]);
    let server = Server::start_in(data, &WINDOWS);
    ann.move_to(&server);
    ann.refresh().await;
    assert_eq!(ann.answer["error"]["code"], "SESSION_ENDED", "{}", ann.answer);
}

#[tokio::test]
async fn sessions_are_kept_only_by_the_whole_journal() {
    let out = TempDir::new().unwrap();
    let (copy, journal) = (out.path().join("copy.db"), out.path().join("journal"));
    let restore = ["restore", copy.to_str().unwrap(), "--keep-sessions"];
    let server = journaled(TempDir::new().unwrap(), out.path());
    let mut ann = Visitor::sign_up(&server).await;
    printed(server.data.path(), &["backup", copy.to_str().unwrap()]);
    printed(server.data.path(), &["sessions", "end", "ann@example.com", "--all"]);
    printed(server.data.path(), &["users", "disable", "ann@example.com"]);
    let data = server.kill();
    let there = names(data.path());

    let whole = std::fs::read_to_string(&journal).unwrap();
    let lines: Vec<_> = whole.lines().collect();
    assert_eq!(lines.len(), 3, "a head, and a line for each command");
    assert!(!whole.contains("ann@") && !whole.contains("ses_"), "{whole}");
    let other = lines[0].replace("journal 1 ", "journal 1 A");
    for (text, why) in [
        (None, "No such file"),
        (Some(String::new()), "it is no journal"),
        (Some(whole.replace(lines[0], &other)), "journal"),
        (Some(format!("{}\n{}\n", lines[0], lines[1])), "ended sessions that are not in this journal"),
        (
            Some(format!("{}\n{}\n", lines[0], lines[2])),
            "it holds lines 1 to 2, and the database has come to 0",
        ),
        (Some(format!("{}\n{}x\n{}\n", lines[0], lines[1], lines[2])), "line 1 is damaged"),
        (Some(format!("{}\n1 {}\n{}\n", lines[0], &lines[2][2..], lines[2])), "line 1 is damaged"),
    ] {
        match &text {
            None => std::fs::remove_file(&journal).unwrap(),
            Some(text) => std::fs::write(&journal, text).unwrap(),
        }
        let said = refused(data.path(), &restore);
        assert!(said.contains(why) && said.contains("everybody signs in again"), "{text:?}: {said}");
        assert_eq!(names(data.path()), there, "{text:?}");
    }
    std::fs::write(&journal, &whole).unwrap();

    // A server that ended sessions without it has ended it.
    printed(data.path(), &["restore", restore[1], "--keep-sessions"]);
    let server = Server::start_in(data, &["--journal", "off"]);
    printed(server.data.path(), &["users", "disable", "ann@example.com", "--undo"]);
    let data = server.kill();
    let said = refused(data.path(), &restore);
    assert!(said.contains("ended sessions that are not in this journal"), "{said}");
    let said = printed(data.path(), &["restore", restore[1]]);
    assert!(said.contains("restored; sessions ended: 0"), "the journal had ended it: {said}");

    // Where it is lost, everybody signs in again, and another begins.
    std::fs::remove_file(&journal).unwrap();
    let said = refused(data.path(), &["users", "list"]);
    assert!(said.contains("journal: No such file"), "{said}");
    let said = printed(data.path(), &["restore", restore[1]]);
    assert!(said.contains("restored; sessions ended: 1"), "{said}");
    let server = journaled(data, out.path());
    ann.move_to(&server);
    ann.refresh().await;
    assert_eq!(ann.answer["error"]["code"], "SESSION_ENDED", "{}", ann.answer);
    assert!(journal.exists());
}
