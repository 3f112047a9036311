//! The disk is full: what needs it is refused and can be tried again, and nothing that was answered is untrue.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use countersign_faults::crowd::{Crowd, Habits, reached};
use countersign_faults::node::{Node, Plan};
use countersign_faults::shim::{Refusal, Shim};
use tempfile::TempDir;

use crate::{print, refused};

const APART: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_answers_later_until_there_is_room() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let data = folder.path().join("data");
    let disk = Disk::mount(&data)?;
    if disk.is_none() {
        std::fs::remove_dir(&data)?;
    }
    let (_node, crowd) = if let Some(disk) = &disk {
        let node = Node::start(&data, Plan::default()).await?;
        let crowd = loaded(&node, || disk.fill(), || disk.free()).await?;
        (node, crowd)
    } else {
        // Each write fails, not only the one that needs room.
        let Some(shim) = Shim::new(folder.path(), &data)? else { return Ok(()) };
        let node = shim.start(Plan::default()).await?;
        let crowd = loaded(&node, || shim.refuse(Some(Refusal::Full)), || shim.refuse(None)).await?;
        (node, crowd)
    };
    let history = Arc::clone(&crowd.history);
    let findings = crowd.conclude().await?;
    print(&history, &findings);
    Ok(())
}

async fn loaded(
    node: &Node,
    fill: impl Fn() -> anyhow::Result<()>,
    free: impl Fn() -> anyhow::Result<()>,
) -> anyhow::Result<Crowd> {
    let mut crowd = Crowd::gather(node.port(), Habits::default(), 3).await?;
    let history = Arc::clone(&crowd.history);
    crowd
        .go_on(3 * APART, async {
            reached(&history, APART).await?;
            fill()?;
            tokio::select! {
                refused = refused(&history, 3) => refused?,
                // The write-ahead log begins again in the room that it has: then nobody need notice.
                moved = reached(&history, 3 * APART) => moved?,
            }
            free()
        })
        .await?;
    Ok(crowd)
}

/// A small disk of its own, in memory, unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: &Path) -> anyhow::Result<Option<Self>> {
        std::fs::create_dir(path)?;
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m", "faults"]).arg(path).output();
        let why = match mounted {
            Ok(output) if output.status.success() => return Ok(Some(Self(path.to_owned()))),
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        // Not even the build server need be allowed to.
        eprintln!("nothing can be mounted here, so writes are refused instead: {}", why.trim_end());
        Ok(None)
    }

    fn fill(&self) -> anyhow::Result<()> {
        let mut ballast = File::create(self.0.join("ballast"))?;
        while ballast.write(&[0; 4096]).is_ok_and(|written| written > 0) {}
        Ok(())
    }

    fn free(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.0.join("ballast"))?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
