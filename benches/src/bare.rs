//! A bare loop of `tokio-postgres`: the two statements of a confirming refresh, on a connection for each caller, and
//! nothing else. No HTTP, no signature.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use countersign_core::session::Shown;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_postgres::Client;

use crate::database::connect;
use crate::world::Jar;

/// A refresh commits as ours does: without waiting for the disk.
const SETTING: &str = "SET synchronous_commit = off";

const READ: &str = "SELECT s.user_id, s.session_id, s.parent, s.depth, s.slot, s.parent_slot, s.confirmed_at, s.salt, \
     s.fingerprint, s.mode, s.remember, s.created_at, s.seen_at, s.idle_ms, s.absolute_ms, s.user_agent, \
     s.ended_at, s.end_reason, u.id, u.email, u.username, u.password, u.roles, u.default_role, u.claims, \
     u.claims_epoch, u.disabled, u.created_at \
     FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.user_id = $1 AND s.session_id = $2";

const CONFIRM: &str = "UPDATE sessions SET depth = $5, slot = $6, parent_slot = $7, confirmed_at = $8, seen_at = $8 \
     WHERE user_id = $1 AND session_id = $2 AND depth = $3 AND slot = $4 AND ended_at IS NULL";

/// The key of a session.
type Key = (Vec<u8>, Vec<u8>);

/// Callers with a connection and sessions each.
pub(crate) struct Bare {
    runtime: Runtime,
    callers: Vec<(Arc<Client>, Arc<Vec<Key>>)>,
}

impl Bare {
    /// On these sessions. Their browsers must not be used any more.
    pub(crate) fn new(url: &str, callers: usize, jars: &[Jar]) -> anyhow::Result<Self> {
        let runtime = Runtime::new()?;
        let callers = runtime.block_on(async {
            let mut made = Vec::with_capacity(callers);
            for jars in jars.chunks(jars.len().div_ceil(callers)) {
                let client = connect(url).await?;
                client.batch_execute(SETTING).await?;
                let keys = jars.iter().map(key).collect::<Result<_, _>>()?;
                made.push((Arc::new(client), Arc::new(keys)));
            }
            anyhow::Ok(made)
        })?;
        Ok(Self { runtime, callers })
    }

    /// Refreshes for this long; answers how many a second.
    pub(crate) fn run(&self, time: Duration) -> anyhow::Result<f64> {
        self.runtime.block_on(async {
            let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
            let (begin, mut tasks) = (Instant::now(), JoinSet::new());
            for (client, keys) in &self.callers {
                let (client, keys) = (Arc::clone(client), Arc::clone(keys));
                tasks.spawn(refresh(client, keys, Arc::clone(&over), Arc::clone(&done)));
            }
            tokio::time::sleep(time).await;
            over.store(true, Ordering::Relaxed);
            while let Some(ended) = tasks.join_next().await {
                ended??;
            }
            #[expect(clippy::cast_precision_loss, reason = "it is far from 2^52")]
            Ok(done.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64())
        })
    }
}

fn key(jar: &Jar) -> anyhow::Result<Key> {
    let shown = Shown::parse(&jar.refresh).ok().context("a refresh token")?;
    Ok((shown.user().as_bytes().to_vec(), shown.session().as_bytes().to_vec()))
}

async fn refresh(
    client: Arc<Client>,
    keys: Arc<Vec<Key>>,
    over: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
) -> anyhow::Result<()> {
    let (read, confirm) = (client.prepare(READ).await?, client.prepare(CONFIRM).await?);
    for (user, session) in keys.iter().cycle() {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let row = client.query_one(&read, &[user, session]).await?;
        let (depth, slot): (i64, i64) = (row.get(3), row.get(4));
        let touched = client
            .execute(&confirm, &[user, session, &depth, &slot, &(depth + 1), &slot, &slot, &slot])
            .await?;
        ensure!(touched == 1, "two callers with one session");
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
