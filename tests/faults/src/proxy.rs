//! A way between two programs that can be slow, stand still, or break: TCP, in this process.
//!
//! ```text
//! client ──► Proxy, always at the same address ──► whatever port it leads to now
//!              └─ Open · Slow · Held · Half · Shut, for what is open and what comes
//! ```

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// They go on.
    Open,
    /// Each piece waits for so long.
    Slow(Duration),
    /// They stay here, until the way is another: on they go then, or they are lost.
    Held,
    /// Of the next answer half goes on, then nothing.
    Half,
    /// Every connection is cut, and every new one.
    Shut,
}

/// Cut when dropped.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub port: u16,
    leads: watch::Sender<u16>,
    way: watch::Sender<Way>,
    /// Whoever has a connection hears of it when it is to end.
    cuts: watch::Sender<()>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// On any free port, open, and leading to a port of this machine.
    pub async fn to(port: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let own = listener.local_addr()?.port();
        let (leads, way) = (watch::Sender::new(port), watch::Sender::new(Way::Open));
        let cuts = watch::Sender::new(());
        let accepting = tokio::spawn(accept(listener, leads.subscribe(), way.subscribe(), cuts.subscribe()));
        Ok(Self { port: own, leads, way, cuts, accepting })
    }

    /// New connections lead there from now on.
    pub fn lead_to(&self, port: u16) {
        self.leads.send_replace(port);
    }

    /// Cuts every connection that is open.
    pub fn cut(&self) {
        self.cuts.send_replace(());
    }

    /// From now on, for what is open too.
    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Way::Shut);
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    leads: watch::Receiver<u16>,
    way: watch::Receiver<Way>,
    cuts: watch::Receiver<()>,
) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // Too many files, or a client that left: the next one may be let in.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let there = SocketAddr::from((Ipv4Addr::LOCALHOST, *leads.borrow()));
        tokio::spawn(join(client, there, way.clone(), cuts.clone()));
    }
}

async fn join(
    mut client: TcpStream,
    there: SocketAddr,
    way: watch::Receiver<Way>,
    mut cuts: watch::Receiver<()>,
) {
    cuts.mark_unchanged();
    if *way.borrow() == Way::Shut {
        return;
    }
    let Ok(mut server) = TcpStream::connect(there).await else { return };
    let _small = client.set_nodelay(true).and(server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    // Whichever ends first ends the other: both sides see a connection that broke.
    tokio::select! {
        _ = pump(from_client, to_server, way.clone(), false) => (),
        _ = pump(from_server, to_client, way.clone(), true) => (),
        _ = cuts.changed() => (),
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut way: watch::Receiver<Way>,
    answers: bool,
) -> std::io::Result<()> {
    let mut piece = vec![0; 16 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut piece) => read?,
            _ = way.wait_for(|way| *way == Way::Shut) => return Ok(()),
        };
        let mut bytes = piece.get(..read).unwrap_or_default();
        let passes = passes(&mut way).await;
        if passes == Way::Half && answers {
            bytes = bytes.get(..read / 2).unwrap_or_default();
        }
        if passes == Way::Shut || read == 0 {
            return Ok(());
        }
        to.write_all(bytes).await?;
        if passes == Way::Half && answers {
            return Ok(());
        }
    }
}

/// Waits until bytes may go on, or are lost; answers which.
async fn passes(way: &mut watch::Receiver<Way>) -> Way {
    let now = match way.wait_for(|way| *way != Way::Held).await {
        Ok(now) => *now,
        Err(_) => Way::Shut,
    };
    if let Way::Slow(wait) = now {
        tokio::time::sleep(wait).await;
    }
    now
}
