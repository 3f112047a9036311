use async_graphql::{Context, Enum, Object, Result};
use countersign_core::SessionId;
use zeroize::Zeroizing;

use super::types::{Session, Signout};
use super::{app, asked, authenticate, set_cookies};
use crate::app::{Credentials, Issued, Login, Presented, Signup};
use crate::http::cookies;
use crate::http::error::Refused;
use crate::http::session::{one_name, renew};
use crate::http::view::SessionAnswer;
use crate::store;

pub(crate) struct Mutation;

/// How a session's tokens travel.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "store::Mode", rename_items = "lowercase")]
enum Mode {
    /// The refresh token is in an `HttpOnly` cookie.
    Cookie,
    /// The refresh token is in the answer and in the request.
    Header,
}

/// Opening, renewing and ending sessions. Those that issue tokens set cookies.
#[Object]
impl Mutation {
    /// Creates an account and opens its first session.
    #[graphql(complexity = "50 + child_complexity")]
    async fn signup(
        &self,
        ctx: &Context<'_>,
        email: String,
        username: Option<String>,
        password: String,
        #[graphql(default)] remember: bool,
        mode: Option<Mode>,
    ) -> Result<Session> {
        let who = Signup { email, username, password: Zeroizing::new(password) };
        let issued = app(ctx)?.signup(who, how(remember, mode), asked(ctx)?.caller()).await;
        answer(ctx, issued.map_err(Refused::from)?)
    }

    /// Opens a session by user name or e-mail address, and password.
    #[graphql(complexity = "50 + child_complexity")]
    async fn login(
        &self,
        ctx: &Context<'_>,
        username: Option<String>,
        email: Option<String>,
        password: String,
        #[graphql(default)] remember: bool,
        mode: Option<Mode>,
    ) -> Result<Session> {
        let who = Credentials { name: one_name(username, email)?, password: Zeroizing::new(password) };
        let issued = app(ctx)?.login(who, how(remember, mode), asked(ctx)?.caller()).await;
        answer(ctx, issued.map_err(Refused::from)?)
    }

    /// Renews a session in header mode; never by cookie.
    #[graphql(complexity = "50 + child_complexity")]
    async fn refresh_jwt_token(
        &self,
        ctx: &Context<'_>,
        refresh_token: String,
        #[graphql(desc = "The claim X-User-Fingerprint: compared if given, never trusted alone.")]
        fingerprint_hash: Option<String>,
    ) -> Result<Session> {
        refresh_jwt_token(ctx, &refresh_token, fingerprint_hash.as_deref()).await
    }

    /// Renews a session in cookie mode; wants the header `X-Countersign: 1`.
    #[graphql(complexity = "50 + child_complexity")]
    async fn refresh(&self, ctx: &Context<'_>) -> Result<Session> {
        let asked = asked(ctx)?;
        let issued = renew(app(ctx)?, asked.by_cookie()?).await?;
        answer(ctx, issued)
    }

    /// Ends the session, durably, before the answer.
    #[graphql(complexity = "50 + child_complexity")]
    async fn signout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In header mode, if there is no access token.")] refresh_token: Option<String>,
    ) -> Result<Signout> {
        let asked = asked(ctx)?;
        app(ctx)?.logout(asked.leaving(refresh_token.as_deref())).await.map_err(Refused::from)?;
        set_cookies(ctx, cookies::clear(app(ctx)?.settings()));
        Ok(Signout { ok: true })
    }

    /// Ends every session of the user, or every other one.
    async fn signout_everywhere(
        &self,
        ctx: &Context<'_>,
        #[graphql(default)] others: bool,
    ) -> Result<Signout> {
        let who = asked(ctx)?.authenticate(app(ctx)?).await?;
        app(ctx)?.logout_all(&who, others).await.map_err(Refused::from)?;
        if !others {
            set_cookies(ctx, cookies::clear(app(ctx)?.settings()));
        }
        Ok(Signout { ok: true })
    }

    /// Ends one of the user's sessions.
    async fn revoke_session(&self, ctx: &Context<'_>, id: String) -> Result<Signout> {
        let who = authenticate(ctx).await?;
        let id: SessionId = id.parse().map_err(|_| Refused::bad_request("id: not a session's"))?;
        app(ctx)?.revoke_own(&who, id).await.map_err(Refused::from)?;
        Ok(Signout { ok: true })
    }
}

pub(super) async fn refresh_jwt_token(
    ctx: &Context<'_>,
    refresh_token: &str,
    fingerprint_hash: Option<&str>,
) -> Result<Session> {
    let asked = asked(ctx)?;
    let presented = Presented {
        claimed_fingerprint: fingerprint_hash,
        ..asked.presented(refresh_token, store::Mode::Header)
    };
    let issued = renew(app(ctx)?, presented).await?;
    answer(ctx, issued)
}

fn how(remember: bool, mode: Option<Mode>) -> Login {
    Login { remember, mode: mode.map(Into::into).unwrap_or_default() }
}

fn answer(ctx: &Context<'_>, issued: Issued) -> Result<Session> {
    set_cookies(ctx, cookies::set(app(ctx)?.settings(), &issued));
    Ok(SessionAnswer::from(issued).into())
}
