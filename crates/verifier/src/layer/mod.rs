//! For `tower` and axum: a layer that lets only verified requests through, and extractors.

mod answer;
mod extract;
mod role;

use std::future::ready;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::future::Either;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, HeaderMap};
use http::{Method, Request};
use tower::{Layer, Service};

pub use self::extract::{Allowed, Role};
pub use self::role::{RoleLayer, RoleService};

use crate::{Refused, Shown, Verified, Verifier};

/// Answers what is refused, and gives the inner service everything else, with a [`Verified`] among the request's
/// extensions. A CORS preflight passes, as browsers send no credentials with it.
///
/// ```
/// use axum::Router;
/// use axum::routing::get;
/// use countersign_verifier::{RoleLayer, Verified, Verifier, VerifierLayer};
///
/// fn router(verifier: Verifier) -> Router {
///     Router::new()
///         .route("/admin", get(|| async { "hello, administrator" }).layer(RoleLayer::new("admin")))
///         .route("/me", get(|who: Verified| async move { who.sub.to_string() }))
///         .layer(VerifierLayer::new(verifier.clone()))
///         .with_state(verifier)
/// }
/// ```
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

type Waiting<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

impl<S> Service<Request<Body>> for VerifierService<S>
where
    S: Service<Request<Body>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Waiting<S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if is_preflight(&request) {
            return Either::Left(self.inner.call(request));
        }
        match self.verifier.verify_headers_at_once(request.headers()) {
            Some(Ok(verified)) => {
                request.extensions_mut().insert(verified);
                Either::Left(self.inner.call(request))
            }
            Some(Err(refused)) => Either::Right(Box::pin(ready(Ok(refused.into_response())))),
            None => Either::Right(Box::pin(self.wait(request))),
        }
    }
}

impl<S> VerifierService<S>
where
    S: Service<Request<Body>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
{
    /// The rare case: the keys are asked for.
    fn wait(
        &mut self,
        mut request: Request<Body>,
    ) -> impl Future<Output = Result<Response, S::Error>> + Send + use<S> {
        let verifier = self.verifier.clone();
        // The one that is ready; the clone waits for its own turn.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        async move {
            match verifier.verify_headers(request.headers()).await {
                Ok(who) => {
                    request.extensions_mut().insert(who);
                    inner.call(request).await
                }
                Err(refused) => Ok(refused.into_response()),
            }
        }
    }
}

impl Verifier {
    /// Checks the headers of a request.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn verify_headers(&self, headers: &HeaderMap) -> Result<Verified, Refused> {
        self.verify(&Shown::of(headers, self.policy())?).await
    }

    /// The same, unless it would have to wait for keys.
    fn verify_headers_at_once(&self, headers: &HeaderMap) -> Option<Result<Verified, Refused>> {
        match Shown::of(headers, self.policy()) {
            Ok(shown) => self.verify_at_once(&shown),
            Err(refused) => Some(Err(refused)),
        }
    }
}

/// Whether a browser asks if it may send the request that it has in mind ([Fetch, section 3.3.2](https://fetch.spec.whatwg.org/#http-requests)).
fn is_preflight(request: &Request<Body>) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
