//! What an API behind a gateway is told.

use countersign_core::SessionId;
use countersign_verifier::Refused;
use countersign_verifier::variables::Variables;
use http::HeaderMap;

use crate::api::{Api, shown};

#[tokio::test]
async fn an_api_behind_is_told_who_calls_and_in_which_role() {
    let api = Api::synced();
    let verified = api.verifier.verify(&shown(&api.token())).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("x_hasura_user_id", "usr_of_somebody_else".parse().unwrap());
    headers.insert("x-hasura-admin-secret", "guessed".parse().unwrap());
    Variables::of(&verified, None).unwrap().set(&mut headers);
    let mut said: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
    said.sort_unstable();
    let session = format!("x-countersign-session={}", SessionId::from_bytes([2; 16]));
    assert_eq!(said, [session.as_str(), "x-hasura-role=user", "x-hasura-user-id=usr"]);

    assert!(Variables::of(&verified, Some("user")).is_ok());
    assert_eq!(Variables::of(&verified, Some("admin")).unwrap_err(), Refused::Role);
}
