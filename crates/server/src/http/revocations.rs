//! The deny-list stream.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Extension;
use axum::body::{Body, HttpBody};
use axum::extract::State;
use axum::http::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use countersign_verifier::websocket::Ending;
use hyper::body::Frame;
use tokio::sync::mpsc;

use super::asked::Asked;
use super::error::{ErrorAnswer, Refused};
use crate::app::App;

const LAST_EVENT_ID: &str = "last-event-id";
/// nginx would hold events back until a buffer is full.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// The deny-list as a stream of events; needs a service key with scope `revocations`.
#[utoipa::path(get, path = "/auth/revocations", tag = "keys", security(("service_key" = [])),
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event, to go on after it")),
    responses((status = 200, description = "Events `keys`, `snapshot`, `entries` and `heartbeat`",
        content_type = "text/event-stream", body = String),
        (status = "4XX", body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub(super) async fn revocations(
    State(app): State<Arc<App>>,
    ending: Option<Extension<Ending>>,
    headers: HeaderMap,
    asked: Asked,
) -> Response {
    let last_event_id = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
    let ending = ending.map(|Extension(ending)| ending);
    let stop = async {
        match ending {
            Some(ending) => ending.begun().await,
            None => std::future::pending().await,
        }
    };
    match app.revocations(asked.bearer.as_deref(), last_event_id, stop).await {
        Ok(events) => {
            let headers = [(CONTENT_TYPE, "text/event-stream"), UNBUFFERED];
            (headers, Body::new(Events(events))).into_response()
        }
        Err(error) => {
            let mut refused = Refused::from(error).into_response();
            // Who comes back later takes no connection until then.
            refused.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            refused
        }
    }
}

struct Events(mpsc::Receiver<Bytes>);

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}
