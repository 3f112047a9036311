//! The task that owns a socket: it opens connections, one after another, for as long as there are subscriptions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::Action;
use reqwest::Url;
use tokio::sync::mpsc;

use super::connection::Connection;
use super::subscription::{Event, Sub};
use crate::error::Error;
use crate::secret::SecretText;
use crate::session::{Inner, Trouble};

/// A connection that has stood this long was a good one.
const GOOD: Duration = Duration::from_mins(1);

/// How long a token lasts, at the least, with which a connection is opened.
const OPENING: Duration = Duration::from_secs(15);

/// What the handles of a socket ask for.
pub(super) enum Command {
    Subscribe(u64, Sub),
    Complete(u64),
}

/// How a connection ended.
pub(super) enum End {
    /// It broke, or could not be opened.
    Broken(Error),
    /// Nobody needs it any more.
    Done,
    /// It cannot go on, and opening it again cannot help.
    Failed(Error),
    /// Its token was refused.
    Refused(SecretText, Error),
    /// The token's end is near, and a newer one could not be shown.
    Worn,
}

pub(super) struct Task {
    pub(super) inner: Arc<Inner>,
    pub(super) url: Url,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) subs: BTreeMap<u64, Sub>,
    /// Nobody can subscribe any more.
    closed: bool,
    trouble: Option<Trouble>,
    refused: bool,
}

impl Task {
    pub(super) fn new(inner: Arc<Inner>, url: Url, commands: mpsc::UnboundedReceiver<Command>) -> Self {
        Self { inner, url, commands, subs: BTreeMap::new(), closed: false, trouble: None, refused: false }
    }

    pub(super) async fn run(mut self) {
        loop {
            while self.subs.is_empty() && !self.closed {
                let command = self.commands.recv().await;
                self.note(command);
            }
            if self.subs.is_empty() {
                return;
            }
            let world = Arc::clone(&self.inner.settings.world);
            let began = world.elapsed();
            let end = self.connection().await;
            if world.elapsed().saturating_sub(began) > GOOD {
                (self.trouble, self.refused) = (None, false);
            }
            match end {
                End::Done | End::Worn => (),
                End::Failed(error) => self.fail(&error),
                End::Broken(error) => self.pause(error).await,
                // For one refused token there is one refresh. Its answer decides whether the session lives.
                End::Refused(_, error) if self.refused => self.fail(&error),
                End::Refused(token, _) => {
                    self.refused = true;
                    match self.inner.pass_instead_of(&token).await {
                        Ok(_) => (),
                        Err(error) if error.action() == Action::Retry => self.pause(error).await,
                        Err(error) => self.fail(&error),
                    }
                }
            }
        }
    }

    async fn connection(&mut self) -> End {
        let opened = match self.inner.pass(OPENING).await {
            Ok(pass) => Connection::open(&self.inner, &self.url, pass).await,
            Err(error) if error.action() == Action::Retry => Err(End::Broken(error)),
            Err(error) => Err(End::Failed(error)),
        };
        match opened {
            Ok(connection) => connection.go_on(self).await,
            Err(end) => end,
        }
    }

    /// Takes note of a command while there is no connection, and says what there is to be told to a server.
    pub(super) fn note(&mut self, command: Option<Command>) -> Option<u64> {
        match command {
            Some(Command::Subscribe(id, sub)) => {
                self.subs.insert(id, sub);
                Some(id)
            }
            Some(Command::Complete(id)) => self.subs.remove(&id).map(|_| id),
            None => {
                self.closed = true;
                None
            }
        }
    }

    /// Hands an event on, and forgets the subscription if nobody takes it.
    pub(super) fn hand_on(&mut self, id: u64, event: Event) -> bool {
        let taken = self.subs.get(&id).is_none_or(|sub| sub.hand_on(event));
        if !taken {
            self.subs.remove(&id);
        }
        taken
    }

    fn fail(&mut self, error: &Error) {
        for sub in std::mem::take(&mut self.subs).into_values() {
            sub.fail(error.clone());
        }
    }

    /// Waits before the next try, for longer each time.
    async fn pause(&mut self, error: Error) {
        tracing::debug!(%error, "a GraphQL connection broke");
        let world = Arc::clone(&self.inner.settings.world);
        let trouble = Trouble::after(self.trouble.as_ref(), error, world.elapsed(), world.chance());
        let mut wait = world.sleep(trouble.until.saturating_sub(world.elapsed()));
        self.trouble = Some(trouble);
        let mut beat = self.inner.beat();
        let epoch = beat.borrow_and_update().epoch;
        while !self.subs.is_empty() {
            tokio::select! {
                () = &mut wait => return,
                // Whoever has logged out waits no longer; the next try says so.
                _ = beat.wait_for(|beat| beat.epoch != epoch) => return,
                command = self.commands.recv(), if !self.closed => { self.note(command); }
            }
        }
    }
}
