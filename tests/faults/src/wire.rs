//! HTTP over a socket of our own, as a client must be able to leave at any byte.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How the answer to a request fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Whole,
    /// The client leaves as soon as it has sent the request.
    Unheard,
    /// The client leaves after so many bytes of the answer.
    CutAt(usize),
}

/// An answer that arrived.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// The cookies that it sets: name and value.
    pub cookies: Vec<(String, String)>,
    /// After how many seconds to come back.
    pub retry_after: Option<u64>,
    /// The body; null if it is no JSON.
    pub body: Value,
}

/// No answer: nobody knows whether the request was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

/// The way to one server, for any number of clients.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    /// After which time a client gives up: the flight time, as the SDK does.
    limit: Duration,
    /// Whether connections are kept for the next request.
    keeps: bool,
    idle: Mutex<Vec<TcpStream>>,
}

impl Wire {
    /// The way to the server on this port of the machine.
    pub fn new(port: u16, limit: Duration) -> Self {
        Self { address: (Ipv4Addr::LOCALHOST, port).into(), limit, keeps: true, idle: Mutex::default() }
    }

    /// The same, with a new connection for each request.
    pub fn anew(port: u16, limit: Duration) -> Self {
        Self { keeps: false, ..Self::new(port, limit) }
    }

    /// Sends a request and waits for its answer, but never longer than the limit.
    pub async fn ask(&self, request: &str, fate: Fate) -> Result<Reply, Lost> {
        self.ask_within(self.limit, request, fate).await
    }

    /// The same, for what may take longer than a refresh, such as hashing a password.
    pub async fn ask_within(&self, limit: Duration, request: &str, fate: Fate) -> Result<Reply, Lost> {
        let asked = async {
            let mut socket = match self.taken() {
                Some(socket) if fate == Fate::Whole => socket,
                _ => TcpStream::connect(self.address).await.ok()?,
            };
            socket.set_nodelay(true).ok()?;
            socket.write_all(request.as_bytes()).await.ok()?;
            if fate == Fate::Unheard {
                return None;
            }
            let reply = read(&mut socket, fate).await?;
            if self.keeps {
                self.idle().push(socket);
            }
            Some(reply)
        };
        let reply = tokio::time::timeout(limit, asked).await.ok().flatten();
        if reply.is_none() && fate == Fate::Whole {
            // Whatever else is open was most likely open to a server that is gone.
            self.idle().clear();
        }
        reply.ok_or(Lost)
    }

    fn taken(&self) -> Option<TcpStream> {
        self.idle().pop()
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer, or nothing if the client or the server leaves before its end.
async fn read(socket: &mut TcpStream, fate: Fate) -> Option<Reply> {
    let mut bytes = Vec::with_capacity(4096);
    loop {
        if let Some((reply, length)) = parsed(&bytes)
            && bytes.len() >= length
        {
            return Some(reply);
        }
        if let Fate::CutAt(limit) = fate
            && bytes.len() >= limit
        {
            return None;
        }
        let room = match fate {
            Fate::CutAt(limit) => limit - bytes.len(),
            Fate::Whole | Fate::Unheard => usize::MAX,
        };
        if (&mut *socket).take(room as u64).read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// The answer and its length, once its head is there; the body is read as far as it is.
fn parsed(bytes: &[u8]) -> Option<(Reply, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 48];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(begin) = head.parse(bytes).ok()? else { return None };
    let mut reply = Reply { status: head.code?, cookies: Vec::new(), retry_after: None, body: Value::Null };
    let mut length = 0;
    for header in head.headers.iter() {
        let text = std::str::from_utf8(header.value).ok()?;
        match header.name.to_ascii_lowercase().as_str() {
            "content-length" => length = text.parse().ok()?,
            "retry-after" => reply.retry_after = text.parse().ok(),
            "set-cookie" => {
                let (name, rest) = text.split_once('=')?;
                let value = rest.split(';').next().unwrap_or_default();
                reply.cookies.push((name.to_owned(), value.to_owned()));
            }
            _ => {}
        }
    }
    if let Some(body) = bytes.get(begin..begin + length) {
        reply.body = serde_json::from_slice(body).unwrap_or_default();
    }
    Some((reply, begin + length))
}
