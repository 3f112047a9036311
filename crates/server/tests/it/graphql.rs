use serde_json::json;

use crate::client::{FINGERPRINT, PASSWORD, claims, signed_in, signed_in_by_header};

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
