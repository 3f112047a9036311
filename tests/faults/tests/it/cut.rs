//! The connection is cut before, in and after an answer: the client shows the same token again, and goes on.

use std::sync::Arc;

use anyhow::{bail, ensure};
use countersign_faults::client::{Client, Outcome};
use countersign_faults::history::History;
use countersign_faults::judge::judge;
use countersign_faults::node::{FLIGHT, GRACE, Node, Plan};
use countersign_faults::wire::{Fate, Wire};
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_token_again_goes_on_from_there() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let node = Node::start(&folder.path().join("data"), Plan::default()).await?;
    let wire = Arc::new(Wire::new(node.port(), FLIGHT));
    let history = Arc::<History>::default();
    let mut random = fastrand::Rng::with_seed(11);
    let mut tasks = tokio::task::JoinSet::new();
    // The status line; the cookies; the body.
    for fate in [Fate::Unheard, Fate::CutAt(1), Fate::CutAt(40), Fate::CutAt(600), Fate::CutAt(1_100)] {
        let client = Client::sign_up(&wire, &history, &mut random).await?;
        tasks.spawn(cut_off(client, fate, random.fork()));
    }
    let mut clients = Vec::new();
    while let Some(done) = tasks.join_next().await {
        clients.push(done??);
    }
    history.facts().close();
    for mut client in clients {
        client.look(&mut random).await?;
        client.show_account(&mut random).await?;
    }
    let faults = judge(&history.facts(), FLIGHT).faults;
    ensure!(faults.is_empty(), "{faults:?}");
    Ok(())
}

/// Twice a refresh that confirms, and then a logout, each of whose first answers is cut.
async fn cut_off(mut client: Client, fate: Fate, mut random: fastrand::Rng) -> anyhow::Result<Client> {
    let Outcome::Refreshed(mut held) = client.refresh_until_answered(0.0, &mut random).await? else {
        bail!("refused after the sign-up");
    };
    for _ in 0..2 {
        // What happened within the grace would be repeated by any answer.
        tokio::time::sleep(GRACE).await;
        ensure!(matches!(client.refresh(fate).await?, Outcome::Again), "{fate:?}: not cut");
        let Outcome::Refreshed(token) = client.refresh_until_answered(0.0, &mut random).await? else {
            bail!("{fate:?}: refused");
        };
        ensure!(token.answers_confirmed(&held), "{fate:?}: {held:?} was answered by {token:?}");
        held = token;
    }
    ensure!(!client.ask_to_log_out(cut_short(fate)).await?, "{fate:?}: not cut");
    client.log_out(0.0, &mut random).await?;
    Ok(client)
}

/// The answer to a logout is shorter.
fn cut_short(fate: Fate) -> Fate {
    if let Fate::CutAt(bytes) = fate { Fate::CutAt(bytes / 3) } else { fate }
}
