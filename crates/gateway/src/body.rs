//! A client's body on its way to the API: never held, and watched, so that nobody waits for a client that has
//! stopped.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::Sleep;

/// How long a client may send nothing in the middle of a body.
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// A body that says when it moves.
pub(crate) struct Watched {
    body: Body,
    moved: watch::Sender<()>,
    stalled: Option<Pin<Box<Sleep>>>,
}

/// Why a body broke off.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The client sent nothing for too long.
    Stalled,
    /// The client went away, or what it sent is no body.
    Lost(axum::Error),
}

impl Watched {
    /// The body, and what changes with each part of it and closes at its end.
    pub(crate) fn new(body: Body) -> (Self, watch::Receiver<()>) {
        let (moved, seen) = watch::channel(());
        (Self { body, moved, stalled: None }, seen)
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
                let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(STALLED_AFTER)));
                ready!(stalled.as_mut().poll(context));
                return Poll::Ready(Some(Err(Broken::Stalled)));
            };
            self.stalled = None;
            self.moved.send_replace(());
            match frame {
                // Trailers are headers that no check has seen.
                Some(Ok(frame)) if frame.is_trailers() => (),
                other => return Poll::Ready(other.map(|frame| frame.map_err(Broken::Lost))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Broken {
    /// What broke a request, if it was the client's body.
    pub(crate) fn found<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(broken) = error.downcast_ref() {
                return Some(broken);
            }
            next = error.source();
        }
        None
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stalled => f.write_str("the client stopped in the middle of its body"),
            Self::Lost(error) => write!(f, "the client's body broke off: {error}"),
        }
    }
}

impl StdError for Broken {}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_is_not_waited_for() {
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"a"))]);
        let (mut body, mut moved) = Watched::new(Body::from_stream(first.chain(stream::pending())));
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "a");
        assert!(moved.changed().await.is_ok());
        assert!(matches!(body.frame().await, Some(Err(Broken::Stalled))));
        drop(body);
        assert!(moved.changed().await.is_err(), "over");
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_that_reads_slowly_is_no_fault_of_the_client() {
        let pieces = stream::iter([Ok::<_, std::io::Error>("a"), Ok("b")]);
        let (mut body, _moved) = Watched::new(Body::from_stream(pieces));
        assert!(body.frame().await.unwrap().is_ok());
        tokio::time::advance(STALLED_AFTER * 2).await;
        assert!(body.frame().await.unwrap().is_ok());
        assert!(body.frame().await.is_none());
    }
}
