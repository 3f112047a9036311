use async_graphql::{Context, Object, Result};

use super::mutation::refresh_jwt_token;
use super::types::Session;
use super::{app, authenticate};
use crate::http::view::{DeviceView, EventView, UserView};

pub(crate) struct Query;

/// Reading one's own account: each field wants `Authorization: Bearer …` and the fingerprint cookie.
#[Object]
impl Query {
    /// The user whose access token comes with the request.
    async fn me(&self, ctx: &Context<'_>) -> Result<UserView> {
        Ok(UserView::from(&authenticate(ctx).await?.held().user))
    }

    /// The user's living sessions, oldest first.
    async fn sessions(&self, ctx: &Context<'_>) -> Result<Vec<DeviceView>> {
        let who = authenticate(ctx).await?;
        let held = who.held();
        let sessions = app(ctx)?.sessions(held.user.id).await.map_err(refused)?;
        Ok(sessions.iter().map(|one| DeviceView::new(one, held.session.id)).collect())
    }

    /// What happened to the account, newest first.
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of an event: only older ones are answered.")] before: Option<String>,
        #[graphql(desc = "How many at most; 100 at the most.", default = 20)] limit: u32,
    ) -> Result<Vec<EventView>> {
        let who = authenticate(ctx).await?;
        let before = before.map(|id| id.parse()).transpose().map_err(|_| no_such_event())?;
        let events = app(ctx)?.events(who.held().user.id, before, limit).await.map_err(refused)?;
        Ok(events.into_iter().map(EventView::from).collect())
    }

    /// Renews a session in header mode.
    #[graphql(
        deprecation = "It changes state: use the mutation of the same name. Kept for clients written after the article.",
        complexity = "50 + child_complexity"
    )]
    async fn refresh_jwt_token(
        &self,
        ctx: &Context<'_>,
        refresh_token: String,
        fingerprint_hash: Option<String>,
    ) -> Result<Session> {
        refresh_jwt_token(ctx, &refresh_token, fingerprint_hash.as_deref()).await
    }
}

fn no_such_event() -> async_graphql::Error {
    crate::http::error::Refused::bad_request("before: not the id of an event").into()
}

fn refused(error: crate::app::Error) -> async_graphql::Error {
    crate::http::error::Refused::from(error).into()
}
