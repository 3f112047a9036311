//! A disk and a clock that misbehave: a small C library that the server is started with.
//!
//! ```text
//!  server ── fsync ──► shim.c ──► shadow/INODE: the file as it was, shadow/names: the folder as it was
//!         ── write ──►        ◄── control: clock_ms, refuse, loaded ◄── this side
//! ```
//!
//! After a power cut a file holds what was synced, and of what was written since, any blocks or none.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use crate::node::{Node, Plan};

const SOURCE: &str = include_str!("shim.c");

/// What a disk writes at once.
const BLOCK: usize = 4096;

/// Where in the control page.
const CLOCK: u64 = 0;
const REFUSE: u64 = 8;
const LOADED: u64 = 12;

/// What writes are refused with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// ENOSPC: nothing can be written.
    Full,
    /// EROFS: nor can a file be opened for writing.
    ReadOnly,
}

/// What of the writes that nobody waited for is on the disk when the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsynced {
    /// None of them.
    Gone,
    /// Of each file some blocks, by this seed.
    Torn(u64),
}

/// The disk and the clock of one server.
#[derive(Debug)]
pub struct Shim {
    library: PathBuf,
    control_path: PathBuf,
    control: File,
    shadow: PathBuf,
    data: PathBuf,
}

impl Shim {
    /// Builds the library in this folder, for a server whose data will be in `data`. None, with a word, where there
    /// is no such thing; but the build server has it.
    pub fn new(folder: &Path, data: &Path) -> anyhow::Result<Option<Self>> {
        if !cfg!(target_os = "linux") {
            return crate::skipped("no LD_PRELOAD here");
        }
        let folder = folder.canonicalize()?;
        let library = folder.join("shim.so");
        let source = folder.join("shim.c");
        fs::write(&source, SOURCE)?;
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-o"])
            .args([&library, &source])
            .args(["-ldl", "-lpthread"])
            .stdin(Stdio::null())
            .output();
        match built {
            Ok(output) if output.status.success() => {}
            Ok(output) => bail!("the shim cannot be built: {}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => return crate::skipped(&format!("no C compiler: {error}")),
        }
        let shadow = folder.join("shadow");
        fs::create_dir(&shadow)?;
        let control_path = folder.join("control");
        let control = File::options().read(true).write(true).create_new(true).open(&control_path)?;
        control.set_len(BLOCK as u64)?;
        fs::create_dir(data)?;
        let shim = Self { library, control_path, control, shadow, data: data.canonicalize()? };
        Ok(Some(shim))
    }

    /// A server with that disk and clock. Its data folder is [`Shim::data`].
    #[must_use]
    pub fn plan(&self, plan: Plan) -> Plan {
        plan.variable("LD_PRELOAD", &self.library)
            .variable("SHIM_CONTROL", &self.control_path)
            .variable("SHIM_SHADOW", &self.shadow)
            .variable("SHIM_DATA", &self.data)
    }

    /// The data folder, by the name that the kernel has for it.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Starts that server, and makes sure that it is one: a program that links its C library into itself is not.
    pub async fn start(&self, plan: Plan) -> anyhow::Result<Node> {
        let node = Node::start(&self.data, self.plan(plan)).await?;
        let mut loaded = [0; 4];
        self.control.read_exact_at(&mut loaded, LOADED)?;
        ensure!(i32::from_ne_bytes(loaded) == 1, "the server does not load libraries that it is told to");
        Ok(node)
    }

    /// Sets the server's clock off by so many milliseconds.
    pub fn set_clock(&self, millis: i64) -> anyhow::Result<()> {
        Ok(self.control.write_all_at(&millis.to_ne_bytes(), CLOCK)?)
    }

    /// Has writes refused, or not any more.
    pub fn refuse(&self, refusal: Option<Refusal>) -> anyhow::Result<()> {
        let code = match refusal {
            None => 0,
            Some(Refusal::Full) => rustix::io::Errno::NOSPC.raw_os_error(),
            Some(Refusal::ReadOnly) => rustix::io::Errno::ROFS.raw_os_error(),
        };
        Ok(self.control.write_all_at(&code.to_ne_bytes(), REFUSE)?)
    }

    /// The power goes: the data folder becomes what the disk holds. The server must have been killed before.
    pub fn cut_power(&self, unsynced: Unsynced) -> anyhow::Result<()> {
        let names = fs::read_to_string(self.shadow.join("names")).context("no folder was ever synced")?;
        let mut random = match unsynced {
            Unsynced::Gone => None,
            Unsynced::Torn(seed) => Some(fastrand::Rng::with_seed(seed)),
        };
        let mut left = BTreeMap::new();
        for line in names.lines() {
            let (inode, name) = line.split_once(' ').context("a name")?;
            // A name whose file was never synced is there, and empty.
            let synced = fs::read(self.shadow.join(inode)).unwrap_or_default();
            let path = self.data.join(name);
            let written = match fs::metadata(&path) {
                Ok(found) if found.ino().to_string() == inode => fs::read(&path)?,
                // Renamed, replaced or removed since.
                _ => synced.clone(),
            };
            let kept = random.as_mut().map_or(synced.clone(), |random| torn(&synced, &written, random));
            left.insert(name.to_owned(), kept);
        }
        empty(&self.data)?;
        empty(&self.shadow)?;
        let mut names = String::new();
        for (name, bytes) in left {
            let path = self.data.join(&name);
            fs::write(&path, &bytes)?;
            let inode = fs::metadata(&path)?.ino();
            fs::write(self.shadow.join(inode.to_string()), &bytes)?;
            let _never = writeln!(names, "{inode} {name}");
        }
        fs::write(self.shadow.join("names"), names)?;
        Ok(())
    }
}

/// Each block of the one or of the other, and the length likewise.
fn torn(synced: &[u8], written: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let length = if random.bool() { synced.len() } else { written.len() };
    let mut bytes = vec![0; length];
    for (at, to) in bytes.chunks_mut(BLOCK).enumerate() {
        let from = if random.bool() { synced } else { written };
        let from = from.get(at * BLOCK..).unwrap_or_default();
        for (to, from) in to.iter_mut().zip(from) {
            *to = *from;
        }
    }
    bytes
}

fn empty(folder: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        fs::remove_file(entry?.path())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_file_has_blocks_of_both() {
        let mut random = fastrand::Rng::with_seed(7);
        let (synced, written) = (vec![1; 20 * BLOCK], vec![2; 20 * BLOCK]);
        let bytes = torn(&synced, &written, &mut random);
        assert!(bytes.contains(&1) && bytes.contains(&2));
        assert!(bytes.chunks(BLOCK).all(|block| block.iter().all(|byte| *byte == block[0])));
        assert_eq!(torn(&synced, &synced, &mut random), synced);
    }
}
