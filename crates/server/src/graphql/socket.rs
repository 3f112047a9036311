//! The same schema over WebSocket, held to the session of whoever opened it.

use std::sync::Arc;

use async_graphql::futures_util::StreamExt;
use async_graphql::futures_util::stream::BoxStream;
use async_graphql::{Data, Executor, Request, Response};
use countersign_verifier::graphql::Sockets;
use countersign_verifier::websocket::{Origins, Rules};

use super::{Schema, coded};
use crate::app::App;

/// How many operations may go on at once on one socket.
const OPERATIONS: usize = 16;

/// The schema's sockets.
pub(crate) fn sockets(app: &App, schema: Schema) -> Sockets<Coded> {
    let origins: Origins = app.settings().origins().collect();
    let rules = Rules { grace: app.settings().ws_grace.0, ..Rules::default() };
    Sockets::new(app.verifier().clone(), Coded(schema), origins).rules(rules).operations(OPERATIONS)
}

/// The schema, each of whose refusals has a code.
#[derive(Clone)]
pub(crate) struct Coded(Schema);

impl Executor for Coded {
    async fn execute(&self, request: Request) -> Response {
        coded(self.0.execute(request).await)
    }

    fn execute_stream(&self, request: Request, session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        Executor::execute_stream(&self.0, request, session).map(coded).boxed()
    }
}
