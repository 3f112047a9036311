//! Who calls, and how the API is told so: once, in headers that only we can have set.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use countersign_verifier::variables::{Variables, asked_role};
use countersign_verifier::{Refused, Session, Shown, Verified, Verifier};

use crate::config::{Identity, Settings};

/// The header by which Hasura believes session variables.
pub(crate) const ADMIN_SECRET: HeaderName = HeaderName::from_static("x-hasura-admin-secret");

/// Where a request comes from.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// Whether what it says of those before it counts.
    pub(crate) trusted: bool,
    /// By which scheme it reached us.
    pub(crate) scheme: &'static str,
    /// The host that it asked for, where that is no header.
    pub(crate) host: Option<HeaderValue>,
}

/// Somebody whose request may be passed on.
#[derive(Debug)]
pub(crate) struct Caller {
    /// `Bearer …`, if there is a token.
    authorization: Option<HeaderValue>,
    variables: Variables,
    verified: Option<Verified>,
}

impl Caller {
    /// Who sends a request with these headers.
    pub(crate) async fn of(
        headers: &HeaderMap,
        verifier: &Verifier,
        settings: &Settings,
    ) -> Result<Self, Refused> {
        let shown = Shown::of(headers, verifier.policy())?;
        let role = asked_role(headers)?;
        match settings.anonymous_role() {
            Some(anonymous) if !headers.contains_key(AUTHORIZATION) => {
                if role.is_some_and(|role| role != anonymous) {
                    return Err(Refused::Role);
                }
                Ok(Self { authorization: None, variables: Variables::anonymous(anonymous)?, verified: None })
            }
            _ => {
                let known = verifier.verify(&shown).await?;
                Self::known(&known, shown.token.unwrap_or_default(), role)
            }
        }
    }

    /// The caller of this token, which has been verified, in the role asked for.
    pub(crate) fn known(verified: &Verified, token: &str, role: Option<&str>) -> Result<Self, Refused> {
        let mut authorization =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Refused::TokenMissing)?;
        authorization.set_sensitive(true);
        let variables = Variables::of(verified, role)?;
        Ok(Self { authorization: Some(authorization), variables, verified: Some(verified.clone()) })
    }

    /// The session that the request belongs to, if its caller is known.
    pub(crate) fn session(&self) -> Option<Session> {
        self.verified.as_ref().map(Verified::session)
    }

    /// What is told to a proxy that asks whether it may pass a request on.
    pub(crate) const fn variables(&self) -> &Variables {
        &self.variables
    }

    /// Tells the API who calls. Whatever the client said of itself goes.
    pub(crate) fn tell(&self, headers: &mut HeaderMap, settings: &Settings) {
        headers.remove(AUTHORIZATION);
        self.variables.set(headers);
        match settings.identity {
            Identity::Token => {
                if let Some(authorization) = &self.authorization {
                    headers.insert(AUTHORIZATION, authorization.clone());
                }
            }
            Identity::Variables => {
                if let Some(secret) = settings.admin_secret() {
                    headers.insert(ADMIN_SECRET, secret.clone());
                }
            }
        }
    }
}
