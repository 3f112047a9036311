//! Forward-auth, and what operators ask.

use countersign_gateway::admin;

use crate::api::Api;
use crate::gate::{Gate, SESSION, USER, serve};

#[tokio::test]
async fn another_proxy_is_told_who_calls_or_why_nobody_may() {
    let gate = Gate::with(|_| ()).await;
    let known = gate.known();
    let answer = gate.get("/auth/verify", &format!("{known}x-hasura-admin-secret: guess\r\n")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-hasura-role"), Some("user"));
    assert_eq!(answer.header("x-hasura-user-id"), Some(USER.to_string().as_str()));
    assert_eq!(answer.header("x-countersign-session"), Some(SESSION.to_string().as_str()));
    assert_eq!(answer.header("x-hasura-admin-secret"), None);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let none = gate.get("/auth/verify", "").await;
    assert_eq!(none.code(), (401, "NO_SESSION".into()));
    assert_eq!(
        none.header("x-countersign-refusal"),
        Some(none.body.as_str()),
        "for proxies that drop the body"
    );
    let other_role = format!("{known}X-Hasura-Role: admin\r\n");
    assert_eq!(gate.get("/auth/verify", &other_role).await.code(), (403, "FORBIDDEN".into()));
    assert_eq!(gate.get("/elsewhere", &known).await.code(), (404, "BAD_REQUEST".into()));
    gate.end_session();
    assert_eq!(gate.get("/auth/verify", &known).await.code(), (401, "SESSION_ENDED".into()));
}

#[tokio::test]
async fn operators_ask_elsewhere_so_that_no_path_of_the_api_is_taken() {
    let mut gate = Gate::before(Api::start().await.address, |_| ()).await;
    assert_eq!(gate.get("/health/live", &gate.known()).await.json()["uri"], "/health/live");
    gate.address = serve(admin(gate.verifier.clone(), || "# metrics".to_owned())).await;
    assert_eq!(gate.get("/health/live", "").await.status, 200);
    assert_eq!(gate.get("/health/ready", "").await.json()["status"], "ready");
    assert_eq!(gate.get("/metrics", "").await.body, "# metrics");
}
