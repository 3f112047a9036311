use std::future::ready;

use async_graphql::futures_util::{Stream, StreamExt, stream};
use async_graphql::{Context, Result, Subscription as GraphQLSubscription};
use countersign_core::{Code, UserId};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::{app, authenticate};
use crate::http::error::Refused;
use crate::http::view::{EventView, rfc3339};
use crate::store::Event;

pub(crate) struct Subscription;

/// Over WebSocket only; the socket ends with the session.
#[GraphQLSubscription]
impl Subscription {
    /// What happens to the account, as it happens. The first one is of the kind `subscribed`, and says that from
    /// here on nothing is missed; the others are those of `events`, with the same ids.
    async fn session_events(
        &self,
        ctx: &Context<'_>,
    ) -> Result<impl Stream<Item = Result<EventView>> + 'static> {
        let app = app(ctx)?;
        // Before the session is looked up, so that its end is seen either there or here.
        let (after, events) = app.watch().await.map_err(Refused::from)?;
        let held = authenticate(ctx).await?;
        let (user, session) = (held.held().user.id, held.held().session.id);
        let first = EventView {
            id: after.to_string(),
            at: rfc3339(app.now()),
            kind: "subscribed",
            session_id: Some(session.to_string()),
            detail: None,
        };
        let rest = stream::unfold(Some(events), move |events| next(events, user));
        Ok(stream::once(ready(Ok(first))).chain(rest))
    }
}

async fn next(
    events: Option<Receiver<Event>>,
    user: UserId,
) -> Option<(Result<EventView>, Option<Receiver<Event>>)> {
    let mut events = events?;
    loop {
        match events.recv().await {
            Ok(event) if event.what.user == user => {
                return Some((Ok(EventView::from(event)), Some(events)));
            }
            Ok(_) => (),
            // Some are lost: whoever subscribes again and reads `events` has them all.
            Err(RecvError::Lagged(_)) => {
                return Some((Err(Refused::code(Code::Unavailable).into()), None));
            }
            Err(RecvError::Closed) => return None,
        }
    }
}
