//! Requests to APIs, with the session's tokens.

use std::time::Duration;

use countersign_core::Action;
use http::StatusCode;
use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Request, RequestBuilder, Response};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::secret::header;
use crate::session::{Client, Pass};
use crate::transport::{FLIGHT, peek};

/// How long a token lasts, at the least, with a request that cannot be repeated.
const UNREPEATABLE: Duration = Duration::from_secs(30);

impl Client {
    /// The HTTP client to build requests with. It follows no redirects, as they could lead the tokens astray.
    ///
    /// Its own `send` adds nothing to a request: give it to [`Client::send`].
    pub fn http(&self) -> &reqwest::Client {
        &self.0.settings.http
    }

    /// Sends a request. To the auth server and the APIs of the configuration it carries the access token and the
    /// fingerprint cookie; to any other address, or with an `Authorization` of its own, it goes as it is.
    ///
    /// If the API refuses the token, it is renewed and the request repeated: once, and only if its body can be
    /// sent twice, which that of a stream cannot. The second answer is what comes back, whatever it is.
    ///
    /// # Errors
    /// - as [`token`](Client::token), if there is no token to send;
    /// - [`Error::Network`] and [`Error::Request`].
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        let request = request.build().map_err(|error| Error::Request(error.without_url().into()))?;
        if !self.trusts(request.url()) || request.headers().contains_key(AUTHORIZATION) {
            return self.http().execute(request).await.map_err(Error::network);
        }
        let again = request.try_clone();
        let span = if again.is_some() { Duration::ZERO } else { UNREPEATABLE };
        let pass = self.0.pass(span).await?;
        let (response, refused) = self.execute(request, &pass).await?;
        match again {
            Some(again) if refused => {
                let newer = self.0.pass_instead_of(&pass.token).await?;
                if newer.beat.epoch != pass.beat.epoch {
                    // Somebody else has signed in: the request was not theirs.
                    return Ok(response);
                }
                Ok(self.execute(again, &newer).await?.0)
            }
            _ => {
                if refused {
                    self.0.drop_token(&pass.token);
                }
                Ok(response)
            }
        }
    }

    /// The answer, and whether it says that the token is to be renewed.
    async fn execute(&self, mut request: Request, pass: &Pass) -> Result<(Response, bool), Error> {
        pass.stamp(request.headers_mut());
        let response = self.http().execute(request).await.map_err(Error::network)?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok((response, false));
        }
        if let Some(invalid) = challenged(response.headers()) {
            return Ok((response, invalid));
        }
        let (response, head, body) = self.0.settings.within(FLIGHT, peek(response)).await?;
        // Of a session that an API holds for ended, the refresh alone decides.
        let ours = |action| matches!(action, Action::Login | Action::Refresh);
        Ok((response, head.refusal(&body).is_some_and(|refusal| ours(refusal.action))))
    }
}

impl Pass {
    /// Adds the token, and the fingerprint to the cookies that the request has.
    pub(crate) fn stamp(&self, headers: &mut HeaderMap) {
        if let Some(bearer) = header(&self.token.bearer()) {
            headers.insert(AUTHORIZATION, bearer);
        }
        let pair = self.jar.fingerprint_pair();
        let cookies = match headers.get(COOKIE).map(HeaderValue::to_str) {
            Some(Ok(others)) => header(&Zeroizing::new(format!("{others}; {}", *pair))),
            _ => self.jar.fingerprint(),
        };
        if let Some(cookies) = cookies {
            headers.insert(COOKIE, cookies);
        }
    }
}

/// Whether a challenge says that the token is no good (RFC 6750, section 3); `None` if there is none for tokens.
fn challenged(headers: &HeaderMap) -> Option<bool> {
    let lines = headers.get_all(WWW_AUTHENTICATE).into_iter().filter_map(|line| line.to_str().ok());
    let bearer: Vec<_> = lines.filter(|line| line.to_ascii_lowercase().contains("bearer")).collect();
    (!bearer.is_empty()).then(|| bearer.iter().any(|line| line.contains("invalid_token")))
}
