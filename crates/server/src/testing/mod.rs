//! A whole server for tests: a port of its own, a database in a temporary folder, a clock that stands still and
//! randomness that repeats.

mod postgres;

use std::net::SocketAddr;
use std::sync::Arc;

use countersign_core::{ManualClock, Timestamp};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::app::{App, Deps};
use crate::config::{Config, Limit};
use crate::listen::Bound;
use crate::random::SeededRandom;
use crate::seal::MasterSecret;
use crate::store::Store;
use crate::store::sqlite::SqliteStore;

pub use postgres::{OPTIONS, Schema};

/// Why a test could not begin.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// A running server; it stops when dropped.
pub struct TestServer {
    /// Its URL, without a slash at the end.
    pub url: String,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// Its use cases, for what has no route.
    pub app: Arc<App>,
    /// Where its database is.
    pub folder: TempDir,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    _following: JoinSet<()>,
}

/// The configuration that tests start from: no limits, and passwords of 8 bytes.
pub fn config() -> Config {
    let off = Limit(None);
    Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        password_min: 8,
        login_account_limit: off,
        login_address_limit: off,
        signup_address_limit: off,
        ..Config::default()
    }
}

impl TestServer {
    /// A server of this configuration.
    ///
    /// # Errors
    /// Whatever kept it from starting.
    pub async fn start(config: Config) -> Result<Self, Failed> {
        let folder = TempDir::new()?;
        let store = SqliteStore::open(&folder.path().join("countersign.db"))?;
        Self::start_on(config, folder, Arc::new(store), 1).await
    }

    /// A server on this store; those that share one are given different seeds.
    ///
    /// # Errors
    /// Whatever kept it from starting.
    pub async fn start_on(
        config: Config,
        folder: TempDir,
        store: Arc<dyn Store>,
        seed: u64,
    ) -> Result<Self, Failed> {
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_800_000_000)));
        let bound = Bound::new(config.listen).await?;
        let settings = config.check(bound.port()).map_err(|faults| faults.join("; "))?;
        let url = settings.issuer().to_owned();
        let deps = Deps {
            store,
            clock: Arc::clone(&clock) as Arc<_>,
            random: Arc::new(SeededRandom::new(seed)),
            master: MasterSecret::from_slice(&[1; 32]).ok_or("32 bytes are a master secret")?,
        };
        let app = App::start(settings, deps).await?;
        let (stop, stopped) = oneshot::channel();
        let router = crate::router(Arc::clone(&app), None);
        let mut following = JoinSet::new();
        let followed = Arc::clone(&app);
        following.spawn(async move { followed.follow_denylist().await });
        app.denylist_read().await?;
        let serving = tokio::spawn(bound.serve(router, async move {
            let _either = stopped.await;
        }));
        Ok(Self { url, clock, app, folder, stop, serving, _following: following })
    }

    /// Stops it, as a signal would. What is handed back ends when it has.
    pub fn stop(self) -> JoinHandle<()> {
        let Self { stop, serving, .. } = self;
        drop(stop);
        serving
    }
}
