//! A request on its way to the API, and the answer on its way back.

use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CONTENT_LENGTH,
    CONTENT_TYPE, HeaderName, HeaderValue,
};
use axum::http::{HeaderMap, StatusCode, Version};
use axum::response::Response;
use countersign_verifier::Session;
use futures_util::StreamExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::body::{Broken, Watched};
use crate::caller::{ADMIN_SECRET, Caller, Peer};
use crate::config::Settings;
use crate::error::Error;
use crate::upstream::Upstream;
use crate::{cookies, hops};

/// How soon the API must take a connection.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a connection to the API is kept for the next request.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// What the API says of CORS does not count: it does not know which pages may call the gateway.
const CORS: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

/// Connections to the API. A request that was lost on one is not sent again: only the client knows whether that
/// would do something twice.
pub(crate) type Connections = Client<HttpConnector, Watched>;

pub(crate) fn connections() -> Connections {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_WITHIN));
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(KEPT_FOR);
    builder.build(connector)
}

/// Takes out of the headers of a request all that is meant for us only, and adds who calls from where.
pub(crate) fn rewrite(headers: &mut HeaderMap, peer: &Peer, caller: &Caller, settings: &Settings) {
    hops::clear(headers);
    hops::forwarded(headers, peer);
    cookies::clear(headers, settings.pass_fingerprint_cookie);
    caller.tell(headers, settings);
}

/// Passes a request on, and its answer back.
pub(crate) async fn forward(
    connections: &Connections,
    upstream: &Upstream,
    settings: &Settings,
    peer: &Peer,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    let (mut parts, body) = request.into_parts();
    parts.uri = upstream.uri("http", &parts.uri)?;
    parts.version = Version::HTTP_11;
    parts.extensions.clear();
    rewrite(&mut parts.headers, peer, caller, settings);
    // Said anew, from the body as it was understood.
    parts.headers.remove(CONTENT_LENGTH);
    let (body, mut moved) = Watched::new(body);
    let mut sending = true;
    let mut answer = pin!(connections.request(Request::from_parts(parts, body)));
    let answer = loop {
        tokio::select! {
            answer = &mut answer => break answer.map_err(|error| fault(&error))?,
            more = moved.changed(), if sending => sending = more.is_ok(),
            () = tokio::time::sleep(settings.upstream_timeout.0) => return Err(Error::Late),
        }
    };
    let (mut parts, body) = answer.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Error::Away);
    }
    parts.version = Version::default();
    parts.extensions.clear();
    hops::clear(&mut parts.headers);
    cookies::clear_set(&mut parts.headers);
    for name in CORS.iter().chain([&ADMIN_SECRET]) {
        parts.headers.remove(name);
    }
    let body = match caller.session().filter(|_| goes_on(&parts.headers)) {
        Some(session) => held(Body::new(body), session, settings.ws_grace.0),
        None => Body::new(body),
    };
    Ok(Response::from_parts(parts, body))
}

/// Whether an answer goes on for as long as the client listens: a subscription, as WebSockets are.
fn goes_on(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let start = b"text/event-stream";
    kind.get(..start.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(start))
}

/// An answer that ends with its session; the client asks again, and is told why.
fn held(body: Body, session: Session, grace: Duration) -> Body {
    let over = async move { session.ended_after(grace).await };
    Body::from_stream(body.into_data_stream().take_until(Box::pin(over)))
}

fn fault(error: &(dyn std::error::Error + 'static)) -> Error {
    match Broken::found(error) {
        Some(Broken::Stalled) => Error::Stalled,
        Some(Broken::Lost(_)) => Error::Malformed("the body broke off"),
        None => {
            tracing::warn!(error, "the API is away");
            Error::Away
        }
    }
}
