use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::future::Either;
use http::Request;
use tower::{Layer, Service};

use super::is_preflight;
use crate::{Refused, Verified};

/// Lets only tokens with a role through: a layer for behind [`VerifierLayer`](super::VerifierLayer).
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
    S: Service<Request<Body>, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let verified = request.extensions().get::<Verified>().ok_or(Refused::TokenMissing);
        match verified.and_then(|verified| verified.require_role(self.role)) {
            Err(refused) if !is_preflight(&request) => Either::Right(ready(Ok(refused.into_response()))),
            _ => Either::Left(self.inner.call(request)),
        }
    }
}
