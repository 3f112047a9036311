//! Configuration: what an operator may say ([`Config`]), and the one judge that turns it into [`Settings`].

mod check;
mod database;
mod limit;
mod settings;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use countersign_core::token::Algorithm;
use countersign_core::{Every, Span};
use serde::{Deserialize, Serialize};

pub use self::database::Database;
pub use self::limit::Limit;
pub use self::settings::Settings;

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
