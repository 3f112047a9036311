//! Follows the deny-list stream, and comes back when it was cut.

use std::sync::{Arc, Weak};
use std::time::Duration;

use countersign_core::denylist::{Batch, ENTRIES, HEARTBEAT, Heartbeat, KEYS, SNAPSHOT};
use countersign_core::token::KeySet;
use metrics::counter;
use serde::de::DeserializeOwned;

use super::link::{Link, LinkError};
use super::pause::Pauses;
use super::sse::{Event, Parser};
use crate::Feed;
use crate::state::State;

/// The server says something each second: after this long without a word the connection is dead.
const SILENCE: Duration = Duration::from_secs(3);

/// Follows the stream for as long as its verifier is there.
pub(super) async fn follow(link: Arc<Link>, state: Weak<State>, seed: u64) {
    let mut stream = Stream { link, state, last_event: None, pauses: Pauses::new(seed), trouble: false };
    loop {
        let error = match stream.once().await {
            Ok(Gone) => return,
            Err(error) => error,
        };
        counter!("countersign_verifier_stream_cuts_total").increment(1);
        if !std::mem::replace(&mut stream.trouble, true) {
            tracing::warn!(%error, "the deny-list stream is away; coming back to it");
        }
        let pause = stream.pauses.next(error.pause());
        tokio::time::sleep(pause).await;
    }
}

/// The verifier is no longer there.
struct Gone;

struct Stream {
    link: Arc<Link>,
    state: Weak<State>,
    /// The last event after which the server may go on. Those of a snapshot have no id: it is had whole or not.
    last_event: Option<String>,
    pauses: Pauses,
    /// Whether its absence was said already.
    trouble: bool,
}

impl Stream {
    /// One connection, from its opening to its end.
    async fn once(&mut self) -> Result<Gone, LinkError> {
        let mut response = self.link.revocations(self.last_event.as_deref()).await?;
        let mut parser = Parser::default();
        loop {
            let read = tokio::time::timeout(SILENCE, response.chunk()).await;
            let read = read.map_err(|_| LinkError::Failed(format!("not a word for {SILENCE:?}")))??;
            let bytes = read.ok_or_else(|| LinkError::Failed("the server ended the stream".to_owned()))?;
            for event in parser.push(&bytes).map_err(|error| LinkError::Failed(error.to_string()))? {
                let Some(state) = self.state.upgrade() else { return Ok(Gone) };
                self.hear(&Feed(state), event)?;
            }
        }
    }

    fn hear(&mut self, feed: &Feed, event: Event) -> Result<(), LinkError> {
        match event.name.as_str() {
            SNAPSHOT | ENTRIES => feed.apply(&json::<Batch>(&event)?),
            KEYS => feed.keys(KeySet::from_jwks(event.data.as_bytes()).map_err(|error| odd(&event, &error))?),
            HEARTBEAT => {
                feed.heartbeat(json::<Heartbeat>(&event)?);
                self.pauses.reset();
                if std::mem::take(&mut self.trouble) {
                    tracing::info!("the deny-list stream is back");
                }
            }
            // Something that a newer server says.
            _ => {}
        }
        if event.id.is_some() {
            self.last_event = event.id;
        }
        Ok(())
    }
}

fn json<T: DeserializeOwned>(event: &Event) -> Result<T, LinkError> {
    serde_json::from_str(&event.data).map_err(|error| odd(event, &error))
}

fn odd(event: &Event, error: &dyn std::fmt::Display) -> LinkError {
    LinkError::Failed(format!("event {}: {error}", event.name))
}
