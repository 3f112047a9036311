//! The notes API as a program, beside an auth server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Extension;
use axum::http::HeaderValue;
use clap::Parser;
use countersign_verifier::Verifier;
use countersign_verifier::websocket::{Rules, Stop};
use notes_api::{Notes, router};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// How long sockets get to end.
const END_WITHIN: Duration = Duration::from_secs(10);

/// A small GraphQL API whose users are those of an auth server.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The auth server.
    #[arg(long, env = "NOTES_ISSUER", value_name = "URL", default_value = "http://localhost:4000")]
    issuer: String,
    /// A service key of it with the scope `revocations`: `countersign keys service add --scope revocations`.
    #[arg(long, env = "NOTES_SERVICE_KEY", value_name = "csk_…", hide_env_values = true)]
    service_key: String,
    /// Where to listen.
    #[arg(long, env = "NOTES_LISTEN", value_name = "IP:PORT", default_value = "127.0.0.1:4100")]
    listen: SocketAddr,
    /// The claim `aud` of access tokens that are for this API.
    #[arg(long, env = "NOTES_AUDIENCE", value_name = "TEXT", default_value = "api")]
    audience: String,
    /// The pages that may call [default: those of the auth server].
    #[arg(long, env = "NOTES_ORIGINS", value_name = "ORIGIN,…", value_delimiter = ',')]
    origins: Vec<String>,
    /// The file with the notes [default: none, they are kept in memory].
    #[arg(long, env = "NOTES_FILE", value_name = "FILE")]
    file: Option<PathBuf>,
    /// How long a subscription outlives its access token, for the client to show a newer one: 30s, 0.5s.
    #[arg(long, env = "NOTES_WS_GRACE", value_name = "SECONDS", default_value = "30s", value_parser = seconds)]
    ws_grace: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number =
        text.strip_suffix('s').unwrap_or(text).parse().map_err(|_| "seconds, as in 30s".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new("info")).with_writer(std::io::stderr).init();
    let args = Args::parse();
    let verifier = Verifier::builder(&args.issuer)
        .audience(&args.audience)
        .service_key(&args.service_key)
        .build()
        .await
        .context("the verifier")?;
    let origins = if args.origins.is_empty() { vec![args.issuer] } else { args.origins };
    let origins = origins.iter().map(|origin| HeaderValue::from_str(origin)).collect::<Result<Vec<_>, _>>();
    let rules = Rules { grace: args.ws_grace, ..Rules::default() };
    let notes = Arc::new(Notes::open(args.file.as_deref()).context("the file with the notes")?);
    let router = router(verifier, notes, &origins.context("--origins")?, rules);
    let listener = TcpListener::bind(args.listen).await.with_context(|| args.listen.to_string())?;
    println!("notes-api is ready: {}", url(listener.local_addr()?));
    // Sockets are told as well, and get to say good-bye.
    let stop = Stop::new();
    let (router, said) = (router.layer(Extension(stop.ending())), stop.clone());
    let stopped = stopped()?;
    let ended = async move {
        stopped.await;
        said.begin();
    };
    axum::serve(listener, router).with_graceful_shutdown(ended).await?;
    let _late = tokio::time::timeout(END_WITHIN, stop.over()).await;
    Ok(())
}

/// By this name browsers send the cookies of an auth server on `localhost` along: they look at no port.
fn url(address: SocketAddr) -> String {
    if address.ip().is_loopback() {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

/// Resolves when an operator ends the process.
fn stopped() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    })
}
