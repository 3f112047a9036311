//! Following the outbox, and the signing keys, which other processes change as well.

use std::time::Duration;

use countersign_core::Timestamp;
use countersign_core::denylist::Heartbeat;
use metrics::gauge;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Hub;
use crate::app::{App, Error};
use crate::store::Denied;

/// How often outbox and keys are read though nothing was heard of a write: how fresh a heartbeat can be.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long entries gather after some were told: a thousand logouts a second are no thousand packets to each.
const GATHER: Duration = Duration::from_millis(3);
/// Entries in one reading: at the start, when each reading costs a copy of the replica, and afterwards.
const FIRST_PAGE: u32 = 32_768;
const PAGE: u32 = 1_024;

impl App {
    /// Follows the deny-list, whoever writes it; runs until dropped. One for each process.
    pub async fn follow_denylist(&self) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut minute = interval(Duration::from_mins(1));
        let (mut writes, mut last, mut failing) = (None, 0, false);
        loop {
            let looks = tokio::select! {
                () = news(&mut writes) => false,
                _ = look.tick() => true,
                _ = minute.tick() => {
                    self.hub.each_minute();
                    true
                }
            };
            let followed = self.read_outbox(&mut writes, &mut last, looks).await;
            match &followed {
                Ok(_) if failing => tracing::info!("the deny-list is followed again"),
                Err(error) if !failing => tracing::error!(%error, "the deny-list cannot be followed"),
                _ => {}
            }
            failing = followed.is_err();
            gauge!("countersign_denylist_lag_seconds").set(self.denylist_lag().as_secs_f64());
            if followed.is_ok_and(|told| told) {
                sleep(GATHER).await;
            }
        }
    }

    /// Reads what is new and tells it; answers whether there were entries. The keys are read where news were not of
    /// entries, or not only, and whenever it `looks` without news.
    async fn read_outbox(
        &self,
        writes: &mut Option<watch::Receiver<u64>>,
        last: &mut u64,
        looks: bool,
    ) -> Result<bool, Error> {
        if writes.is_none() {
            *writes = Some(self.store.writes()?);
        }
        let (mut told, mut withdrawn) = (false, false);
        let as_of = loop {
            let as_of = self.now();
            let page = if self.hub.is_read() { PAGE } else { FIRST_PAGE };
            let Denied { batch, last: read } = self.store.denied_after(*last, page).await?;
            if read == *last {
                break as_of;
            }
            self.hub.tell(&batch)?;
            *last = read;
            told = true;
            withdrawn |= !batch.keys.is_empty();
            tokio::task::yield_now().await;
        };
        if looks || withdrawn || !told {
            self.reload_signing_keys().await?;
        }
        self.hub.tell_keys(&self.keyring.loaded());
        self.hub.feed.heartbeat(Heartbeat { as_of, now: self.now() });
        self.hub.as_of.send_replace(as_of);
        Ok(told)
    }

    /// How long ago everything was known.
    fn denylist_lag(&self) -> Duration {
        let as_of: Timestamp = self.hub.as_of();
        if self.hub.is_read() { self.now().since(as_of) } else { Duration::ZERO }
    }
}

impl Hub {
    fn each_minute(&self) {
        self.snapshots.forget();
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        gauge!("countersign_denylist_entries").set(self.verifier.denylist().len() as f64);
    }
}

async fn news(writes: &mut Option<watch::Receiver<u64>>) {
    let heard = match writes {
        Some(writes) => writes.changed().await.is_ok(),
        None => false,
    };
    if !heard {
        std::future::pending::<()>().await;
    }
}
