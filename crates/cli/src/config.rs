//! Where configuration comes from: flags, then `COUNTERSIGN_*`, then the TOML file, then the defaults.

use std::path::PathBuf;

use clap::{Args, Parser};
use countersign_server::config::{Config, Settings};
use serde::Serialize;
use toml::{Table, Value};

use crate::layers::{Faults, Layers};

/// What the help texts end with.
pub(crate) const WORDS: &str = "\
Every flag is also a variable of the environment (COUNTERSIGN_ACCESS_TTL) and a setting of the TOML file \
(access_ttl); a flag wins over the environment, and that over the file.

TIME   a number, fractions allowed, and its unit: 300ms, 0.3s, 15m, 1.5h, 30d
LIMIT  attempts/TIME, as in 10/1m (ten at once, then ten a minute), or off

The variable COUNTERSIGN_MASTER_SECRET (32 bytes in base64) replaces the file master.secret of the data folder.
Exit codes: 2 if the configuration is not right, with every fault of it on standard error; 1 for all else.";

/// Everything that can be configured. Values are text here, so that one judge sees them all: [`Flags::load`].
#[derive(Args, Serialize, Default)]
pub(crate) struct Flags {
    /// A TOML file with any of these settings; names there are written with `_`.
    #[arg(long, env = "COUNTERSIGN_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,

    /// Where to listen; 127.0.0.1 also listens on ::1, and port 0 takes any free port.
    #[arg(long, env = "COUNTERSIGN_LISTEN", value_name = "IP:PORT")]
    listen: Option<String>,
    /// The folder for the master secret, and for the database if it is SQLite.
    #[arg(long, env = "COUNTERSIGN_DATA", value_name = "DIR")]
    pub(crate) data: Option<String>,
    /// A file that takes down every end before it is answered, so that sessions outlive a restore; or off [default: the one that the database keeps already, if any].
    #[arg(long, env = "COUNTERSIGN_JOURNAL", value_name = "FILE|off")]
    pub(crate) journal: Option<String>,
    /// Where everything is kept: sqlite, or postgres://user:password@host:5432/name (in the environment others do not see it).
    #[arg(long, env = "COUNTERSIGN_DATABASE", hide_env_values = true, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// The most connections of this node to a PostgreSQL database, and one more that hears of logouts.
    #[arg(long, env = "COUNTERSIGN_DATABASE_CONNECTIONS", value_name = "COUNT")]
    database_connections: Option<String>,
    /// Whether a PostgreSQL server passes on news of logouts (LISTEN); if not, nodes look for them each 50 ms.
    #[arg(long, env = "COUNTERSIGN_DATABASE_LISTEN", value_name = "on|off")]
    database_listen: Option<String>,
    /// The URL under which clients reach the server [default: http://localhost:PORT].
    #[arg(long, env = "COUNTERSIGN_ISSUER", value_name = "URL")]
    issuer: Option<String>,
    /// A PEM file with the certificate chain, to serve HTTPS.
    #[arg(long, env = "COUNTERSIGN_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<String>,
    /// A PEM file with the certificate's private key.
    #[arg(long, env = "COUNTERSIGN_TLS_KEY", value_name = "FILE")]
    tls_key: Option<String>,
    /// Further origins whose pages may call with credentials.
    #[arg(long, env = "COUNTERSIGN_ORIGINS", value_name = "ORIGIN,…", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    origins: Vec<String>,
    /// Addresses of reverse proxies whose X-Forwarded-For counts.
    #[arg(long, env = "COUNTERSIGN_TRUSTED_PROXIES", value_name = "IP,…", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trusted_proxies: Vec<String>,
    /// The parent domain shared by sibling hosts of app, API and auth server.
    #[arg(long, env = "COUNTERSIGN_COOKIE_DOMAIN", value_name = "DOMAIN")]
    cookie_domain: Option<String>,
    /// The SameSite attribute of the cookies: lax or strict.
    #[arg(long, env = "COUNTERSIGN_SAME_SITE", value_name = "SITE")]
    same_site: Option<String>,

    /// How long an access token lives, in whole seconds: 1s to 1h.
    #[arg(long, env = "COUNTERSIGN_ACCESS_TTL", value_name = "TIME")]
    access_ttl: Option<String>,
    /// How long a minted access token lives, in whole seconds: 1s to 5m.
    #[arg(long, env = "COUNTERSIGN_MINT_TTL", value_name = "TIME")]
    mint_ttl: Option<String>,
    /// F: the longest time that one request may be under way.
    #[arg(long, env = "COUNTERSIGN_FLIGHT", value_name = "TIME")]
    flight: Option<String>,
    /// G: how long a refresh repeats its answer; at least three times the flight time.
    #[arg(long, env = "COUNTERSIGN_GRACE", value_name = "TIME")]
    grace: Option<String>,
    /// How long a session may go unused.
    #[arg(long, env = "COUNTERSIGN_IDLE", value_name = "TIME")]
    idle: Option<String>,
    /// How long a session may live.
    #[arg(long, env = "COUNTERSIGN_ABSOLUTE", value_name = "TIME")]
    absolute: Option<String>,
    /// How long a remembered session may go unused.
    #[arg(long, env = "COUNTERSIGN_REMEMBER_IDLE", value_name = "TIME")]
    remember_idle: Option<String>,
    /// How long a remembered session may live.
    #[arg(long, env = "COUNTERSIGN_REMEMBER_ABSOLUTE", value_name = "TIME")]
    remember_absolute: Option<String>,
    /// How long a WebSocket outlives its access token, for the client to show a newer one: at most 10m.
    #[arg(long, env = "COUNTERSIGN_WS_GRACE", value_name = "TIME")]
    ws_grace: Option<String>,

    /// What access tokens are signed with: ES256, EdDSA, RS256 or HS256.
    #[arg(long, env = "COUNTERSIGN_SIGNING_ALG", value_name = "ALG")]
    pub(crate) signing_alg: Option<String>,
    /// How long a key signs before the announced one takes its place, from 1h on, or off.
    #[arg(long, env = "COUNTERSIGN_KEY_ROTATION", value_name = "TIME")]
    key_rotation: Option<String>,
    /// The claim aud.
    #[arg(long, env = "COUNTERSIGN_AUDIENCE", value_name = "TEXT")]
    audience: Option<String>,
    /// The claim client_id.
    #[arg(long, env = "COUNTERSIGN_CLIENT_ID", value_name = "TEXT")]
    client_id: Option<String>,
    /// The header typ of access tokens: at+jwt or JWT.
    #[arg(long, env = "COUNTERSIGN_TOKEN_TYPE", value_name = "TYPE")]
    token_type: Option<String>,
    /// Whether tokens carry preferred_username.
    #[arg(long, env = "COUNTERSIGN_USERNAME_CLAIM", value_name = "on|off")]
    username_claim: Option<String>,
    /// Further claims for one kind of API: hasura (none) or postgrest (role at the top level).
    #[arg(long, env = "COUNTERSIGN_CLAIMS_PRESET", value_name = "PRESET")]
    claims_preset: Option<String>,
    /// A further claim, as in x-hasura-email={user.email}; may be repeated.
    #[arg(long = "claim", env = "COUNTERSIGN_CLAIMS", value_name = "NAME=TEMPLATE", value_delimiter = ',')]
    #[serde(skip)]
    claims: Vec<String>,

    /// Whether people may sign up.
    #[arg(long, env = "COUNTERSIGN_SIGNUP", value_name = "on|off")]
    signup: Option<String>,
    /// Whether sessions in header mode may be opened.
    #[arg(long, env = "COUNTERSIGN_HEADER_MODE", value_name = "on|off")]
    header_mode: Option<String>,
    /// The roles of a new user.
    #[arg(long, env = "COUNTERSIGN_ROLES", value_name = "ROLE,…", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    /// The default role of a new user.
    #[arg(long, env = "COUNTERSIGN_DEFAULT_ROLE", value_name = "ROLE")]
    default_role: Option<String>,
    /// The fewest bytes of a password: 8 to 1024.
    #[arg(long, env = "COUNTERSIGN_PASSWORD_MIN", value_name = "BYTES")]
    password_min: Option<String>,
    /// Threads that hash passwords; 0 takes one less than there are cores.
    #[arg(long, env = "COUNTERSIGN_HASH_THREADS", value_name = "COUNT")]
    hash_threads: Option<String>,
    /// Log-in attempts for one account, as in 10/1m, or off.
    #[arg(long, env = "COUNTERSIGN_LOGIN_ACCOUNT_LIMIT", value_name = "LIMIT")]
    login_account_limit: Option<String>,
    /// Log-in attempts from one address.
    #[arg(long, env = "COUNTERSIGN_LOGIN_ADDRESS_LIMIT", value_name = "LIMIT")]
    login_address_limit: Option<String>,
    /// Sign-ups from one address.
    #[arg(long, env = "COUNTERSIGN_SIGNUP_ADDRESS_LIMIT", value_name = "LIMIT")]
    signup_address_limit: Option<String>,

    /// The origin of an API of notes that the page at / shows live: see examples/notes-api.
    #[arg(long, env = "COUNTERSIGN_DEMO_API", value_name = "URL")]
    demo_api: Option<String>,
    /// Allow GraphQL introspection and a page to try queries on at /graphql.
    #[arg(long, env = "COUNTERSIGN_DEVELOPMENT", num_args = 0..=1, default_missing_value = "on", value_name = "on|off")]
    development: Option<String>,
}

#[derive(Parser)]
struct Environment {
    #[command(flatten)]
    flags: Flags,
}

impl Flags {
    /// What the environment alone says, for commands that take few flags.
    pub(crate) fn of_environment() -> anyhow::Result<Self> {
        Ok(Environment::try_parse_from(["countersign"])?.flags)
    }

    /// The configuration that flags, environment and file make together, with every fault of it at once.
    pub(crate) fn load(&self) -> anyhow::Result<Config> {
        let mut layers = Layers::of(self.config.as_deref(), self)?;
        for claim in &self.claims {
            match claim.split_once('=') {
                Some((name, template)) => add_claim(&mut layers.table, name, template),
                None => layers.faults.push(format!("claim: `{claim}` is not of the form NAME=TEMPLATE")),
            }
        }
        let (config, faults) = layers.settle::<Config>(&OPTIONAL)?;
        // Defaults stand in for what was refused, so that the rest is judged as well.
        faults.and(config.clone().check(config.listen.port()).err())?;
        Ok(config)
    }

    /// Whether flags, environment or file say what tokens are signed with.
    pub(crate) fn say_signing_alg(&self) -> anyhow::Result<bool> {
        Ok(Layers::of(self.config.as_deref(), self)?.table.contains_key("signing_alg"))
    }
}

/// Settings that the default configuration leaves out.
const OPTIONAL: [&str; 2] = ["tls_cert", "tls_key"];

fn add_claim(table: &mut Table, name: &str, template: &str) {
    let claims = table.entry("claims").or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(claims) = claims {
        claims.insert(name.to_owned(), Value::String(template.to_owned()));
    }
}

/// Judges the configuration for a server on `port`.
pub(crate) fn check(config: Config, port: u16) -> anyhow::Result<Settings> {
    config.check(port).map_err(|faults| Faults::from(faults).into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::layers;

    #[test]
    fn every_setting_has_a_flag_and_every_flag_a_setting() {
        let (flags, settings) = layers::names::<Config>(&Environment::command(), &OPTIONAL);
        assert_eq!(flags, settings);
    }
}
