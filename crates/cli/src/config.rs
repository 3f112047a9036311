//! Where configuration comes from: flags, then `COUNTERSIGN_*`, then the TOML file, then the defaults.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Parser};
use countersign_server::config::{Config, Settings};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// Everything that can be configured. A flag wins over the environment, that over the file.
#[derive(Args, Serialize, Default)]
pub(crate) struct Flags {
    /// A TOML file with any of these settings; names there are written with `_`.
    #[arg(long, env = "COUNTERSIGN_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,

    /// Where to listen; 127.0.0.1 also listens on ::1.
    #[arg(long, env = "COUNTERSIGN_LISTEN", value_name = "ADDR")]
    listen: Option<String>,
    /// The folder for the database and the master secret.
    #[arg(long, env = "COUNTERSIGN_DATA", value_name = "DIR")]
    pub(crate) data: Option<String>,
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

    /// What access tokens are signed with: ES256, EdDSA, RS256 or HS256.
    #[arg(long, env = "COUNTERSIGN_SIGNING_ALG", value_name = "ALG")]
    signing_alg: Option<String>,
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
    #[arg(long, env = "COUNTERSIGN_USERNAME_CLAIM", value_name = "BOOL")]
    username_claim: Option<bool>,
    /// Further claims for one kind of API: hasura (none) or postgrest (role at the top level).
    #[arg(long, env = "COUNTERSIGN_CLAIMS_PRESET", value_name = "PRESET")]
    claims_preset: Option<String>,
    /// A further claim, as in x-hasura-email={user.email}; may be repeated.
    #[arg(long = "claim", env = "COUNTERSIGN_CLAIMS", value_name = "NAME=TEMPLATE", value_delimiter = ',')]
    #[serde(skip)]
    claims: Vec<String>,

    /// Whether people may sign up.
    #[arg(long, env = "COUNTERSIGN_SIGNUP", value_name = "BOOL")]
    signup: Option<bool>,
    /// Whether sessions in header mode may be opened.
    #[arg(long, env = "COUNTERSIGN_HEADER_MODE", value_name = "BOOL")]
    header_mode: Option<bool>,
    /// The roles of a new user.
    #[arg(long, env = "COUNTERSIGN_ROLES", value_name = "ROLE,…", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    /// The default role of a new user.
    #[arg(long, env = "COUNTERSIGN_DEFAULT_ROLE", value_name = "ROLE")]
    default_role: Option<String>,
    /// The fewest bytes of a password: 8 to 1024.
    #[arg(long, env = "COUNTERSIGN_PASSWORD_MIN", value_name = "BYTES")]
    password_min: Option<u32>,
    /// Threads that hash passwords; 0 takes one less than there are cores.
    #[arg(long, env = "COUNTERSIGN_HASH_THREADS", value_name = "COUNT")]
    hash_threads: Option<u32>,
    /// Log-in attempts for one account, as in 10/1m, or off.
    #[arg(long, env = "COUNTERSIGN_LOGIN_ACCOUNT_LIMIT", value_name = "LIMIT")]
    login_account_limit: Option<String>,
    /// Log-in attempts from one address.
    #[arg(long, env = "COUNTERSIGN_LOGIN_ADDRESS_LIMIT", value_name = "LIMIT")]
    login_address_limit: Option<String>,
    /// Sign-ups from one address.
    #[arg(long, env = "COUNTERSIGN_SIGNUP_ADDRESS_LIMIT", value_name = "LIMIT")]
    signup_address_limit: Option<String>,

    /// Allow GraphQL introspection and a page to try queries on at /graphql.
    #[arg(long, env = "COUNTERSIGN_DEVELOPMENT", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    development: Option<bool>,
}

/// Every fault of a configuration, a line each.
#[derive(Debug)]
pub(crate) struct Faults(Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is not right:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for Faults {}

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

    /// The configuration that flags, environment and file make together.
    pub(crate) fn load(&self) -> anyhow::Result<Config> {
        let mut faults = Vec::new();
        let mut table = match &self.config {
            None => Table::new(),
            Some(path) => match std::fs::read_to_string(path).map(|text| text.parse::<Table>()) {
                Ok(Ok(table)) => table,
                Ok(Err(error)) => return Err(Faults(vec![format!("{}: {error}", path.display())]).into()),
                Err(error) => return Err(Faults(vec![format!("{}: {error}", path.display())]).into()),
            },
        };
        table.extend(Table::try_from(self)?);
        for claim in &self.claims {
            match claim.split_once('=') {
                Some((name, template)) => add_claim(&mut table, name, template),
                None => faults.push(format!("claim: `{claim}` is not of the form NAME=TEMPLATE")),
            }
        }
        // One setting at a time, so that all that is wrong is said at once.
        let known = Table::try_from(Config::default())?;
        for (name, value) in &table {
            if !known.contains_key(name) && !OPTIONAL.contains(&name.as_str()) {
                faults.push(format!("{name}: there is no such setting"));
            } else if let Err(error) = Config::deserialize(Table::from_iter([(name.clone(), value.clone())]))
            {
                faults.push(format!("{name}: {}", error.message().trim()));
            }
        }
        if faults.is_empty() { Ok(Config::deserialize(table)?) } else { Err(Faults(faults).into()) }
    }
}

/// Settings that the default configuration leaves out.
pub(crate) const OPTIONAL: [&str; 2] = ["tls_cert", "tls_key"];

fn add_claim(table: &mut Table, name: &str, template: &str) {
    let claims = table.entry("claims").or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(claims) = claims {
        claims.insert(name.to_owned(), Value::String(template.to_owned()));
    }
}

/// Judges the configuration for a server on `port`.
pub(crate) fn check(config: Config, port: u16) -> anyhow::Result<Settings> {
    config.check(port).map_err(|faults| Faults(faults).into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_setting_has_a_flag_and_every_flag_a_setting() {
        let command = Environment::command();
        let mut flags: Vec<_> = command.get_arguments().map(|arg| arg.get_id().as_str().to_owned()).collect();
        flags.retain(|flag| !["config", "help"].contains(&flag.as_str()));
        let mut settings: Vec<_> = Table::try_from(Config::default()).unwrap().keys().cloned().collect();
        settings.extend(OPTIONAL.map(str::to_owned));
        flags.sort_unstable();
        settings.sort_unstable();
        assert_eq!(flags, settings);
    }
}
