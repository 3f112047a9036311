//! The load: browsers that refresh without a pause over connections that stay open. The same for every server.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::world::Jar;

const COOKIE: &[u8] = b"__Host-csrt=";

/// What the browsers show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Each time the token of the last answer: the server confirms it.
    Newest,
    /// The same one again: the server repeats its answer.
    Same,
}

/// One connection, and the browsers that take turns on it.
pub(crate) struct Lane {
    jars: Vec<Jar>,
    next: usize,
}

/// What a slice of load came to.
pub(crate) struct Slice {
    /// Answers in a second.
    pub(crate) rate: f64,
    pub(crate) answers: usize,
    /// Waits for an answer, in milliseconds, the shortest first.
    waits: Vec<f32>,
}

impl Slice {
    fn of(mut waits: Vec<f32>, took: Duration) -> Self {
        waits.sort_by(f32::total_cmp);
        let answers = waits.len();
        #[expect(clippy::cast_precision_loss, reason = "it is far from 2^52")]
        let rate = answers as f64 / took.as_secs_f64();
        Self { rate, answers, waits }
    }

    /// The wait that this part of all is shorter than, in milliseconds.
    pub(crate) fn wait(&self, part: f64) -> f32 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)]
        let at = (self.waits.len() as f64 * part) as usize;
        self.waits.get(at.min(self.waits.len().saturating_sub(1))).copied().unwrap_or(f32::NAN)
    }
}

/// Spreads the jars over connections.
pub(crate) fn lanes(jars: Vec<Jar>, connections: usize) -> Vec<Lane> {
    let each = jars.len().div_ceil(connections).max(1);
    let mut jars = jars.into_iter();
    let next = |_| Lane { jars: jars.by_ref().take(each).collect(), next: 0 };
    (0..connections).map(next).filter(|lane| !lane.jars.is_empty()).collect()
}

/// Loads the servers on `ports` for this long, each with as many of the lanes, on one thread; hands the lanes back.
/// Each lane asks without a pause, or once in a while.
pub(crate) fn run(
    ports: &[u16],
    lanes: Vec<Lane>,
    shown: Shown,
    every: Option<Duration>,
    time: Duration,
) -> anyhow::Result<(Slice, Vec<Lane>)> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let begin = Instant::now();
        let mut tasks = JoinSet::new();
        for (lane, port) in lanes.into_iter().zip(ports.iter().cycle()) {
            tasks.spawn(drive(*port, lane, shown, every, begin + time));
        }
        let (mut lanes, mut waits) = (Vec::new(), Vec::new());
        while let Some(done) = tasks.join_next().await {
            let (lane, some) = done??;
            lanes.push(lane);
            waits.extend(some);
        }
        Ok((Slice::of(waits, begin.elapsed()), lanes))
    })
}

/// Logs out of each of the sessions, without a pause, over so many connections.
pub(crate) fn leave(port: u16, jars: Vec<Jar>, connections: usize) -> anyhow::Result<Slice> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let begin = Instant::now();
        let mut tasks = JoinSet::new();
        for lane in lanes(jars, connections) {
            tasks.spawn(async move {
                let mut socket = connected(port).await?;
                let (mut request, mut answer, mut waits) = (String::new(), Vec::new(), Vec::new());
                for jar in lane.jars {
                    let begin = Instant::now();
                    write(&mut request, port, "/auth/logout", &jar);
                    socket.write_all(request.as_bytes()).await?;
                    answered(&mut socket, &mut answer).await?;
                    waits.push(begin.elapsed().as_secs_f32() * 1000.0);
                }
                anyhow::Ok(waits)
            });
        }
        let mut waits = Vec::new();
        while let Some(done) = tasks.join_next().await {
            waits.extend(done??);
        }
        Ok(Slice::of(waits, begin.elapsed()))
    })
}

async fn connected(port: u16) -> std::io::Result<TcpStream> {
    let socket = TcpStream::connect(("127.0.0.1", port)).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

async fn drive(
    port: u16,
    mut lane: Lane,
    shown: Shown,
    every: Option<Duration>,
    end: Instant,
) -> anyhow::Result<(Lane, Vec<f32>)> {
    let mut pace = every.map(tokio::time::interval);
    let mut socket = connected(port).await?;
    let (mut request, mut answer, mut waits) = (String::new(), Vec::new(), Vec::new());
    loop {
        if let Some(pace) = &mut pace {
            pace.tick().await;
        }
        let begin = Instant::now();
        if begin >= end {
            return Ok((lane, waits));
        }
        lane.next = (lane.next + 1) % lane.jars.len();
        let jar = lane.jars.get_mut(lane.next).context("a lane has jars")?;
        write(&mut request, port, "/auth/refresh", jar);
        socket.write_all(request.as_bytes()).await?;
        let token = read(&mut socket, &mut answer).await?;
        if shown == Shown::Newest {
            jar.refresh.clear();
            jar.refresh.push_str(token);
        }
        waits.push(begin.elapsed().as_secs_f32() * 1000.0);
    }
}

/// What a browser sends from a page of the server itself.
fn write(request: &mut String, port: u16, path: &str, jar: &Jar) {
    let Jar { refresh, fingerprint, session } = jar;
    request.clear();
    let _never = std::fmt::Write::write_fmt(
        request,
        format_args!(
            "POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\n\
             Content-Length: 2\r\nX-Countersign: 1\r\nOrigin: http://localhost:{port}\r\n\
             Sec-Fetch-Site: same-origin\r\n\
             User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
             Cookie: __Host-csrt={refresh}; __Host-csfp={fingerprint}; __Host-cshint={session}.0\r\n\r\n{{}}"
        ),
    );
}

/// Reads one answer to its end; answers the refresh token that it sets.
async fn read<'a>(socket: &mut TcpStream, answer: &'a mut Vec<u8>) -> anyhow::Result<&'a str> {
    let head = answered(socket, answer).await?;
    let token = after(answer.get(..head).unwrap_or_default(), COOKIE, b';');
    Ok(std::str::from_utf8(token.context("a refresh token")?)?)
}

/// Reads one answer to its end, which must be a good one; answers how long its head is.
async fn answered(socket: &mut TcpStream, answer: &mut Vec<u8>) -> anyhow::Result<usize> {
    answer.clear();
    let (head, length) = loop {
        ensure!(socket.read_buf(answer).await? > 0, "the server hung up");
        if let Some(head) = find(answer, b"\r\n\r\n") {
            let length = after(answer.get(..head).unwrap_or_default(), b"content-length: ", b'\r');
            let length: usize = std::str::from_utf8(length.context("content-length")?)?.parse()?;
            break (head, head + 4 + length);
        }
    };
    while answer.len() < length {
        ensure!(socket.read_buf(answer).await? > 0, "the server hung up");
    }
    if !answer.starts_with(b"HTTP/1.1 200") {
        bail!("refused: {}", String::from_utf8_lossy(answer));
    }
    Ok(head)
}

fn after<'a>(text: &'a [u8], what: &[u8], until: u8) -> Option<&'a [u8]> {
    let rest = text.get(find(text, what)? + what.len()..)?;
    rest.split(|byte| *byte == until).next()
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// One `GET` over a connection of its own, read to its end.
pub(crate) fn fetch(port: u16, path: &str, bearer: &str) -> anyhow::Result<String> {
    use std::io::{Read as _, Write as _};
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", port))?;
    write!(
        socket,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {bearer}\r\n\r\n"
    )?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    Ok(answer)
}
