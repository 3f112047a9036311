use countersign_server::store::Allowance;

use super::*;

contract! {
    a_burst_is_allowed_and_then_one_each_interval,
    a_refused_attempt_takes_nothing,
    subjects_do_not_share,
    an_allowance_survives_reopening,
    of_many_attempts_at_once_a_burst_is_allowed,
}

const THREE: Allowance = Allowance { burst: 3, interval: Duration::from_secs(10) };

async fn attempt(store: &dyn Store, subject: u8, now: Timestamp) -> Option<Duration> {
    store.attempt([subject; 32], THREE, now).await.unwrap()
}

async fn a_burst_is_allowed_and_then_one_each_interval(database: Database) {
    let store = database.open();
    for _ in 0..3 {
        assert_eq!(attempt(&*store, 1, NOW).await, None);
    }
    assert_eq!(attempt(&*store, 1, NOW).await, Some(Duration::from_secs(10)));
    assert_eq!(attempt(&*store, 1, later(4)).await, Some(Duration::from_secs(6)));
    assert_eq!(attempt(&*store, 1, later(10)).await, None);
    assert_eq!(attempt(&*store, 1, later(10)).await, Some(Duration::from_secs(10)));

    for _ in 0..3 {
        assert_eq!(
            attempt(&*store, 1, later(500)).await,
            None,
            "a quiet time restores the burst, and no more"
        );
    }
    assert_eq!(attempt(&*store, 1, later(500)).await, Some(Duration::from_secs(10)));
}

async fn a_refused_attempt_takes_nothing(database: Database) {
    let store = database.open();
    for _ in 0..3 {
        assert_eq!(attempt(&*store, 1, NOW).await, None);
    }
    for _ in 0..50 {
        assert!(attempt(&*store, 1, later(9)).await.is_some());
    }
    assert_eq!(attempt(&*store, 1, later(10)).await, None);
}

async fn subjects_do_not_share(database: Database) {
    let store = database.open();
    for subject in [1, 2] {
        for _ in 0..3 {
            assert_eq!(attempt(&*store, subject, NOW).await, None);
        }
    }
}

async fn an_allowance_survives_reopening(database: Database) {
    let store = database.open();
    for _ in 0..3 {
        assert_eq!(attempt(&*store, 1, NOW).await, None);
    }
    drop(store);
    assert!(attempt(&*database.open(), 1, NOW).await.is_some());
}

async fn of_many_attempts_at_once_a_burst_is_allowed(database: Database) {
    let store = database.open();
    let racing = (0..64).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { attempt(&*store, 1, NOW).await })
    });
    let mut allowed = 0;
    for task in racing.collect::<Vec<_>>() {
        allowed += u32::from(task.await.unwrap().is_none());
    }
    assert_eq!(allowed, 3);
}
