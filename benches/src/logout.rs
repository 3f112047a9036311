//! Logouts, and how soon after the answer each of many APIs refuses: real verifiers, which follow the stream.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use countersign_core::SessionId;
use countersign_verifier::{Refused, Shown, Verifier};
use reqwest::header::COOKIE;
use tokio::task::JoinSet;

use crate::Effort;
use crate::process::{self, Running};
use crate::report::Section;
use crate::world::{Jar, World};

const VERIFIERS: usize = 100;
/// Connections on which browsers log out, one after another.
const CONNECTIONS: usize = 4;
/// How often on each.
const EVERY: Duration = Duration::from_millis(16);
/// How often verifiers are looked at: what is measured may be this much less.
const LOOK_EVERY: Duration = Duration::from_micros(200);
/// After this long a verifier counts as one that never heard of it.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// Who logs out where, and who follows.
pub(crate) struct Scene {
    pub(crate) issuer: String,
    /// The port of the server at which browsers log out.
    pub(crate) left: u16,
    /// That of the server whose stream is followed.
    pub(crate) followed: u16,
    pub(crate) verifiers: usize,
    /// Connections on which browsers log out, one after another.
    pub(crate) connections: usize,
    /// How often on each.
    pub(crate) every: Duration,
}

/// A session that has just been logged out of.
struct Left {
    session: SessionId,
    token: String,
    fingerprint: String,
    answered: Instant,
    /// The verifiers that have yet to refuse it.
    taking: Vec<usize>,
}

pub(crate) fn run(effort: &Effort) -> anyhow::Result<Section> {
    let sessions = if effort.quick { 500 } else { 10_000 };
    let mut world = World::new(sessions)?;
    world.jars.truncate(sessions);
    let key = process::service_key(&world, "revocations")?;
    let server = Running::countersign(world.folder.path(), &world.master)?;
    let scene = Scene {
        issuer: format!("http://localhost:{}", server.port),
        left: server.port,
        followed: server.port,
        verifiers: VERIFIERS,
        connections: CONNECTIONS,
        every: EVERY,
    };
    let (waits, took) = scene.measure(&world.jars, &key)?;
    let cpu = server.cpu()?;
    let [p50, p99, worst] = [0.5, 0.99, 1.0].map(|part| at(&waits, part));
    Ok(Section {
        about: format!(
            "{sessions} logouts, {:.0} a second on {CONNECTIONS} connections, while {VERIFIERS} verifiers of one process follow \
             the stream of the same server over loopback. From the answer of the logout to the refusal, at each verifier: \
             {} waits. Processor time of the server: {cpu:.1} s.",
            f64::from(u32::try_from(sessions)?) / took.as_secs_f64(),
            waits.len(),
        ),
        head: ["", "p50", "p99", "worst"].map(str::to_owned).into(),
        rows: vec![
            std::iter::once("logout to refusal".to_owned())
                .chain([p50, p99, worst].map(|wait| format!("{wait:.1} ms")))
                .collect(),
        ],
        targets: vec![
            ("p50 under 10 ms".to_owned(), p50 < 10.0),
            ("p99 under 100 ms".to_owned(), p99 < 100.0),
        ],
    })
}

/// The wait that this part of all is shorter than; the shortest are first.
pub(crate) fn at(waits: &[f32], part: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)]
    let at = (waits.len() as f64 * part) as usize;
    waits.get(at.min(waits.len().saturating_sub(1))).copied().unwrap_or(f32::NAN)
}

impl Scene {
    /// Logs out of every session; answers the waits until each verifier refuses, in milliseconds, the shortest first,
    /// and how long all took.
    pub(crate) fn measure(&self, jars: &[Jar], key: &str) -> anyhow::Result<(Vec<f32>, Duration)> {
        let (mut waits, took) = tokio::runtime::Runtime::new()?.block_on(self.leave(jars, key))?;
        waits.sort_by(f32::total_cmp);
        Ok((waits, took))
    }

    async fn leave(&self, jars: &[Jar], key: &str) -> anyhow::Result<(Vec<f32>, Duration)> {
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let mut verifiers = Vec::with_capacity(self.verifiers);
        for _ in 0..self.verifiers {
            let builder = Verifier::builder(&self.issuer).reached_at(url(self.followed));
            verifiers.push(builder.service_key(key).build().await?);
        }
        let verifiers = Arc::new(verifiers);
        let begin = Instant::now();
        while let Some(unready) = verifiers.iter().find_map(|verifier| verifier.status().unready) {
            ensure!(begin.elapsed() < LOST_AFTER, "a verifier is not ready: {unready}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let (told, heard) = channel();
        let looking = {
            let verifiers = Arc::clone(&verifiers);
            std::thread::spawn(move || look(&verifiers, &heard))
        };
        let begin = Instant::now();
        let mut browsers = JoinSet::new();
        let each = jars.len().div_ceil(self.connections);
        for (number, jars) in jars.chunks(each).enumerate() {
            let browser =
                Browser { url: url(self.left), every: self.every, first: number, step: self.connections };
            browsers.spawn(browser.browse(jars.to_vec(), Arc::clone(&verifiers), told.clone()));
        }
        drop(told);
        while let Some(done) = browsers.join_next().await {
            done??;
        }
        let took = begin.elapsed();
        let waits = tokio::task::spawn_blocking(move || looking.join()).await?;
        Ok((waits.map_err(|_| anyhow::anyhow!("the thread that looks panicked"))??, took))
    }
}

struct Browser {
    url: String,
    every: Duration,
    /// The verifier that takes its first token, and by how many it goes on.
    first: usize,
    step: usize,
}

impl Browser {
    /// Refreshes and logs out of one session after another; one of the verifiers takes the token in between.
    async fn browse(
        self,
        jars: Vec<Jar>,
        verifiers: Arc<Vec<Verifier>>,
        told: Sender<Left>,
    ) -> anyhow::Result<()> {
        let http = reqwest::Client::new();
        let mut pace = tokio::time::interval(self.every);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for (turn, jar) in jars.into_iter().enumerate() {
            pace.tick().await;
            let Jar { refresh, fingerprint, session } = jar;
            let cookies =
                format!("__Host-csrt={refresh}; __Host-csfp={fingerprint}; __Host-cshint={session}.0");
            let ask = |path: &str| {
                let request = http.post(format!("{}{path}", self.url)).header(COOKIE, &cookies);
                request.header("x-countersign", "1").json(&serde_json::json!({})).send()
            };
            let answer: serde_json::Value = ask("/auth/refresh").await?.error_for_status()?.json().await?;
            let token =
                answer.get("jwt_token").and_then(|token| token.as_str()).context("a token")?.to_owned();
            let one =
                verifiers.get((self.first + turn * self.step) % verifiers.len()).context("a verifier")?;
            one.verify_known(&Shown { token: Some(&token), fingerprint: Some(&fingerprint) })?;
            ask("/auth/logout").await?.error_for_status()?;
            let answered = Instant::now();
            told.send(Left {
                session,
                token,
                fingerprint,
                answered,
                taking: (0..verifiers.len()).collect(),
            })?;
        }
        Ok(())
    }
}

/// Looks at the verifiers until each has refused each session; answers the waits in milliseconds.
fn look(verifiers: &[Verifier], heard: &Receiver<Left>) -> anyhow::Result<Vec<f32>> {
    let (mut waits, mut under_way) = (Vec::new(), VecDeque::<Left>::new());
    loop {
        loop {
            match heard.try_recv() {
                Ok(left) => under_way.push_back(left),
                Err(TryRecvError::Disconnected) if under_way.is_empty() => return Ok(waits),
                Err(_) => break,
            }
        }
        for left in &mut under_way {
            let refuses = |at: &usize| {
                verifiers.get(*at).is_some_and(|one| one.denylist().denies_session(left.session))
            };
            let before = left.taking.len();
            left.taking.retain(|at| !refuses(at));
            let wait = left.answered.elapsed();
            waits.extend(std::iter::repeat_n(wait.as_secs_f32() * 1000.0, before - left.taking.len()));
            ensure!(wait < LOST_AFTER, "{} verifiers still take a token", left.taking.len());
            if left.taking.is_empty() {
                let shown = Shown { token: Some(&left.token), fingerprint: Some(&left.fingerprint) };
                let judged = verifiers.first().map(|one| one.verify_known(&shown).err());
                ensure!(judged == Some(Some(Refused::SessionEnded)), "judged: {judged:?}");
            }
        }
        under_way.retain(|left| !left.taking.is_empty());
        std::thread::sleep(LOOK_EVERY);
    }
}
