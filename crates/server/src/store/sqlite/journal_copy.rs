//! What a restore adds to a journal goes into a copy of it, which takes its place when the database's copy does: one that
//! fails has told nobody of an end.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::copy::{hand_over, remove_if_there};
use super::journal_file::old;

/// A copy of a journal, to be opened in its place. Dropping it deletes what is left of it.
pub struct JournalCopy {
    journal: PathBuf,
    copy: PathBuf,
}

impl JournalCopy {
    /// Copies the journal at this path, as far as there is one.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn of(journal: &Path) -> io::Result<Self> {
        let copied = Self { journal: journal.to_owned(), copy: named(journal, ".restored") };
        // Of a restore that was cut short.
        copied.remove();
        copy_if_there(&copied.journal, &copied.copy)?;
        copy_if_there(&old(&copied.journal), &old(&copied.copy))?;
        Ok(copied)
    }

    /// The journal that it is of.
    pub fn journal(&self) -> &Path {
        &self.journal
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.copy
    }

    /// Puts it in the place of its journal, as the property of whom this folder belongs to. Until that is settled the
    /// journal of before can be had back.
    ///
    /// # Errors
    /// If a file cannot be moved, or the folder not be written to disk. Then the journal is as it was, or the error
    /// says that this has failed too.
    pub fn put(&self, data: &Path) -> io::Result<Put> {
        let before = named(&self.journal, ".before");
        remove_if_there(&before)?;
        let put = Put { journal: self.journal.clone(), before };
        if self.copy.exists() {
            let folder = folder(&self.journal)?;
            hand_over(&self.copy, data)?;
            File::open(&self.copy)?.sync_all()?;
            if self.journal.exists() {
                let linked = fs::hard_link(&self.journal, &put.before);
                linked.or_else(|_| fs::copy(&self.journal, &put.before).map(drop))?;
            }
            fs::rename(&self.copy, &self.journal)?;
            if let Err(error) = folder.sync_all() {
                return Err(match put.undo() {
                    Ok(()) => error,
                    Err(undone) => also(&error, &undone),
                });
            }
        }
        Ok(put)
    }

    fn remove(&self) {
        for path in [&self.copy, &old(&self.copy)] {
            // What cannot be deleted is in nobody's way.
            let _gone = fs::remove_file(path);
        }
    }
}

impl Drop for JournalCopy {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A copy that has taken the place of its journal.
pub struct Put {
    journal: PathBuf,
    before: PathBuf,
}

impl Put {
    /// Where the journal of before is, if there was one.
    pub fn before(&self) -> &Path {
        &self.before
    }

    /// Brings back the journal of before.
    ///
    /// # Errors
    /// If a file cannot be moved, or the folder not be written to disk.
    pub fn undo(self) -> io::Result<()> {
        if self.before.exists() {
            fs::rename(&self.before, &self.journal)?;
        } else {
            remove_if_there(&self.journal)?;
        }
        folder(&self.journal)?.sync_all()
    }

    /// Deletes the journal of before, which is the beginning of the new one.
    ///
    /// # Errors
    /// If it cannot be deleted.
    pub fn settle(self) -> io::Result<()> {
        remove_if_there(&self.before)
    }
}

/// Opens the folder that a file is in.
fn folder(file: &Path) -> io::Result<File> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))
}

fn also(error: &io::Error, undone: &io::Error) -> io::Error {
    let text = format!("{error}; and the journal of before is not back: {undone}");
    io::Error::new(error.kind(), text)
}

fn named(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn copy_if_there(from: &Path, to: &Path) -> io::Result<()> {
    if from.exists() { fs::copy(from, to).map(drop) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A journal, and a copy of it to which something was added.
    fn longer(folder: &Path) -> (PathBuf, JournalCopy) {
        let journal = folder.join("journal");
        fs::write(&journal, "a line\n").unwrap();
        let copied = JournalCopy::of(&journal).unwrap();
        fs::write(copied.path(), "a line\nanother\n").unwrap();
        (journal, copied)
    }

    #[test]
    fn a_copy_that_is_put_can_be_taken_back() {
        let folder = TempDir::new().unwrap();
        let (journal, copied) = longer(folder.path());
        let put = copied.put(folder.path()).unwrap();
        assert_eq!(fs::read_to_string(&journal).unwrap(), "a line\nanother\n");
        put.undo().unwrap();
        assert_eq!(fs::read_to_string(&journal).unwrap(), "a line\n");
        drop(copied);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn one_that_cannot_be_put_changes_nothing() {
        let folder = TempDir::new().unwrap();
        let (journal, copied) = longer(folder.path());
        fs::create_dir(folder.path().join("journal.before")).unwrap();
        copied.put(folder.path()).err().expect("a folder is in the way");
        assert_eq!(fs::read_to_string(&journal).unwrap(), "a line\n");
    }

    #[test]
    fn what_is_in_the_way_of_the_end_is_told() {
        for end in [Put::undo, Put::settle] {
            let folder = TempDir::new().unwrap();
            let (journal, copied) = longer(folder.path());
            let put = copied.put(folder.path()).unwrap();
            fs::remove_file(put.before()).unwrap();
            fs::create_dir(put.before()).unwrap();
            end(put).expect_err("a folder is in the way");
            assert_eq!(fs::read_to_string(&journal).unwrap(), "a line\nanother\n");
        }
    }
}
