//! What the API behind is told of its caller: what we say, and nothing that a client says.

use countersign_gateway::SecretText;
use countersign_gateway::config::Identity;

use crate::api::Api;
use crate::gate::{COOKIE, Gate, SESSION, USER};

#[tokio::test]
async fn the_api_gets_the_token_and_who_calls_in_which_role() {
    let gate = Gate::before(Api::start().await.address, |_| ()).await;
    let known = gate.known();
    let answer = gate.get("/a?b=1", &known).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["uri"], "/a?b=1");
    assert!(known.starts_with(&format!("Authorization: {}\r\n", answer.saw("authorization").join(","))));
    assert_eq!(answer.saw("x-hasura-role"), ["user"]);
    assert_eq!(answer.saw("x-hasura-user-id"), [USER.to_string()]);
    assert_eq!(answer.saw("x-hasura-name"), ["Zoë"]);
    assert_eq!(answer.saw("x-countersign-session"), [SESSION.to_string()]);
    assert_eq!(answer.saw("cookie"), [] as [&str; 0], "the fingerprint is not its business");
}

#[tokio::test]
async fn no_client_says_what_only_we_may_say() {
    let gate = Gate::before(Api::start().await.address, |_| ()).await;
    let said = "x_hasura_role: admin\r\nX-HASURA-ADMIN-SECRET: guess\r\nX-Hasura_User-Id: other\r\n\
                x-hasura-use-backend-only-permissions: true\r\nX_Countersign_Session: other\r\n";
    let answer = gate.get("/", &format!("{}{said}", gate.known())).await;
    let names = answer.json()["headers"].to_string();
    for name in ["x_hasura", "x-hasura_", "admin-secret", "backend-only", "x_countersign"] {
        assert!(!names.contains(name), "{name} in {names}");
    }
    assert_eq!(answer.saw("x-hasura-role"), ["user"]);
}

#[tokio::test]
async fn names_of_a_hop_cannot_take_out_what_is_ours() {
    let gate = Gate::before(Api::start().await.address, |_| ()).await;
    let hops = "Connection: close, x-hasura-role, X-Hasura-User-Id, authorization, x-mine\r\nX-Mine: 1\r\n\
                Keep-Alive: 5\r\nTE: trailers\r\nProxy-Authorization: Basic eA==\r\nX-Other: 1\r\n";
    let known = gate.known();
    let answer = gate.get("/", &format!("{known}{hops}")).await;
    assert_eq!(answer.saw("x-hasura-role"), ["user"]);
    assert_eq!(answer.saw("x-hasura-user-id"), [USER.to_string()]);
    assert!(known.starts_with(&format!("Authorization: {}\r\n", answer.saw("authorization").join(","))));
    assert_eq!(answer.saw("x-other"), ["1"]);
    for name in ["x-mine", "keep-alive", "te", "proxy-authorization", "connection"] {
        assert_eq!(answer.saw(name), [] as [&str; 0], "{name}");
    }
}

#[tokio::test]
async fn a_role_is_asked_for_among_those_allowed() {
    let gate = Gate::before(Api::start().await.address, |_| ()).await;
    let asked = async |role: &str| gate.get("/", &format!("{}{role}", gate.known())).await;
    assert_eq!(asked("X-Hasura-Role: editor\r\n").await.saw("x-hasura-role"), ["editor"]);
    assert_eq!(asked("X-Hasura-Role: admin\r\n").await.code(), (403, "FORBIDDEN".into()));
    assert_eq!(asked("X-Hasura-Role: \r\n").await.code(), (403, "FORBIDDEN".into()));
    let twice = "X-Hasura-Role: user\r\nX-Hasura-Role: editor\r\n";
    assert_eq!(asked(twice).await.code(), (400, "BAD_REQUEST".into()));
}

#[tokio::test]
async fn two_identities_are_refused() {
    let gate = Gate::before(Api::start().await.address, |_| ()).await;
    let known = gate.known();
    let twice = gate.get("/", &format!("{known}authorization: Bearer other\r\n")).await;
    assert_eq!(twice.code(), (400, "BAD_REQUEST".into()));
    let cookies = gate.get("/", &format!("{known}Cookie: __Host-csfp=planted\r\n")).await;
    assert_eq!(cookies.code(), (400, "BAD_REQUEST".into()));
}

#[tokio::test]
async fn an_api_with_an_admin_secret_gets_it_and_variables_and_no_token() {
    let gate = Gate::before(Api::start().await.address, |config| {
        config.identity = Identity::Variables;
        config.admin_secret = SecretText::from("hush".to_owned());
    })
    .await;
    let answer = gate.get("/", &format!("{}x-hasura-admin-secret: guess\r\n", gate.known())).await;
    assert_eq!(answer.saw("x-hasura-admin-secret"), ["hush"]);
    assert_eq!(answer.saw("x-hasura-role"), ["user"]);
    assert_eq!(answer.saw("authorization"), [] as [&str; 0]);
    let told = gate.get("/cors", &gate.known()).await;
    assert_eq!((told.status, told.header("x-hasura-admin-secret")), (200, None), "it comes back to nobody");
    let trace = gate.ask("TRACE", "/", &gate.known(), "").await;
    assert_eq!(trace.status, 405, "which would show it");
}

#[tokio::test]
async fn somebody_unknown_has_the_anonymous_role_or_none() {
    let gate = Gate::before(Api::start().await.address, |config| {
        config.identity = Identity::Variables;
        config.admin_secret = SecretText::from("hush".to_owned());
        config.anonymous_role = "anonymous".into();
    })
    .await;
    let said = "x-hasura-user-id: other\r\nx_hasura_role: admin\r\n";
    let answer = gate.get("/", said).await;
    assert_eq!(answer.saw("x-hasura-role"), ["anonymous"]);
    assert_eq!(answer.saw("x-hasura-user-id"), [] as [&str; 0]);
    assert_eq!(gate.get("/", "X-Hasura-Role: user\r\n").await.code(), (403, "FORBIDDEN".into()));
    assert_eq!(gate.get("/", "X-Hasura-Role: anonymous\r\n").await.status, 200);
    assert_eq!(gate.get("/", "Authorization: Basic eA==\r\n").await.code(), (401, "NO_SESSION".into()));
    assert_eq!(gate.get("/", "Authorization: Bearer x\r\n").await.code(), (401, "TOKEN_INVALID".into()));
    assert_eq!(gate.get("/", &gate.known()).await.saw("x-hasura-role"), ["user"]);
}

#[tokio::test]
async fn cookies_of_the_auth_server_stay_here_and_come_from_nowhere_else() {
    let gate = Gate::before(Api::start().await.address, |_| ()).await;
    let token = gate.token();
    let headers = format!(
        "Authorization: Bearer {token}\r\nCookie: a=1; __Host-csrt=x; __Host-csfp={COOKIE}; __Secure-cshint=y; b=2\r\n"
    );
    assert_eq!(gate.get("/", &headers).await.saw("cookie"), ["a=1; b=2"]);
    let answer = gate.get("/cookies", &headers).await;
    let set: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "set-cookie").collect();
    assert_eq!(set, [&("set-cookie".to_owned(), "theme=dark".to_owned())]);
    assert_eq!(answer.header("x-internal"), None, "named by the API's Connection");

    let passes =
        Gate::before(Api::start().await.address, |config| config.pass_fingerprint_cookie = true).await;
    let answer = passes.get("/", &passes.known()).await;
    assert_eq!(answer.saw("cookie"), [format!("__Host-csfp={COOKIE}")]);
}

#[tokio::test]
async fn where_a_request_comes_from_is_said_by_us_or_by_a_proxy_that_is_trusted() {
    let api = Api::start().await;
    let said = "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Host: other\r\nX-Forwarded-Proto: https\r\n\
                X-Real-IP: 9.9.9.9\r\nForwarded: for=9.9.9.9\r\n";
    let gate = Gate::before(api.address, |_| ()).await;
    let answer = gate.get("/", &format!("{}{said}", gate.known())).await;
    assert_eq!(answer.saw("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(answer.saw("x-forwarded-host"), ["gate.example"]);
    assert_eq!(answer.saw("x-forwarded-proto"), ["http"]);
    assert_eq!(answer.saw("x-real-ip"), [] as [&str; 0]);
    assert_eq!(answer.saw("forwarded"), [] as [&str; 0]);
    assert_eq!(answer.saw("host"), [api.address.to_string()]);

    let behind = Gate::before(api.address, |config| {
        config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    })
    .await;
    let answer = behind.get("/", &format!("{}{said}", behind.known())).await;
    assert_eq!(answer.saw("x-forwarded-for"), ["9.9.9.9, 127.0.0.1"]);
    assert_eq!(answer.saw("x-forwarded-host"), ["other"]);
    assert_eq!(answer.saw("x-forwarded-proto"), ["https"]);
}
