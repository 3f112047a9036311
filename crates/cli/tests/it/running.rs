//! A server in a process of its own, on any free port and a folder of its own, and commands beside it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use countersign_core::token::Unverified;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Much longer than anything here takes, so that a hang is a failure.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// `countersign` with these arguments.
pub(crate) fn countersign(data: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(args).env("COUNTERSIGN_DATA", data).stdin(Stdio::null());
    command
}

/// Runs a command that must succeed; answers what it printed.
pub(crate) fn printed(data: &Path, args: &[&str]) -> String {
    let Output { status, stdout, stderr } = countersign(data, args).output().unwrap();
    assert!(status.success(), "{args:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// A running server, killed when dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) data: TempDir,
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a server, and waits for the line that says that it is ready.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_in(TempDir::new().unwrap(), args)
    }

    /// The same in a folder that has been used before.
    pub(crate) fn start_in(data: TempDir, args: &[&str]) -> Self {
        let args = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
        let command = countersign(data.path(), &args);
        Self::started(command, data)
    }

    /// The same of a command of its own.
    pub(crate) fn started(mut command: Command, data: TempDir) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("Countersign is ready: ").expect("the line that says ready");
        Self { url: url.to_owned(), data, child, stdout }
    }

    pub(crate) fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Kills the server; answers its folder, as it left that.
    pub(crate) fn kill(mut self) -> TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.data, TempDir::new().unwrap())
    }

    /// Lets the server end by itself; answers its folder, in which everything is in the database's own file.
    pub(crate) fn stop(mut self) -> TempDir {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(asked.success() && self.child.wait().unwrap().success());
        std::mem::replace(&mut self.data, TempDir::new().unwrap())
    }

    /// Asks the server to end; answers how it did, and what else it had printed.
    pub(crate) fn terminate(mut self) -> (ExitStatus, String) {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(asked.success());
        let (sender, ended) = mpsc::channel();
        std::thread::spawn(move || {
            let mut rest = String::new();
            self.stdout.read_to_string(&mut rest).unwrap();
            sender.send((self.child.wait().unwrap(), rest))
        });
        // Less than the ten seconds after which connections that linger are cut.
        ended.recv_timeout(Duration::from_secs(8)).expect("the server ends")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Somebody with an open session, in header mode, which needs no cookie jar.
pub(crate) struct Visitor {
    http: reqwest::Client,
    url: String,
    cookie: String,
    pub(crate) answer: Value,
}

impl Visitor {
    pub(crate) async fn sign_up(server: &Server) -> Self {
        Self::sign_up_as("ann@example.com", server).await
    }

    pub(crate) async fn sign_up_as(email: &str, server: &Server) -> Self {
        let http = reqwest::Client::new();
        let body = json!({ "email": email, "password": "correct horse battery", "mode": "header" });
        let response = http.post(format!("{}/auth/signup", server.url)).json(&body).send().await.unwrap();
        let fingerprint = response.headers()["set-cookie"].to_str().unwrap();
        let cookie = fingerprint.split(';').next().unwrap().to_owned();
        Self { http, url: server.url.clone(), cookie, answer: response.json().await.unwrap() }
    }

    /// Asks that server from now on.
    pub(crate) fn move_to(&mut self, server: &Server) {
        self.url.clone_from(&server.url);
    }

    /// Refreshes; the answer, or the error, is in `answer`.
    pub(crate) async fn refresh(&mut self) {
        let body = json!({ "refresh_token": self.answer["refresh_token"] });
        let request = self.http.post(format!("{}/auth/refresh", self.url)).header("Cookie", &self.cookie);
        self.answer = request.json(&body).send().await.unwrap().json().await.unwrap();
    }

    /// Refreshes until the session has come as deep as that.
    pub(crate) async fn refresh_to(&mut self, depth: u64) {
        let refreshed = async {
            let mut look = tokio::time::interval(Duration::from_millis(50));
            while self.answer["session"]["depth"].as_u64().expect("a living session") < depth {
                look.tick().await;
                let shown = self.answer.clone();
                self.refresh().await;
                // A busy machine is no refusal.
                if self.answer["error"]["code"] == "UNAVAILABLE" {
                    self.answer = shown;
                }
            }
        };
        tokio::time::timeout(SOON, refreshed).await.expect("each refresh after the grace confirms");
    }

    /// The status of a request that shows the access token.
    pub(crate) async fn me(&self) -> u16 {
        let request = self.http.get(format!("{}/auth/me", self.url)).header("Cookie", &self.cookie);
        request.bearer_auth(self.token()).send().await.unwrap().status().as_u16()
    }

    /// The id of the key that signed the access token.
    pub(crate) fn signer(&self) -> String {
        Unverified::parse(self.token()).unwrap().kid().expect("a kid").to_owned()
    }

    /// Logs out; the status of the answer.
    pub(crate) async fn log_out(&self) -> u16 {
        let body = json!({ "refresh_token": self.answer["refresh_token"] });
        let request = self.http.post(format!("{}/auth/logout", self.url)).header("Cookie", &self.cookie);
        request.json(&body).send().await.unwrap().status().as_u16()
    }

    pub(crate) fn session(&self) -> &str {
        self.answer["session"]["id"].as_str().expect("a living session")
    }

    pub(crate) fn token(&self) -> &str {
        self.answer["jwt_token"].as_str().expect("an access token")
    }
}

/// The deny-list stream, as an API follows it.
pub(crate) async fn listening(server: &Server) -> reqwest::Response {
    let key = ["keys", "service", "add", "--scope", "revocations", "--name", "api", "--json"];
    let made: serde_json::Value = serde_json::from_str(&printed(server.data.path(), &key)).unwrap();
    let request = reqwest::Client::new().get(format!("{}/auth/revocations", server.url));
    request.bearer_auth(made["key"].as_str().unwrap()).send().await.unwrap()
}
