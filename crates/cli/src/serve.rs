//! `countersign serve`.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use countersign_server::listen::Bound;
use metrics_exporter_prometheus::PrometheusBuilder;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::{self, Flags};
use crate::{environment, open, print};

pub(crate) async fn run(flags: Flags) -> anyhow::Result<ExitCode> {
    log();
    allow_files();
    environment::warn(std::env::vars_os());
    let config = flags.load()?;
    let listen = config.listen;
    let mut bound = Bound::new(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    if let (Some(cert), Some(key)) = (&config.tls_cert, &config.tls_key) {
        bound = bound.with_tls(cert, key).map_err(anyhow::Error::msg)?;
    }
    let settings = config::check(config, bound.port())?;
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    let issuer = settings.issuer().to_owned();
    let metrics = PrometheusBuilder::new().install_recorder().context("metrics")?;
    let app = open::app(settings).await?;
    let router = countersign_server::router(Arc::clone(&app), Some(metrics));
    let upkeep = tokio::spawn(countersign_server::upkeep(app));
    let stopped = stopped()?;
    print::line(format_args!("Countersign is ready: {issuer}"))?;
    bound.serve(router, stopped).await;
    upkeep.abort();
    Ok(ExitCode::SUCCESS)
}

/// Begins to write to standard error what happens.
pub(crate) fn log() {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")))
        .with_writer(std::io::stderr)
        .init();
}

/// As many open files as the machine allows this process: each connection is one, and the 1,024 that are usual to begin
/// with are few.
pub(crate) fn allow_files() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
    {
        tracing::warn!(%error, "the limit of open files stays at {:?}", limit.current);
    }
}

/// Resolves when an operator ends the process.
pub(crate) fn stopped() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    })
}
