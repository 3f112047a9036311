use countersign_core::code::EndReason;
use countersign_core::denylist::Batch;
use countersign_server::store::{Denied, KeyMove, KeyState, SigningKeyRow, UserChange};

use super::*;

contract! {
    entries_come_in_the_order_in_which_they_were_written,
    a_page_goes_on_where_the_last_one_ended,
    what_was_swept_leaves_no_gap_and_no_number_comes_twice,
    a_durable_write_is_told_before_its_answer,
    a_write_of_another_process_is_told,
}

async fn entries_come_in_the_order_in_which_they_were_written(database: Database) {
    let store = database.open();
    assert_eq!(store.denied_after(0, 9).await.unwrap(), Denied::default());
    sign_up(&*store, 1).await;
    log_in(&*store, session(1, 10)).await;
    end(&*store, 10).await;
    let roles = UserChange::Roles(vec!["user".to_owned()], "user".to_owned());
    let changed = event(user_id(1), EventKind::RolesChanged);
    store.change_user(user_id(1), roles, changed, DENY_UNTIL).await.unwrap().unwrap();
    let key = SigningKeyRow {
        kid: "kid".to_owned(),
        algorithm: countersign_core::token::Algorithm::Es256,
        state: KeyState::Announced,
        sealed: b"sealed".to_vec().into(),
        announced_at: NOW,
        active_at: None,
        retiring_at: None,
    };
    assert!(store.rotate_signing_keys(vec![key], Vec::new(), NOW).await.unwrap());
    let gone = KeyMove { kid: "kid".to_owned(), from: KeyState::Announced, to: KeyState::Gone };
    assert!(store.withdraw_signing_key(gone, Vec::new(), Vec::new(), NOW, DENY_UNTIL).await.unwrap());

    let denied = store.denied_after(0, 9).await.unwrap();
    let batch = Batch {
        sessions: vec![(session_id(10), DENY_UNTIL)],
        epochs: vec![(user_id(1), 1, DENY_UNTIL)],
        keys: vec![("kid".to_owned(), DENY_UNTIL)],
    };
    assert_eq!(denied.batch, batch);
    let none = Denied { last: denied.last, ..Denied::default() };
    assert_eq!(store.denied_after(denied.last, 9).await.unwrap(), none);
}

async fn a_page_goes_on_where_the_last_one_ended(database: Database) {
    let store = database.open();
    ended(&*store, 10..20).await;
    let (mut seen, mut last) = (Vec::new(), 0);
    loop {
        let page = store.denied_after(last, 3).await.unwrap();
        if page.batch.is_empty() {
            break;
        }
        assert!(page.batch.len() <= 3 && page.last > last);
        last = page.last;
        seen.extend(page.batch.sessions.into_iter().map(|(id, _)| id));
    }
    assert_eq!(seen, (10..20).map(session_id).collect::<Vec<_>>());
}

async fn what_was_swept_leaves_no_gap_and_no_number_comes_twice(database: Database) {
    let store = database.open();
    ended(&*store, 10..13).await;
    let last = store.denied_after(0, 9).await.unwrap().last;
    store.sweep(DENY_UNTIL.plus(Duration::from_secs(1)), Duration::from_hours(1)).await.unwrap();
    assert_eq!(store.denied_after(0, 9).await.unwrap(), Denied::default());
    log_in(&*store, session(1, 20)).await;
    end(&*store, 20).await;
    let denied = store.denied_after(last, 9).await.unwrap();
    assert_eq!(denied.batch.sessions, [(session_id(20), DENY_UNTIL)]);
}

async fn a_durable_write_is_told_before_its_answer(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    log_in(&*store, session(1, 10)).await;
    let [first, mut second] = [store.writes().unwrap(), store.writes().unwrap()];
    end(&*store, 10).await;
    assert!(first.has_changed().unwrap() && second.has_changed().unwrap());
    drop(store);
    // A store that is closed tells nothing more, and says so.
    while second.changed().await.is_ok() {}
}

async fn a_write_of_another_process_is_told(database: Database) {
    let [server, command_line] = [database.open(), database.open()];
    sign_up(&*server, 1).await;
    log_in(&*server, session(1, 10)).await;
    let mut writes = server.writes().unwrap();
    writes.mark_unchanged();
    let last = server.denied_after(0, 9).await.unwrap().last;
    end(&*command_line, 10).await;
    while server.denied_after(last, 9).await.unwrap().batch.is_empty() {
        writes.changed().await.unwrap();
    }
}

async fn ended(store: &dyn Store, ids: std::ops::Range<u8>) {
    sign_up(store, 1).await;
    for id in ids {
        log_in(store, session(1, id)).await;
        end(store, id).await;
    }
}

async fn end(store: &dyn Store, id: u8) {
    let why = event(user_id(1), EventKind::Logout);
    let ended = store.end_session(user_id(1), session_id(id), EndReason::Logout, why, DENY_UNTIL).await;
    assert_eq!(ended.unwrap(), [session_id(id)]);
}
