use countersign_core::code::EndReason;
use countersign_core::session::Place;
use countersign_server::store::Held;

use super::*;

contract! {
    a_session_is_read_with_its_user_as_it_was_written,
    a_session_belongs_to_its_user,
    sessions_that_have_not_ended_are_listed_oldest_first,
    a_fingerprint_finds_the_living_before_the_ended,
    confirm_writes_the_state_and_the_time_of_use,
    confirm_is_a_compare_and_swap,
    of_many_confirms_of_one_token_one_wins,
    an_ended_session_is_neither_confirmed_nor_touched,
    touch_never_goes_back,
    ending_a_session_ends_its_forks_and_theirs,
    ending_twice_ends_nothing_more,
    reuse_ends_what_was_judged_and_nothing_else,
    a_fork_needs_a_living_parent_of_the_same_user,
    ending_all_can_keep_one,
    no_fork_outlives_the_session_it_was_being_taken_from,
}

async fn held(store: &dyn Store, user: u8, id: u8) -> Held {
    store.session(user_id(user), session_id(id)).await.unwrap().unwrap()
}

async fn end(store: &dyn Store, user: u8, id: u8, reason: EndReason) -> Vec<SessionId> {
    let logout = NewEvent { at: later(60), ..event(user_id(user), EventKind::Logout) };
    store.end_session(user_id(user), session_id(id), reason, logout, DENY_UNTIL).await.unwrap()
}

fn state(depth: u32, slot: Timestamp, confirmed_at: Timestamp) -> State {
    let place = Place { depth, slot, parent_slot: NOW };
    State { place, confirmed_at }
}

fn ids(sessions: &[Session]) -> Vec<SessionId> {
    sessions.iter().map(|session| session.id).collect()
}

async fn a_session_is_read_with_its_user_as_it_was_written(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    log_in(&*store, session(1, 10)).await;
    let written = Session {
        state: state(7, later(1), later(2)),
        mode: Mode::Cookie,
        remember: false,
        user_agent: None,
        ..fork(1, 11, 10)
    };
    let expected = Session {
        state: written.state,
        mode: Mode::Cookie,
        remember: false,
        user_agent: None,
        ..fork(1, 11, 10)
    };
    log_in(&*store, written).await;

    for expected in [session(1, 10), expected] {
        let Held { session, user: whose } = store.session(expected.user, expected.id).await.unwrap().unwrap();
        assert_eq!(whose, user(1));
        assert_eq!(session.salt.expose(), expected.salt.expose());
        // A secret does not print: the rest is compared as text.
        assert_eq!(format!("{session:?}"), format!("{expected:?}"));
    }
}

async fn a_session_belongs_to_its_user(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    sign_up(&*store, 2).await;
    log_in(&*store, session(1, 10)).await;

    assert!(store.session(user_id(2), session_id(10)).await.unwrap().is_none());
    assert!(store.session(user_id(1), session_id(11)).await.unwrap().is_none());
    assert_eq!(end(&*store, 2, 10, EndReason::Logout).await, []);
    assert_eq!(held(&*store, 1, 10).await.session.ended, None);
}

async fn sessions_that_have_not_ended_are_listed_oldest_first(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    for (id, created_at) in [(12, NOW), (10, later(9)), (11, later(5))] {
        let fresh = session(1, id);
        let life = Life { created_at, ..fresh.life };
        log_in(&*store, Session { life, ..fresh }).await;
    }
    assert_eq!(ids(&store.sessions(user_id(1)).await.unwrap()), [12, 11, 10].map(session_id));
    end(&*store, 1, 11, EndReason::Logout).await;
    assert_eq!(ids(&store.sessions(user_id(1)).await.unwrap()), [12, 10].map(session_id));
    assert_eq!(ids(&store.sessions(user_id(2)).await.unwrap()), []);
}

async fn a_fingerprint_finds_the_living_before_the_ended(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    let shared = session(1, 10).fingerprint;
    log_in(&*store, session(1, 10)).await;
    log_in(&*store, Session { fingerprint: shared, ..fork(1, 11, 10) }).await;

    end(&*store, 1, 11, EndReason::Logout).await;
    let found = store.session_by_fingerprint(shared.as_bytes()).await.unwrap().unwrap();
    assert_eq!((found.session.id, found.user.id), (session_id(10), user_id(1)));

    end(&*store, 1, 10, EndReason::Logout).await;
    let found = store.session_by_fingerprint(shared.as_bytes()).await.unwrap().unwrap();
    assert!(found.session.ended.is_some());
    assert!(store.session_by_fingerprint(&[0; 32]).await.unwrap().is_none());
}

async fn confirm_writes_the_state_and_the_time_of_use(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    log_in(&*store, session(1, 10)).await;
    let to = state(1, later(30), later(40));

    assert!(store.confirm(user_id(1), session_id(10), &State::first(NOW), &to).await.unwrap());
    let session = held(&*store, 1, 10).await.session;
    assert_eq!(session.state, to);
    assert_eq!((session.life.created_at, session.life.seen_at), (NOW, later(40)));
}

async fn confirm_is_a_compare_and_swap(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    log_in(&*store, session(1, 10)).await;
    let to = state(1, later(30), later(40));

    for wrong in [state(1, NOW, NOW), state(0, later(1), NOW)] {
        assert!(!store.confirm(user_id(1), session_id(10), &wrong, &to).await.unwrap());
    }
    assert!(!store.confirm(user_id(2), session_id(10), &State::first(NOW), &to).await.unwrap());
    assert_eq!(held(&*store, 1, 10).await.session.state, State::first(NOW));

    assert!(store.confirm(user_id(1), session_id(10), &State::first(NOW), &to).await.unwrap());
    let again = store.confirm(user_id(1), session_id(10), &State::first(NOW), &to).await.unwrap();
    assert!(!again, "a repeated confirm finds its own work and changes nothing");
    assert_eq!(held(&*store, 1, 10).await.session.state, to);
}

async fn of_many_confirms_of_one_token_one_wins(database: Database) {
    let stores = [database.open(), database.open()];
    sign_up(&*stores[0], 1).await;
    log_in(&*stores[0], session(1, 10)).await;
    let racing = (0..64u64).map(|n| {
        let store = Arc::clone(&stores[usize::from(n % 2 == 0)]);
        let to = state(1, later(n), later(n));
        tokio::spawn(async move {
            let won = store.confirm(user_id(1), session_id(10), &State::first(NOW), &to).await.unwrap();
            won.then_some(to)
        })
    });
    let mut winners = Vec::new();
    for task in racing.collect::<Vec<_>>() {
        winners.extend(task.await.unwrap());
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(held(&*stores[0], 1, 10).await.session.state, winners[0]);
}

async fn an_ended_session_is_neither_confirmed_nor_touched(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    log_in(&*store, session(1, 10)).await;
    end(&*store, 1, 10, EndReason::Reuse).await;
    let to = state(1, later(90), later(90));

    assert!(!store.confirm(user_id(1), session_id(10), &State::first(NOW), &to).await.unwrap());
    store.touch(user_id(1), session_id(10), later(90)).await.unwrap();
    let session = held(&*store, 1, 10).await.session;
    assert_eq!((session.state, session.life.seen_at), (State::first(NOW), NOW));
    assert_eq!(session.ended, Some((later(60), EndReason::Reuse)));
}

async fn touch_never_goes_back(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    log_in(&*store, session(1, 10)).await;
    for seen_at in [later(9), later(3)] {
        store.touch(user_id(1), session_id(10), seen_at).await.unwrap();
        assert_eq!(held(&*store, 1, 10).await.session.life.seen_at, later(9));
    }
}

async fn ending_a_session_ends_its_forks_and_theirs(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    for session in [session(1, 10), fork(1, 11, 10), fork(1, 12, 11), session(1, 13)] {
        log_in(&*store, session).await;
    }
    assert_eq!(end(&*store, 1, 11, EndReason::Logout).await, [11, 12].map(session_id));
    assert_eq!(end(&*store, 1, 10, EndReason::Revoked).await, [session_id(10)]);

    assert_eq!(held(&*store, 1, 12).await.session.ended, Some((later(60), EndReason::Logout)));
    assert_eq!(held(&*store, 1, 10).await.session.ended, Some((later(60), EndReason::Revoked)));
    assert_eq!(held(&*store, 1, 13).await.session.ended, None);
    let until = DENY_UNTIL.as_millis();
    assert_eq!(database.denied(), [11, 12, 10].map(|id| ("session".to_owned(), vec![id; 16], None, until)));
}

async fn ending_twice_ends_nothing_more(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    log_in(&*store, session(1, 10)).await;
    assert_eq!(end(&*store, 1, 10, EndReason::Logout).await, [session_id(10)]);
    assert_eq!(end(&*store, 1, 10, EndReason::Reuse).await, []);

    assert_eq!(held(&*store, 1, 10).await.session.ended, Some((later(60), EndReason::Logout)));
    assert_eq!(database.denied().len(), 1);
    assert_eq!(kinds(&*store, user_id(1)).await, [EventKind::Signup, EventKind::Login, EventKind::Logout]);
}

async fn reuse_ends_what_was_judged_and_nothing_else(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    log_in(&*store, session(1, 10)).await;
    log_in(&*store, fork(1, 11, 10)).await;
    let reused = async |judged: State| {
        let event = NewEvent { at: later(60), ..event(user_id(1), EventKind::Reuse) };
        store.end_reused(user_id(1), session_id(10), &judged, event, DENY_UNTIL).await.unwrap()
    };
    let stands = state(1, later(30), later(40));
    assert!(store.confirm(user_id(1), session_id(10), &State::first(NOW), &stands).await.unwrap());
    for stale in [State::first(NOW), state(1, later(31), later(40)), state(2, later(30), later(40))] {
        assert!(!reused(stale).await);
    }
    assert_eq!(held(&*store, 1, 10).await.session.ended, None);
    assert_eq!(database.denied(), []);

    assert!(reused(stands).await);
    for id in [10, 11] {
        assert_eq!(held(&*store, 1, id).await.session.ended, Some((later(60), EndReason::Reuse)));
    }
    assert_eq!(database.denied().len(), 2);
    assert!(!reused(stands).await, "it has ended");
    assert_eq!(database.denied().len(), 2);
    let kinds = kinds(&*store, user_id(1)).await;
    assert_eq!(kinds.iter().filter(|kind| **kind == EventKind::Reuse).count(), 1);
}

async fn a_fork_needs_a_living_parent_of_the_same_user(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    sign_up(&*store, 2).await;
    log_in(&*store, session(1, 10)).await;
    let taken = event(user_id(1), EventKind::Fork);

    let orphans = [fork(1, 11, 99), fork(2, 12, 10)];
    for orphan in orphans {
        assert!(!store.create_session(orphan, taken.clone()).await.unwrap());
    }
    assert!(store.create_session(fork(1, 13, 10), taken.clone()).await.unwrap());
    end(&*store, 1, 10, EndReason::Logout).await;
    assert!(!store.create_session(fork(1, 14, 10), taken).await.unwrap());

    assert!(store.session(user_id(1), session_id(14)).await.unwrap().is_none());
    let forks = kinds(&*store, user_id(1)).await.into_iter().filter(|kind| *kind == EventKind::Fork);
    assert_eq!(forks.count(), 1);
}

async fn ending_all_can_keep_one(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    sign_up(&*store, 2).await;
    for (user, id) in [(1, 10), (1, 11), (1, 12), (2, 20)] {
        log_in(&*store, session(user, id)).await;
    }
    let end_all = async |keep| {
        let logout = event(user_id(1), EventKind::LogoutAll);
        store.end_sessions(user_id(1), keep, EndReason::Logout, logout, DENY_UNTIL).await.unwrap()
    };
    assert_eq!(end_all(Some(session_id(11))).await, [10, 12].map(session_id));
    assert_eq!(end_all(Some(session_id(11))).await, []);
    assert_eq!(ids(&store.sessions(user_id(1)).await.unwrap()), [session_id(11)]);
    assert_eq!(end_all(None).await, [session_id(11)]);

    assert_eq!(ids(&store.sessions(user_id(2)).await.unwrap()), [session_id(20)]);
    assert_eq!(database.denied().len(), 3);
    let ends = kinds(&*store, user_id(1)).await.into_iter().filter(|kind| *kind == EventKind::LogoutAll);
    assert_eq!(ends.count(), 2, "an end that ended nothing is not recorded");
}

async fn no_fork_outlives_the_session_it_was_being_taken_from(database: Database) {
    let stores = [database.open(), database.open()];
    sign_up(&*stores[0], 1).await;
    for round in 0..10u8 {
        let parent = 10 + round * 20;
        log_in(&*stores[0], session(1, parent)).await;
        let forking = (1..9).map(|n| {
            let store = Arc::clone(&stores[usize::from(n % 2)]);
            tokio::spawn(async move {
                let taken = event(user_id(1), EventKind::Fork);
                store.create_session(fork(1, parent + n, parent), taken).await.unwrap()
            })
        });
        let forking = forking.collect::<Vec<_>>();
        if round % 2 == 0 {
            end(&*stores[1], 1, parent, EndReason::Logout).await;
        } else {
            let logout = event(user_id(1), EventKind::LogoutAll);
            let ended = stores[1].end_sessions(user_id(1), None, EndReason::Logout, logout, DENY_UNTIL).await;
            assert!(!ended.unwrap().is_empty());
        }
        for fork in forking {
            fork.await.unwrap();
        }
        assert_eq!(ids(&stores[0].sessions(user_id(1)).await.unwrap()), []);
    }
}
