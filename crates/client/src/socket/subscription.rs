use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use tokio::sync::mpsc;

use super::message::{Execution, Operation};
use super::task::Command;
use crate::error::Error;

/// How many events may wait to be taken.
const WAITING: usize = 1024;

/// What comes of a subscription.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A result.
    Next(Execution),
    /// The connection had broken and stands again. What happened in between did not come through: whoever must
    /// not miss anything asks for it now.
    Resumed,
}

/// A stream of events. It ends with the operation, or with one error.
pub struct Subscription {
    id: u64,
    events: mpsc::Receiver<Event>,
    end: Arc<OnceLock<Error>>,
    over: bool,
    commands: mpsc::UnboundedSender<Command>,
}

/// The other side of a subscription.
pub(super) struct Sub {
    pub(super) operation: Operation,
    /// It was sent to a server before.
    pub(super) begun: bool,
    events: mpsc::Sender<Event>,
    end: Arc<OnceLock<Error>>,
}

impl Sub {
    pub(super) fn new(
        id: u64,
        operation: Operation,
        commands: mpsc::UnboundedSender<Command>,
    ) -> (Self, Subscription) {
        let (to, events) = mpsc::channel(WAITING);
        let end = Arc::new(OnceLock::new());
        let sub = Self { operation, begun: false, events: to, end: Arc::clone(&end) };
        (sub, Subscription { id, events, end, over: false, commands })
    }

    /// Hands on an event; `false` if the subscription has ended by that.
    pub(super) fn hand_on(&self, event: Event) -> bool {
        match self.events.try_send(event) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.fail(Error::Lagged);
                false
            }
        }
    }

    /// After the events that wait comes this error, and nothing more.
    pub(super) fn fail(&self, error: Error) {
        let _earlier = self.end.set(error);
    }
}

impl Subscription {
    /// The next event; nothing after the end.
    pub async fn next(&mut self) -> Option<Result<Event, Error>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Subscription {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = ready!(self.events.poll_recv(cx));
        if let Some(event) = event {
            return Poll::Ready(Some(Ok(event)));
        }
        if std::mem::replace(&mut self.over, true) {
            return Poll::Ready(None);
        }
        Poll::Ready(self.end.get().cloned().map(Err))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let _gone = self.commands.send(Command::Complete(self.id));
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("id", &self.id).finish_non_exhaustive()
    }
}
