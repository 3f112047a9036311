//! What the auth server itself says of an account, over its own socket.

use std::sync::Arc;

use countersign_client::{
    Client, Config, Error, Event, Login, Mode, Operation, SignedOut, Socket, Subscription,
};
use countersign_core::code::EndReason;

use crate::scene::{LIFE, NAME, PASSWORD, Scene};

/// A client without anything between it and the server, which has it tell what happens.
async fn listening(scene: &Scene) -> (Client, Socket, Subscription) {
    let config = Config::new(&scene.server.url).world(Arc::clone(&scene.time) as Arc<_>);
    let client = Client::new(config).unwrap();
    client.login(Login::new(NAME, PASSWORD.to_owned())).await.unwrap();
    let socket = client.socket(&format!("{}/graphql", scene.server.url)).unwrap();
    let events = subscribed(&socket).await;
    (client, socket, events)
}

async fn subscribed(socket: &Socket) -> Subscription {
    let mut events = socket.subscribe(Operation::new("subscription { sessionEvents { kind } }"));
    assert_eq!(kind(&mut events).await, "subscribed");
    events
}

/// Waits until what the client has shown and asked on its connection is answered, as answers come in order. The
/// first subscription may be under way before the client asks whether anybody is there, the second is after it.
async fn settled(socket: &Socket) {
    subscribed(socket).await;
    subscribed(socket).await;
}

async fn kind(events: &mut Subscription) -> String {
    match events.next().await {
        Some(Ok(Event::Next(execution))) => {
            execution.data["sessionEvents"]["kind"].as_str().unwrap().to_owned()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_device_is_told_of_the_others() {
    let scene = Scene::new().await;
    let (client, socket, mut events) = listening(&scene).await;
    scene.login(Mode::Cookie).await;
    assert_eq!(kind(&mut events).await, "login");
    // Through refreshes, on the connection that there is: a new one would begin with `Resumed`.
    for _ in 0..3 {
        let old = client.token().await.unwrap();
        scene.wait(LIFE.mul_f64(0.7));
        client.token_instead_of(&old).await.unwrap();
        settled(&socket).await;
    }
    scene.client.logout().await.unwrap();
    assert_eq!(kind(&mut events).await, "logout");
}

#[tokio::test]
async fn a_logout_everywhere_ends_the_subscription() {
    let scene = Scene::new().await;
    let (client, _, mut events) = listening(&scene).await;
    scene.login(Mode::Cookie).await;
    assert_eq!(kind(&mut events).await, "login");
    scene.client.logout_everywhere().await.unwrap();
    // The events of the end may come before it, or not any more.
    let end = loop {
        match events.next().await {
            Some(Ok(Event::Next(_))) => (),
            other => break other,
        }
    };
    let Some(Err(Error::SignedOut(SignedOut::Ended(refusal)))) = end else { panic!("{end:?}") };
    assert_eq!(refusal.reason, Some(EndReason::Logout));
    assert!(client.who().is_none());
}
