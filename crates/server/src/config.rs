//! Configuration: what an operator may say ([`Config`]), and the one judge that turns it into [`Settings`].

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use countersign_core::session::Windows;
use countersign_core::token::{Algorithm, ClaimTemplates, Template};
use countersign_core::{Every, Span};
use serde::{Deserialize, Serialize};

use crate::store::{Allowance, LONGEST_ACCESS_TTL, postgres};

/// Everything that can be configured, as TOML, environment and flags give it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Config {
    /// Where to listen. `127.0.0.1` also listens on `::1`, as browsers may take either for `localhost`.
    pub listen: SocketAddr,
    /// The folder for the master secret, and for the database if it is SQLite.
    pub data: PathBuf,
    /// A file beside the database that takes down every end, for a restore: its path, or `off`; if empty, the one that
    /// the database keeps already.
    pub journal: String,
    /// Where everything is kept: `sqlite`, or the URL of a PostgreSQL database.
    pub database: Database,
    /// The most connections to a PostgreSQL database at once.
    pub database_connections: u32,
    /// Whether a PostgreSQL server passes on news of logouts (`LISTEN`); if not, nodes look for them each 50 ms.
    pub database_listen: bool,
    /// The URL under which clients reach the server; `http://localhost:PORT` if empty.
    pub issuer: String,
    /// A PEM file with the certificate chain, to serve HTTPS.
    pub tls_cert: Option<PathBuf>,
    /// A PEM file with the certificate's private key.
    pub tls_key: Option<PathBuf>,
    /// Further origins whose pages may call the server with credentials.
    pub origins: Vec<String>,
    /// Addresses of reverse proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpAddr>,
    /// The parent domain shared by sibling hosts of app, API and auth server; changes cookie prefixes.
    pub cookie_domain: String,
    /// The `SameSite` attribute of every cookie.
    pub same_site: SameSite,

    /// How long an access token lives, in whole seconds.
    pub access_ttl: Span,
    /// How long a minted access token lives, in whole seconds.
    pub mint_ttl: Span,
    /// F: the longest time that one request may be under way.
    pub flight: Span,
    /// G: how long a refresh repeats its answer; at least three times `flight`.
    pub grace: Span,
    /// How long a session may go unused.
    pub idle: Span,
    /// How long a session may live.
    pub absolute: Span,
    /// How long a remembered session may go unused.
    pub remember_idle: Span,
    /// How long a remembered session may live.
    pub remember_absolute: Span,
    /// How long a WebSocket outlives its access token, for the client to show a newer one.
    pub ws_grace: Span,

    /// What access tokens are signed with.
    pub signing_alg: Algorithm,
    /// How long a key signs before the announced one takes its place; `off` leaves that to `keys rotate`.
    pub key_rotation: Every,
    /// The `aud` claim.
    pub audience: String,
    /// The `client_id` claim.
    pub client_id: String,
    /// The `typ` header of access tokens: `at+jwt` or `JWT`.
    pub token_type: String,
    /// Whether tokens carry `preferred_username`.
    pub username_claim: bool,
    /// Further claims shaped for one kind of API.
    pub claims_preset: Preset,
    /// Further claims: name to template, as in `x-hasura-email = "{user.email}"`.
    pub claims: BTreeMap<String, String>,

    /// Whether people may sign up.
    pub signup: bool,
    /// Whether sessions in header mode may be opened.
    pub header_mode: bool,
    /// The roles of a new user.
    pub roles: Vec<String>,
    /// The default role of a new user; one of `roles`.
    pub default_role: String,
    /// The fewest bytes of a password.
    pub password_min: u32,
    /// Threads that hash passwords; 0 takes one less than there are cores.
    pub hash_threads: u32,
    /// Log-in attempts for one account, as `BURST/TIME`, or `off`.
    pub login_account_limit: Limit,
    /// Log-in attempts from one address, as `BURST/TIME`, or `off`.
    pub login_address_limit: Limit,
    /// Sign-ups from one address, as `BURST/TIME`, or `off`.
    pub signup_address_limit: Limit,

    /// The origin of an API of notes that the page at `/` shows live: see examples/notes-api.
    pub demo_api: String,
    /// Allows GraphQL introspection and a page to try queries on.
    pub development: bool,
}

impl Default for Config {
    fn default() -> Self {
        let span = |seconds| Span(Duration::from_secs(seconds));
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4000)),
            data: PathBuf::from("./data"),
            journal: String::new(),
            database: Database::Sqlite,
            database_connections: 16,
            database_listen: true,
            issuer: String::new(),
            tls_cert: None,
            tls_key: None,
            origins: Vec::new(),
            trusted_proxies: Vec::new(),
            cookie_domain: String::new(),
            same_site: SameSite::Lax,
            access_ttl: span(15 * 60),
            mint_ttl: span(60),
            flight: span(8),
            grace: span(30),
            idle: span(60 * 60),
            absolute: span(12 * 3600),
            remember_idle: span(14 * 86400),
            remember_absolute: span(90 * 86400),
            ws_grace: span(30),
            signing_alg: Algorithm::Es256,
            key_rotation: Every(Some(Duration::from_hours(30 * 24))),
            audience: "api".into(),
            client_id: "countersign".into(),
            token_type: "at+jwt".into(),
            username_claim: true,
            claims_preset: Preset::Hasura,
            claims: BTreeMap::new(),
            signup: true,
            header_mode: true,
            roles: vec!["user".into()],
            default_role: "user".into(),
            password_min: 15,
            hash_threads: 0,
            login_account_limit: Limit::of(10, 60),
            login_address_limit: Limit::of(100, 60),
            signup_address_limit: Limit::of(30, 3600),
            demo_api: String::new(),
            development: false,
        }
    }
}

/// Where everything is kept.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "whoever opens a database must know each kind")]
pub enum Database {
    /// In a file of the data folder.
    Sqlite,
    /// On a PostgreSQL server.
    Postgres(Box<postgres::Url>),
}

impl std::fmt::Display for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite => f.write_str("sqlite"),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

impl Serialize for Database {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Database {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match String::deserialize(from)?.as_str() {
            "sqlite" => Ok(Self::Sqlite),
            url => url.parse().map(|url| Self::Postgres(Box::new(url))).map_err(serde::de::Error::custom),
        }
    }
}

/// The `SameSite` attribute of the cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SameSite {
    /// Sent on top-level navigation from other sites, so that server-side rendering sees the session.
    Lax,
    /// Sent from pages of the same site only.
    Strict,
}

/// Claims beyond the protocol's own, shaped for one kind of API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Preset {
    /// None beyond the Hasura namespace, which every token carries.
    Hasura,
    /// Also `role` at the top level, as PostgREST reads it.
    Postgrest,
}

/// How many attempts are allowed: `10/1m` is ten at once, and then ten a minute; `off` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub Option<Allowance>);

impl Limit {
    const fn of(burst: u32, seconds: u64) -> Self {
        Self(Some(Allowance { burst, interval: Duration::from_millis(seconds * 1000 / burst as u64) }))
    }
}

impl std::str::FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let fault = || format!("`{text}` is not a limit: write `off`, or attempts/time as in 10/1m");
        let (burst, time) = text.split_once('/').ok_or_else(fault)?;
        let burst: u32 = burst.parse().ok().filter(|burst| *burst > 0).ok_or_else(fault)?;
        let Span(time) = time.parse().map_err(|_| fault())?;
        Ok(Self(Some(Allowance { burst, interval: time / burst })))
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            None => f.write_str("off"),
            Some(allowed) => write!(f, "{}/{}", allowed.burst, Span(allowed.interval * allowed.burst)),
        }
    }
}

impl Serialize for Limit {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Configuration that has been found good. [`Config::check`] is its only maker.
#[derive(Debug)]
pub struct Settings {
    config: Config,
    issuer: String,
    windows: Windows,
    templates: ClaimTemplates,
}

impl Config {
    /// The only place that judges configuration. `port` is the one that the server really listens on.
    ///
    /// # Errors
    /// Every fault, each in a sentence that names the setting.
    pub fn check(self, port: u16) -> Result<Settings, Vec<String>> {
        let mut faults = Vec::new();
        let issuer = self.issuer_url(port).map_err(|fault| faults.push(fault)).unwrap_or_default();
        let windows = Windows::new(self.flight.0, self.grace.0)
            .map_err(|fault| faults.push(format!("flight, grace: {fault}")))
            .unwrap_or_default();
        let mut templates = Vec::new();
        for (name, text) in &self.claims {
            match text.parse::<Template>() {
                Ok(template) => templates.push((name.clone(), template)),
                Err(fault) => faults.push(format!("claims.{name}: {fault}")),
            }
        }
        self.judge_lives(&mut faults);
        self.judge_rest(&mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let templates: ClaimTemplates = templates.into_iter().collect();
        let templates = match self.claims_preset {
            Preset::Hasura => templates,
            Preset::Postgrest => templates.with_postgrest(),
        };
        Ok(Settings { config: self, issuer, windows, templates })
    }

    fn issuer_url(&self, port: u16) -> Result<String, String> {
        let scheme = if self.tls_cert.is_some() { "https" } else { "http" };
        if self.issuer.is_empty() {
            return Ok(format!("{scheme}://localhost:{port}"));
        }
        let issuer = self.issuer.trim_end_matches('/');
        let origin =
            origin(issuer).ok_or("issuer: not a URL of the form https://auth.example.com (no path)")?;
        let host = origin.split_once("://").map_or("", |(_, rest)| rest);
        let local = ["localhost", "127.0.0.1", "[::1]"]
            .iter()
            .any(|name| host.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')));
        if origin.starts_with("http://") && !local {
            return Err("issuer: browsers keep our cookies only over https (or on localhost)".into());
        }
        Ok(origin)
    }

    fn judge_lives(&self, faults: &mut Vec<String>) {
        for (name, Span(life), most) in [
            ("access_ttl", self.access_ttl, LONGEST_ACCESS_TTL),
            ("mint_ttl", self.mint_ttl, Duration::from_mins(5)),
        ] {
            if life.subsec_millis() != 0 || life < Duration::from_secs(1) || life > most {
                faults.push(format!("{name}: whole seconds from 1s to {}, not {}", Span(most), Span(life)));
            }
        }
        for (idle_name, idle, absolute_name, absolute) in [
            ("idle", self.idle, "absolute", self.absolute),
            ("remember_idle", self.remember_idle, "remember_absolute", self.remember_absolute),
        ] {
            if idle.0 < Duration::from_secs(1) || absolute < idle {
                faults.push(format!("{idle_name}, {absolute_name}: at least 1s, and idle not over absolute ({idle}, {absolute})"));
            }
            if idle <= self.access_ttl {
                faults.push(format!(
                    "{idle_name}: must be over access_ttl, or users are logged out between refreshes ({idle})"
                ));
            }
        }
    }

    fn judge_rest(&self, faults: &mut Vec<String>) {
        let mut fault = |broken: bool, text: &str| {
            if broken {
                faults.push(text.to_owned());
            }
        };
        fault(self.tls_cert.is_some() != self.tls_key.is_some(), "tls_cert, tls_key: give both or neither");
        fault(!["at+jwt", "JWT"].contains(&self.token_type.as_str()), "token_type: `at+jwt` or `JWT`");
        fault(
            self.key_rotation.0.is_some_and(|every| every < Duration::from_hours(1)),
            "key_rotation: `off`, or 1h at the least, as that is how long a key is announced before it signs",
        );
        fault(
            !self.journal.is_empty() && matches!(self.database, Database::Postgres(_)),
            "journal: only for sqlite; PostgreSQL archives its own write-ahead log",
        );
        fault(!(2..=1000).contains(&self.database_connections), "database_connections: from 2 to 1000");
        fault(self.ws_grace.0 > Duration::from_mins(10), "ws_grace: at most 10m");
        fault(self.audience.is_empty(), "audience: must not be empty");
        fault(self.client_id.is_empty(), "client_id: must not be empty");
        fault(!self.roles.contains(&self.default_role), "default_role: must be one of roles");
        fault(!(8..=1024).contains(&self.password_min), "password_min: from 8 to 1024 bytes");
        fault(self.hash_threads > 64, "hash_threads: at most 64");
        fault(
            !self.cookie_domain.is_empty() && !self.cookie_domain.contains('.'),
            "cookie_domain: a parent domain such as example.com",
        );
        fault(
            !self.demo_api.is_empty() && origin(&self.demo_api).as_deref() != Some(&self.demo_api),
            "demo_api: not of the form http://localhost:4100",
        );
        for text in &self.origins {
            fault(
                origin(text).as_deref() != Some(text),
                &format!("origins: `{text}` is not of the form https://app.example.com"),
            );
        }
    }
}

/// The origin of a URL that is nothing but an origin: scheme and authority in lower case, no path.
fn origin(url: &str) -> Option<String> {
    let uri: axum::http::Uri = url.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme))?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    let bare = uri.path() == "/" && uri.query().is_none() && !url.ends_with('/');
    bare.then(|| format!("{scheme}://{}", authority.as_str().to_ascii_lowercase()))
}

impl Settings {
    /// The issuer's URL, which is also its origin.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Flight time and grace.
    pub const fn windows(&self) -> &Windows {
        &self.windows
    }

    /// The further claims of every token.
    pub const fn templates(&self) -> &ClaimTemplates {
        &self.templates
    }

    /// What is allowed, but not meant for real use.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.access_ttl.0 < Duration::from_mins(1) {
            warnings.push(format!("access_ttl: {} is for tests", self.access_ttl));
        }
        if self.signing_alg == Algorithm::Hs256 {
            warnings.push("signing_alg: with HS256 every verifier can sign, and the JWKS is empty".into());
        }
        if self.development {
            warnings.push("development: the GraphQL schema is open to everybody".into());
        }
        warnings
    }

    /// Whether pages of this origin may call with credentials.
    pub fn allows_origin(&self, origin: &str) -> bool {
        origin == self.issuer || self.config.origins.iter().any(|allowed| allowed == origin)
    }

    /// The API of notes that the page shows.
    pub fn demo_api(&self) -> Option<&str> {
        (!self.config.demo_api.is_empty()).then_some(&self.config.demo_api)
    }

    /// Every origin whose pages may call with credentials.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.issuer()).chain(self.config.origins.iter().map(String::as_str))
    }

    /// How long a session may go unused, and live.
    pub const fn lives(&self, remember: bool) -> (Duration, Duration) {
        if remember {
            (self.config.remember_idle.0, self.config.remember_absolute.0)
        } else {
            (self.config.idle.0, self.config.absolute.0)
        }
    }
}

impl std::ops::Deref for Settings {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_good() {
        let settings = Config::default().check(4000).unwrap();
        assert_eq!(settings.issuer(), "http://localhost:4000");
        assert!(settings.allows_origin("http://localhost:4000"));
        assert!(!settings.allows_origin("http://localhost:4001"));
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let config = Config {
            issuer: "http://auth.example.com".into(),
            access_ttl: "1.5s".parse().unwrap(),
            grace: "10s".parse().unwrap(),
            default_role: "admin".into(),
            password_min: 7,
            origins: vec!["https://app.example.com/".into(), "null".into()],
            claims: BTreeMap::from([("x-hasura-shoe".into(), "{user.shoe}".into())]),
            ..Config::default()
        };
        let faults = config.check(4000).unwrap_err().join("\n");
        for name in
            ["issuer", "access_ttl", "grace", "default_role", "password_min", "origins", "x-hasura-shoe"]
        {
            assert!(faults.contains(name), "{name} is missing in:\n{faults}");
        }
    }

    #[test]
    fn an_issuer_is_an_origin_that_browsers_keep_cookies_for() {
        for (issuer, good) in [
            ("https://auth.example.com", true),
            ("https://auth.example.com/", true),
            ("http://127.0.0.1:4000", true),
            ("http://[::1]:4000", true),
            ("http://localhost.evil.example", false),
            ("https://auth.example.com/path", false),
            ("ftp://auth.example.com", false),
            ("https://user@auth.example.com", false),
        ] {
            let config = Config { issuer: issuer.into(), ..Config::default() };
            assert_eq!(config.check(4000).is_ok(), good, "{issuer}");
        }
    }

    #[test]
    fn a_limit_reads_back() {
        for text in ["off", "10/1m", "100/1m", "30/1h"] {
            assert_eq!(text.parse::<Limit>().unwrap().to_string(), text);
        }
        assert!("10".parse::<Limit>().is_err());
    }
}
