//! The program on a PostgreSQL of its own, which is killed and comes back.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::running::{SOON, Server, Visitor, countersign};

/// A PostgreSQL, ended when dropped.
struct Postgres {
    folder: TempDir,
    url: String,
}

impl Postgres {
    /// None, with a word, where it is not installed; but the build server has it.
    #[expect(clippy::disallowed_methods, reason = "whether this is the build server, the environment says")]
    fn start() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let started = asked("start", folder.path());
        if !started.status.success() {
            let why = String::from_utf8_lossy(&started.stderr);
            assert!(std::env::var("CI").is_err(), "{why}");
            eprintln!("skipped: {why}");
            return None;
        }
        let url = String::from_utf8(started.stdout).unwrap().trim_end().to_owned();
        Some(Self { folder, url })
    }

    fn tell(&self, what: &str) {
        let Output { status, stderr, .. } = asked(what, self.folder.path());
        assert!(status.success(), "{what}: {}", String::from_utf8_lossy(&stderr));
    }

    /// Changes the server's configuration.
    async fn run(&self, sql: &str) {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
        client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    }

    /// `countersign` on it.
    fn command(&self, data: &Path, args: &[&str]) -> Command {
        let mut command = countersign(data, args);
        command.env("COUNTERSIGN_DATABASE", &self.url);
        command
    }

    /// Runs a command; answers whether it succeeded, and everything that it said.
    fn said(&self, data: &Path, args: &[&str]) -> (bool, String) {
        let Output { status, stdout, stderr } = self.command(data, args).output().unwrap();
        (status.success(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
    }

    fn serve(&self) -> Server {
        let data = TempDir::new().unwrap();
        let command = self.command(data.path(), &["serve", "--listen", "127.0.0.1:0"]);
        Server::started(command, data)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _gone = asked("stop", self.folder.path());
    }
}

fn asked(what: &str, folder: &Path) -> Output {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scripts/postgres");
    Command::new(script).arg(what).arg(folder).stdin(Stdio::null()).output().unwrap()
}

/// Asks until it is answered so; the last answer.
async fn until(url: &str, status: u16) -> reqwest::Response {
    let asking = async {
        let mut look = tokio::time::interval(Duration::from_millis(20));
        loop {
            let response = reqwest::get(url).await.unwrap();
            if response.status().as_u16() == status {
                return response;
            }
            look.tick().await;
        }
    };
    tokio::time::timeout(SOON, asking).await.expect("it is answered so")
}

#[tokio::test]
async fn a_server_outlives_a_crash_of_its_database() {
    let Some(postgres) = Postgres::start() else { return };
    let server = postgres.serve();
    let ready = format!("{}/health/ready", server.url);
    let mut ann = Visitor::sign_up(&server).await;
    let session = ann.session().to_owned();
    until(&ready, 200).await;

    postgres.tell("kill");
    let refused = until(&ready, 503).await;
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(reqwest::get(format!("{}/.well-known/jwks.json", server.url)).await.unwrap().status(), 200);
    let shown = ann.answer.clone();
    ann.refresh().await;
    assert_eq!(ann.answer["error"]["code"], "UNAVAILABLE", "{}", ann.answer);

    postgres.tell("start");
    until(&ready, 200).await;
    ann.answer = shown;
    ann.refresh().await;
    assert_eq!(ann.session(), session, "{}", ann.answer);
}

/// A primary whose standby is gone holds every commit that waits for it, and `statement_timeout` does not end that.
#[tokio::test]
async fn without_its_standby_a_logout_is_refused_and_a_refresh_goes_on() {
    let Some(postgres) = Postgres::start() else { return };
    let data = TempDir::new().unwrap();
    let windows = ["serve", "--listen", "127.0.0.1:0", "--flight", "1s", "--grace", "3s"];
    let server = Server::started(postgres.command(data.path(), &windows), data);
    let mut ann = Visitor::sign_up(&server).await;
    ann.refresh().await;
    let shown = ann.answer.clone();
    let depth = |answer: &serde_json::Value| answer["session"]["depth"].as_u64();
    assert_eq!(depth(&shown), Some(1), "{shown}");

    postgres.run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'").await;
    let sign_up = async |n: u32| {
        let body = serde_json::json!({ "email": format!("bob{n}@example.com"), "password": "correct horse battery" });
        let request = reqwest::Client::new().post(format!("{}/auth/signup", server.url)).json(&body);
        request.send().await.unwrap().status().as_u16()
    };
    let mut n = 0;
    // The server takes a moment to read its configuration.
    while sign_up(n).await == 201 {
        n += 1;
    }
    assert_eq!(sign_up(n + 1).await, 503);

    // The grace goes by; then the state moves on, without waiting for the standby.
    let moved = async {
        let mut look = tokio::time::interval(Duration::from_millis(100));
        loop {
            look.tick().await;
            ann.answer = shown.clone();
            ann.refresh().await;
            if depth(&ann.answer) == Some(2) {
                return;
            }
        }
    };
    tokio::time::timeout(SOON, moved).await.expect("a refresh is confirmed");
    assert_eq!(ann.log_out().await, 503);

    postgres.run("ALTER SYSTEM RESET synchronous_standby_names").await;
    let left = async { while ann.log_out().await != 200 {} };
    tokio::time::timeout(SOON, left).await.expect("a logout is repeated until it is answered");
    ann.refresh().await;
    assert_eq!(ann.answer["error"]["code"], "SESSION_ENDED", "{}", ann.answer);
}

#[tokio::test]
async fn commands_work_on_it_and_its_password_is_not_printed() {
    let Some(mut postgres) = Postgres::start() else { return };
    postgres.url = postgres.url.replace("postgres@", "postgres:s3cret@");
    let folder = TempDir::new().unwrap();
    let data = &folder.path().join("data");
    let (good, said) = postgres.said(data, &["users", "list"]);
    assert!(!good && said.contains("there is no database here"), "{said}");
    let (good, said) = postgres.said(data, &["migrate"]);
    assert!(good && said.contains(": schema version 1"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
    let (good, said) = postgres.said(data, &["doctor"]);
    assert!(good && said.contains("postgres://postgres@127.0.0.1") && !said.contains("s3cret"), "{said}");
    let (good, said) = postgres.said(data, &["users", "list"]);
    assert!(good, "{said}");

    let (good, help) = postgres.said(data, &["serve", "--help"]);
    assert!(good && !help.contains("s3cret"), "{help}");
    for url in [
        postgres.url.replace("s3cret@", "s3cret@s3cret@"),
        postgres.url.replace("127.0.0.1", "nowhere.invalid"),
        postgres.url.replace("postgres://", "mysql://"),
    ] {
        let output =
            countersign(data, &["users", "list"]).env("COUNTERSIGN_DATABASE", &url).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && !error.contains("s3cret"), "{error}");
    }
    std::fs::write(data.join("bad.toml"), format!("database = \"{}", postgres.url)).unwrap();
    let bad = data.join("bad.toml");
    let listing = countersign(data, &["users", "list", "--config", bad.to_str().unwrap()]).output();
    let error = String::from_utf8(listing.unwrap().stderr).unwrap();
    assert!(error.contains("bad.toml") && !error.contains("s3cret"), "{error}");

    // A second cluster that was given another secret.
    let other = TempDir::new().unwrap();
    let (good, said) = postgres.said(other.path(), &["doctor"]);
    assert!(!good && said.contains("the database needs its master secret"), "{said}");
    let secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let output = postgres.command(other.path(), &serve).env("COUNTERSIGN_MASTER_SECRET", secret).output();
    let error = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(error.contains("this database belongs to another master secret"), "{error}");

    let server = Server::started(postgres.command(data, &serve), folder);
    let mut ann = Visitor::sign_up(&server).await;
    let session = ann.session().to_owned();
    let data = &server.data.path().join("data");
    let (good, said) = postgres.said(data, &["sessions", "end", "ann@example.com", &session]);
    assert!(good, "{said}");
    ann.refresh().await;
    assert_eq!(ann.answer["error"]["code"], "SESSION_ENDED");
}

/// Two nodes on an empty database, neither of which was given a secret: each makes one, and one is too late.
#[tokio::test]
async fn a_node_that_was_not_the_first_leaves_no_secret_behind() {
    let Some(postgres) = Postgres::start() else { return };
    let folder = TempDir::new().unwrap();
    let (good, said) = postgres.said(folder.path(), &["migrate"]);
    assert!(good, "{said}");
    // Stands for the other node: the proof that is kept is its own.
    let quicker = "CREATE FUNCTION quicker() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN NEW.bytes := decode(repeat('07', 32), 'hex'); RETURN NEW; END $$; \
         CREATE TRIGGER quicker BEFORE INSERT ON meta FOR EACH ROW WHEN (NEW.key = 'secret_proof') \
         EXECUTE FUNCTION quicker()";
    postgres.run(quicker).await;
    let (good, said) = postgres.said(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert!(!good && said.contains("another node was the first"), "{said}");
    let left: Vec<_> = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}
