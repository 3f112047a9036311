use countersign_core::ServiceKeyId;
use countersign_core::token::Algorithm;
use countersign_server::store::{KeyMove, KeyState, ServiceKey, ServiceKeyHash, SigningKeyRow};
use zeroize::Zeroizing;

use super::*;

contract! {
    a_key_goes_through_its_life,
    a_rotation_that_does_not_fit_changes_nothing,
    of_many_rotations_one_happens,
    of_many_first_keys_one_becomes_active,
    a_withdrawn_key_is_gone_and_denied_in_one_step,
    a_withdrawal_that_does_not_fit_denies_nothing,
    of_many_withdrawals_one_happens,
    a_service_key_is_found_by_its_hash_until_it_is_revoked,
    the_first_secret_proof_stays,
}

fn key(kid: &str, state: KeyState, announced_at: Timestamp) -> SigningKeyRow {
    SigningKeyRow {
        kid: kid.to_owned(),
        algorithm: Algorithm::Es256,
        state,
        sealed: Zeroizing::new(vec![1, 2, 3]),
        announced_at,
        active_at: None,
        retiring_at: None,
    }
}

fn step(kid: &str, from: KeyState, to: KeyState) -> KeyMove {
    KeyMove { kid: kid.to_owned(), from, to }
}

async fn states(store: &dyn Store) -> Vec<(String, KeyState)> {
    let keys = store.signing_keys().await.unwrap();
    keys.into_iter().map(|key| (key.kid, key.state)).collect()
}

async fn a_key_goes_through_its_life(database: Database) {
    let store = database.open();
    let other = SigningKeyRow { algorithm: Algorithm::EdDsa, ..key("b", KeyState::Announced, later(1)) };
    let add = vec![other, key("a", KeyState::Announced, NOW)];
    assert!(store.rotate_signing_keys(add, vec![], NOW).await.unwrap());
    assert_eq!(
        states(&*store).await,
        [("a".to_owned(), KeyState::Announced), ("b".to_owned(), KeyState::Announced)]
    );

    let life = [KeyState::Announced, KeyState::Active, KeyState::Retiring, KeyState::Gone];
    for (at, moved) in (1..).zip(life.windows(2)) {
        let moves = vec![step("a", moved[0], moved[1])];
        assert!(store.rotate_signing_keys(vec![], moves, later(at)).await.unwrap());
        let key = store.signing_keys().await.unwrap().remove(0);
        assert_eq!(key.state, moved[1]);
        assert_eq!(key.sealed.is_empty(), moved[1] == KeyState::Gone);
    }
    let gone = store.signing_keys().await.unwrap().remove(0);
    assert_eq!((gone.kid.as_str(), gone.algorithm, gone.announced_at), ("a", Algorithm::Es256, NOW));
    assert_eq!((gone.active_at, gone.retiring_at), (Some(later(1)), Some(later(2))));
}

async fn a_rotation_that_does_not_fit_changes_nothing(database: Database) {
    let store = database.open();
    let add = vec![key("a", KeyState::Active, NOW), key("b", KeyState::Announced, later(1))];
    assert!(store.rotate_signing_keys(add, vec![], NOW).await.unwrap());
    let before = states(&*store).await;

    let retire = step("a", KeyState::Active, KeyState::Retiring);
    let unfit = [
        (vec![], vec![retire.clone(), step("b", KeyState::Retiring, KeyState::Gone)]),
        (vec![], vec![retire.clone(), step("c", KeyState::Announced, KeyState::Active)]),
        (vec![key("b", KeyState::Announced, NOW)], vec![retire]),
        (vec![], vec![step("b", KeyState::Announced, KeyState::Active)]),
        (vec![key("c", KeyState::Announced, NOW)], vec![]),
    ];
    for (add, moves) in unfit {
        assert!(!store.rotate_signing_keys(add, moves, later(2)).await.unwrap());
        assert_eq!(states(&*store).await, before);
    }
}

async fn of_many_rotations_one_happens(database: Database) {
    let stores = [database.open(), database.open()];
    let add = vec![key("a", KeyState::Active, NOW), key("b", KeyState::Announced, NOW)];
    assert!(stores[0].rotate_signing_keys(add, vec![], NOW).await.unwrap());
    let racing = (0..16).map(|n| {
        let store = Arc::clone(&stores[n % 2]);
        tokio::spawn(async move {
            let add = vec![key(&format!("new{n}"), KeyState::Announced, later(1))];
            let moves = vec![
                step("a", KeyState::Active, KeyState::Retiring),
                step("b", KeyState::Announced, KeyState::Active),
            ];
            store.rotate_signing_keys(add, moves, later(1)).await.unwrap()
        })
    });
    let mut happened = 0;
    for task in racing.collect::<Vec<_>>() {
        happened += u32::from(task.await.unwrap());
    }
    assert_eq!(happened, 1);
    assert_eq!(states(&*stores[0]).await.len(), 3);
}

async fn of_many_first_keys_one_becomes_active(database: Database) {
    let stores = [database.open(), database.open()];
    let racing = (0..16).map(|n| {
        let store = Arc::clone(&stores[n % 2]);
        tokio::spawn(async move {
            let add = vec![key(&format!("first{n}"), KeyState::Active, NOW)];
            store.rotate_signing_keys(add, vec![], NOW).await.unwrap()
        })
    });
    let mut happened = 0;
    for task in racing.collect::<Vec<_>>() {
        happened += u32::from(task.await.unwrap());
    }
    assert_eq!(happened, 1);
    assert_eq!(states(&*stores[1]).await.len(), 1);
}

fn two_keys() -> Vec<SigningKeyRow> {
    let active = SigningKeyRow { active_at: Some(NOW), ..key("a", KeyState::Active, NOW) };
    vec![active, key("b", KeyState::Announced, NOW)]
}

/// The rest of the step in which the active key "a" is withdrawn.
fn succession(next: &str) -> (Vec<SigningKeyRow>, Vec<KeyMove>) {
    let add = vec![key(next, KeyState::Announced, later(1))];
    (add, vec![step("b", KeyState::Announced, KeyState::Active)])
}

async fn a_withdrawn_key_is_gone_and_denied_in_one_step(database: Database) {
    let store = database.open();
    assert!(store.rotate_signing_keys(two_keys(), vec![], NOW).await.unwrap());
    let (add, moves) = succession("c");
    let withdrawn = step("a", KeyState::Active, KeyState::Gone);
    assert!(store.withdraw_signing_key(withdrawn, add, moves, later(1), DENY_UNTIL).await.unwrap());
    let gone = store.signing_keys().await.unwrap().remove(0);
    assert_eq!((gone.kid.as_str(), gone.state, gone.retiring_at), ("a", KeyState::Gone, Some(later(1))));
    assert!(gone.sealed.is_empty(), "the private key is wiped");
    let entry = ("key".to_owned(), b"a".to_vec(), None, DENY_UNTIL.as_millis());
    assert_eq!(database.denied(), [entry]);
    let rest = states(&*store).await.split_off(1);
    assert_eq!(rest, [("b".to_owned(), KeyState::Active), ("c".to_owned(), KeyState::Announced)]);
}

async fn a_withdrawal_that_does_not_fit_denies_nothing(database: Database) {
    let store = database.open();
    assert!(store.rotate_signing_keys(two_keys(), vec![], NOW).await.unwrap());
    let before = states(&*store).await;
    let taken = vec![key("b", KeyState::Announced, NOW)];
    for (withdrawn, add) in [
        (step("a", KeyState::Retiring, KeyState::Gone), vec![]),
        (step("z", KeyState::Active, KeyState::Gone), vec![]),
        (step("a", KeyState::Active, KeyState::Gone), taken),
    ] {
        assert!(!store.withdraw_signing_key(withdrawn, add, vec![], later(1), DENY_UNTIL).await.unwrap());
        assert_eq!(states(&*store).await, before);
        assert_eq!(database.denied(), []);
    }
}

async fn of_many_withdrawals_one_happens(database: Database) {
    let stores = [database.open(), database.open()];
    assert!(stores[0].rotate_signing_keys(two_keys(), vec![], NOW).await.unwrap());
    let racing = (0..16).map(|n| {
        let store = Arc::clone(&stores[n % 2]);
        tokio::spawn(async move {
            let (add, moves) = succession(&format!("new{n}"));
            let withdrawn = step("a", KeyState::Active, KeyState::Gone);
            store.withdraw_signing_key(withdrawn, add, moves, later(1), DENY_UNTIL).await.unwrap()
        })
    });
    let mut happened = 0;
    for task in racing.collect::<Vec<_>>() {
        happened += u32::from(task.await.unwrap());
    }
    assert_eq!(happened, 1);
    assert_eq!((states(&*stores[0]).await.len(), database.denied().len()), (3, 1));
}

async fn a_service_key_is_found_by_its_hash_until_it_is_revoked(database: Database) {
    let store = database.open();
    for (n, created_at) in [(1, later(1)), (2, NOW)] {
        let key = ServiceKey {
            id: ServiceKeyId::from_bytes([n; 16]),
            name: format!("api {n}"),
            scopes: vec!["revocations".to_owned(), "ssr".to_owned()],
            created_at,
        };
        store.create_service_key(&key, &ServiceKeyHash([n; 32])).await.unwrap();
    }
    let id = ServiceKeyId::from_bytes([1; 16]);
    let found = store.service_key(&ServiceKeyHash([1; 32])).await.unwrap().unwrap();
    assert_eq!((found.id, found.name.as_str(), found.created_at), (id, "api 1", later(1)));
    assert_eq!(found.scopes, ["revocations", "ssr"]);
    let names: Vec<_> = store.service_keys().await.unwrap().into_iter().map(|key| key.name).collect();
    assert_eq!(names, ["api 2", "api 1"]);

    assert!(store.revoke_service_key(id, later(2)).await.unwrap());
    assert!(!store.revoke_service_key(id, later(3)).await.unwrap());
    assert!(store.service_key(&ServiceKeyHash([1; 32])).await.unwrap().is_none());
    assert_eq!(store.service_keys().await.unwrap().len(), 1);
}

async fn the_first_secret_proof_stays(database: Database) {
    let store = database.open();
    assert_eq!(store.secret_proof([1; 32]).await.unwrap(), [1; 32]);
    assert_eq!(store.secret_proof([2; 32]).await.unwrap(), [1; 32]);
    drop(store);
    assert_eq!(database.open().secret_proof([3; 32]).await.unwrap(), [1; 32]);
}
