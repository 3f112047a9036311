//! No file descriptors are left: the server goes on as soon as there are some.

use std::net::{Ipv4Addr, TcpStream};

use anyhow::ensure;
use countersign_faults::crowd::reached;
use countersign_faults::node::{Node, Plan};
use tempfile::TempDir;

use crate::under_load;

const APART: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_on_when_there_are_some_again() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut node = Node::start(&folder.path().join("data"), Plan::default()).await?;
    under_load(&mut node, 7, 3 * APART, async |node, history| {
        reached(history, APART).await?;
        let limit = node.open_files()? + 20;
        node.limit_files(limit)?;
        // More than there is room for; those that are too many wait in the kernel's queue.
        let address = (Ipv4Addr::LOCALHOST, node.port());
        let idle = (0..100).map(|_| TcpStream::connect(address)).collect::<Result<Vec<_>, _>>()?;
        exhausted(node, limit).await?;
        drop(idle);
        Ok(())
    })
    .await
}

async fn exhausted(node: &Node, limit: u64) -> anyhow::Result<()> {
    for _ in 0..10_000 {
        if node.open_files()? >= limit && node.last_words().contains("could not be accepted") {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    ensure!(false, "there are files left, or nobody says that there are none: {}", node.last_words());
    Ok(())
}
