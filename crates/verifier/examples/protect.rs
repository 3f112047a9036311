//! The API of docs/VERIFIER.md: `protect ISSUER SERVICE_KEY`, on port 4200.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use countersign_verifier::{Allowed, FingerprintPolicy, Role, Status, Verified, Verifier, VerifierLayer};

struct Admin;

impl Role for Admin {
    const NAME: &'static str = "admin";
}

async fn me(who: Verified) -> String {
    format!("{} in {}\n", who.sub, who.sid)
}

async fn settings(who: Allowed<Admin>) -> String {
    format!("settings, for {}\n", who.sub)
}

async fn health(State(verifier): State<Verifier>) -> Json<Status> {
    Json(verifier.status())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(issuer), Some(service_key)) = (arguments.next(), arguments.next()) else {
        return Err("usage: protect ISSUER SERVICE_KEY".into());
    };
    let verifier = Verifier::builder(issuer)
        .service_key(service_key)
        // This API is called by programs, too, which have no cookie.
        .fingerprint(FingerprintPolicy::WhenPresent)
        .build()
        .await?;
    let router = Router::new()
        .route("/me", get(me))
        .route("/settings", get(settings))
        .layer(VerifierLayer::new(verifier.clone()))
        // Routes below the layer are open.
        .route("/health", get(health))
        .with_state(verifier);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:4200").await?;
    axum::serve(listener, router).await?;
    Ok(())
}
