//! Which pages may call.

use crate::api::Api;
use crate::gate::Gate;

#[tokio::test]
async fn the_gateway_says_which_pages_may_call_and_the_api_does_not() {
    let gate = Gate::before(Api::start().await.address, |_| ()).await;
    let preflight = "Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n\
                     Access-Control-Request-Headers: authorization, content-type\r\n";
    let answer = gate.ask("OPTIONS", "/graphql", preflight, "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("authorization, content-type"));
    let other = gate.ask("OPTIONS", "/", &preflight.replace("app.", "evil."), "").await;
    assert_eq!(other.header("access-control-allow-origin"), None);

    let headers = format!("{}Origin: https://app.example\r\n", gate.known());
    let answer = gate.get("/cors", &headers).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(answer.header("access-control-allow-headers"), None, "what the API says does not count");
    let refused = gate.get("/", "Origin: https://app.example\r\n").await;
    assert_eq!(refused.status, 401);
    assert!(refused.header("access-control-allow-origin").is_some(), "so that the page can read why");
}
