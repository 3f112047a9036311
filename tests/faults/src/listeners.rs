//! Verifiers by the thousand: each holds a deny-list stream open, and comes back as the protocol asks when it has none.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// From how many addresses of this machine they come: each has its own ports.
const SOURCES: usize = 20;
/// How long one waits for a sign of life, of which there is one each second.
const PATIENCE: Duration = Duration::from_secs(3);
/// The pause after a connection that was lost doubles from the one to the other, and is partly chance.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(10)];
/// For how long they may be in one state before a run is given up.
const STALLED: Duration = Duration::from_mins(3);

/// What became of them so far.
#[derive(Debug, Default)]
pub struct Counts {
    /// Those that are told what is denied now.
    pub served: AtomicU64,
    /// How often one began to be.
    pub begun: AtomicU64,
    /// The answers that said to come back later.
    pub turned_away: AtomicU64,
    /// The connections that were not made, or lost.
    pub lost: AtomicU64,
    /// Those who have left.
    pub gone: AtomicU64,
}

/// All of them. They leave when dropped.
#[derive(Debug)]
pub struct Listeners {
    /// What became of them so far.
    pub counts: Arc<Counts>,
    tasks: JoinSet<()>,
    /// How often all have been told to come anew.
    round: watch::Sender<u64>,
    /// How many stay; those of higher numbers leave.
    staying: watch::Sender<usize>,
}

impl Listeners {
    /// So many come to the server on this port at once, each with this service key.
    pub fn come(many: usize, port: u16, key: &str, seed: u64) -> Self {
        let (round, staying) = (watch::Sender::new(0), watch::Sender::new(many));
        let counts = Arc::<Counts>::default();
        let mut random = fastrand::Rng::with_seed(seed);
        let request = format!(
            "GET /auth/revocations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n"
        );
        let request: Arc<str> = request.into();
        let mut tasks = JoinSet::new();
        for number in 0..many {
            let source = u8::try_from(number % SOURCES + 1).unwrap_or(1);
            let listener = Listener {
                from: (Ipv4Addr::new(127, 0, 0, source), 0).into(),
                to: (Ipv4Addr::LOCALHOST, port).into(),
                request: Arc::clone(&request),
                counts: Arc::clone(&counts),
                round: round.subscribe(),
                random: random.fork(),
            };
            let (mut staying, counts) = (staying.subscribe(), Arc::clone(&counts));
            tasks.spawn(async move {
                tokio::select! {
                    () = listener.listen() => {}
                    _ = staying.wait_for(|staying| *staying <= number) => {}
                }
                counts.gone.fetch_add(1, Ordering::Relaxed);
            });
        }
        Self { counts, tasks, round, staying }
    }

    /// All hang up, and come back at once.
    pub fn come_again(&self) {
        self.round.send_modify(|round| *round += 1);
    }

    /// Only so many stay.
    pub fn leave_but(&self, staying: usize) {
        self.staying.send_replace(staying);
    }

    /// Waits until so many are served, and their counts have come to this.
    pub async fn served(&self, many: usize, come_to: impl Fn(&Counts) -> bool) -> anyhow::Result<()> {
        let counts = &self.counts;
        let waiting = async {
            while counts.served.load(Ordering::Relaxed) != many as u64 || !come_to(counts) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(STALLED, waiting).await;
        waited.with_context(|| format!("{many} are not served, of {}: {counts:?}", self.tasks.len()))
    }
}

struct Listener {
    from: SocketAddr,
    to: SocketAddr,
    request: Arc<str>,
    counts: Arc<Counts>,
    round: watch::Receiver<u64>,
    random: fastrand::Rng,
}

/// How one stream ended.
enum Over {
    Lost,
    /// To come back after so many seconds.
    Later(u64),
}

impl Listener {
    async fn listen(mut self) {
        let [mut pause, longest] = PAUSES;
        loop {
            let was_served;
            let over = {
                let mut served = Served { counts: &self.counts, is: false };
                let mut round = self.round.clone();
                let over = tokio::select! {
                    over = one(self.from, self.to, &self.request, &mut served) => over,
                    _ = round.changed() => None,
                };
                was_served = served.is;
                over
            };
            if self.round.has_changed().unwrap_or(false) {
                self.round.mark_unchanged();
                [pause, _] = PAUSES;
                continue;
            }
            if was_served {
                [pause, _] = PAUSES;
            }
            let wait = match over {
                Some(Over::Later(seconds)) => {
                    self.counts.turned_away.fetch_add(1, Ordering::Relaxed);
                    Duration::from_secs(seconds) + pause.mul_f64(self.random.f64())
                }
                Some(Over::Lost) | None => {
                    self.counts.lost.fetch_add(1, Ordering::Relaxed);
                    let wait = pause.mul_f64(0.5 + self.random.f64() / 2.0);
                    pause = (2 * pause).min(longest);
                    wait
                }
            };
            tokio::time::sleep(wait).await;
        }
    }
}

/// Counts a listener for as long as it is served.
struct Served<'a> {
    counts: &'a Counts,
    is: bool,
}

impl Served<'_> {
    fn begin(&mut self) {
        if !std::mem::replace(&mut self.is, true) {
            self.counts.served.fetch_add(1, Ordering::Relaxed);
            self.counts.begun.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        if self.is {
            self.counts.served.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// One stream, to its end.
async fn one(from: SocketAddr, to: SocketAddr, request: &str, served: &mut Served<'_>) -> Option<Over> {
    let patient = async |stream: &mut TcpStream, bytes: &mut Vec<u8>| {
        let read = tokio::time::timeout(PATIENCE, stream.read_buf(bytes)).await.ok()?.ok()?;
        (read > 0).then_some(())
    };
    let lost = Some(Over::Lost);
    let Some(mut stream) = tokio::time::timeout(PATIENCE, open(from, to, request)).await.ok().flatten()
    else {
        return lost;
    };
    let mut bytes = Vec::with_capacity(2048);
    let later = loop {
        if patient(&mut stream, &mut bytes).await.is_none() {
            return lost;
        }
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Response::new(&mut headers);
        match head.parse(&bytes) {
            Ok(httparse::Status::Complete(_)) if head.code == Some(200) => break None,
            Ok(httparse::Status::Complete(_)) => {
                let later =
                    head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("retry-after"));
                break Some(std::str::from_utf8(later?.value).ok()?.parse().ok()?);
            }
            Ok(httparse::Status::Partial) => {}
            Err(_) => return lost,
        }
    };
    if let Some(seconds) = later {
        return Some(Over::Later(seconds));
    }
    loop {
        // The first heartbeat says that everything that is denied has been told.
        if !served.is && bytes.windows(HEARTBEAT.len()).any(|window| window == HEARTBEAT) {
            served.begin();
        }
        // What may be the beginning of it stays.
        bytes.drain(..bytes.len().saturating_sub(HEARTBEAT.len()));
        if patient(&mut stream, &mut bytes).await.is_none() {
            return lost;
        }
    }
}

const HEARTBEAT: &[u8] = b"event: heartbeat";

async fn open(from: SocketAddr, to: SocketAddr, request: &str) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().ok()?;
    // An address that was used a moment ago will do.
    socket.set_reuseaddr(true).ok()?;
    socket.bind(from).ok()?;
    let mut stream = socket.connect(to).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    Some(stream)
}
