use std::pin::pin;
use std::task::Poll;

use super::*;

contract! {
    what_was_durable_is_there_after_reopening,
    two_processes_see_each_others_writes,
    many_open_an_empty_database_at_once,
    a_caller_that_goes_away_does_not_undo_its_write,
    a_failed_write_does_not_undo_its_neighbours,
    a_working_store_is_ready,
}

async fn what_was_durable_is_there_after_reopening(database: Database) {
    let store = database.open();
    sign_up(&*store, 1).await;
    log_in(&*store, session(1, 10)).await;
    drop(store);

    let store = database.open();
    assert_eq!(store.user_by_name(&name("ann1")).await.unwrap(), Some(user(1)));
    assert!(store.session(user_id(1), session_id(10)).await.unwrap().is_some());
    assert_eq!(kinds(&*store, user_id(1)).await, [EventKind::Signup, EventKind::Login]);
}

async fn two_processes_see_each_others_writes(database: Database) {
    let [server, command_line] = [database.open(), database.open()];
    sign_up(&*server, 1).await;
    assert_eq!(command_line.user(user_id(1)).await.unwrap(), Some(user(1)));
    sign_up(&*command_line, 2).await;
    assert_eq!(server.user(user_id(2)).await.unwrap(), Some(user(2)));

    drop(command_line);
    sign_up(&*server, 3).await;
    assert_eq!(server.users(None, 9).await.unwrap().len(), 3);
}

async fn many_open_an_empty_database_at_once(database: Database) {
    let database = Arc::new(database);
    let opening = (0..8).map(|n| {
        let database = Arc::clone(&database);
        tokio::task::spawn_blocking(move || (n, database.open()))
    });
    for task in opening.collect::<Vec<_>>() {
        let (n, store) = task.await.unwrap();
        sign_up(&*store, n).await;
    }
    assert_eq!(database.open().users(None, 99).await.unwrap().len(), 8);
}

async fn a_caller_that_goes_away_does_not_undo_its_write(database: Database) {
    let store = database.open();
    {
        let alice = user(1);
        let mut write = pin!(store.create_user(&alice, &[], event(alice.id, EventKind::Signup)));
        // Polled once, which queues the write, and dropped.
        std::future::poll_fn(|cx| {
            let _ = write.as_mut().poll(cx);
            Poll::Ready(())
        })
        .await;
    }
    // There is nobody left to say when it is done.
    while store.user(user_id(1)).await.unwrap() != Some(user(1)) {
        tokio::task::yield_now().await;
    }
}

async fn a_failed_write_does_not_undo_its_neighbours(database: Database) {
    let store = database.open();
    sign_up(&*store, 0).await;
    // Every second one takes the id of a user who is there already, under a name that is free.
    let writing = (0..64u8).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let wanted = if n % 2 == 0 { user(0) } else { user(n) };
            let names = [name(&format!("n{n}"))];
            let signup = event(wanted.id, EventKind::Signup);
            (n, store.create_user(&wanted, &names, signup).await)
        })
    });
    for task in writing.collect::<Vec<_>>() {
        let (n, created) = task.await.unwrap();
        assert_eq!(created.is_ok(), n % 2 == 1, "{created:?}");
        let found = store.user_by_name(&name(&format!("n{n}"))).await.unwrap();
        assert_eq!(found.is_some(), n % 2 == 1, "a failed job leaves no name behind");
    }
}

async fn a_working_store_is_ready(database: Database) {
    let store = database.open();
    store.ready().await.unwrap();
    store.ready().await.unwrap();
}
