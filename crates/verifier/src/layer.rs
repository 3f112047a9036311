//! For `tower` and axum: a layer that lets only verified requests through, and extractors.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use countersign_core::Code;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{Method, Request, StatusCode};
use tower::{Layer, Service};

use crate::{Refused, Shown, Verified, Verifier};

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let code = self.code();
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, self.json().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            // RFC 6750, section 3: no error where no credentials were shown.
            let shown = code != Code::NoSession;
            let challenge = if shown { "Bearer error=\"invalid_token\"" } else { "Bearer" };
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if code == Code::Unavailable {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Answers what is refused, and gives the inner service everything else, with a [`Verified`] among the request's
/// extensions. A CORS preflight (`OPTIONS`) passes, as browsers send no credentials with it.
#[derive(Debug, Clone)]
pub struct VerifierLayer(Verifier);

impl VerifierLayer {
    /// A layer that asks this verifier.
    pub const fn new(verifier: Verifier) -> Self {
        Self(verifier)
    }
}

impl<S> Layer<S> for VerifierLayer {
    type Service = VerifierService<S>;

    fn layer(&self, inner: S) -> VerifierService<S> {
        VerifierService { verifier: self.0.clone(), inner }
    }
}

/// What [`VerifierLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct VerifierService<S> {
    verifier: Verifier,
    inner: S,
}

impl<S> Service<Request<Body>> for VerifierService<S>
where
    S: Service<Request<Body>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let verifier = self.verifier.clone();
        // The one that is ready; the clone waits for its own turn.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        Box::pin(async move {
            if request.method() != Method::OPTIONS {
                match verifier.verify_headers(request.headers()).await {
                    Ok(who) => drop(request.extensions_mut().insert(who)),
                    Err(refused) => return Ok(refused.into_response()),
                }
            }
            inner.call(request).await
        })
    }
}

impl Verifier {
    /// Checks the headers of a request.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn verify_headers(&self, headers: &http::HeaderMap) -> Result<Verified, Refused> {
        self.verify(&Shown::of(headers, self.policy())?).await
    }
}

/// Whoever passed the layer, or, without one, passes the [`Verifier`] of the router's state.
impl<S> FromRequestParts<S> for Verified
where
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        if let Some(verified) = parts.extensions.get::<Self>() {
            return Ok(verified.clone());
        }
        Verifier::from_ref(state).verify_headers(&parts.headers).await
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

/// Lets only tokens with a role through: a layer for behind [`VerifierLayer`].
#[derive(Debug, Clone)]
pub struct RoleLayer(&'static str);

impl RoleLayer {
    /// A layer for this role.
    pub const fn new(role: &'static str) -> Self {
        Self(role)
    }
}

impl<S> Layer<S> for RoleLayer {
    type Service = RoleService<S>;

    fn layer(&self, inner: S) -> RoleService<S> {
        RoleService { role: self.0, inner }
    }
}

/// What [`RoleLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct RoleService<S> {
    role: &'static str,
    inner: S,
}

impl<S> Service<Request<Body>> for RoleService<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let verified = request.extensions().get::<Verified>().ok_or(Refused::TokenMissing);
        match verified.and_then(|verified| verified.require_role(self.role)) {
            Ok(()) => Box::pin(self.inner.call(request)),
            Err(refused) => Box::pin(std::future::ready(Ok(refused.into_response()))),
        }
    }
}
