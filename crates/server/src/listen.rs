//! Sockets: where the server listens, TLS, and an orderly end.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use countersign_verifier::websocket::{Ending, Stop};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{self, ServerConfig};
use tower::ServiceExt;

/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS: usize = 10_000;
/// How many wait there at most, as far as the kernel allows it (`somaxconn`): others try again after one second, then
/// two, and with the usual 1,024 refreshes were among them when all verifiers came back at once.
const WAITING: u32 = 10_000;
/// How long a client may take for its TLS handshake, or to answer a ping of HTTP/2.
const SHAKEN_WITHIN: Duration = Duration::from_secs(10);
/// How long a client may take from the end of one request to the end of the next one's headers. Proxies keep a
/// connection that rests for a minute: if we closed it before, a request might be on its way, and a login is none that
/// they would repeat.
const HEADERS_WITHIN: Duration = Duration::from_secs(75);
/// How often an HTTP/2 client is asked whether it is still there.
const ASKED_EVERY: Duration = Duration::from_secs(30);
/// How long requests that are under way get to finish at the end.
const END_WITHIN: Duration = Duration::from_secs(10);
/// How long a client may leave what it is sent in its socket.
const WRITTEN_WITHIN: Duration = Duration::from_secs(10);

/// Sockets that are bound, and serve nothing yet.
pub struct Bound {
    listeners: Vec<TcpListener>,
    tls: Option<TlsAcceptor>,
}

impl Bound {
    /// Binds `address`; with `127.0.0.1` also the same port of `::1` where the machine has one, as browsers may
    /// take either for `localhost`.
    ///
    /// # Errors
    /// The operating system's, such as that the port is taken.
    pub async fn new(address: SocketAddr) -> io::Result<Self> {
        let first = listen(address)?;
        let port = first.local_addr()?.port();
        let mut listeners = vec![first];
        if address.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) {
            match listen((Ipv6Addr::LOCALHOST, port).into()) {
                Ok(second) => listeners.push(second),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && address.port() == 0 => {
                    // While `first` holds its port, the system chooses another.
                    return Box::pin(Self::new(address)).await;
                }
                // Another program would get the passwords of those whose browser takes ::1.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
                Err(error) => tracing::debug!(%error, "not listening on ::1"),
            }
        }
        Ok(Self { listeners, tls: None })
    }

    /// The port, which the system chose if it was asked for port 0.
    pub fn port(&self) -> u16 {
        self.listeners
            .first()
            .and_then(|listener| listener.local_addr().ok())
            .map_or(0, |address| address.port())
    }

    /// Serves HTTPS with the certificate chain and private key of these PEM files.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong with it.
    pub fn with_tls(mut self, cert: &Path, key: &Path) -> Result<Self, String> {
        let fault = |path: &Path, why: String| format!("{}: {why}", path.display());
        let chain = CertificateDer::pem_file_iter(cert)
            .and_then(Iterator::collect)
            .map_err(|error| fault(cert, error.to_string()))?;
        let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| fault(key, error.to_string()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key_der))
            .map_err(|error| fault(cert, error.to_string()))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        self.tls = Some(TlsAcceptor::from(Arc::new(config)));
        Ok(self)
    }

    /// Serves until `stop` resolves; then requests under way get ten seconds to finish. Each request carries an
    /// [`Ending`], for answers that would go on for ever.
    pub async fn serve(self, router: Router, stop: impl Future<Output = ()>) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        let ending = Stop::new();
        for listener in self.listeners {
            let (router, tls, slots) = (router.clone(), self.tls.clone(), Arc::clone(&slots));
            tokio::spawn(Door { router, tls, slots, ending: ending.ending() }.accept(listener));
        }
        drop(router);
        stop.await;
        ending.begin();
        // Whoever accepts, or serves a connection, or holds what became of one, has its share of it.
        let _late = tokio::time::timeout(END_WITHIN, ending.over()).await;
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Else a port could not be taken again for a minute after a restart.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

#[derive(Clone)]
struct Door {
    router: Router,
    tls: Option<TlsAcceptor>,
    slots: Arc<Semaphore>,
    ending: Ending,
}

impl Door {
    async fn accept(self, listener: TcpListener) {
        let mut ended = pin!(self.ending.clone().begun());
        loop {
            let next = async {
                let slot = Arc::clone(&self.slots).acquire_owned().await;
                (slot, listener.accept().await)
            };
            let (slot, accepted) = tokio::select! {
                () = ended.as_mut() => return,
                next = next => next,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let door = self.clone();
                    tokio::spawn(async move {
                        door.open(stream, peer).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    // No file descriptors left, most likely: the clients that leave make room.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    async fn open(self, stream: TcpStream, peer: SocketAddr) {
        let _slower = stream.set_nodelay(true);
        let mut stream = Box::pin(TimeoutStream::new(stream));
        stream.as_mut().set_write_timeout_pinned(Some(WRITTEN_WITHIN));
        match &self.tls {
            // Else who says nothing at all would keep the place: the version of HTTP is waited for without a limit.
            None => {
                let spoken = tokio::select! {
                    spoken = tokio::time::timeout(HEADERS_WITHIN, stream.get_ref().readable()) => spoken.is_ok(),
                    () = self.ending.clone().begun() => false,
                };
                if spoken {
                    self.converse(stream, peer, Builder::new(TokioExecutor::new())).await;
                }
            }
            Some(tls) => {
                let shaken = tokio::time::timeout(SHAKEN_WITHIN, tls.accept(stream));
                let shaken = tokio::select! {
                    shaken = shaken => shaken,
                    () = self.ending.clone().begun() => return,
                };
                match shaken {
                    Ok(Ok(stream)) => {
                        let builder = Builder::new(TokioExecutor::new());
                        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                        let builder = if is_http2 { builder.http2_only() } else { builder.http1_only() };
                        self.converse(stream, peer, builder).await;
                    }
                    Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                }
            }
        }
    }

    async fn converse(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        mut builder: Builder<TokioExecutor>,
    ) {
        let Self { router, ending, .. } = self;
        let with_each = ending.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(with_each.clone());
            router.clone().oneshot(request)
        });
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(ASKED_EVERY)
            .keep_alive_timeout(SHAKEN_WITHIN);
        let mut connection =
            pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned());
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = ending.begun() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a connection broke");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use futures_util::stream;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

    use super::*;

    /// More than what the sockets of both sides hold together.
    const MUCH: u64 = 32 << 20;

    /// Tells that an answer was let go of.
    struct Held(UnboundedSender<()>);

    impl Drop for Held {
        fn drop(&mut self) {
            let _told = self.0.send(());
        }
    }

    fn endless(held: Held) -> Body {
        Body::from_stream(stream::repeat_with(move || {
            let _until_dropped = &held;
            Ok::<_, Infallible>(Bytes::from_static(&[b'.'; 8_192]))
        }))
    }

    #[tokio::test]
    async fn who_reads_now_and_then_is_served_and_who_stops_is_cut_off() {
        let (held, mut let_go) = unbounded_channel();
        let router = Router::new().fallback(move || {
            let held = Held(held.clone());
            async move { endless(held) }
        });
        let bound = Bound::new(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], bound.port()));
        tokio::spawn(bound.serve(router, std::future::pending()));

        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(65_536).unwrap();
        let mut client = socket.connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut read = async || {
            let read = tokio::io::copy(&mut (&mut client).take(MUCH), &mut tokio::io::sink()).await;
            assert_eq!(read.unwrap(), MUCH, "the server cut off who reads");
        };
        read().await;

        tokio::time::pause();
        // While a thread is at work, paused time does not run ahead by itself.
        let (over, working) = std::sync::mpsc::channel::<()>();
        let work = tokio::task::spawn_blocking(move || working.recv());
        for _ in 0..4 {
            tokio::time::advance(WRITTEN_WITHIN.mul_f64(0.9)).await;
            read().await;
        }
        assert!(let_go.is_empty());
        drop(over);
        let _ended = work.await.unwrap();
        // From here on it runs to whatever is waited for next.
        tokio::time::timeout(6 * WRITTEN_WITHIN, let_go.recv()).await.expect("who does not read is cut off");
    }
}
