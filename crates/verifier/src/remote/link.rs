//! Where the auth server is, and how this verifier authenticates to it.

use std::time::Duration;

use countersign_core::token::KeySet;
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};
use zeroize::Zeroizing;

/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long the JWKS may take.
const KEYS_WITHIN: Duration = Duration::from_secs(5);
/// The longest JWKS that is read, in bytes.
const LONGEST_JWKS: usize = 256 * 1024;
/// How long to wait after a service key was refused: asking again at once would help nobody.
const REFUSED_PAUSE: Duration = Duration::from_secs(15);

/// The way to one auth server.
pub(super) struct Link {
    http: Client,
    /// The server's URL, without a slash at the end.
    url: String,
    service_key: Zeroizing<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// The network, or an answer that is none of ours.
    #[error("{0}")]
    Failed(String),
    /// The server answered, and will not now.
    #[error("the auth server answered {status}")]
    Later { status: StatusCode, pause: Duration },
    /// The service key is not known, or has not the scope.
    #[error(
        "the auth server does not accept the service key: it must be one of its own, with the scope `revocations`"
    )]
    ServiceKey,
}

impl LinkError {
    /// How long to wait at least before the next try.
    pub(super) const fn pause(&self) -> Duration {
        match self {
            Self::Failed(_) => Duration::ZERO,
            Self::Later { pause, .. } => *pause,
            Self::ServiceKey => REFUSED_PAUSE,
        }
    }
}

impl From<reqwest::Error> for LinkError {
    fn from(error: reqwest::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(next) = cause {
            text = format!("{text}: {next}");
            cause = next.source();
        }
        Self::Failed(text)
    }
}

impl Link {
    pub(super) fn new(url: String, service_key: Zeroizing<String>) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .tcp_nodelay(true)
            // The service key goes to the issuer and to nobody that it points to.
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self { http, url, service_key })
    }

    /// Opens the deny-list stream, after the event of this id if the server still knows it.
    pub(super) async fn revocations(&self, last_event: Option<&str>) -> Result<Response, LinkError> {
        let mut request = self
            .http
            .get(format!("{}/auth/revocations", self.url))
            .bearer_auth(self.service_key.as_str())
            .header(ACCEPT, "text/event-stream");
        if let Some(id) = last_event {
            request = request.header("Last-Event-ID", id);
        }
        let response =
            good(tokio::time::timeout(CONNECT_WITHIN * 2, request.send()).await.map_err(|_| late())??)?;
        let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
            Ok(response)
        } else {
            Err(LinkError::Failed("what answers at the issuer's URL is no auth server of ours".to_owned()))
        }
    }

    /// The published keys.
    pub(super) async fn keys(&self) -> Result<KeySet, LinkError> {
        let request = self.http.get(format!("{}/.well-known/jwks.json", self.url)).timeout(KEYS_WITHIN);
        let mut response = good(request.header(CACHE_CONTROL, "no-cache").send().await?)?;
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await? {
            if body.len() + bytes.len() > LONGEST_JWKS {
                return Err(LinkError::Failed("JWKS: too long".to_owned()));
            }
            body.extend_from_slice(&bytes);
        }
        KeySet::from_jwks(&body).map_err(|error| LinkError::Failed(format!("JWKS: {error}")))
    }
}

fn late() -> LinkError {
    LinkError::Failed("the auth server took too long to answer".to_owned())
}

fn good(response: Response) -> Result<Response, LinkError> {
    match response.status() {
        StatusCode::OK => Ok(response),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(LinkError::ServiceKey),
        status => {
            let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let seconds = after.and_then(|text| text.parse().ok()).unwrap_or(0).min(300);
            Err(LinkError::Later { status, pause: Duration::from_secs(seconds) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(status: u16, retry_after: &str) -> Duration {
        let answer =
            http::Response::builder().status(status).header(RETRY_AFTER, retry_after).body("").unwrap();
        good(answer.into()).unwrap_err().pause()
    }

    #[test]
    fn a_server_is_left_alone_for_as_long_as_it_asks() {
        assert_eq!(pause(503, "7"), Duration::from_secs(7));
        assert_eq!(pause(429, "1000000"), Duration::from_mins(5), "within reason");
        assert_eq!(pause(503, "tomorrow"), Duration::ZERO);
        assert_eq!(pause(302, "0"), Duration::ZERO, "the service key goes nowhere else");
    }

    #[test]
    fn a_service_key_that_is_refused_is_named_and_not_shown_again_at_once() {
        for status in [401, 403] {
            assert_eq!(pause(status, "0"), REFUSED_PAUSE);
        }
        assert!(LinkError::ServiceKey.to_string().contains("the service key"));
    }
}
