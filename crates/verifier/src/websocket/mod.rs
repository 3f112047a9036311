//! GraphQL over WebSocket, held to its session. Without I/O: whoever owns the socket asks here what to do.
//!
//! ```text
//!  client ──► Guard::client_said ──► Step: forward, answer, or close
//!             Guard::over ─────────► Close: no init in time, session ended, token expired, program ends
//!             Guard::silent ───────► asks whether the client is there; Close: it is not
//! ```
//!
//! The same guard stands before a schema in the same program, and before an API behind a proxy.

mod close;
mod ending;
mod message;
mod origins;
mod payload;
mod protocol;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use countersign_core::token::Reject;
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, HeaderValue};
use serde_json::{Map, Value};
use tokio::sync::SetOnce;

pub use self::close::Close;
pub use self::ending::{Ending, Stop};
pub use self::origins::{Origins, origin};
pub use self::protocol::{Protocol, wanted};

use self::message::{Kind, Message};
use crate::{Refused, Session, Shown, Verified, Verifier};

/// How long a socket may do without, and how large a message may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How long after its token's expiry a client may show a newer one.
    pub grace: Duration,
    /// How soon the client must say who it is.
    pub init_within: Duration,
    /// The longest message of a client, in bytes.
    pub longest_message: usize,
    /// How often the client is asked whether it is there. It may leave three times unanswered.
    pub ping_every: Duration,
}

/// How often a client may leave unanswered that it was asked.
const UNANSWERED: u8 = 3;

impl Default for Rules {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(30),
            init_within: Duration::from_secs(10),
            longest_message: 64 * 1024,
            // As other servers do. Clients of the legacy protocol expect it within 30 seconds.
            ping_every: Duration::from_secs(12),
        }
    }
}

/// Stands at the client's side of one socket. Messages are asked about one after another, in the order in which
/// they came, while [`over`](Self::over) is waited for beside them.
pub struct Guard {
    verifier: Verifier,
    protocol: Protocol,
    rules: Rules,
    /// What the upgrade showed of its sender.
    upgrade: HeaderMap,
    begun: AtomicBool,
    session: SetOnce<Session>,
    ending: Option<Ending>,
    unanswered: AtomicU8,
}

/// What is to be done with a message of the client.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The client is known now: pass on [`Init::message`].
    Init(Init),
    /// Pass this on.
    Forward(String),
    /// Send this to the client, and pass nothing on.
    Answer(String),
    /// Pass nothing on.
    Ignore,
    /// Let go of what goes on, and close the socket.
    Close(Close),
}

/// The first message of a client that is known.
#[derive(Debug, PartialEq, Eq)]
pub struct Init {
    /// What the client sent along. Whoever passes it to somebody else takes out what the client may not say.
    pub payload: Map<String, Value>,
}

impl Init {
    /// The message with this payload.
    pub fn message(&self) -> String {
        message::init(&self.payload)
    }
}

impl Guard {
    /// A guard for the socket that a request with these headers asked for.
    ///
    /// # Errors
    /// [`Refused::Doubled`] if a header or cookie of ours came twice; no upgrade then.
    pub fn new(
        verifier: Verifier,
        protocol: Protocol,
        headers: &HeaderMap,
        rules: Rules,
    ) -> Result<Self, Refused> {
        Shown::of(headers, verifier.policy())?;
        let mut upgrade = HeaderMap::new();
        for name in [AUTHORIZATION, COOKIE] {
            for value in headers.get_all(&name) {
                upgrade.append(&name, value.clone());
            }
        }
        let (begun, session) = (AtomicBool::new(false), SetOnce::new());
        let (ending, unanswered) = (None, AtomicU8::new(0));
        Ok(Self { verifier, protocol, rules, upgrade, begun, session, ending, unanswered })
    }

    /// For a socket that ends with the program, if that says when.
    #[must_use]
    pub fn until(self, ending: Option<Ending>) -> Self {
        Self { ending, ..self }
    }

    /// The protocol that is spoken.
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The newest token that the client has shown, once it has said who it is.
    pub fn verified(&self) -> Option<Verified> {
        self.session.get().map(|session| session.newest().clone())
    }

    /// What to do with a message of the client. Waits only while a token is verified.
    pub async fn client_said(&self, text: &str) -> Step {
        self.heard();
        if text.len() > self.rules.longest_message {
            return Step::Close(Close::TOO_LARGE);
        }
        let Some(message) = Message::parse(text) else {
            return Step::Close(Close::MALFORMED);
        };
        match (message.kind(self.protocol), self.session.get()) {
            (Some(Kind::Init), _) => self.init(&message).await.unwrap_or_else(Step::Close),
            (Some(Kind::Terminate), _) => Step::Close(Close::DONE),
            (Some(Kind::Ping), open) => match (message.reauth(), open) {
                (Some(authorization), _) => self.reauth(&authorization).await,
                (None, Some(_)) => Step::Forward(message.text()),
                (None, None) => Step::Answer(message.pong()),
            },
            (Some(Kind::Pong | Kind::Operation), Some(_)) => Step::Forward(message.text()),
            (Some(Kind::Pong), None) => Step::Ignore,
            (Some(Kind::Operation), None) => Step::Close(Close::refused(Refused::TokenMissing)),
            (None, _) => Step::Close(Close::MALFORMED),
        }
    }

    /// Resolves when the socket must be closed, whatever the client says. To be waited for once, from the
    /// upgrade on.
    pub async fn over(&self) -> Close {
        let ending = async {
            match self.ending.clone() {
                Some(ending) => ending.begun().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            // First: of what has ended as well nobody need come back.
            close = self.refused() => close,
            () = ending => Close::ENDING,
        }
    }

    /// The client is there: something of it came that is no message, such as the answer to a ping of the
    /// WebSocket.
    pub fn heard(&self) {
        self.unanswered.store(0, Ordering::Relaxed);
    }

    /// Asks a client that is known in intervals, by `say`, whether it is there. Resolves when it does not answer:
    /// a device that falls asleep says no good-bye. To be waited for once, beside [`over`](Self::over).
    ///
    /// `say` gets a message of the protocol, and sends a ping of the WebSocket along: only that is answered by
    /// clients of the legacy protocol, whose owner says so by [`heard`](Self::heard).
    pub async fn silent<S: Future<Output = ()>>(&self, say: impl Fn(&'static str) -> S) -> Close {
        let every = self.rules.ping_every;
        self.session.wait().await;
        tokio::time::sleep(every).await;
        while self.unanswered.fetch_add(1, Ordering::Relaxed) < UNANSWERED {
            // Who does not read is not waited for.
            let asked = tokio::time::timeout(every, say(self.protocol.ping()));
            let (_late, ()) = tokio::join!(asked, tokio::time::sleep(every));
        }
        Close::SILENT
    }

    async fn refused(&self) -> Close {
        match tokio::time::timeout(self.rules.init_within, self.session.wait()).await {
            Ok(session) => Close::coded(session.ended_after(self.rules.grace).await.code()),
            Err(_) => Close::LATE,
        }
    }

    async fn init(&self, message: &Message<'_>) -> Result<Step, Close> {
        if self.begun.swap(true, Ordering::Relaxed) {
            return Err(Close::TWICE);
        }
        let payload = message.object().ok_or(Close::MALFORMED)?;
        let authorization = payload::authorization(&payload).map_err(Close::refused)?;
        let verified = self.verify(authorization).await.map_err(|refused| {
            tracing::debug!(%refused, "a socket was refused");
            Close::refused(refused)
        })?;
        // Only the first init comes this far.
        self.session.set(verified.session()).map_err(|_| Close::TWICE)?;
        Ok(Step::Init(Init { payload }))
    }

    /// A newer token of the same session moves the end of the socket; any other changes nothing.
    async fn reauth(&self, authorization: &str) -> Step {
        let renewed = match self.session.get() {
            Some(session) => match self.verify(Some(authorization)).await {
                Ok(newer) => session.renew(newer).is_ok(),
                Err(refused) => {
                    tracing::debug!(%refused, "a newer token was refused");
                    false
                }
            },
            None => false,
        };
        Step::Answer(message::reauth(renewed))
    }

    /// What the upgrade showed counts, but for a token that the client shows now.
    async fn verify(&self, authorization: Option<&str>) -> Result<Verified, Refused> {
        let mut headers = self.upgrade.clone();
        if let Some(authorization) = authorization {
            let value = HeaderValue::from_str(authorization).map_err(|_| Reject::Encoding)?;
            headers.insert(AUTHORIZATION, value);
        }
        self.verifier.verify(&Shown::of(&headers, self.verifier.policy())?).await
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}
