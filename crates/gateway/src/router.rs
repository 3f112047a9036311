//! What is asked of a gateway.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use countersign_verifier::websocket::{self, Origins};
use countersign_verifier::{Refused, Verifier};
use serde_json::json;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use crate::caller::{Caller, Peer};
use crate::config::Settings;
use crate::error::Error;
use crate::forward::{self, Connections};
use crate::socket;

/// The most that the headers of a request may take, in bytes.
const LONGEST_HEADERS: usize = 64 * 1024;
/// The header in which a proxy that asks finds what its client is told.
const REFUSAL: HeaderName = HeaderName::from_static("x-countersign-refusal");
/// WebSockets at once.
const SOCKETS: usize = 10_000;

/// What requests share.
pub(crate) struct Gate {
    pub(crate) settings: Arc<Settings>,
    pub(crate) verifier: Verifier,
    pub(crate) origins: Origins,
    pub(crate) places: Arc<Semaphore>,
    connections: Connections,
}

/// The gateway: before its API, or for other proxies at `/auth/verify` if there is none. Each request must carry
/// the address of its peer as axum's [`ConnectInfo`].
pub fn router(settings: Arc<Settings>, verifier: Verifier) -> Router {
    let proxies = settings.upstream().is_some();
    let cors = cors(&settings);
    let gate = Arc::new(Gate {
        origins: settings.origins.iter().collect(),
        places: Arc::new(Semaphore::new(SOCKETS)),
        connections: forward::connections(),
        settings,
        verifier,
    });
    let routes = if proxies {
        Router::new().fallback(pass)
    } else {
        Router::new().route("/auth/verify", any(verify)).fallback(async || Error::Nothing)
    };
    let routes = match cors.filter(|_| proxies) {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    routes.layer(CatchPanicLayer::custom(|_| Error::Away.into_response())).with_state(gate)
}

/// What operators ask, on an address of its own: `/health/live`, `/health/ready` and `/metrics`.
pub fn admin(verifier: Verifier, metrics: impl Fn() -> String + Clone + Send + Sync + 'static) -> Router {
    Router::new()
        .route("/health/live", get(async || Json(json!({ "status": "live" }))))
        .route("/health/ready", get(async move || ready(&verifier)))
        .route("/metrics", get(async move || metrics()))
}

fn ready(verifier: &Verifier) -> Response {
    let status = verifier.status();
    if let Some(unready) = status.unready {
        return Error::from(Refused::Unready(unready)).into_response();
    }
    let stale_for = status.stale_for.map(|stale_for| stale_for.as_secs_f64());
    let (entries, keys) = (status.entries, status.keys);
    Json(json!({ "status": "ready", "stale_for": stale_for, "entries": entries, "keys": keys }))
        .into_response()
}

/// CORS with credentials, for the origins on the list and never `*`. The layer answers `OPTIONS` by itself.
fn cors(settings: &Settings) -> Option<CorsLayer> {
    let listed = AllowOrigin::list(settings.listed().iter().cloned());
    let cors = CorsLayer::new()
        .allow_origin(listed)
        .allow_credentials(true)
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([RETRY_AFTER, WWW_AUTHENTICATE])
        .max_age(Duration::from_mins(10));
    (!settings.listed().is_empty()).then_some(cors)
}

async fn pass(
    State(gate): State<Arc<Gate>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, Error> {
    metrics::counter!("countersign_gateway_requests_total").increment(1);
    judge(request.method(), request.headers())?;
    let peer = gate.peer(peer, &request);
    if websocket::wanted(request.headers()) {
        return socket::open(gate, peer, request).await;
    }
    let caller = Caller::of(request.headers(), &gate.verifier, &gate.settings).await?;
    let upstream = gate.settings.upstream().ok_or(Error::Nothing)?;
    forward::forward(&gate.connections, upstream, &gate.settings, &peer, &caller, request).await
}

/// Forward-auth: whether another proxy may pass a request on, and what it then says of its caller. Some proxies
/// can hand on headers of a refusal, and not its body.
async fn verify(State(gate): State<Arc<Gate>>, method: Method, headers: HeaderMap) -> Response {
    admit(&gate, &method, &headers).await.unwrap_or_else(|error| {
        let told = HeaderValue::from_str(&error.json().to_string());
        let mut response = error.into_response();
        if let Ok(told) = told {
            response.headers_mut().insert(REFUSAL, told);
        }
        response
    })
}

async fn admit(gate: &Gate, method: &Method, headers: &HeaderMap) -> Result<Response, Error> {
    metrics::counter!("countersign_gateway_requests_total").increment(1);
    judge(method, headers)?;
    let caller = Caller::of(headers, &gate.verifier, &gate.settings).await?;
    let mut response = StatusCode::OK.into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    caller.variables().set(response.headers_mut());
    Ok(response)
}

/// What no API should have to look at.
fn judge(method: &Method, headers: &HeaderMap) -> Result<(), Error> {
    // TRACE would tell the client what we told the API, and CONNECT would lead around us.
    if matches!(*method, Method::TRACE | Method::CONNECT) {
        return Err(Error::Method);
    }
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size > LONGEST_HEADERS { Err(Error::TooLarge) } else { Ok(()) }
}

impl Gate {
    fn peer(&self, address: SocketAddr, request: &Request) -> Peer {
        let address = address.ip().to_canonical();
        let host = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
        let trusted = self.settings.trusted_proxies.contains(&address);
        let scheme = if self.settings.tls_cert.is_some() { "https" } else { "http" };
        Peer { address, trusted, scheme, host }
    }
}
