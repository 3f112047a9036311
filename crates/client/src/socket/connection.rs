use std::sync::Arc;
use std::time::Duration;

use countersign_core::{Action, Code};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Url;
use serde_json::Value;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::connect::{self, Stream};
use super::message::{self, Said};
use super::subscription::Event;
use super::task::{Command, End, Task};
use crate::error::Error;
use crate::session::{Beat, Inner, Pass};
use crate::transport::FLIGHT;
use crate::world::Sleep;

/// The server answers the first message within this.
const ACK: Duration = Duration::from_secs(10);

/// After so long without a word the server is asked whether it is there, and then has this long to answer.
const QUIET: Duration = Duration::from_secs(30);
const ANSWER: Duration = Duration::from_secs(10);

/// A server that knows how takes a newer token within this.
const TAKEN: Duration = Duration::from_secs(2);

/// A renewal that failed is asked for again after this.
const AGAIN: Duration = Duration::from_secs(5);

/// How long before the end of its token a connection is opened anew, where the server takes no newer one.
const WORN: Duration = Duration::from_secs(5);

/// An open connection, whose client the server knows.
pub(super) struct Connection {
    inner: Arc<Inner>,
    stream: Stream,
    /// What the server has last taken.
    pass: Pass,
    /// What it was shown since, until it answers.
    shown: Option<Pass>,
    beat: watch::Receiver<Beat>,
    renew: Sleep,
    quiet: Sleep,
    probed: bool,
    taken: Option<Sleep>,
    worn: Option<Sleep>,
}

impl Connection {
    pub(super) async fn open(inner: &Arc<Inner>, url: &Url, pass: Pass) -> Result<Self, End> {
        let settings = &inner.settings;
        let mut beat = inner.beat();
        // Between the pass and this there may have been a newer one.
        beat.mark_changed();
        let opened = settings.within(FLIGHT, connect::open(settings, url, &pass)).await;
        let stream = opened.map_err(|error| match (&error, error.action()) {
            (Error::Refused(_), Action::Fix) => End::Failed(error),
            (Error::Refused(_), Action::Login | Action::Refresh)
            | (Error::Foreign { status: 401, .. }, _) => End::Refused(pass.token.clone(), error),
            _ => End::Broken(error),
        })?;
        let world = &settings.world;
        let renew = world.sleep(pass.due.saturating_sub(world.elapsed()));
        let quiet = world.sleep(QUIET);
        let inner = Arc::clone(inner);
        let (shown, taken, worn) = (None, None, None);
        let mut new = Self { inner, stream, pass, shown, beat, renew, quiet, probed: false, taken, worn };
        new.begin().await?;
        Ok(new)
    }

    async fn begin(&mut self) -> Result<(), End> {
        self.say(message::init(&self.pass.token).as_str()).await?;
        let mut late = self.inner.settings.world.sleep(ACK);
        loop {
            let said = tokio::select! {
                said = self.stream.next() => self.heard(said)?,
                () = &mut late => return Err(End::Broken(Error::Timeout)),
            };
            match said {
                Some(Said::ConnectionAck) => return Ok(()),
                Some(Said::Ping { payload }) => self.say(&message::pong(payload.as_ref())).await?,
                None | Some(Said::Pong { .. }) => (),
                Some(_) => return Err(End::Broken(foreign("no acknowledgement"))),
            }
        }
    }

    /// Until it ends.
    pub(super) async fn go_on(mut self, task: &mut Task) -> End {
        let end = match self.work(task).await {
            Ok(end) | Err(end) => end,
        };
        if !matches!(end, End::Broken(_)) {
            let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
            // Whether the server hears it or not, it is over.
            let closing = async { self.stream.close(Some(frame)).await.map_err(|_| Error::Interrupted) };
            let _either = self.inner.settings.within(TAKEN, closing).await;
        }
        end
    }

    async fn work(&mut self, task: &mut Task) -> Result<End, End> {
        let ids: Vec<u64> = task.subs.keys().copied().collect();
        for id in ids {
            self.subscribe(task, id).await?;
        }
        while !task.subs.is_empty() {
            tokio::select! {
                biased;
                changed = self.beat.changed() => match changed {
                    Ok(()) => self.show_newer().await?,
                    Err(_) => return Ok(End::Failed(Error::Interrupted)),
                },
                said = self.stream.next() => if let Some(said) = self.heard(said)? {
                    self.hear(task, said).await?;
                },
                command = task.commands.recv() => self.obey(task, command).await?,
                () = &mut self.renew => self.renew(),
                () = &mut self.quiet => self.probe().await?,
                () = elapsed(&mut self.taken) => self.not_taken(),
                () = elapsed(&mut self.worn) => return Ok(End::Worn),
            }
        }
        Ok(End::Done)
    }

    async fn hear(&mut self, task: &mut Task, said: Said) -> Result<(), End> {
        match said {
            Said::Next { id, payload } => {
                if let Ok(id) = id.parse()
                    && !task.hand_on(id, Event::Next(payload))
                {
                    self.say(&message::complete(id)).await?;
                }
            }
            Said::Error { id, payload } => {
                if let Some(sub) = id.parse().ok().and_then(|id: u64| task.subs.remove(&id)) {
                    sub.fail(Error::Operation(payload));
                }
            }
            Said::Complete { id } => {
                id.parse().ok().and_then(|id: u64| task.subs.remove(&id));
            }
            Said::Ping { payload } => self.say(&message::pong(payload.as_ref())).await?,
            Said::Pong { payload } => self.answered(payload.as_ref()),
            Said::ConnectionAck => return Err(End::Broken(foreign("a second acknowledgement"))),
        }
        Ok(())
    }

    async fn obey(&mut self, task: &mut Task, command: Option<Command>) -> Result<(), End> {
        let begins = matches!(command, Some(Command::Subscribe(..)));
        match task.note(command) {
            Some(id) if begins => self.subscribe(task, id).await,
            Some(id) => self.say(&message::complete(id)).await,
            None => Ok(()),
        }
    }

    async fn subscribe(&mut self, task: &mut Task, id: u64) -> Result<(), End> {
        let Some(sub) = task.subs.get_mut(&id) else { return Ok(()) };
        let again = std::mem::replace(&mut sub.begun, true);
        let text = message::subscribe(id, &sub.operation);
        self.say(&text).await?;
        if again {
            task.hand_on(id, Event::Resumed);
        }
        Ok(())
    }

    /// Shows a newer token, if there is one of the same session.
    async fn show_newer(&mut self) -> Result<(), End> {
        // With the session of somebody else nothing of this one goes on.
        let pass = match self.inner.pass(Duration::ZERO).await {
            Ok(pass) => pass,
            Err(error) if error.action() == Action::Retry => return Ok(()),
            Err(error) => return Err(End::Failed(error)),
        };
        if pass.beat.epoch != self.pass.beat.epoch {
            return Err(End::Failed(Error::SignedOut(crate::SignedOut::User)));
        }
        if pass.beat.token == self.pass.beat.token {
            return Ok(());
        }
        let world = &self.inner.settings.world;
        self.renew = world.sleep(pass.due.saturating_sub(world.elapsed()));
        self.taken = Some(world.sleep(TAKEN));
        self.say(message::reauth(&pass.token).as_str()).await?;
        self.shown = Some(pass);
        Ok(())
    }

    fn answered(&mut self, payload: Option<&Value>) {
        if Said::taken(payload)
            && let Some(pass) = self.shown.take()
        {
            (self.pass, self.taken, self.worn) = (pass, None, None);
        }
    }

    /// The server does not know how to take a newer token, or will not.
    fn not_taken(&mut self) {
        let world = &self.inner.settings.world;
        let left = self.pass.ends.saturating_sub(WORN).saturating_sub(world.elapsed());
        (self.taken, self.shown, self.worn) = (None, None, Some(world.sleep(left)));
    }

    /// Has the token renewed beside this. That it is done, the beat says.
    fn renew(&mut self) {
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move { inner.pass(Duration::ZERO).await.map(|_| ()) });
        self.renew = self.inner.settings.world.sleep(AGAIN);
    }

    async fn probe(&mut self) -> Result<(), End> {
        if self.probed {
            return Err(End::Broken(Error::Timeout));
        }
        self.probed = true;
        self.quiet = self.inner.settings.world.sleep(ANSWER);
        self.say(&message::ping()).await
    }

    async fn say(&mut self, text: &str) -> Result<(), End> {
        let saying = async { self.stream.send(Message::text(text)).await.map_err(|_| Error::Interrupted) };
        self.inner.settings.within(FLIGHT, saying).await.map_err(End::Broken)
    }

    /// What came over the stream; nothing, if it is none of our protocol's matter.
    fn heard(
        &mut self,
        said: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<Option<Said>, End> {
        (self.quiet, self.probed) = (self.inner.settings.world.sleep(QUIET), false);
        match said {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|_| End::Broken(foreign("no message of graphql-transport-ws"))),
            Some(Ok(Message::Close(frame))) => Err(self.closed(frame)),
            Some(Ok(Message::Binary(_))) => Err(End::Broken(foreign("a binary message"))),
            Some(Ok(_)) => Ok(None),
            Some(Err(_)) | None => Err(End::Broken(Error::Interrupted)),
        }
    }

    fn closed(&self, frame: Option<CloseFrame>) -> End {
        let Some(CloseFrame { code, reason }) = frame else {
            return End::Broken(Error::Interrupted);
        };
        let (code, reason) = (u16::from(code), reason.as_str().to_owned());
        let known = Code::ALL.iter().copied().find(|known| known.name() == reason);
        let error = Error::Closed { code, reason };
        match (code, known.map(Code::action)) {
            (4400 | 4406 | 4409 | 4429, _) | (4401 | 4403, Some(Action::Fix)) => End::Failed(error),
            (4401 | 4403, Some(Action::Retry)) => End::Broken(error),
            (4401 | 4403, _) => End::Refused(self.pass.token.clone(), error),
            _ => End::Broken(error),
        }
    }
}

/// When this is over; never, if it is not there.
async fn elapsed(sleep: &mut Option<Sleep>) {
    match sleep {
        Some(sleep) => sleep.await,
        None => std::future::pending().await,
    }
}

const fn foreign(fault: &'static str) -> Error {
    Error::Foreign { status: 101, fault, retry_after: None }
}
