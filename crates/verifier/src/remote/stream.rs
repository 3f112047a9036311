//! Follows the deny-list stream, and comes back when it was cut.

use std::pin::pin;
use std::sync::atomic::Ordering;
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

/// The server's heart beats each second: after this long without one the connection is dead.
const SILENCE: Duration = Duration::from_secs(3);
/// How many entries of a snapshot are merged at once: each time costs a pass through the whole list.
const AT_ONCE: usize = 65_536;
/// The longest id of an event that is sent back.
const LONGEST_ID: usize = 256;

/// Follows the stream for as long as its verifier is there.
pub(super) async fn follow(link: Arc<Link>, state: Weak<State>, seed: u64) {
    let mut news = News::new(state);
    let mut pauses = Pauses::new(seed);
    let mut said = false;
    loop {
        news.whole = false;
        let error = match connected(&link, &mut news).await {
            Ok(Gone) => return,
            Err(error) => error,
        };
        if let Some(state) = news.state.upgrade() {
            state.key_refused.store(matches!(error, LinkError::ServiceKey), Ordering::Relaxed);
            // Half a snapshot: what it names has ended all the same.
            news.merge(&Feed(state));
        }
        counter!("countersign_verifier_stream_cuts_total").increment(1);
        if news.whole {
            pauses.reset();
            said = false;
        }
        match &error {
            LinkError::ServiceKey => tracing::error!(%error, "no deny-list: logouts do not come through"),
            _ if !said => tracing::warn!(%error, "the deny-list stream was cut; coming back to it"),
            _ => tracing::debug!(%error, "the deny-list stream is still away"),
        }
        said = true;
        tokio::time::sleep(pauses.next(error.pause())).await;
    }
}

/// The verifier is no longer there.
pub(super) struct Gone;

/// One connection, from its opening to its end.
async fn connected(link: &Link, news: &mut News) -> Result<Gone, LinkError> {
    let mut response = link.revocations(news.last_event.as_deref()).await?;
    let mut parser = Parser::default();
    let mut silence = pin!(tokio::time::sleep(SILENCE));
    loop {
        let read = tokio::select! {
            biased;
            read = response.chunk() => read?,
            () = &mut silence => return Err(failed(format!("no heartbeat for {SILENCE:?}"))),
        };
        let bytes = read.ok_or_else(|| failed("the server ended the stream".to_owned()))?;
        let heard = news.hear_all(&mut parser, &bytes)?;
        if !heard.there {
            return Ok(Gone);
        }
        // A snapshot may take long, for as long as it goes on.
        if heard.heartbeat || !news.whole {
            silence.set(tokio::time::sleep(SILENCE));
        }
    }
}

/// What came with some bytes.
pub(super) struct Heard {
    pub(super) heartbeat: bool,
    /// Whether the verifier still is.
    pub(super) there: bool,
}

/// What the stream says, on its way to the verifier.
pub(super) struct News {
    state: Weak<State>,
    /// The last event after which the server may go on. Those of a snapshot have no id: it is had whole or not.
    pub(super) last_event: Option<String>,
    /// Whether a heartbeat has come on this connection: everything before it has been told.
    whole: bool,
    /// Entries of the snapshot that are not merged yet.
    waiting: Batch,
}

impl News {
    pub(super) fn new(state: Weak<State>) -> Self {
        Self { state, last_event: None, whole: false, waiting: Batch::default() }
    }

    pub(super) fn hear_all(&mut self, parser: &mut Parser, bytes: &[u8]) -> Result<Heard, LinkError> {
        let mut heard = Heard { heartbeat: false, there: true };
        // Until these are well: what is odd is not asked for again, but the snapshot.
        let last_event = self.last_event.take();
        let events = parser.push(bytes).map_err(|error| failed(error.to_string()))?;
        let mut newest = None;
        for event in events {
            let Some(state) = self.state.upgrade() else {
                return Ok(Heard { there: false, ..heard });
            };
            heard.heartbeat |= event.name == HEARTBEAT;
            let id = self.hear(&Feed(state), event)?;
            newest = id.or(newest);
        }
        self.last_event = newest.or(last_event);
        Ok(heard)
    }

    /// What waited counts.
    fn merge(&mut self, feed: &Feed) {
        feed.apply(&std::mem::take(&mut self.waiting));
    }

    /// Tells the verifier, and answers the event's id if it is one that can be sent back.
    fn hear(&mut self, feed: &Feed, event: Event) -> Result<Option<String>, LinkError> {
        if event.name == SNAPSHOT {
            let Batch { sessions, epochs, keys } = json(&event)?;
            self.waiting.sessions.extend(sessions);
            self.waiting.epochs.extend(epochs);
            self.waiting.keys.extend(keys);
        }
        if !self.waiting.is_empty() && (event.name != SNAPSHOT || self.waiting.len() >= AT_ONCE) {
            self.merge(feed);
        }
        match event.name.as_str() {
            ENTRIES => feed.apply(&json::<Batch>(&event)?),
            KEYS => feed.keys(KeySet::from_jwks(event.data.as_bytes()).map_err(|error| odd(&event, &error))?),
            HEARTBEAT => {
                feed.heartbeat(json::<Heartbeat>(&event)?);
                if !std::mem::replace(&mut self.whole, true) {
                    tracing::info!("the deny-list is whole, and followed");
                }
            }
            // A snapshot, or something that a newer server says.
            _ => {}
        }
        let plain = |id: &String| id.len() <= LONGEST_ID && id.bytes().all(|byte| byte.is_ascii_graphic());
        Ok(event.id.filter(plain))
    }
}

fn json<T: DeserializeOwned>(event: &Event) -> Result<T, LinkError> {
    serde_json::from_str(&event.data).map_err(|error| odd(event, &error))
}

fn odd(event: &Event, error: &dyn std::fmt::Display) -> LinkError {
    failed(format!("event {}: {error}", event.name))
}

const fn failed(reason: String) -> LinkError {
    LinkError::Failed(reason)
}

#[cfg(test)]
mod tests {
    use countersign_core::{Clock, ManualClock, SessionId, Timestamp, UserId};
    use serde::Deserialize;

    use super::*;
    use crate::{Policy, Verifier};

    #[derive(Deserialize)]
    struct Vectors {
        now: Timestamp,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        stream: Vec<String>,
        then: Then,
    }

    #[derive(Deserialize)]
    struct Then {
        ready: bool,
        fault: bool,
        entries: Option<usize>,
        ended: Vec<SessionId>,
        living: Vec<SessionId>,
        stale: Vec<(UserId, u64)>,
        fresh: Vec<(UserId, u64)>,
        withdrawn: Vec<String>,
        good: Vec<String>,
        last_event_id: Option<String>,
    }

    #[test]
    fn the_stream_says_what_the_vectors_say() {
        let vectors: Vectors =
            serde_json::from_str(include_str!("../../../../vectors/denylist.json")).unwrap();
        assert!(vectors.cases.len() >= 18, "the vector file was cut");
        for Case { name, stream, then } in vectors.cases {
            let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(vectors.now));
            let (verifier, feed) = Verifier::new(
                Policy::new(countersign_core::token::Checks::new("https://a.example", "api")),
                clock,
            );
            let mut news = News::new(Arc::downgrade(&feed.0));
            let mut parser = Parser::default();
            let fault = stream.iter().any(|piece| news.hear_all(&mut parser, piece.as_bytes()).is_err());
            news.merge(&feed);
            assert_eq!(fault, then.fault, "{name}");
            assert_eq!(news.last_event, then.last_event_id, "{name}");
            assert_eq!(verifier.status().unready.is_none(), then.ready, "{name}");
            assert_eq!(verifier.status().entries, then.entries.unwrap_or_default(), "{name}");
            let list = &feed.0.denylist;
            for (denied, sessions) in [(true, then.ended), (false, then.living)] {
                assert!(sessions.iter().all(|id| list.denies_session(*id) == denied), "{name}");
            }
            for (denied, epochs) in [(true, then.stale), (false, then.fresh)] {
                assert!(epochs.iter().all(|(id, epoch)| list.denies_epoch(*id, *epoch) == denied), "{name}");
            }
            for (denied, keys) in [(true, then.withdrawn), (false, then.good)] {
                assert!(keys.iter().all(|kid| list.denies_key(kid) == denied), "{name}");
            }
        }
    }
}
