use std::sync::Arc;

use countersign_core::code::EndReason;
use countersign_server::store::{Created, EventKind, NewEvent, UserChange};
use serde_json::json;

use super::*;

contract! {
    a_user_is_found_by_id_and_by_each_name,
    a_taken_name_stores_nothing,
    of_many_who_want_one_name_one_gets_it,
    users_are_listed_in_pages,
    a_change_to_nobody_is_none,
    a_new_password_moves_the_epoch_and_ends_every_session,
    disabling_moves_the_epoch_and_enabling_does_not,
    new_roles_move_the_epoch_and_end_nothing,
    a_better_hash_replaces_only_the_hash_it_was_made_from,
    events_come_newest_first_in_pages,
    everybodys_events_are_followed_oldest_first,
}

async fn a_user_is_found_by_id_and_by_each_name(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    let plain = User { username: None, claims: BTreeMap::new(), claims_epoch: 3, disabled: true, ..user(2) };
    let signup = event(plain.id, EventKind::Signup);
    assert_eq!(store.create_user(&plain, &[name("b@x")], signup).await.unwrap(), Created::Done);

    assert_eq!(store.user(user_id(1)).await.unwrap(), Some(user(1)));
    assert_eq!(store.user_by_name(&name("ann1@example.org")).await.unwrap(), Some(user(1)));
    assert_eq!(store.user_by_name(&name("ann1")).await.unwrap(), Some(user(1)));
    assert_eq!(store.user_by_name(&name("b@x")).await.unwrap(), Some(plain));
    assert_eq!(store.user(user_id(9)).await.unwrap(), None);
    assert_eq!(store.user_by_name(&name("Ann1")).await.unwrap(), None, "keys are compared as they are");
    assert_eq!(kinds(&*store, user_id(1)).await, [EventKind::Signup]);
}

async fn a_taken_name_stores_nothing(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    let names = [name("new"), name("ann1")];
    let created = store.create_user(&user(2), &names, event(user_id(2), EventKind::Signup)).await;

    assert_eq!(created.unwrap(), Created::NameTaken);
    assert_eq!(store.user(user_id(2)).await.unwrap(), None);
    assert_eq!(store.user_by_name(&name("new")).await.unwrap(), None);
    assert_eq!(kinds(&*store, user_id(2)).await, []);
}

async fn of_many_who_want_one_name_one_gets_it(database: Database) {
    // Two processes, so that the writer's queue alone cannot settle it.
    let stores = [database.open(), database.open()];
    let wanting = (0..32).map(|n| {
        let store = Arc::clone(&stores[usize::from(n % 2)]);
        tokio::spawn(async move {
            let names = [name("wanted"), name(&format!("own{n}"))];
            store.create_user(&user(n), &names, event(user_id(n), EventKind::Signup)).await.unwrap()
        })
    });
    let mut winners = Vec::new();
    for (n, task) in wanting.collect::<Vec<_>>().into_iter().enumerate() {
        if task.await.unwrap() == Created::Done {
            winners.push(user_id(u8::try_from(n).unwrap()));
        }
    }

    assert_eq!(winners.len(), 1);
    let users = stores[0].users(None, 100).await.unwrap();
    assert_eq!(users.iter().map(|user| user.id).collect::<Vec<_>>(), winners);
    assert_eq!(stores[1].user_by_name(&name("wanted")).await.unwrap().unwrap().id, winners[0]);
}

async fn users_are_listed_in_pages(database: Database) {
    let store = database.open();
    for n in [3, 1, 2] {
        sign_up(&*store, n).await;
    }
    assert_eq!(store.users(None, 2).await.unwrap(), [user(1), user(2)]);
    assert_eq!(store.users(Some(user_id(2)), 2).await.unwrap(), [user(3)]);
    assert_eq!(store.users(Some(user_id(3)), 2).await.unwrap(), []);
}

async fn a_change_to_nobody_is_none(database: Database) {
    let store = database.open();
    let disabled = event(user_id(1), EventKind::Disabled);
    let changed = store.change_user(user_id(1), UserChange::Disabled(true), disabled, DENY_UNTIL).await;
    assert_eq!(changed.unwrap(), None);
    assert_eq!(kinds(&*store, user_id(1)).await, []);
    assert_eq!(database.denied(), []);
}

async fn a_new_password_moves_the_epoch_and_ends_every_session(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    sign_up(&*store, 2).await;
    for (user, id) in [(1, 10), (1, 11), (2, 20)] {
        log_in(&*store, session(user, id)).await;
    }
    let change = UserChange::Password("$argon2id$new".to_owned());
    let ended = store
        .change_user(user_id(1), change, event(user_id(1), EventKind::PasswordChanged), DENY_UNTIL)
        .await
        .unwrap()
        .unwrap();

    assert_eq!(ended, [session_id(10), session_id(11)]);
    let held = store.session(user_id(1), session_id(10)).await.unwrap().unwrap();
    assert_eq!(held.session.ended, Some((NOW, EndReason::Revoked)));
    assert_eq!(held.user.password, "$argon2id$new");
    assert_eq!(held.user.claims_epoch, 1);
    assert_eq!(store.sessions(user_id(2)).await.unwrap().len(), 1);
    assert_eq!(
        kinds(&*store, user_id(1)).await,
        [EventKind::Signup, EventKind::Login, EventKind::Login, EventKind::PasswordChanged]
    );
    let until = DENY_UNTIL.as_millis();
    assert_eq!(
        database.denied(),
        [
            ("epoch".to_owned(), vec![1; 16], Some(1), until),
            ("session".to_owned(), vec![10; 16], None, until),
            ("session".to_owned(), vec![11; 16], None, until),
        ]
    );
}

async fn disabling_moves_the_epoch_and_enabling_does_not(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    log_in(&*store, session(1, 10)).await;
    for (disabled, kind, ends) in [(true, EventKind::Disabled, 1), (false, EventKind::Enabled, 0)] {
        let change = UserChange::Disabled(disabled);
        let ended = store.change_user(user_id(1), change, event(user_id(1), kind), DENY_UNTIL).await;
        assert_eq!(ended.unwrap().unwrap().len(), ends);
        let user = store.user(user_id(1)).await.unwrap().unwrap();
        assert_eq!((user.disabled, user.claims_epoch), (disabled, 1));
    }
    assert_eq!(database.denied().len(), 2, "one epoch, one session");
}

async fn new_roles_move_the_epoch_and_end_nothing(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    log_in(&*store, session(1, 10)).await;
    let change = UserChange::Roles(vec!["admin".to_owned()], "admin".to_owned());
    let roles = event(user_id(1), EventKind::RolesChanged);
    let ended = store.change_user(user_id(1), change, roles, DENY_UNTIL).await.unwrap();

    assert_eq!(ended, Some(vec![]));
    let held = store.session(user_id(1), session_id(10)).await.unwrap().unwrap();
    assert_eq!(held.session.ended, None);
    assert_eq!((held.user.roles, held.user.default_role), (vec!["admin".to_owned()], "admin".to_owned()));
    assert_eq!(database.denied(), [("epoch".to_owned(), vec![1; 16], Some(1), DENY_UNTIL.as_millis())]);
}

async fn a_better_hash_replaces_only_the_hash_it_was_made_from(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    store.upgrade_password(user_id(1), "another", "better").await.unwrap();
    assert_eq!(store.user(user_id(1)).await.unwrap(), Some(user(1)));

    store.upgrade_password(user_id(1), &user(1).password, "better").await.unwrap();
    let upgraded = store.user(user_id(1)).await.unwrap().unwrap();
    assert_eq!((upgraded.password.as_str(), upgraded.claims_epoch), ("better", 0));
}

async fn events_come_newest_first_in_pages(database: Database) {
    let store = database.open();
    let full = NewEvent {
        at: later(5),
        kind: EventKind::FingerprintMismatch,
        user: user_id(1),
        session: Some(session_id(7)),
        detail: Some(json!({"cookie": "missing"})),
    };
    store.record(event(user_id(1), EventKind::LoginFailed)).await.unwrap();
    store.record(event(user_id(2), EventKind::LoginFailed)).await.unwrap();
    store.record(full.clone()).await.unwrap();

    let all = store.events(user_id(1), None, 10).await.unwrap();
    assert_eq!(all.len(), 2);
    assert!(all[0].id > all[1].id);
    let newest = &all[0].what;
    assert_eq!((newest.at, newest.kind, newest.user), (full.at, full.kind, full.user));
    assert_eq!((&newest.session, &newest.detail), (&full.session, &full.detail));

    assert_eq!(store.events(user_id(1), None, 1).await.unwrap()[0].id, all[0].id);
    let rest = store.events(user_id(1), Some(all[0].id), 10).await.unwrap();
    assert_eq!(rest.iter().map(|event| event.id).collect::<Vec<_>>(), [all[1].id]);
}

async fn everybodys_events_are_followed_oldest_first(database: Database) {
    let store = database.open();
    assert_eq!(store.newest_event().await.unwrap(), 0);
    assert!(store.events_after(0, 10).await.unwrap().is_empty());
    for user in [1, 2, 1] {
        store.record(event(user_id(user), EventKind::LoginFailed)).await.unwrap();
    }
    let all = store.events_after(0, 10).await.unwrap();
    assert_eq!(all.iter().map(|event| event.what.user).collect::<Vec<_>>(), [1, 2, 1].map(user_id));
    assert!(all.is_sorted_by(|one, next| one.id < next.id));
    assert_eq!(store.newest_event().await.unwrap(), all[2].id);
    let rest = store.events_after(all[0].id, 1).await.unwrap();
    assert_eq!(rest.iter().map(|event| event.id).collect::<Vec<_>>(), [all[1].id], "a page of one");
    assert!(store.events_after(all[2].id, 10).await.unwrap().is_empty());
    let some = store.events_among(&[all[2].id, all[2].id + 1, all[0].id]).await.unwrap();
    let mut ids: Vec<_> = some.iter().map(|event| event.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [all[0].id, all[2].id]);
}
