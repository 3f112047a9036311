//! The file of a journal: a head, and a line for each commit that ended something.
//!
//! ```text
//! countersign-journal 1 ID FIRST BEGUN      the number of the first line; milliseconds since 1970
//! FIRST SEALED
//! …
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use countersign_core::Timestamp;

use super::journal::JournalError;

const MAGIC: &str = "countersign-journal 1 ";

/// What a file says of itself.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) id: [u8; 16],
    /// The number of the first line.
    pub(super) first: u64,
    pub(super) begun: Timestamp,
}

pub(super) struct JournalFile {
    file: File,
    head: Head,
    /// The number of the last line that was read.
    last: u64,
}

impl JournalFile {
    /// Begins a file. One that is there already is an error.
    pub(super) fn begin(path: &Path, head: &Head) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(path)?;
        let id = STANDARD_NO_PAD.encode(head.id);
        writeln!(file, "{MAGIC}{id} {} {}", head.first, head.begun.as_millis())?;
        file.sync_all()?;
        // The name must survive a power cut as well.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(Self { file, head: *head, last: head.first.saturating_sub(1) })
    }

    /// Opens the file of the journal with this id.
    pub(super) fn open(path: &Path, id: &[u8; 16]) -> Result<Self, JournalError> {
        let mut file = OpenOptions::new().read(true).append(true).open(path)?;
        let mut line = String::new();
        let read = BufReader::new((&mut file).take(200)).read_line(&mut line);
        let head = read.ok().and_then(|_| parse(&line)).ok_or(JournalError::Strange)?;
        if head.id != *id {
            return Err(JournalError::NotIts);
        }
        Ok(Self { file, head, last: head.first.saturating_sub(1) })
    }

    pub(super) const fn head(&self) -> Head {
        self.head
    }

    pub(super) const fn last(&self) -> u64 {
        self.last
    }

    /// Goes on in the file of this name, if another process has begun a new one.
    pub(super) fn follow(&mut self, path: &Path, id: &[u8; 16]) -> Result<(), JournalError> {
        let (ours, there) = (self.file.metadata()?, fs::metadata(path)?);
        if (ours.dev(), ours.ino()) != (there.dev(), there.ino()) {
            *self = Self::open(path, id)?;
        }
        Ok(())
    }

    /// Writes a line, and waits until it is on disk. One that was written in part is taken back.
    pub(super) fn append(&mut self, line: &str) -> io::Result<()> {
        let end = self.cut()?;
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.inspect_err(|_| {
            // If that fails, too, the next one who appends does it.
            let _torn = self.file.set_len(end);
        })
    }

    /// Calls `line` with each line's number and text until it says that one is bad. That is an error, unless it is the
    /// last one, which a power cut has torn: with `cut` it is cut off.
    pub(super) fn read(
        &mut self,
        cut: bool,
        mut line: impl FnMut(u64, &str) -> bool,
    ) -> Result<(), JournalError> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut lines = BufReader::new(&mut self.file);
        let mut bytes = Vec::new();
        let mut good = lines.read_until(b'\n', &mut bytes)? as u64;
        let mut torn = false;
        loop {
            bytes.clear();
            let read = lines.read_until(b'\n', &mut bytes)? as u64;
            if read == 0 {
                break;
            }
            if torn {
                return Err(JournalError::Damaged(self.last.saturating_add(1)));
            }
            let text = bytes.strip_suffix(b"\n").and_then(|bytes| std::str::from_utf8(bytes).ok());
            let parts = text.and_then(|text| text.split_once(' '));
            let parts = parts.and_then(|(number, sealed)| Some((number.parse().ok()?, sealed)));
            match parts {
                Some((number, sealed)) if line(number, sealed) => {
                    self.last = number;
                    good += read;
                }
                _ => torn = true,
            }
        }
        if torn && cut {
            self.file.set_len(good)?;
        }
        Ok(())
    }

    /// Cuts off a line that has no end, and answers where the file ends then.
    fn cut(&mut self) -> io::Result<u64> {
        let mut end = self.file.metadata()?.len();
        let mut whole = end;
        let mut block = vec![0; 4096];
        while end > 0 {
            let start = end.saturating_sub(block.len() as u64);
            block.truncate(usize::try_from(end - start).unwrap_or(0));
            self.file.seek(SeekFrom::Start(start))?;
            self.file.read_exact(&mut block)?;
            if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
                let last = start + at as u64 + 1;
                if last != whole {
                    self.file.set_len(last)?;
                    whole = last;
                }
                break;
            }
            end = start;
        }
        Ok(whole)
    }
}

fn parse(line: &str) -> Option<Head> {
    let mut words = line.strip_suffix('\n')?.strip_prefix(MAGIC)?.split(' ');
    let id = STANDARD_NO_PAD.decode(words.next()?).ok()?.try_into().ok()?;
    let first = words.next()?.parse().ok()?;
    let begun = Timestamp::from_millis(words.next()?.parse().ok()?);
    words.next().is_none().then_some(Head { id, first, begun })
}

/// What a file is called when a newer one has been begun.
pub(super) fn old(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".old");
    name.into()
}
