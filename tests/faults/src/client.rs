//! A client with a cookie jar, which tells the history of everything that it is told.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use crate::history::{History, Why};
use crate::token::Token;
use crate::wire::{Fate, Lost, Reply, Wire};

const REFRESH: &str = "__Host-csrt";
/// How long a sign-up may take: a password is hashed, and others are before it.
const HASHED_WITHIN: Duration = Duration::from_mins(1);
/// How long a logout may take: it waits for the disk, or for a standby, and others are before it. Who gave up
/// earlier and came again would only make the queue longer.
const LEFT_WITHIN: Duration = Duration::from_secs(20);
/// For how long a client goes on trying before a run is given up: a server that is killed again and again on a machine
/// that does much else may not answer for minutes.
const GIVE_UP: Duration = Duration::from_mins(10);

/// One browser: its jar, and the newest access token.
#[derive(Debug, Clone)]
pub struct Client {
    wire: Arc<Wire>,
    history: Arc<History>,
    jar: BTreeMap<String, String>,
    access: String,
    session: String,
    email: String,
    password: String,
    /// Whether the jar is its own; else it was copied from its owner, who goes on.
    honest: bool,
}

/// How a refresh ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The jar holds a newer token, or the same one.
    Refreshed(Token),
    /// The server refused: sign in.
    Refused(Why),
    /// No answer, or "later": try the same token again.
    Again,
}

impl Client {
    /// Creates an account, and tries until that is answered. A name is not tried twice: whether the first attempt
    /// created it, nobody knows.
    pub async fn sign_up(
        wire: &Arc<Wire>,
        history: &Arc<History>,
        random: &mut fastrand::Rng,
    ) -> anyhow::Result<Self> {
        let mut client = Self {
            wire: Arc::clone(wire),
            history: Arc::clone(history),
            jar: BTreeMap::new(),
            access: String::new(),
            session: String::new(),
            email: String::new(),
            password: format!("correct horse {:016x}", random.u64(..)),
            honest: true,
        };
        let trying = async {
            loop {
                client.email = format!("{:016x}@example.com", random.u64(..));
                let body = json!({ "email": client.email, "password": client.password });
                let reply = client.post("/auth/signup", &body, HASHED_WITHIN, Fate::Whole).await;
                if client.enters(reply, 201)? {
                    client.history.facts().signed_up(&client.email);
                    return anyhow::Ok(());
                }
                pause(random).await;
            }
        };
        tokio::time::timeout(GIVE_UP, trying).await.context("nobody could sign up")??;
        Ok(client)
    }

    /// Opens another session of the account. `Some(false)` if the server refuses, none if it does not answer.
    pub async fn log_in(&mut self) -> anyhow::Result<Option<bool>> {
        let body = json!({ "email": self.email, "password": self.password });
        self.jar.clear();
        let reply = self.post("/auth/login", &body, HASHED_WITHIN, Fate::Whole).await;
        if matches!(&reply, Ok(reply) if reply.status == 401) {
            return Ok(Some(false));
        }
        Ok(self.enters(reply, 200)?.then_some(true))
    }

    /// Whether the account can log in, as the history wants to know in the end.
    pub async fn show_account(&self, random: &mut fastrand::Rng) -> anyhow::Result<()> {
        let mut other = self.clone();
        // What it opens would have to be looked at as well.
        other.history = Arc::default();
        let trying = async {
            loop {
                if let Some(could) = other.log_in().await? {
                    return anyhow::Ok(could);
                }
                pause(random).await;
            }
        };
        let could = tokio::time::timeout(GIVE_UP, trying).await.context("no log-in was answered")??;
        self.history.facts().logged_in(&self.email, could);
        Ok(())
    }

    /// The name of the session.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Somebody else's copy of the jar, which no longer follows the original.
    #[must_use]
    pub fn copied(&self) -> Self {
        Self { honest: false, ..self.clone() }
    }

    /// What the refresh token in the jar says.
    pub fn token(&self) -> anyhow::Result<Token> {
        self.jar.get(REFRESH).and_then(|text| Token::parse(text)).context("no refresh token in the jar")
    }

    /// One refresh.
    pub async fn refresh(&mut self, fate: Fate) -> anyhow::Result<Outcome> {
        let shown = self.token()?;
        let sent = {
            let mut facts = self.history.facts();
            if self.honest { facts.send() } else { facts.stealing(&self.session) }
        };
        let reply = self.post_as_sdk("/auth/refresh", &json!({}), fate).await;
        let outcome = match self.read(reply)? {
            Some(Ok(reply)) => {
                let token = self.takes(&reply)?;
                ensure!(self.has_session(&reply.body), "{} was answered of another session", self.session);
                Outcome::Refreshed(token)
            }
            Some(Err(why)) => Outcome::Refused(why),
            None => return Ok(Outcome::Again),
        };
        let told = match &outcome {
            Outcome::Refreshed(token) => Ok(*token),
            Outcome::Refused(why) => Err(why.clone()),
            Outcome::Again => return Ok(outcome),
        };
        let mut facts = self.history.facts();
        if self.honest {
            facts.refreshed(&self.session, sent, shown, told);
        } else {
            facts.stole(&self.session, sent, shown, told);
        }
        drop(facts);
        Ok(outcome)
    }

    /// Refreshes with one and the same token until there is an answer, as the SDK does. `lost` is how often an
    /// answer is lost on its way.
    pub async fn refresh_until_answered(
        &mut self,
        lost: f64,
        random: &mut fastrand::Rng,
    ) -> anyhow::Result<Outcome> {
        let mut rng = random.fork();
        let trying = async {
            loop {
                match self.refresh(fate(lost, &mut rng)).await? {
                    Outcome::Again => pause(&mut rng).await,
                    outcome => return anyhow::Ok(outcome),
                }
            }
        };
        tokio::time::timeout(GIVE_UP, trying).await.context("no refresh was answered")?
    }

    /// Many requests with one token at once. The jar keeps the newest of the answers that arrive.
    pub async fn race(&mut self, wide: usize, lost: f64, random: &mut fastrand::Rng) -> anyhow::Result<()> {
        let mut tabs = tokio::task::JoinSet::new();
        for _ in 0..wide {
            let mut tab = self.clone();
            let fate = fate(lost, random);
            tabs.spawn(async move {
                let outcome = tab.refresh(fate).await?;
                anyhow::Ok((tab, outcome))
            });
        }
        while let Some(done) = tabs.join_next().await {
            let (tab, outcome) = done??;
            if let Outcome::Refreshed(token) = outcome {
                let held = self.token()?;
                if (token.depth, token.issued) > (held.depth, held.issued) {
                    self.jar = tab.jar;
                    self.access = tab.access;
                }
            }
        }
        self.history.facts().races += 1;
        Ok(())
    }

    /// Logs out, again and again until that is answered. The jar stays, so that one can look whether it is true.
    pub async fn log_out(&self, lost: f64, random: &mut fastrand::Rng) -> anyhow::Result<()> {
        let mut rng = random.fork();
        let trying = async {
            loop {
                if self.ask_to_log_out(fate(lost, &mut rng)).await? {
                    return anyhow::Ok(());
                }
                pause(&mut rng).await;
            }
        };
        tokio::time::timeout(GIVE_UP, trying).await.context("no logout was answered")?
    }

    /// One logout; whether it was answered.
    pub async fn ask_to_log_out(&self, fate: Fate) -> anyhow::Result<bool> {
        self.history.facts().leaving(&self.session);
        let reply = self.post("/auth/logout", &json!({}), LEFT_WITHIN, fate).await;
        match self.read(reply)? {
            Some(Ok(_)) => {
                self.history.facts().left(&self.session);
                Ok(true)
            }
            Some(Err(why)) => bail!("{}: a logout was refused: {why:?}", self.session),
            None => Ok(false),
        }
    }

    /// Shows the access token to a proxy's question, until that is answered; the status.
    pub async fn show_access(&self, random: &mut fastrand::Rng) -> anyhow::Result<u16> {
        let mut rng = random.fork();
        let trying = async {
            loop {
                let sent = self.history.facts().send();
                let request = self.request("GET", "/auth/verify", "");
                match self.wire.ask_within(GIVE_UP, &request, Fate::Whole).await {
                    Ok(reply) if reply.status < 500 => {
                        self.history.facts().showed_access(&self.session, sent, reply.status);
                        return reply.status;
                    }
                    Ok(_) | Err(Lost) => pause(&mut rng).await,
                }
            }
        };
        tokio::time::timeout(GIVE_UP, trying).await.context("no question for an access token was answered")
    }

    /// One request with everything that the jar holds. The history is not told.
    pub async fn ask(&self, wire: &Wire, method: &str, path: &str, body: &Value) -> Result<Reply, Lost> {
        wire.ask(&self.request(method, path, &body.to_string()), Fate::Whole).await
    }

    /// A log-in of the same account, of which the history is not told.
    pub async fn ask_to_log_in(&self, wire: &Wire) -> Result<Reply, Lost> {
        let body = json!({ "email": self.email, "password": self.password });
        Self { jar: BTreeMap::new(), access: String::new(), ..self.clone() }
            .ask(wire, "POST", "/auth/login", &body)
            .await
    }

    /// The last look at the session: a refresh, and the newest access token.
    pub async fn look(&mut self, random: &mut fastrand::Rng) -> anyhow::Result<()> {
        self.refresh_until_answered(0.0, random).await?;
        self.show_access(random).await?;
        Ok(())
    }

    async fn post_as_sdk(&self, path: &str, body: &Value, fate: Fate) -> Result<Reply, Lost> {
        self.wire.ask(&self.request("POST", path, &body.to_string()), fate).await
    }

    async fn post(&self, path: &str, body: &Value, limit: Duration, fate: Fate) -> Result<Reply, Lost> {
        self.wire.ask_within(limit, &self.request("POST", path, &body.to_string()), fate).await
    }

    fn request(&self, method: &str, path: &str, body: &str) -> String {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-Countersign: 1\r\n");
        if !self.access.is_empty() {
            let _never = write!(text, "Authorization: Bearer {}\r\n", self.access);
        }
        if !self.jar.is_empty() {
            let pairs: Vec<_> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let _never = write!(text, "Cookie: {}\r\n", pairs.join("; "));
        }
        if !body.is_empty() {
            let length = body.len();
            let _never = write!(text, "Content-Type: application/json\r\nContent-Length: {length}\r\n");
        }
        text + "\r\n" + body
    }

    /// Counts the answer; a refusal by the contract, or nothing if one should try again.
    fn read(&self, reply: Result<Reply, Lost>) -> anyhow::Result<Option<Result<Reply, Why>>> {
        let mut facts = self.history.facts();
        let Ok(reply) = reply else {
            facts.lost += 1;
            return Ok(None);
        };
        facts.answers += 1;
        match reply.status {
            200 | 201 => Ok(Some(Ok(reply))),
            // The others are of a proxy whose server went away.
            502..=504 => {
                facts.unavailable += 1;
                Ok(None)
            }
            401 => Ok(Some(Err(why(&reply)))),
            _ => bail!("{}: no answer of the contract: {reply:?}", self.session),
        }
    }

    /// Takes a new session from the answer to a sign-up or log-in, if that is one.
    fn enters(&mut self, reply: Result<Reply, Lost>, status: u16) -> anyhow::Result<bool> {
        let Some(Ok(reply)) = self.read(reply)? else { return Ok(false) };
        ensure!(reply.status == status, "{reply:?}");
        self.takes(&reply)?;
        id(&reply.body).context("a session has an id")?.clone_into(&mut self.session);
        self.history.facts().opened(&self.session);
        Ok(true)
    }

    fn takes(&mut self, reply: &Reply) -> anyhow::Result<Token> {
        self.jar.extend(reply.cookies.iter().cloned());
        let access = reply.body.get("jwt_token").and_then(Value::as_str);
        access.context("an access token")?.clone_into(&mut self.access);
        self.token()
    }

    fn has_session(&self, body: &Value) -> bool {
        id(body) == Some(&self.session)
    }
}

fn id(body: &Value) -> Option<&str> {
    body.pointer("/session/id").and_then(Value::as_str)
}

fn why(reply: &Reply) -> Why {
    let text = |name| reply.body.pointer(name).and_then(Value::as_str).map(str::to_owned);
    let code = text("/error/code").unwrap_or_default();
    Why { status: reply.status, code, reason: text("/error/reason") }
}

/// Whether and where an answer is lost.
fn fate(lost: f64, random: &mut fastrand::Rng) -> Fate {
    if random.f64() >= lost {
        Fate::Whole
    } else if random.bool() {
        Fate::Unheard
    } else {
        // The head is about 700 bytes long, and the body as much again.
        Fate::CutAt(random.usize(1..1_000))
    }
}

/// Each client at its own pace: in step, all would come back at once.
async fn pause(random: &mut fastrand::Rng) {
    tokio::time::sleep(Duration::from_millis(random.u64(20..200))).await;
}
