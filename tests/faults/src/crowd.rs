//! Clients that refresh, race, lose answers, leave, sign in again and are stolen from, until there was enough of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::task::JoinSet;

use crate::client::{Client, Outcome};
use crate::history::History;
use crate::judge::{Findings, judge};
use crate::node::FLIGHT;
use crate::wire::Wire;

/// How many requests a race has.
const WIDE: usize = 64;
/// How many sign up at once.
const AT_ONCE: usize = 32;
/// How long the load may stand still before it is given up.
const STALLED: Duration = Duration::from_mins(10);

/// What the clients do.
#[derive(Debug, Clone)]
pub struct Habits {
    /// How many there are.
    pub clients: usize,
    /// How many answers are lost, as a part of all; and so on.
    pub lost: f64,
    /// Refreshes that are 64 at once.
    pub races: f64,
    /// Refreshes after which somebody leaves and signs in again.
    pub leaves: f64,
    /// Refreshes at which somebody copies the jar, to use it three refreshes later.
    pub thefts: f64,
}

impl Default for Habits {
    fn default() -> Self {
        Self { clients: 32, lost: 0.1, races: 0.02, leaves: 0.02, thefts: 0.05 }
    }
}

/// A run: the clients, what they were told, and where their chance comes from.
#[derive(Debug)]
pub struct Crowd {
    /// What they were told.
    pub history: Arc<History>,
    /// The way to the server.
    pub wire: Arc<Wire>,
    habits: Habits,
    flight: Duration,
    random: fastrand::Rng,
    clients: Vec<Client>,
    /// Sessions that ended, with the jar that they had.
    past: Vec<Client>,
}

impl Crowd {
    /// Everybody signs up at the server on this port.
    pub async fn gather(port: u16, habits: Habits, seed: u64) -> anyhow::Result<Self> {
        Self::gather_with(port, habits, seed, FLIGHT).await
    }

    /// The same, at a server with this flight time.
    pub async fn gather_with(port: u16, habits: Habits, seed: u64, flight: Duration) -> anyhow::Result<Self> {
        let mut crowd = Self {
            history: Arc::default(),
            wire: Arc::new(Wire::new(port, flight)),
            habits,
            flight,
            random: fastrand::Rng::with_seed(seed),
            clients: Vec::new(),
            past: Vec::new(),
        };
        let mut tasks = JoinSet::new();
        for n in 0..crowd.habits.clients {
            let (wire, history) = (Arc::clone(&crowd.wire), Arc::clone(&crowd.history));
            let mut random = crowd.random.fork();
            tasks.spawn(async move { Client::sign_up(&wire, &history, &mut random).await });
            if n >= AT_ONCE
                && let Some(done) = tasks.join_next().await
            {
                crowd.clients.push(done??);
            }
        }
        while let Some(done) = tasks.join_next().await {
            crowd.clients.push(done??);
        }
        Ok(crowd)
    }

    /// The load, until `disturbed` resolves and there were so many rotations.
    pub async fn go_on<D>(&mut self, rotations: u64, disturbed: D) -> anyhow::Result<()>
    where
        D: Future<Output = anyhow::Result<()>>,
    {
        let over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for client in self.clients.drain(..) {
            let person = Person {
                client,
                past: Vec::new(),
                stolen: None,
                habits: self.habits.clone(),
                grace: 3 * self.flight,
                random: self.random.fork(),
            };
            tasks.spawn(person.live(Arc::clone(&over)));
        }
        let enough = async {
            disturbed.await?;
            reached(&self.history, rotations).await
        };
        let load = async {
            let mut people = Vec::new();
            while let Some(done) = tasks.join_next().await {
                people.push(done??);
            }
            anyhow::Ok(people)
        };
        tokio::pin!(load);
        let people = tokio::select! {
            enough = enough => {
                over.store(true, Ordering::Relaxed);
                enough?;
                load.await?
            }
            early = &mut load => {
                early?;
                bail!("the load ended before the faults did");
            }
        };
        for person in people {
            self.clients.push(person.client);
            self.past.extend(person.past);
        }
        Ok(())
    }

    /// Looks at every session and account once more, and judges; no fault may be found.
    pub async fn conclude(mut self) -> anyhow::Result<Findings> {
        self.history.facts().close();
        let clients: Vec<_> = self.clients.drain(..).map(|client| (client, true)).collect();
        let past = self.past.drain(..).map(|client| (client, false));
        let mut tasks = JoinSet::new();
        for (mut client, own) in clients.into_iter().chain(past) {
            let mut random = self.random.fork();
            if tasks.len() >= AT_ONCE {
                tasks.join_next().await.transpose()?.transpose()?;
            }
            tasks.spawn(async move {
                client.look(&mut random).await?;
                if own { client.show_account(&mut random).await } else { Ok(()) }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        let findings = judge(&self.history.facts(), self.flight);
        let faults: Vec<_> = findings.faults.iter().take(20).map(ToString::to_string).collect();
        ensure!(faults.is_empty(), "{} faults:\n{}", findings.faults.len(), faults.join("\n"));
        Ok(findings)
    }
}

/// Waits until there were so many rotations.
pub async fn reached(history: &History, rotations: u64) -> anyhow::Result<()> {
    let (mut seen, mut since) = (0, Duration::ZERO);
    let step = Duration::from_millis(5);
    loop {
        let now = history.facts().rotations;
        if now >= rotations {
            return Ok(());
        }
        since = if now == seen { since + step } else { Duration::ZERO };
        seen = now;
        ensure!(since < STALLED, "nothing moves any more, at {now} of {rotations} rotations");
        tokio::time::sleep(step).await;
    }
}

struct Person {
    client: Client,
    past: Vec<Client>,
    /// A copy of the jar, and the depth from which on it is old.
    stolen: Option<(Client, u32)>,
    habits: Habits,
    grace: Duration,
    random: fastrand::Rng,
}

impl Person {
    async fn live(mut self, over: Arc<AtomicBool>) -> anyhow::Result<Self> {
        // Else all would refresh in step.
        tokio::time::sleep(self.grace.mul_f64(self.random.f64())).await;
        while !over.load(Ordering::Relaxed) {
            if self.random.f64() < self.habits.races {
                self.client.race(WIDE, self.habits.lost, &mut self.random).await?;
            }
            let outcome = self.client.refresh_until_answered(self.habits.lost, &mut self.random).await?;
            match outcome {
                Outcome::Refreshed(_) => {}
                // The judge says whether that is right.
                Outcome::Refused(_) | Outcome::Again => self.sign_in_again().await?,
            }
            if self.random.f64() < self.habits.leaves {
                self.client.log_out(self.habits.lost, &mut self.random).await?;
                self.sign_in_again().await?;
            }
            self.steal().await?;
            self.rest().await;
        }
        Ok(self)
    }

    /// Longer than the grace, so that the next refresh confirms; now and then within it.
    async fn rest(&mut self) {
        let part = if self.random.f64() < 0.1 { self.random.f64() } else { 1.01 + self.random.f64() / 10.0 };
        tokio::time::sleep(self.grace.mul_f64(part)).await;
    }

    async fn sign_in_again(&mut self) -> anyhow::Result<()> {
        self.past.push(self.client.clone());
        self.stolen = None;
        while self.client.log_in().await?.context_if_refused()? != Some(true) {
            tokio::time::sleep(Duration::from_millis(self.random.u64(20..200))).await;
        }
        Ok(())
    }

    /// Copies the jar, or shows a copy that is old by now, whose answer ends the session.
    async fn steal(&mut self) -> anyhow::Result<()> {
        let depth = self.client.token()?.depth;
        match self.stolen.take() {
            Some((mut thief, old)) if depth >= old => {
                thief.refresh(crate::wire::Fate::Whole).await?;
            }
            None if self.random.f64() < self.habits.thefts => {
                self.stolen = Some((self.client.copied(), depth.saturating_add(3)));
            }
            held => self.stolen = held,
        }
        Ok(())
    }
}

/// A log-in that is refused has to end the run: its sign-up was answered.
trait Insist {
    fn context_if_refused(self) -> anyhow::Result<Option<bool>>;
}

impl Insist for Option<bool> {
    fn context_if_refused(self) -> anyhow::Result<Option<bool>> {
        (self != Some(false)).then_some(self).context("an account whose sign-up was answered cannot log in")
    }
}
