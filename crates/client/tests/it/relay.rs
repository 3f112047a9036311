//! Stands between client and server, counts, and does to requests and answers what networks do.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderValue, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

/// What happens to a request of a path.
pub(crate) enum Fault {
    /// This is the answer, and the server hears nothing.
    Answer(u16, &'static [(&'static str, &'static str)], String),
    /// The server never answers.
    Hang,
    /// The server acts, and its answer waits for this.
    Late(oneshot::Receiver<()>),
    /// The server acts, and its answer is lost.
    Lost,
    /// Nothing.
    None,
}

/// A request, as it came.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Clone)]
pub(crate) struct Relay {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    http: reqwest::Client,
    faults: Mutex<VecDeque<(&'static str, Fault)>>,
    seen: watch::Sender<Vec<Seen>>,
    /// The server's cookies are called `__Secure-…`.
    renames: Mutex<bool>,
}

impl Relay {
    pub(crate) async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            http: reqwest::Client::new(),
            faults: Mutex::default(),
            seen: watch::Sender::default(),
            renames: Mutex::default(),
        });
        let router = Router::new().fallback(relay).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    /// What happens to the next requests of this path, one after another.
    pub(crate) fn next(&self, path: &'static str, faults: impl IntoIterator<Item = Fault>) {
        self.shared.faults.lock().unwrap().extend(faults.into_iter().map(|fault| (path, fault)));
    }

    pub(crate) fn rename_cookies(&self) {
        *self.shared.renames.lock().unwrap() = true;
    }

    pub(crate) fn seen(&self, path: &str) -> Vec<Seen> {
        self.shared.seen.borrow().iter().filter(|seen| seen.path == path).cloned().collect()
    }

    /// Waits until this many requests of a path have come.
    pub(crate) async fn arrived(&self, path: &str, count: usize) {
        let mut seen = self.shared.seen.subscribe();
        let enough = |all: &Vec<Seen>| all.iter().filter(|seen| seen.path == path).count() >= count;
        seen.wait_for(enough).await.unwrap();
    }
}

async fn relay(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let fault = {
        let mut faults = shared.faults.lock().unwrap();
        let at = faults.iter().position(|(of, _)| *of == path);
        at.and_then(|at| faults.remove(at)).map_or(Fault::None, |(_, fault)| fault)
    };
    let seen = Seen { path, headers: parts.headers.clone(), body: body.clone() };
    shared.seen.send_modify(|all| all.push(seen));
    let url = format!("{}{}", shared.upstream, parts.uri);
    let mut headers = parts.headers;
    headers.remove(HOST);
    headers.remove(CONTENT_LENGTH);
    if *shared.renames.lock().unwrap() {
        // The server that stands behind knows the one name, clients the other.
        rename(&mut headers, COOKIE.as_str(), "__Host-", "__Unknown-");
        rename(&mut headers, COOKIE.as_str(), "__Secure-", "__Host-");
    }
    let forward = shared.http.request(parts.method, url).headers(headers).body(body);
    match fault {
        Fault::Answer(status, headers, body) => {
            let mut answer = (axum::http::StatusCode::from_u16(status).unwrap(), body).into_response();
            answer.headers_mut().remove(CONTENT_TYPE);
            for (name, value) in headers {
                answer.headers_mut().insert(*name, HeaderValue::from_static(value));
            }
            answer
        }
        Fault::Hang => std::future::pending().await,
        Fault::Late(when) => {
            let answer = answer(&shared, forward).await;
            let _dropped = when.await;
            answer
        }
        Fault::Lost => {
            answer(&shared, forward).await;
            let broken = Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset));
            Body::from_stream(stream::iter([Ok(Bytes::from_static(b"{")), broken])).into_response()
        }
        Fault::None => answer(&shared, forward).await,
    }
}

async fn answer(shared: &Shared, forward: reqwest::RequestBuilder) -> Response {
    let answer = forward.send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove(CONTENT_LENGTH);
    if *shared.renames.lock().unwrap() {
        rename(&mut headers, SET_COOKIE.as_str(), "__Host-", "__Secure-");
    }
    (status, headers, answer.bytes().await.unwrap()).into_response()
}

fn rename(headers: &mut HeaderMap, name: &'static str, from: &str, to: &str) {
    let lines: Vec<_> = headers.get_all(name).iter().map(|line| line.to_str().unwrap().to_owned()).collect();
    headers.remove(name);
    for line in lines {
        headers.append(name, line.replace(from, to).parse().unwrap());
    }
}
