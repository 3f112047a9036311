//! A network that can be cut.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Stands between a verifier and its server.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) url: String,
    cuts: watch::Sender<u64>,
    state: Arc<Mutex<Line>>,
}

struct Line {
    up: bool,
    /// After how many bytes of answers the next connection is cut.
    bytes: Option<usize>,
}

impl Network {
    /// A network to the server at `url`.
    pub(crate) async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let network = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            cuts: watch::Sender::new(0),
            state: Arc::new(Mutex::new(Line { up: true, bytes: None })),
        };
        let server = url.strip_prefix("http://").unwrap().to_owned();
        let accepting = network.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let bytes = {
                    let mut line = accepting.state.lock().unwrap();
                    if !line.up {
                        continue;
                    }
                    line.bytes.take()
                };
                let cut = accepting.cuts.subscribe();
                let server = server.clone();
                tokio::spawn(async move { carry(client, &server, cut, bytes.unwrap_or(usize::MAX)).await });
            }
        });
        network
    }

    /// Cuts every connection; none comes through until it is mended.
    pub(crate) fn cut(&self) {
        self.state.lock().unwrap().up = false;
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Mends it. The next connection may be cut again after so many bytes of answers.
    pub(crate) fn mend(&self, bytes: Option<usize>) {
        let mut line = self.state.lock().unwrap();
        (line.up, line.bytes) = (true, bytes);
    }
}

async fn carry(
    mut client: TcpStream,
    server: &str,
    mut cut: watch::Receiver<u64>,
    mut bytes: usize,
) -> Option<()> {
    let mut server = TcpStream::connect(server).await.ok()?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let (mut asked, mut answered) = ([0; 4096], [0; 4096]);
    while bytes > 0 {
        tokio::select! {
            biased;
            _ = cut.changed() => return None,
            read = from_client.read(&mut asked) => {
                let read = read.ok().filter(|read| *read > 0)?;
                to_server.write_all(&asked[..read]).await.ok()?;
            }
            read = from_server.read(&mut answered) => {
                let read = read.ok().filter(|read| *read > 0)?.min(bytes);
                to_client.write_all(&answered[..read]).await.ok()?;
                bytes -= read;
            }
        }
    }
    None
}
