//! One stream: a task that sends, and ends for whoever does not read.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_core::denylist::Heartbeat;
use metrics::{counter, gauge};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::frame;
use super::log::Told;
use super::snapshot::Snapshot;
use crate::app::{App, Error, Scope};
use crate::store::ServiceKeyHash;

/// How often a stream says how fresh it is.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// How often its service key is looked at again.
const CHECK_EVERY: Duration = Duration::from_secs(30);
/// How long a listener may take to read what waits for it.
const STALLED: Duration = Duration::from_secs(10);
/// How many frames wait for a listener; more would only be older.
const WAITING: usize = 4;
/// Who is turned away comes back after 1 to this many seconds, so that not all do at once.
const AWAY: u8 = 10;

struct Stream {
    app: Arc<App>,
    key: ServiceKeyHash,
    frames: mpsc::Sender<Bytes>,
    tail: watch::Receiver<u64>,
    place: u64,
    _room: OwnedSemaphorePermit,
}

/// With what a stream begins.
enum Start {
    Place(u64),
    Whole(Arc<Snapshot>, OwnedSemaphorePermit),
}

/// Why a stream ends.
#[derive(Debug)]
enum Over {
    /// An event could not be encoded.
    Failed,
    /// The listener hung up.
    Gone,
    /// Its service key was revoked.
    Revoked,
    /// The listener does not read, or what it should read next is forgotten.
    Slow,
    /// The server ends.
    Stopped,
}

impl App {
    /// The deny-list as a stream of server-sent events, for a service key with scope `revocations`. It goes on
    /// after the event that `last_event_id` names if that can be, and else begins with a snapshot; it ends
    /// with `stop`.
    ///
    /// # Errors
    /// [`Code::Forbidden`](countersign_core::Code::Forbidden); [`Error::Busy`] if too many listen or begin.
    pub async fn revocations(
        self: &Arc<Self>,
        bearer: Option<&str>,
        last_event_id: Option<&str>,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<mpsc::Receiver<Bytes>, Error> {
        let key = self.service_key_of(bearer, Scope::Revocations).await?;
        self.denylist_read().await?;
        let room = Arc::clone(&self.hub.streams).try_acquire_owned().ok();
        let room = room.ok_or(()).or_else(|()| self.busy())?;
        let start = self.start_of(last_event_id).await?;
        let (frames, received) = mpsc::channel(WAITING);
        let tail = self.hub.tail.subscribe();
        let stream = Stream { app: Arc::clone(self), key, frames, tail, place: 0, _room: room };
        tokio::spawn(stream.run(start, stop));
        Ok(received)
    }

    async fn start_of(&self, last_event_id: Option<&str>) -> Result<Start, Error> {
        let hub = &self.hub;
        let place = last_event_id.and_then(|id| hub.node.place(id));
        if let Some(place) = place.filter(|place| hub.read(|state| state.log.after(*place).is_some())) {
            return Ok(Start::Place(place));
        }
        let leave = hub.snapshots.leave().ok_or(()).or_else(|()| self.busy())?;
        Ok(Start::Whole(hub.snapshots.latest(hub).await?, leave))
    }

    fn busy<T>(&self) -> Result<T, Error> {
        counter!("countersign_streams_refused_total").increment(1);
        let [random] = self.random.bytes()?;
        Err(Error::Busy(Duration::from_secs((1 + random % AWAY).into())))
    }
}

impl Stream {
    async fn run(mut self, start: Start, stop: impl Future<Output = ()>) {
        gauge!("countersign_streams").increment(1);
        let frames = self.frames.clone();
        let over = tokio::select! {
            over = self.send_all(start) => over.err().unwrap_or(Over::Stopped),
            () = frames.closed() => Over::Gone,
            () = stop => Over::Stopped,
        };
        gauge!("countersign_streams").decrement(1);
        match over {
            Over::Failed | Over::Slow | Over::Revoked => {
                counter!("countersign_streams_cut_total").increment(1);
                tracing::warn!(?over, "a deny-list stream was cut off");
            }
            Over::Gone | Over::Stopped => tracing::debug!(?over, "a deny-list stream ended"),
        }
    }

    async fn send_all(&mut self, start: Start) -> Result<(), Over> {
        let mut beat = interval(BEAT_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut check = interval(CHECK_EVERY);
        check.reset();
        self.begin(start).await?;
        // The first tick is at once, and its heartbeat says that the snapshot is whole.
        let mut due = false;
        loop {
            // Before the log: what was written until then is sent before the heartbeat says so.
            let as_of = self.app.hub.as_of();
            self.catch_up().await?;
            if std::mem::take(&mut due) {
                let heartbeat = Heartbeat { as_of, now: self.app.now() };
                let frame = self.app.hub.node.heartbeat(self.place, heartbeat);
                self.send(frame.map_err(|_| Over::Failed)?).await?;
            }
            tokio::select! {
                _ = beat.tick() => due = true,
                _ = check.tick() => self.check().await?,
                _ = self.tail.changed() => {}
            }
        }
    }

    async fn begin(&mut self, start: Start) -> Result<(), Over> {
        self.send(frame::keys(&self.jwks())).await?;
        match start {
            Start::Place(place) => self.place = place,
            Start::Whole(snapshot, _until_it_is_sent) => {
                for piece in &snapshot.pieces {
                    self.send(piece.clone()).await?;
                }
                self.place = snapshot.place;
            }
        }
        Ok(())
    }

    /// Sends what the log has by now.
    async fn catch_up(&mut self) -> Result<(), Over> {
        loop {
            let place = self.place;
            let frames = self.app.hub.read(|state| state.log.after(place)).ok_or(Over::Slow)?;
            if frames.is_empty() {
                return Ok(());
            }
            for told in frames {
                let frame = match told.told {
                    Told::Entries(bytes) => bytes,
                    Told::Keys => self.app.hub.node.keys(told.place, &self.jwks()),
                };
                self.send(frame).await?;
                self.place = told.place;
            }
        }
    }

    async fn send(&self, frame: Bytes) -> Result<(), Over> {
        match timeout(STALLED, self.frames.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Over::Gone),
            Err(_) => Err(Over::Slow),
        }
    }

    /// A database that cannot answer revokes nothing; the heartbeat says that it does not.
    async fn check(&self) -> Result<(), Over> {
        match self.app.allows(&self.key, Scope::Revocations).await {
            Err(Error::Code(_)) => Err(Over::Revoked),
            _ => Ok(()),
        }
    }

    fn jwks(&self) -> String {
        let keys = self.app.hub.read(|state| state.keys.clone());
        keys.map(|keys| keys.jwks().to_owned()).unwrap_or_default()
    }
}
