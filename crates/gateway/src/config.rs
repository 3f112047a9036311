//! Configuration: what an operator may say ([`Config`]), and the one judge that turns it into [`Settings`].

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderValue;
use countersign_core::Span;
use countersign_core::token::Checks;
use countersign_verifier::websocket::origin;
use countersign_verifier::{FingerprintPolicy, Policy, Staleness};
use serde::{Deserialize, Serialize};

use crate::SecretText;
use crate::upstream::Upstream;

/// Everything that can be configured, as TOML, environment and flags give it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where to answer `/health/live`, `/health/ready` and `/metrics`, so that no path of the API is taken.
    pub admin_listen: Option<SocketAddr>,
    /// A PEM file with the certificate chain, to serve HTTPS.
    pub tls_cert: Option<PathBuf>,
    /// The PEM file with the certificate's private key.
    pub tls_key: Option<PathBuf>,
    /// Addresses of reverse proxies whose `X-Forwarded-…` counts.
    pub trusted_proxies: Vec<IpAddr>,

    /// The auth server's URL, as its tokens name it.
    pub issuer: String,
    /// A service key of the auth server, with the scope `revocations`.
    pub service_key: SecretText,
    /// A file with the service key, which whoever reads files has put into `service_key`.
    pub service_key_file: PathBuf,
    /// A file that keeps keys and deny-list, for a start while the auth server is away; empty keeps none.
    pub cache_file: PathBuf,
    /// The `aud` of the tokens.
    pub audience: String,
    /// The `typ` of the tokens.
    pub token_type: String,
    /// What is asked of the fingerprint cookie.
    pub fingerprint: Fingerprint,
    /// Whether app, API and auth server live on sibling hosts, so that the cookie is `__Secure-csfp`.
    pub sibling_hosts: bool,
    /// What happens without news of the auth server for `max_staleness`.
    pub staleness: OnStale,
    /// After how long without news a gateway counts as stale.
    pub max_staleness: Span,

    /// The API: `http://host:port`, with or without a path; empty for forward-auth alone.
    pub upstream: String,
    /// How long the API may take to begin its answer.
    pub upstream_timeout: Span,
    /// How the API is told who calls.
    pub identity: Identity,
    /// The API's admin secret, with which it believes session variables.
    pub admin_secret: SecretText,
    /// A file with the admin secret, which whoever reads files has put into `admin_secret`.
    pub admin_secret_file: PathBuf,
    /// The role of requests without a token; empty refuses them.
    pub anonymous_role: String,
    /// Whether the API gets the fingerprint cookie.
    pub pass_fingerprint_cookie: bool,
    /// The origins whose pages may call, and open WebSockets.
    pub origins: Vec<String>,
    /// How long after its token's expiry a WebSocket may go on without a newer one.
    pub ws_grace: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4001)),
            admin_listen: None,
            tls_cert: None,
            tls_key: None,
            trusted_proxies: Vec::new(),
            issuer: String::new(),
            service_key: SecretText::default(),
            service_key_file: PathBuf::new(),
            cache_file: PathBuf::new(),
            audience: "api".into(),
            token_type: "at+jwt".into(),
            fingerprint: Fingerprint::Required,
            sibling_hosts: false,
            staleness: OnStale::Allow,
            max_staleness: Span(Duration::from_secs(5)),
            upstream: String::new(),
            upstream_timeout: Span(Duration::from_mins(1)),
            identity: Identity::Token,
            admin_secret: SecretText::default(),
            admin_secret_file: PathBuf::new(),
            anonymous_role: String::new(),
            pass_fingerprint_cookie: false,
            origins: Vec::new(),
            ws_grace: Span(Duration::from_secs(30)),
        }
    }
}

/// What is asked of the fingerprint cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fingerprint {
    /// It must come, and be the token's.
    Required,
    /// If it comes, it must be the token's.
    WhenPresent,
    /// It is not looked at.
    Off,
}

/// What happens without news of the auth server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OnStale {
    /// Tokens are good until they expire.
    Allow,
    /// Everything is refused.
    Refuse,
}

/// How the API is told who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Identity {
    /// It gets the token, and session variables.
    Token,
    /// It gets session variables, with its admin secret if there is one, and no token.
    Variables,
}

/// Configuration that has been found good. [`Config::check`] is its only maker.
#[derive(Debug)]
pub struct Settings {
    config: Config,
    upstream: Option<Upstream>,
    admin_secret: Option<HeaderValue>,
    listed: Vec<HeaderValue>,
}

impl Config {
    /// The only place that judges configuration.
    ///
    /// # Errors
    /// Every fault, each in a sentence that names the setting, and none of them a secret.
    pub fn check(mut self) -> Result<Settings, Vec<String>> {
        let mut faults = Vec::new();
        let mut fault = |broken: bool, text: &str| {
            if broken {
                faults.push(text.to_owned());
            }
        };
        self.issuer.truncate(self.issuer.trim_end_matches('/').len());
        fault(
            !is_origin(&self.issuer),
            "issuer: the auth server's URL, of the form https://auth.example.com (no path)",
        );
        fault(
            !self.service_key.expose().starts_with("csk_"),
            "service_key: a key with the scope revocations (countersign keys service add)",
        );
        fault(self.audience.is_empty(), "audience: must not be empty");
        fault(!["at+jwt", "JWT"].contains(&self.token_type.as_str()), "token_type: `at+jwt` or `JWT`");
        fault(self.max_staleness.0.is_zero(), "max_staleness: must be over 0");
        fault(self.upstream_timeout.0.is_zero(), "upstream_timeout: must be over 0");
        fault(self.tls_cert.is_some() != self.tls_key.is_some(), "tls_cert, tls_key: give both or neither");
        let upstream = (!self.upstream.is_empty()).then(|| self.upstream.parse::<Upstream>());
        fault(
            matches!(upstream, Some(Err(_))),
            "upstream: of the form http://host:port or http://host:port/path",
        );
        let mut admin_secret = None;
        if !self.admin_secret.is_empty() {
            let value = HeaderValue::from_str(self.admin_secret.expose()).ok();
            fault(value.is_none(), "admin_secret: not a text that a header can carry");
            fault(self.identity != Identity::Variables, "admin_secret: is for identity = variables");
            admin_secret = value.map(|mut value| {
                value.set_sensitive(true);
                value
            });
        }
        fault(
            !self.anonymous_role.is_empty() && HeaderValue::from_str(&self.anonymous_role).is_err(),
            "anonymous_role: not a text that a header can carry",
        );
        for text in &self.origins {
            fault(!is_origin(text), &format!("origins: `{text}` is not of the form https://app.example.com"));
        }
        let listed = self.origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        let upstream = upstream.and_then(Result::ok);
        Ok(Settings { config: self, upstream, admin_secret, listed })
    }
}

impl Settings {
    /// What the verifier insists on.
    pub fn policy(&self) -> Policy {
        let mut checks = Checks::new(&self.issuer, &self.audience);
        checks.typ.clone_from(&self.token_type);
        let mut policy = Policy::new(checks);
        policy.fingerprint = match self.fingerprint {
            Fingerprint::Required => FingerprintPolicy::Required,
            Fingerprint::WhenPresent => FingerprintPolicy::WhenPresent,
            Fingerprint::Off => FingerprintPolicy::Off,
        };
        policy.sibling_hosts = self.sibling_hosts;
        policy.staleness = match self.staleness {
            OnStale::Allow => Staleness::AllowUntilExpiry(self.max_staleness.0),
            OnStale::Refuse => Staleness::Refuse(self.max_staleness.0),
        };
        policy
    }

    /// The API, if there is one behind this gateway.
    pub(crate) const fn upstream(&self) -> Option<&Upstream> {
        self.upstream.as_ref()
    }

    pub(crate) const fn admin_secret(&self) -> Option<&HeaderValue> {
        self.admin_secret.as_ref()
    }

    /// The origins, as headers name them.
    pub(crate) fn listed(&self) -> &[HeaderValue] {
        &self.listed
    }

    /// The role of requests without a token.
    pub(crate) fn anonymous_role(&self) -> Option<&str> {
        Some(self.config.anonymous_role.as_str()).filter(|role| !role.is_empty())
    }

    /// What is allowed, but not meant for real use.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.fingerprint == Fingerprint::Off {
            warnings.push("fingerprint: without it a stolen access token is good until it expires".into());
        }
        if self.identity == Identity::Variables && self.admin_secret.is_none() && self.upstream.is_some() {
            warnings.push(
                "admin_secret: there is none, so the API must be reachable through this gateway only".into(),
            );
        }
        warnings
    }
}

impl std::ops::Deref for Settings {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.config
    }
}

/// Whether a text is an origin as browsers write it.
fn is_origin(text: &str) -> bool {
    origin(text).as_deref() == Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Config {
        Config {
            issuer: "https://auth.example".into(),
            service_key: SecretText::from("csk_key".to_owned()),
            ..Config::default()
        }
    }

    #[test]
    fn every_fault_is_reported_at_once_and_none_tells_a_secret() {
        let config = Config {
            service_key: SecretText::from("hush".to_owned()),
            audience: String::new(),
            upstream: "https://api.example".into(),
            admin_secret: SecretText::from("hush\n".to_owned()),
            tls_cert: Some("cert.pem".into()),
            max_staleness: Span(Duration::ZERO),
            origins: vec!["https://app.example/".into(), "*".into()],
            ..Config::default()
        };
        let faults = config.check().unwrap_err().join("\n");
        for name in [
            "issuer",
            "service_key",
            "audience",
            "upstream",
            "admin_secret: not",
            "admin_secret: is for",
            "tls_cert",
            "max_staleness",
            "app.example/",
            "`*`",
        ] {
            assert!(faults.contains(name), "{name} is missing in:\n{faults}");
        }
        assert!(!faults.contains("hush"), "{faults}");
        assert!(good().check().is_ok());
    }

    #[test]
    fn a_secret_is_printed_nowhere() {
        let mut config = good();
        config.admin_secret = SecretText::from("hush".to_owned());
        config.identity = Identity::Variables;
        let settings = config.clone().check().unwrap();
        let said = format!("{config:?} {settings:?} {}", serde_json::to_string(&config).unwrap());
        assert!(!said.contains("hush") && !said.contains("csk_"), "{said}");
    }
}
