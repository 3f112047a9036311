//! `countersign gateway`.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use countersign_gateway::SecretText;
use countersign_gateway::config::Config;
use countersign_server::listen::Bound;
use countersign_verifier::Verifier;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde::Serialize;
use tokio::sync::oneshot;

use crate::layers::{Faults, Layers};
use crate::{environment, print, serve};

/// What the help text ends with.
pub(crate) const WORDS: &str = "\
Every flag is also a variable of the environment (COUNTERSIGN_GATEWAY_UPSTREAM) and a setting of the TOML file \
(upstream); a flag wins over the environment, and that over the file. Other users of the machine can read the \
arguments of a process: give secrets by the environment or by a file.

Without --upstream the gateway only answers other proxies, at /auth/verify.

TIME   a number, fractions allowed, and its unit: 300ms, 0.3s, 15m, 1.5h, 30d

Exit codes: 2 if the configuration is not right, with every fault of it on standard error; 1 for all else.";

/// Everything that can be configured. Values are text here, so that one judge sees them all: [`GatewayFlags::load`].
#[derive(Args, Serialize, Default)]
pub(crate) struct GatewayFlags {
    /// A TOML file with any of these settings; names there are written with `_`.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,

    /// Where to listen; 127.0.0.1 also listens on ::1, and port 0 takes any free port.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_LISTEN", value_name = "IP:PORT")]
    listen: Option<String>,
    /// Where to answer /health/live, /health/ready and /metrics; nowhere unless given.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_ADMIN_LISTEN", value_name = "IP:PORT")]
    admin_listen: Option<String>,
    /// A PEM file with the certificate chain, to serve HTTPS.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<String>,
    /// A PEM file with the certificate's private key.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_TLS_KEY", value_name = "FILE")]
    tls_key: Option<String>,
    /// Addresses of reverse proxies whose X-Forwarded-… counts.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_TRUSTED_PROXIES", value_name = "IP,…", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trusted_proxies: Vec<String>,

    /// The auth server's URL, as its tokens name it; required.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_ISSUER", value_name = "URL")]
    issuer: Option<String>,
    /// A service key of the auth server with the scope revocations; required, here or in a file.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_SERVICE_KEY", value_name = "KEY")]
    service_key: Option<String>,
    /// A file with the service key.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_SERVICE_KEY_FILE", value_name = "FILE")]
    service_key_file: Option<String>,
    /// A file that keeps keys and deny-list, for a start while the auth server is away.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_CACHE_FILE", value_name = "FILE")]
    cache_file: Option<String>,
    /// The claim aud of the tokens.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_AUDIENCE", value_name = "TEXT")]
    audience: Option<String>,
    /// The header typ of the tokens: at+jwt or JWT.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_TOKEN_TYPE", value_name = "TYPE")]
    token_type: Option<String>,
    /// What is asked of the fingerprint cookie: required, when-present or off.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_FINGERPRINT", value_name = "POLICY")]
    fingerprint: Option<String>,
    /// Whether app, API and auth server live on sibling hosts (the auth server has a cookie_domain).
    #[arg(long, env = "COUNTERSIGN_GATEWAY_SIBLING_HOSTS", value_name = "on|off")]
    sibling_hosts: Option<String>,
    /// What happens without news of the auth server: allow (tokens until they expire) or refuse.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_STALENESS", value_name = "POLICY")]
    staleness: Option<String>,
    /// After how long without news.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_MAX_STALENESS", value_name = "TIME")]
    max_staleness: Option<String>,

    /// The API: http://host:port, with or without a path.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_UPSTREAM", value_name = "URL")]
    upstream: Option<String>,
    /// How long the API may take to begin its answer.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_UPSTREAM_TIMEOUT", value_name = "TIME")]
    upstream_timeout: Option<String>,
    /// How the API is told who calls: token (and session variables), or variables alone.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_IDENTITY", value_name = "KIND")]
    identity: Option<String>,
    /// The API's admin secret, sent with variables.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_ADMIN_SECRET", value_name = "TEXT")]
    admin_secret: Option<String>,
    /// A file with the admin secret.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_ADMIN_SECRET_FILE", value_name = "FILE")]
    admin_secret_file: Option<String>,
    /// The role of requests without a token, which are refused unless it is given.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_ANONYMOUS_ROLE", value_name = "ROLE")]
    anonymous_role: Option<String>,
    /// Whether the API gets the fingerprint cookie.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_PASS_FINGERPRINT_COOKIE", num_args = 0..=1, default_missing_value = "on", value_name = "on|off")]
    pass_fingerprint_cookie: Option<String>,
    /// The origins whose pages may call, and open WebSockets.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_ORIGINS", value_name = "ORIGIN,…", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    origins: Vec<String>,
    /// How long after its token's expiry a WebSocket may go on without a newer one.
    #[arg(long, env = "COUNTERSIGN_GATEWAY_WS_GRACE", value_name = "TIME")]
    ws_grace: Option<String>,
}

/// Settings that the default configuration leaves out.
const OPTIONAL: [&str; 3] = ["admin_listen", "tls_cert", "tls_key"];

impl GatewayFlags {
    /// The configuration that flags, environment and files make together, with every fault of it at once.
    fn load(&self) -> anyhow::Result<Config> {
        let mut layers = Layers::of_secrets(self.config.as_deref(), self)?;
        for (name, file) in [("service_key", "service_key_file"), ("admin_secret", "admin_secret_file")] {
            let both = layers.table.contains_key(name) && layers.table.contains_key(file);
            if both {
                layers.faults.push(format!("{name}, {file}: give one of them"));
            }
        }
        let (mut config, faults) = layers.settle::<Config>(&OPTIONAL)?;
        let mut unread = Vec::new();
        let mut read = |file: &Path, secret: &mut SecretText| {
            if !file.as_os_str().is_empty() {
                match fs::read_to_string(file) {
                    Ok(text) => *secret = SecretText::from(text.trim().to_owned()),
                    Err(error) => unread.push(format!("{}: {error}", file.display())),
                }
            }
        };
        read(&config.service_key_file, &mut config.service_key);
        read(&config.admin_secret_file, &mut config.admin_secret);
        unread.extend(config.clone().check().err().unwrap_or_default());
        faults.and(Some(unread))?;
        Ok(config)
    }
}

pub(crate) async fn run(flags: GatewayFlags) -> anyhow::Result<ExitCode> {
    serve::log();
    serve::allow_files();
    environment::warn(std::env::vars_os());
    let config = flags.load()?;
    let mut bound = bind(config.listen).await?;
    if let (Some(cert), Some(key)) = (&config.tls_cert, &config.tls_key) {
        bound = bound.with_tls(cert, key).map_err(anyhow::Error::msg)?;
    }
    let operators = match config.admin_listen {
        Some(address) => Some((address, bind(address).await?)),
        None => None,
    };
    let settings = Arc::new(config.check().map_err(Faults::from)?);
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    let metrics = PrometheusBuilder::new().install_recorder().context("metrics")?;
    let mut verifier = Verifier::builder(&settings.issuer)
        .policy(settings.policy())
        .service_key(settings.service_key.expose());
    if !settings.cache_file.as_os_str().is_empty() {
        verifier = verifier.cache_file(&settings.cache_file);
    }
    let verifier = verifier.build().await?;
    let stopped = serve::stopped()?;
    let (over, at_end) = oneshot::channel::<()>();
    let asked = operators.map(|(address, bound)| {
        let url = format!("http://{}", SocketAddr::new(address.ip(), bound.port()));
        let router = countersign_gateway::admin(verifier.clone(), move || metrics.render());
        let serving = bound.serve(router, async move {
            let _either = at_end.await;
        });
        (url, tokio::spawn(serving))
    });
    if let Some((url, _)) = &asked {
        print::line(format_args!("Health and metrics: {url}"))?;
    }
    let scheme = if settings.tls_cert.is_some() { "https" } else { "http" };
    let address = SocketAddr::new(settings.listen.ip(), bound.port());
    print::line(format_args!("Countersign gateway is ready: {scheme}://{address}"))?;
    bound.serve(countersign_gateway::router(settings, verifier), stopped).await;
    drop(over);
    if let Some((_, serving)) = asked {
        let _ended = serving.await;
    }
    Ok(ExitCode::SUCCESS)
}

async fn bind(address: SocketAddr) -> anyhow::Result<Bound> {
    Bound::new(address).await.with_context(|| format!("cannot listen on {address}"))
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;
    use crate::layers;

    #[test]
    fn every_setting_has_a_flag_and_every_flag_a_setting() {
        let command = GatewayFlags::augment_args(Command::new("gateway"));
        let (flags, settings) = layers::names::<Config>(&command, &OPTIONAL);
        assert_eq!(flags, settings);
    }
}
