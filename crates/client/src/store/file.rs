use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{SessionStore, StoreError};

/// The longest text that is read.
const LONGEST: u64 = 64 * 1024;

/// A file that only its owner can read, as `ssh` keeps its keys. It is not encrypted: every program of that user,
/// and every backup, can read it. A keyring is better, where there is one.
#[derive(Debug)]
pub struct UnencryptedFile(PathBuf);

impl UnencryptedFile {
    /// The session in this file. Its folder must exist.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    fn folder(&self) -> &Path {
        self.0.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn new_beside(&self) -> PathBuf {
        let mut name = self.0.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        self.folder().join(name)
    }
}

impl SessionStore for UnencryptedFile {
    fn load(&self) -> Result<Option<Zeroizing<String>>, StoreError> {
        let file = match File::open(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            return Err(format!("{} can be read by others: chmod 600", self.0.display()).into());
        }
        let mut text = Zeroizing::new(String::new());
        file.take(LONGEST).read_to_string(&mut text)?;
        Ok(Some(text))
    }

    fn save(&self, text: &str) -> Result<(), StoreError> {
        let new = self.new_beside();
        // What a crash has left.
        remove(&new)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.0)?;
        File::open(self.folder())?.sync_all()?;
        Ok(())
    }

    fn clear(&self) -> Result<(), StoreError> {
        remove(&self.0)
    }
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
