use std::future::ready;
use std::sync::Arc;

use async_graphql::futures_util::stream::{self, BoxStream, StreamExt};
use async_graphql::{Data, Error, ErrorExtensionValues, Executor, Pos, Request, Response};
use countersign_core::Code;
use tokio::sync::Semaphore;

use crate::websocket::Guard;

/// An executor of one socket: it lets only so many operations go on at once, and tells each whose it is.
#[derive(Clone)]
pub(super) struct Bounded<E> {
    executor: E,
    guard: Arc<Guard>,
    free: Arc<Semaphore>,
}

impl<E> Bounded<E> {
    pub(super) fn new(executor: E, guard: Arc<Guard>, operations: usize) -> Self {
        Self { executor, guard, free: Arc::new(Semaphore::new(operations)) }
    }

    /// With the newest token of the client, as it may have changed since the last operation.
    fn known(&self, request: Request) -> Request {
        match self.guard.verified() {
            Some(verified) => request.data(verified),
            None => request,
        }
    }
}

impl<E: Executor> Executor for Bounded<E> {
    fn execute(&self, request: Request) -> impl Future<Output = Response> + Send {
        self.executor.execute(self.known(request))
    }

    fn execute_stream(&self, request: Request, session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        let Ok(place) = Arc::clone(&self.free).try_acquire_owned() else {
            return stream::once(ready(too_many())).boxed();
        };
        let answers = self.executor.execute_stream(self.known(request), session);
        answers
            .map(move |answer| {
                // Held for as long as the stream lives.
                let _place = &place;
                answer
            })
            .boxed()
    }
}

fn too_many() -> Response {
    let code = Code::RateLimited;
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", code.name());
    extensions.set("action", code.action().name());
    let message = "too many operations on this socket: end some first".to_owned();
    let error = Error { message, source: None, extensions: Some(extensions) };
    Response::from_errors(vec![error.into_server_error(Pos::default())])
}
