use countersign_core::code::EndReason;
use countersign_server::store::Allowance;

use super::*;

contract! {
    a_sweep_removes_what_is_over_and_nothing_else,
    a_sweep_is_bounded_and_the_next_goes_on,
}

const DAY: Duration = Duration::from_hours(24);

async fn a_sweep_removes_what_is_over_and_nothing_else(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    for id in [10, 11] {
        log_in(&*store, session(1, id)).await;
    }
    let fresh = session(1, 12);
    let long = Life { absolute: 90 * DAY, ..fresh.life };
    log_in(&*store, Session { life: long, ..fresh }).await;
    let logout = event(user_id(1), EventKind::Logout);
    let ended = store.end_session(user_id(1), session_id(10), EndReason::Logout, logout, DENY_UNTIL).await;
    assert_eq!(ended.unwrap().len(), 1);
    let allowance = Allowance { burst: 1, interval: DAY };
    assert_eq!(store.attempt([1; 32], allowance, NOW).await.unwrap(), None);

    // The entry's time is not past yet, the attempt still counts, and what ended is kept for a week.
    assert_eq!(store.sweep(DENY_UNTIL, 7 * DAY).await.unwrap(), 0);
    assert_eq!(database.denied().len(), 1);
    assert!(store.attempt([1; 32], allowance, later(5)).await.unwrap().is_some());

    // A week and half a day later: session 10, its entry, the attempt, and five events.
    let after = NOW.plus(7 * DAY + DAY / 4);
    assert_eq!(store.sweep(after, 7 * DAY).await.unwrap(), 1 + 1 + 1 + 5);
    assert!(store.session(user_id(1), session_id(10)).await.unwrap().is_none());
    assert!(store.session(user_id(1), session_id(11)).await.unwrap().is_some());
    assert_eq!(database.denied(), []);
    assert_eq!(kinds(&*store, user_id(1)).await, []);

    // And session 11, which nobody ended, a week after its longest life.
    assert_eq!(store.sweep(after.plus(DAY / 2), 7 * DAY).await.unwrap(), 1);
    assert!(store.session(user_id(1), session_id(11)).await.unwrap().is_none());
    assert!(store.session(user_id(1), session_id(12)).await.unwrap().is_some());
    assert_eq!(store.user(user_id(1)).await.unwrap(), Some(user(1)));
}

async fn a_sweep_is_bounded_and_the_next_goes_on(database: Database) {
    let store = database.open();
    for _ in 0..1200 {
        store.record(event(user_id(1), EventKind::LoginFailed)).await.unwrap();
    }
    let mut sweeps = Vec::new();
    while let removed @ 1.. = store.sweep(later(10), Duration::from_secs(1)).await.unwrap() {
        sweeps.push(removed);
    }
    assert_eq!(sweeps.iter().sum::<u64>(), 1200);
    assert!(sweeps.len() > 1);

    // What comes after does not take an old id.
    store.record(event(user_id(1), EventKind::Login)).await.unwrap();
    assert!(store.events(user_id(1), None, 1).await.unwrap()[0].id > 1200);
}
