use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::client::{
    Answer, Client, EMAIL, FINGERPRINT, PASSWORD, claims, server, server_with, signed_in, signed_in_by_header,
};

#[tokio::test]
async fn the_article_logs_in() {
    let (_server, mut ann) = signed_in().await;
    let document = "mutation ($username: String, $password: String!) { login(username: $username, password: $password) { jwt } }";
    let old = ann.cookies[FINGERPRINT].clone();
    let answer = ann.graphql(document, json!({ "username": "ann", "password": PASSWORD })).await;
    assert_eq!(claims(&answer.text("/data/login/jwt"))["preferred_username"], "ann");
    assert_eq!(answer.set_cookies().len(), 3);
    assert_ne!(ann.cookies[FINGERPRINT], old);
    let answer = ann.graphql(document, json!({ "username": "ann", "password": "wrong horse" })).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text("/errors/0/extensions/code"), "CREDENTIALS_INVALID");
    assert_eq!(answer.text("/errors/0/extensions/action"), "login");
}

#[tokio::test]
async fn the_article_refreshes_by_query_and_by_mutation_and_signs_out() {
    let (_server, mut tab, mut token) = signed_in_by_header().await;
    let hash =
        claims(&tab.bearer.take().unwrap())["https://hasura.io/jwt/claims"]["X-User-Fingerprint"].clone();
    for kind in ["query", "mutation"] {
        let document = format!(
            "{kind} RefreshJwtToken($refreshToken: String!, $fingerprintHash: String!) {{
                refreshJwtToken(refreshToken: $refreshToken, fingerprintHash: $fingerprintHash) {{ jwt refreshToken }}
            }}"
        );
        let wrong = json!({ "refreshToken": token, "fingerprintHash": "0".repeat(64) });
        let answer = tab.graphql(&document, wrong).await;
        assert_eq!(answer.text("/errors/0/extensions/code"), "FINGERPRINT_MISMATCH");
        let answer = tab.graphql(&document, json!({ "refreshToken": token, "fingerprintHash": hash })).await;
        token = answer.text("/data/refreshJwtToken/refreshToken");
    }
    let mut copy = tab.clone();
    tab.bearer = Some("stale".to_owned());
    let answer = tab.graphql("mutation SignOutMutation { signout { ok } }", json!({})).await;
    assert_eq!(*answer.at("/data/signout/ok"), true, "{}", answer.text);
    copy.refresh_with(&token).await.ended(Some("logout"));
}

#[track_caller]
fn refused(answer: &Answer, code: &str, action: &str) {
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text("/errors/0/extensions/code"), code, "{}", answer.text);
    assert_eq!(answer.text("/errors/0/extensions/action"), action);
    assert_eq!(answer.set_cookies(), [""; 0]);
}

#[tokio::test]
async fn sign_up_in_either_mode() {
    let server = server().await;
    let document = "mutation ($email: String!, $password: String!, $mode: Mode) {
        signup(email: $email, password: $password, mode: $mode) { jwt expiresIn refreshToken session { id depth } user { email } }
    }";
    for (email, mode, cookies) in [(EMAIL, None, 3), ("bob@example.com", Some("header"), 1)] {
        let variables = json!({ "email": email, "password": PASSWORD, "mode": mode });
        let answer = Client::new(&server).graphql(document, variables.clone()).await;
        assert_eq!(answer.text("/data/signup/user/email"), email);
        assert_eq!(answer.at("/data/signup/refreshToken").is_null(), mode.is_none());
        assert_eq!(answer.set_cookies().len(), cookies);
        assert_eq!(answer.header("cache-control"), "no-store");
        refused(&Client::new(&server).graphql(document, variables).await, "ACCOUNT_EXISTS", "fix");
    }
}

#[tokio::test]
async fn a_cookie_session_refreshes_and_signs_out() {
    let (_server, mut ann) = signed_in().await;
    let document = "mutation { refresh { jwt refreshToken session { depth } } }";
    let mut form = ann.clone();
    form.by_script = None;
    refused(&form.graphql(document, json!({})).await, "CSRF_REJECTED", "fix");
    let answer = ann.graphql(document, json!({})).await;
    assert_eq!(*answer.at("/data/refresh/session/depth"), 1);
    assert!(answer.at("/data/refresh/refreshToken").is_null());
    assert_eq!(answer.set_cookies().len(), 2);
    ann.bearer = None;
    let mut copy = ann.clone();
    let answer = ann.graphql("mutation SignOutMutation { signout { ok } }", json!({})).await;
    assert_eq!((answer.set_cookies().len(), ann.cookies.len()), (3, 0), "{}", answer.text);
    let answer = copy.graphql(document, json!({})).await;
    refused(&answer, "SESSION_ENDED", "login");
    assert_eq!(answer.text("/errors/0/extensions/reason"), "logout");
}

#[tokio::test]
async fn the_account_is_there_too() {
    let (server, mut ann) = signed_in().await;
    server.clock.advance(Duration::from_secs(1));
    let mut phone = Client::new(&server);
    let id = phone.login(json!({})).await.session_id();
    let answer = ann
        .graphql("{ me { email roles } sessions { id current } events(limit: 1) { kind } }", json!({}))
        .await;
    assert_eq!(answer.text("/data/me/email"), EMAIL);
    assert_eq!(answer.text("/data/sessions/1/id"), id);
    assert_eq!(answer.text("/data/events/0/kind"), "login");
    let document = "query ($before: String) { events(before: $before) { id kind } }";
    let newest = ann.graphql(document, json!({})).await.text("/data/events/0/id");
    let older = ann.graphql(document, json!({ "before": newest })).await;
    let ids = older.at("/data/events").as_array().unwrap();
    assert!(!ids.is_empty() && ids.iter().all(|event| event["id"] != newest), "{}", older.text);
    refused(&ann.graphql(document, json!({ "before": "x" })).await, "BAD_REQUEST", "fix");
    let document = "mutation ($id: String!) { revokeSession(id: $id) { ok } }";
    assert_eq!(*ann.graphql(document, json!({ "id": id })).await.at("/data/revokeSession/ok"), true);
    phone.refresh().await.ended(Some("revoked"));
    refused(&ann.graphql(document, json!({ "id": "x" })).await, "BAD_REQUEST", "fix");
    assert_eq!(
        *ann.graphql("mutation { signoutEverywhere { ok } }", json!({}))
            .await
            .at("/data/signoutEverywhere/ok"),
        true
    );
    refused(&Client::new(&server).graphql("{ me { email } }", json!({})).await, "NO_SESSION", "login");
}

#[tokio::test]
async fn what_is_too_much_or_no_document_is_refused_with_a_code() {
    let (_server, mut ann) = signed_in().await;
    let repeated =
        |field: &str, times: u32| (0..times).map(|n| format!("a{n}: {field}")).collect::<Vec<_>>().join(" ");
    let aliases = repeated("__typename", 9);
    let logins = repeated("login(username: \"ann\", password: \"x\") { jwt }", 8);
    for document in [
        "{",
        "",
        "{ nothing }",
        "{ me { nothing } }",
        "subscription { nothing }",
        &format!("{{ {aliases} }}"),
        &format!("mutation {{ {logins} }}"),
    ] {
        refused(&ann.graphql(document, json!({})).await, "BAD_REQUEST", "fix");
    }
    ann.post("/graphql", json!([{ "query": "{ __typename }" }])).await.refused(400, "BAD_REQUEST");
    ann.get("/graphql?query={__typename}").await.refused(405, "BAD_REQUEST");
}

#[tokio::test]
async fn the_schema_is_not_told_to_everybody() {
    let (_server, mut ann) = signed_in().await;
    let answer =
        ann.graphql("{ __schema { types { name } } __type(name: \"User\") { name } }", json!({})).await;
    assert_eq!(answer.body["data"], json!({ "__schema": null, "__type": null }));
}

#[tokio::test]
async fn development_opens_the_schema_and_a_page() {
    let server = server_with(|config| config.development = true).await;
    let mut nobody = Client::new(&server);
    let answer = nobody.graphql("{ __schema { types { name } } }", json!({})).await;
    assert!(answer.at("/data/__schema/types").as_array().unwrap().len() > 5);
    let page = nobody.send(nobody.ask(Method::GET, "/graphql")).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
}
