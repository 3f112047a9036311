//! The same use cases as GraphQL, under the names of the article and ours. `schema.graphql` is made from this.

mod limits;
mod mutation;
mod query;
mod types;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_graphql::{Context, EmptySubscription, ErrorExtensionValues, Request, ServerError};
use axum::extract::{ConnectInfo, State};
use axum::http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use axum::http::{Extensions, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use axum::{Json, body::Body};

use crate::app::{App, Wire};
use crate::http::Shared;
use crate::http::asked::{Asked, read_json};
use crate::http::error::Refused;
use crate::http::page;
use mutation::Mutation;
use query::Query;

pub(crate) type Schema = async_graphql::Schema<Query, Mutation, EmptySubscription>;

/// The schema, ready to execute.
pub(crate) fn schema(app: Arc<App>) -> Schema {
    let development = app.settings().development;
    let builder = Schema::build(Query, Mutation, EmptySubscription).data(app).extension(limits::Aliases);
    let builder = builder.limit_depth(limits::DEPTH).limit_complexity(limits::COMPLEXITY).limit_directives(4);
    if development { builder.finish() } else { builder.disable_introspection().finish() }
}

/// The schema in the schema definition language.
pub(crate) fn definition() -> String {
    Schema::build(Query, Mutation, EmptySubscription).finish().sdl()
}

pub(crate) fn route() -> MethodRouter<Shared> {
    post(execute).get(try_page)
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
    let mut answer = schema.execute(request.data(sender)).await;
    for error in &mut answer.errors {
        // Those of the document itself have no code yet: syntax, unknown fields, limits.
        error.extensions.get_or_insert_with(|| extensions_of(Refused::bad_request("").wire()));
    }
    let cookies = std::mem::take(&mut answer.http_headers);
    Ok((cookies, Json(answer)).into_response())
}

/// A page to try queries on, in development; otherwise 405, as `GET` executes nothing here.
async fn try_page(State(app): State<Arc<App>>) -> Result<Response, Refused> {
    if !app.settings().development {
        return Err(Refused::with_status(StatusCode::METHOD_NOT_ALLOWED, "POST it, as application/json"));
    }
    page::try_queries()
}

/// What a GraphQL request shows of its sender.
struct Sender {
    headers: HeaderMap,
    peer: IpAddr,
}

fn app<'c>(ctx: &Context<'c>) -> Result<&'c Arc<App>, async_graphql::Error> {
    ctx.data::<Arc<App>>()
}

fn asked(ctx: &Context<'_>) -> Result<Asked, async_graphql::Error> {
    let sender = ctx.data::<Sender>()?;
    Ok(Asked::read(&sender.headers, sender.peer, app(ctx)?.settings())?)
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
