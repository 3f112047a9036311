//! GraphQL over WebSocket for a schema of async-graphql on axum, each socket held to its session.
//!
//! ```text
//!  upgrade ──► Sockets::open ──► origin, subprotocol, a place ──► Conversation
//!                                       client ══► Guard ══► async-graphql, which speaks the protocol
//!                                       Guard::over ──► subscriptions dropped, then the close frame
//! ```

mod bounded;
mod conversation;

use std::sync::Arc;

use async_graphql::{Data, Executor};
use async_graphql_axum::GraphQLProtocol;
use axum::Json;
use axum::extract::{FromRequestParts, Request, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use countersign_core::Code;
use serde_json::json;
use tokio::sync::Semaphore;

use self::bounded::Bounded;
use self::conversation::Conversation;
use crate::websocket::{Guard, Origins, Protocol, Rules};
use crate::{Refused, Verifier};

/// How many sockets there may be at once, unless told otherwise.
const SOCKETS: usize = 10_000;
/// How many operations may go on at once on one socket, unless told otherwise.
const OPERATIONS: usize = 100;

/// Answers the WebSocket upgrades of a schema. Resolvers find in the context what the newest
/// token of their client says: `ctx.data::<Verified>()`.
#[derive(Clone)]
pub struct Sockets<E> {
    verifier: Verifier,
    executor: E,
    origins: Origins,
    rules: Rules,
    operations: usize,
    places: Arc<Semaphore>,
}

impl<E: Executor> Sockets<E> {
    /// Sockets that only pages of `origins` may open, and programs that are no browser.
    pub fn new(verifier: Verifier, executor: E, origins: Origins) -> Self {
        let places = Arc::new(Semaphore::new(SOCKETS));
        Self { verifier, executor, origins, rules: Rules::default(), operations: OPERATIONS, places }
    }

    /// With these times and sizes.
    #[must_use]
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// With at most so many operations at once on one socket; 100 by default.
    #[must_use]
    pub fn operations(self, operations: usize) -> Self {
        Self { operations, ..self }
    }

    /// With at most so many sockets at once; 10,000 by default.
    #[must_use]
    pub fn at_most(self, sockets: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(sockets)), ..self }
    }

    /// Opens the socket that a request asks for, or says why not. The route takes `GET`:
    /// `get(move |request| async move { sockets.open(request, Data::default()).await })`.
    ///
    /// Resolvers also find in their context what `data` holds.
    pub async fn open(&self, request: Request, data: Data) -> Response {
        let (mut parts, _) = request.into_parts();
        match self.admit(&mut parts, data).await {
            Ok(opened) => opened,
            Err(unopened) => unopened.into_response(),
        }
    }

    async fn admit(&self, parts: &mut Parts, data: Data) -> Result<Response, Unopened> {
        self.origins.check(&parts.headers).map_err(Unopened::Refused)?;
        let protocol = Protocol::offered(&parts.headers).ok_or(Unopened::NoProtocol)?;
        let guard = Guard::new(self.verifier.clone(), protocol, &parts.headers, self.rules)
            .map_err(Unopened::Refused)?
            .until(parts.extensions.get().cloned());
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Unopened::Full)?;
        let spoken = GraphQLProtocol::from_request_parts(parts, &()).await;
        let spoken = spoken.map_err(|_| Unopened::NoProtocol)?;
        let upgrade = match WebSocketUpgrade::from_request_parts(parts, &()).await {
            Ok(upgrade) => upgrade,
            Err(no_upgrade) => return Ok(no_upgrade.into_response()),
        };
        let guard = Arc::new(guard);
        let executor = Bounded::new(self.executor.clone(), Arc::clone(&guard), self.operations);
        let conversation = Conversation { guard, executor, spoken, data };
        Ok(upgrade
            // The guard refuses what is over its limit; this only bounds what is read before it sees it.
            .max_message_size(self.rules.longest_message.saturating_mul(2))
            .protocols([protocol.name()])
            .on_upgrade(async move |socket| {
                conversation.hold(socket).await;
                drop(place);
            }))
    }
}

/// Why there is no socket.
enum Unopened {
    Refused(Refused),
    NoProtocol,
    Full,
}

impl Unopened {
    fn into_response(self) -> Response {
        let (code, message) = match self {
            Self::Refused(refused) => return refused.into_response(),
            Self::NoProtocol => {
                (Code::BadRequest, "Sec-WebSocket-Protocol: graphql-transport-ws or graphql-ws is wanted")
            }
            Self::Full => (Code::Unavailable, "there are too many sockets"),
        };
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::FORBIDDEN);
        let error = json!({ "code": code.name(), "message": message, "action": code.action() });
        let mut response = (status, Json(json!({ "error": error }))).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if code == Code::Unavailable {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
