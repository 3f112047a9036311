//! Opening connections: at most so many, and not one after the other in vain.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};

use super::connection::{Connection, Way};
use super::fault::Fault;

/// The pause after an attempt in vain doubles from the one to the other.
const SHORTEST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How long an attempt may take, all hosts together: one that takes connections and then says nothing is not there.
const OPENED_WITHIN: Duration = Duration::from_secs(3);

/// Opens connections.
#[derive(Clone)]
pub(super) struct Connector {
    way: Way,
    pause: Arc<Pause>,
}

/// Between two attempts in vain everybody is told what the last one came to.
#[derive(Default)]
struct Pause {
    resting: AtomicBool,
    in_vain: AtomicU32,
    why: Mutex<String>,
}

impl Connector {
    pub(super) fn new(way: Way) -> Self {
        Self { way, pause: Arc::default() }
    }

    /// Opens one that begins with these settings, unless the last attempt was in vain a moment ago.
    pub(super) async fn open(&self, settings: &str) -> Result<Connection, Fault> {
        if self.pause.resting.load(Ordering::Acquire) {
            return Err(Fault::Unreachable(self.pause.why().clone()));
        }
        let opening = async {
            let connection = Connection::open(&self.way, None).await?;
            if !settings.is_empty() {
                connection.batch(settings).await.map_err(Fault::unbegun)?;
            }
            Ok(connection)
        };
        let opened = tokio::time::timeout(OPENED_WITHIN, opening).await;
        match opened.unwrap_or_else(|_| Err(Fault::Unreachable(format!("silent for {OPENED_WITHIN:?}")))) {
            Ok(connection) => {
                self.pause.over();
                Ok(connection)
            }
            Err(fault) => {
                if let Fault::Unreachable(why) = &fault {
                    self.pause.begin(why);
                }
                Err(fault)
            }
        }
    }
}

impl Manager for Connector {
    type Type = Arc<Connection>;
    type Error = Fault;

    async fn create(&self) -> Result<Self::Type, Fault> {
        // Boxed, so that whoever finds a connection open does not carry the room for opening one.
        Box::pin(self.open("")).await.map(Arc::new)
    }

    async fn recycle(&self, connection: &mut Self::Type, _: &Metrics) -> RecycleResult<Fault> {
        if connection.is_closed() { Err(RecycleError::message("closed by the server")) } else { Ok(()) }
    }
}

impl Pause {
    fn why(&self) -> std::sync::MutexGuard<'_, String> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn over(&self) {
        if self.in_vain.swap(0, Ordering::AcqRel) > 0 {
            tracing::info!("the database is reached again");
        }
    }

    fn begin(self: &Arc<Self>, why: &str) {
        why.clone_into(&mut self.why());
        if self.resting.swap(true, Ordering::AcqRel) {
            return;
        }
        let times = self.in_vain.fetch_add(1, Ordering::AcqRel);
        if times == 0 {
            tracing::error!("the database is not reached: {why}");
        }
        let pause = SHORTEST_PAUSE.saturating_mul(1 << times.min(8)).min(LONGEST_PAUSE);
        let resting = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            resting.resting.store(false, Ordering::Release);
        });
    }
}
