use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::{Refused, Verified, Verifier};

/// Whoever passed the layer, or, without one, passes the [`Verifier`] of the router's state. What another
/// verifier let through is verified anew.
impl<S> FromRequestParts<S> for Verified
where
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let verifier = Verifier::from_ref(state);
        match parts.extensions.get::<Self>() {
            Some(who) if who.is_by(&verifier) => Ok(who.clone()),
            _ => verifier.verify_headers(&parts.headers).await,
        }
    }
}

/// `None` where no access token was shown; one that is refused is still refused.
impl<S> OptionalFromRequestParts<S> for Verified
where
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Refused> {
        match <Self as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(verified) => Ok(Some(verified)),
            Err(Refused::TokenMissing) => Ok(None),
            Err(refused) => Err(refused),
        }
    }
}

/// A role as a type, for [`Allowed`].
pub trait Role {
    /// Its name in the token.
    const NAME: &'static str;
}

/// A request whose token allows a role.
///
/// ```
/// use countersign_verifier::{Allowed, Role};
///
/// struct Editor;
///
/// impl Role for Editor {
///     const NAME: &'static str = "editor";
/// }
///
/// async fn publish(who: Allowed<Editor>) -> String {
///     format!("published by {}", who.sub)
/// }
/// ```
pub struct Allowed<R>(Verified, PhantomData<fn() -> R>);

impl<R> Allowed<R> {
    /// The request, whatever its role.
    pub fn into_verified(self) -> Verified {
        self.0
    }
}

impl<R> Deref for Allowed<R> {
    type Target = Verified;

    fn deref(&self) -> &Verified {
        &self.0
    }
}

impl<R> fmt::Debug for Allowed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Allowed").field(&self.0).finish()
    }
}

impl<R, S> FromRequestParts<S> for Allowed<R>
where
    R: Role,
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let verified = <Verified as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        verified.require_role(R::NAME)?;
        Ok(Self(verified, PhantomData))
    }
}
