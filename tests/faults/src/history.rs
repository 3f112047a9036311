//! What every client was told, in the order in which it was told.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::token::Token;

/// A moment of a history: how many things had happened by then.
pub type Tick = u64;

/// A refusal, as the contract words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// The status of the answer.
    pub status: u16,
    /// The code.
    pub code: String,
    /// Why a session ended.
    pub reason: Option<String>,
}

/// What a refresh was answered.
pub type Told = Result<Token, Why>;

/// A refresh whose answer arrived.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) sent: Tick,
    pub(crate) got: Tick,
    pub(crate) shown: Token,
    pub(crate) told: Told,
}

/// All that is known of one session.
#[derive(Debug, Default, Clone)]
pub(crate) struct Life {
    /// By whoever the session belongs to.
    pub(crate) honest: Vec<Exchange>,
    /// By whoever copied the cookies.
    pub(crate) thief: Vec<Exchange>,
    /// When a thief first sent something.
    pub(crate) stolen: Option<Tick>,
    /// When its end was first asked for.
    pub(crate) leaving: Option<Tick>,
    /// When an end of it was first answered.
    pub(crate) left: Option<Tick>,
    /// When an access token of it was shown last, and the status of that answer.
    pub(crate) shown_access: Option<(Tick, u16)>,
    deepest: u32,
}

/// What all clients were told, as a value.
#[derive(Debug, Default, Clone)]
pub struct Facts {
    now: Tick,
    pub(crate) sessions: BTreeMap<String, Life>,
    /// Each account whose sign-up was answered, and whether it could log in at the end.
    pub(crate) accounts: BTreeMap<String, Option<bool>>,
    /// When the server may have forgotten what it is allowed to forget.
    pub(crate) power_losses: Vec<Tick>,
    /// When the load was over: everything has to be looked at once more.
    pub(crate) closed: Option<Tick>,
    /// How often a session moved on by one confirmed token.
    pub rotations: u64,
    /// Answers that arrived.
    pub answers: u64,
    /// Answers that did not.
    pub lost: u64,
    /// Answers that asked to come back later.
    pub unavailable: u64,
    /// Races of many requests with one token.
    pub races: u64,
}

impl Facts {
    /// The moment at which something is sent.
    pub fn send(&mut self) -> Tick {
        self.now += 1;
        self.now
    }

    fn life(&mut self, session: &str) -> &mut Life {
        if !self.sessions.contains_key(session) {
            self.sessions.insert(session.to_owned(), Life::default());
        }
        self.sessions.entry(session.to_owned()).or_default()
    }

    /// An account was created, as somebody was told.
    pub fn signed_up(&mut self, account: &str) {
        self.accounts.entry(account.to_owned()).or_default();
    }

    /// Whether an account that was created can log in.
    pub fn logged_in(&mut self, account: &str, could: bool) {
        self.accounts.insert(account.to_owned(), Some(could));
    }

    /// A session was opened, as somebody was told.
    pub fn opened(&mut self, session: &str) {
        self.life(session);
    }

    /// A refresh by the session's own client.
    pub fn refreshed(&mut self, session: &str, sent: Tick, shown: Token, told: Told) {
        let got = self.send();
        let life = self.life(session);
        let mut steps = 0;
        if let Ok(token) = &told {
            steps = token.depth.saturating_sub(life.deepest.max(1));
            life.deepest = life.deepest.max(token.depth);
        }
        life.honest.push(Exchange { sent, got, shown, told });
        self.rotations += u64::from(steps);
    }

    /// A thief is about to show a copy of a session's token.
    pub fn stealing(&mut self, session: &str) -> Tick {
        let sent = self.send();
        self.life(session).stolen.get_or_insert(sent);
        sent
    }

    /// A refresh by a thief.
    pub fn stole(&mut self, session: &str, sent: Tick, shown: Token, told: Told) {
        let got = self.send();
        self.life(session).thief.push(Exchange { sent, got, shown, told });
    }

    /// A client is about to ask for the end of its session.
    pub fn leaving(&mut self, session: &str) {
        let sent = self.send();
        self.life(session).leaving.get_or_insert(sent);
    }

    /// A client was told that its session is over.
    pub fn left(&mut self, session: &str) {
        let got = self.send();
        self.life(session).left.get_or_insert(got);
    }

    /// How many sessions are over, as somebody was told.
    pub fn ends(&self) -> usize {
        self.sessions.values().filter(|life| life.left.is_some()).count()
    }

    /// An access token of the session was shown, and answered so.
    pub fn showed_access(&mut self, session: &str, sent: Tick, status: u16) {
        self.life(session).shown_access = Some((sent, status));
    }

    /// The power went: commits that need not wait for the disk may be gone.
    pub fn lost_power(&mut self) {
        let now = self.send();
        self.power_losses.push(now);
    }

    /// The load is over.
    pub fn close(&mut self) {
        let now = self.send();
        self.closed = Some(now);
    }
}

/// The history that the clients of one run share.
#[derive(Debug, Default)]
pub struct History(Mutex<Facts>);

impl History {
    /// The facts, to add to them or to look at them. Held for as long as the answer.
    pub fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
