//! The same use cases as GraphQL, under the names of the article and ours. `schema.graphql` is made from this.

mod limits;
mod mutation;
mod query;
pub(crate) mod socket;
mod subscription;
mod types;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_graphql::{Context, Data, ErrorExtensionValues, Request, ServerError};
use axum::extract::{ConnectInfo, State};
use axum::http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use axum::http::{Extensions, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use axum::{Json, body::Body};
use countersign_verifier::graphql::Sockets;
use countersign_verifier::{Verified, websocket};

use crate::app::{App, Authenticated, Wire};
use crate::http::Shared;
use crate::http::asked::{Asked, read_json};
use crate::http::error::Refused;
use crate::http::page;
use mutation::Mutation;
use query::Query;
use socket::Coded;
use subscription::Subscription;

pub(crate) type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// The schema, ready to execute.
pub(crate) fn schema(app: Arc<App>) -> Schema {
    let development = app.settings().development;
    let builder = Schema::build(Query, Mutation, Subscription).data(app).extension(limits::Aliases);
    let builder = builder.limit_depth(limits::DEPTH).limit_complexity(limits::COMPLEXITY).limit_directives(4);
    if development { builder.finish() } else { builder.disable_introspection().finish() }
}

/// The schema in the schema definition language.
pub(crate) fn definition() -> String {
    Schema::build(Query, Mutation, Subscription).finish().sdl()
}

pub(crate) fn route() -> MethodRouter<Shared> {
    post(execute).get(open)
}

/// Executes one operation; the answer is 200 with `errors` where something was refused. An array (a batch) is
/// refused as a body of the wrong form.
async fn execute(
    State(schema): State<Schema>,
    extensions: Extensions,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let bytes = read_json(&headers, body).await?;
    let request: Request =
        serde_json::from_slice(&bytes).map_err(|error| Refused::bad_request(format!("body: {error}")))?;
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let sender = Sender { headers, peer: peer.unwrap_or(IpAddr::from([127, 0, 0, 1])) };
    let mut answer = coded(schema.execute(request.data(sender)).await);
    let cookies = std::mem::take(&mut answer.http_headers);
    Ok((cookies, Json(answer)).into_response())
}

/// Gives a code to the errors that have none: those of the document itself, such as syntax and limits.
fn coded(mut answer: async_graphql::Response) -> async_graphql::Response {
    for error in &mut answer.errors {
        error.extensions.get_or_insert_with(|| extensions_of(Refused::bad_request("").wire()));
    }
    answer
}

/// A WebSocket, if that is what is asked for.
async fn open(
    State(app): State<Arc<App>>,
    State(sockets): State<Sockets<Coded>>,
    request: axum::extract::Request,
) -> Result<Response, Refused> {
    if websocket::wanted(request.headers()) {
        return Ok(sockets.open(request, Data::default()).await);
    }
    try_page(&app)
}

/// A page to try queries on, in development; otherwise 405, as `GET` executes nothing here.
fn try_page(app: &App) -> Result<Response, Refused> {
    if !app.settings().development {
        return Err(Refused::with_status(StatusCode::METHOD_NOT_ALLOWED, "POST it, as application/json"));
    }
    page::try_queries(app.settings())
}

/// What a GraphQL request shows of its sender.
struct Sender {
    headers: HeaderMap,
    peer: IpAddr,
}

fn app<'c>(ctx: &Context<'c>) -> Result<&'c Arc<App>, async_graphql::Error> {
    ctx.data::<Arc<App>>()
}

/// What the request of an operation that sets cookies shows. A socket has sent its last header.
fn asked(ctx: &Context<'_>) -> Result<Asked, async_graphql::Error> {
    let sender = ctx.data_opt::<Sender>().ok_or_else(|| {
        Refused::bad_request("this operation sets cookies, which a WebSocket cannot: POST it to /graphql")
    })?;
    Ok(Asked::read(&sender.headers, sender.peer, app(ctx)?.settings())?)
}

/// The session whose access token came with the request, or with which the socket was opened.
async fn authenticate(ctx: &Context<'_>) -> Result<Authenticated, async_graphql::Error> {
    match ctx.data_opt::<Verified>() {
        Some(verified) => Ok(app(ctx)?.standing(verified).await.map_err(Refused::from)?),
        None => Ok(asked(ctx)?.authenticate(app(ctx)?).await?),
    }
}

fn set_cookies(ctx: &Context<'_>, lines: Vec<HeaderValue>) {
    for line in lines {
        ctx.append_http_header(SET_COOKIE, line);
    }
}

impl From<Refused> for async_graphql::Error {
    fn from(refused: Refused) -> Self {
        let wire = refused.wire();
        Self { message: wire.message.clone(), source: None, extensions: Some(extensions_of(wire)) }
    }
}

fn extensions_of(wire: &Wire) -> ErrorExtensionValues {
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", wire.code.name());
    extensions.set("action", wire.code.action().name());
    if let Some(reason) = wire.reason {
        extensions.set("reason", reason.name());
    }
    if let Some(seconds) = wire.retry_after {
        extensions.set("retryAfter", seconds);
    }
    extensions
}

/// A refusal of the document itself.
fn refused_document(message: &str) -> ServerError {
    async_graphql::Error::from(Refused::bad_request(message)).into_server_error(async_graphql::Pos::default())
}
