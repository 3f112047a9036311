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
    let Some(disk) = Disk::mount(&folder.path().join("data"))? else { return Ok(()) };
    let node = Node::start(&disk.0, Plan::default()).await?;
    let mut crowd = Crowd::gather(node.port(), Habits::default(), 3).await?;
    let history = Arc::clone(&crowd.history);
    crowd
        .go_on(6 * APART, async {
            for time in 1..=2 {
                reached(&history, 2 * time * APART).await?;
                disk.fill()?;
                tokio::select! {
                    refused = refused(&history, 3) => refused?,
                    // The write-ahead log begins again in the room that it has: then nobody need notice.
                    moved = reached(&history, (2 * time + 1) * APART) => moved?,
                }
                disk.free()?;
            }
            Ok(())
        })
        .await?;
    let findings = crowd.conclude().await?;
    print(&history, &findings);
    Ok(())
}

/// The same where nothing can be mounted, and at other moments: each write fails, not only the one that needs room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_write_fails_and_then_none() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let Some(shim) = Shim::new(folder.path(), &folder.path().join("data"))? else { return Ok(()) };
    let node = shim.start(Plan::default()).await?;
    let mut crowd = Crowd::gather(node.port(), Habits::default(), 4).await?;
    let history = Arc::clone(&crowd.history);
    crowd
        .go_on(4 * APART, async {
            for time in 1..=2 {
                reached(&history, time * APART).await?;
                shim.refuse(Some(Refusal::Full))?;
                refused(&history, 20).await?;
                shim.refuse(None)?;
            }
            Ok(())
        })
        .await?;
    let findings = crowd.conclude().await?;
    print(&history, &findings);
    Ok(())
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
        // Not even the build server need be allowed to; the other test is the same without.
        eprintln!("skipped: nothing can be mounted here: {}", why.trim_end());
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
