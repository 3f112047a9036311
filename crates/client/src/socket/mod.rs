//! GraphQL subscriptions over `graphql-transport-ws`, on a connection that is held to the session.

mod connect;
mod connection;
mod message;
mod subscription;
mod task;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::Url;
use tokio::sync::mpsc;

use self::subscription::Sub;
use self::task::{Command, Task};
use crate::error::Error;
use crate::session::Client;

pub use self::message::{Execution, Operation};
pub use self::subscription::{Event, Subscription};

/// One connection for any number of subscriptions. Clones are the same connection.
///
/// It opens with the first subscription and closes with the last, or when the session ends. The access token is
/// renewed before it ends, and the newer one shown on the open connection; where a server does not understand
/// that, the connection is opened anew shortly before. A connection that broke is opened again, and its
/// subscriptions with it.
#[derive(Clone)]
pub struct Socket {
    commands: mpsc::UnboundedSender<Command>,
    ids: Arc<AtomicU64>,
}

impl Client {
    /// A connection to the GraphQL API at this address, `wss://…` or `https://…`, which must be of an origin of the
    /// configuration. Nothing is opened yet.
    ///
    /// # Errors
    /// [`Error::Untrusted`].
    pub fn socket(&self, url: &str) -> Result<Socket, Error> {
        let untrusted = || Error::Untrusted(url.to_owned());
        // The HTTP library opens it, as an upgrade.
        let http = url.strip_prefix("ws").map_or_else(|| url.to_owned(), |rest| format!("http{rest}"));
        let http = Url::parse(&http).map_err(|_| untrusted())?;
        if !self.trusts(&http) {
            return Err(untrusted());
        }
        let (commands, asked) = mpsc::unbounded_channel();
        tokio::spawn(Task::new(Arc::clone(&self.0), http, asked).run());
        Ok(Socket { commands, ids: Arc::default() })
    }
}

impl Socket {
    /// Begins a subscription. It ends when it is dropped.
    pub fn subscribe(&self, operation: Operation) -> Subscription {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let (sub, subscription) = Sub::new(id, operation, self.commands.clone());
        // If the task is gone, the runtime is, and the subscription ends at once.
        let _gone = self.commands.send(Command::Subscribe(id, sub));
        subscription
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket")
    }
}
