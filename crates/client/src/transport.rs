//! Requests to the auth server: no redirect is followed, no answer is waited for longer than the flight time or
//! read beyond its bound.

use std::time::Duration;

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderValue};
use reqwest::{Response, ResponseBuilderExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::answer::{Head, LONGEST};
use crate::config::Settings;
use crate::jar::{Jar, Mode};
use crate::secret::SecretText;

/// The longest time that a request may be under way: that of the server's default.
pub(crate) const FLIGHT: Duration = Duration::from_secs(8);

/// What a request shows of its sender.
#[derive(Default)]
pub(crate) struct Shows<'s> {
    pub(crate) cookies: Option<HeaderValue>,
    pub(crate) by_cookie: bool,
    pub(crate) access: Option<&'s SecretText>,
}

#[derive(Default, Serialize)]
pub(crate) struct ByBody<'b> {
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'b str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) fork: bool,
}

impl Jar {
    /// The session, shown in the way of its mode.
    pub(crate) fn shows(&self) -> (Shows<'static>, ByBody<'_>) {
        let by_cookie = self.mode == Mode::Cookie;
        let refresh_token = (!by_cookie).then(|| self.refresh.expose());
        (Shows { cookies: self.cookies(), by_cookie, access: None }, ByBody { refresh_token, fork: false })
    }
}

impl Settings {
    /// `POST`s to a route of the auth server.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        route: &str,
        shows: Shows<'_>,
        body: &impl Serialize,
    ) -> Result<(T, HeaderMap), Error> {
        let mut request = self.http.post(format!("{}{route}", self.auth)).json(body);
        if let Some(cookies) = shows.cookies {
            request = request.header(COOKIE, cookies);
        }
        if shows.by_cookie {
            request = request.header("X-Countersign", "1");
        }
        if let Some(access) = shows.access {
            request = request.header(AUTHORIZATION, access.bearer().as_str());
        }
        let answered = async {
            let response = request.send().await.map_err(Error::network)?;
            let (head, body) = read(response).await?;
            Ok((head.read(&body)?, head.headers))
        };
        self.within(FLIGHT, answered).await
    }

    /// Waits for something, but not longer than this.
    pub(crate) async fn within<T>(
        &self,
        span: Duration,
        done: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            done = done => done,
            () = self.world.sleep(span) => Err(Error::Timeout),
        }
    }
}

/// The whole answer; a longer one than ours can be is read no further.
pub(crate) async fn read(mut response: Response) -> Result<(Head, Vec<u8>), Error> {
    let head = Head { status: response.status().as_u16(), headers: response.headers().clone() };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Error::network)? {
        if body.len() + chunk.len() > LONGEST {
            return Err(head.foreign("longer than any of ours"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((head, body))
}

/// The answer of an API, which stays to be read, and its body if that is a short one of JSON.
pub(crate) async fn peek(response: Response) -> Result<(Response, Head, Vec<u8>), Error> {
    let head = Head { status: response.status().as_u16(), headers: response.headers().clone() };
    let short = response.content_length().is_some_and(|length| length <= LONGEST as u64);
    if !short || !head.is_json() {
        return Ok((response, head, Vec::new()));
    }
    let again = http::Response::builder().status(head.status).url(response.url().clone());
    let body = response.bytes().await.map_err(Error::network)?.to_vec();
    let mut again = again.body(body.clone()).map_err(|_| head.foreign("no HTTP"))?;
    again.headers_mut().clone_from(&head.headers);
    Ok((again.into(), head, body))
}
