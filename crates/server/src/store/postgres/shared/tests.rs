use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use super::super::connection::Way;
use super::*;
use crate::testing::Schema;

/// The server, behind a door that takes connections and leaves them waiting for one permit each.
async fn silent(schema: &Schema, door: Arc<tokio::sync::Semaphore>, came: Arc<AtomicUsize>) -> Connector {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (before, after) = schema.url.split_once('@').unwrap();
    let (server, path) = after.split_once('/').unwrap();
    let url = format!("{before}@{}/{path}", listener.local_addr().unwrap());
    let server = server.to_owned();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            came.fetch_add(1, Ordering::SeqCst);
            let (door, server) = (Arc::clone(&door), server.clone());
            tokio::spawn(async move {
                door.acquire().await.unwrap().forget();
                let mut server = TcpStream::connect(server).await.unwrap();
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    Connector::new(Way::new(url.parse().unwrap()).unwrap())
}

#[tokio::test]
async fn who_gives_up_takes_the_connection_from_nobody() {
    let Some(schema) = Schema::new().await.unwrap() else { return };
    let (door, came) = (Arc::new(tokio::sync::Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let shared = Shared::new(silent(&schema, Arc::clone(&door), Arc::clone(&came)).await, 1);
    {
        let mut first = pin!(shared.turn());
        // It waits until its connection has come to the door, and gives up there.
        poll_fn(|cx| {
            let waits = first.as_mut().poll(cx).is_pending();
            if waits && came.load(Ordering::SeqCst) == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            assert!(waits);
            Poll::Ready(())
        })
        .await;
    }
    door.add_permits(1);
    assert!(shared.turn().await.is_ok(), "it is opened for whoever comes next");
    assert_eq!(came.load(Ordering::SeqCst), 1);
}
