//! Sessions that outlive the program. Where they are kept is the program's choice; without one, nowhere.

#[cfg(unix)]
mod file;
mod saved;
mod turn;

use std::error::Error;

use zeroize::Zeroizing;

#[cfg(unix)]
pub use self::file::UnencryptedFile;

pub(crate) use self::saved::Saved;
pub(crate) use self::turn::{Keeper, Kept};

/// What a store fails with.
pub type StoreError = Box<dyn Error + Send + Sync>;

/// Keeps one text, the session, for the next run of the program: in the keyring of the desktop, for example.
///
/// Whoever reads the text is signed in, so it belongs where other secrets are. It is written at login, at each
/// refresh and at logout. Programs that run at the same time may share one store: what each writes must be there
/// at once for the others, and whole.
///
/// The methods may block: they are called on a thread for that.
pub trait SessionStore: Send + Sync + 'static {
    /// The text that was saved last, or nothing.
    ///
    /// # Errors
    /// The store cannot be read.
    fn load(&self) -> Result<Option<Zeroizing<String>>, StoreError>;

    /// Puts this text in the place of the one before, durably.
    ///
    /// # Errors
    /// The store cannot be written; the text before stays.
    fn save(&self, text: &str) -> Result<(), StoreError>;

    /// Forgets the text. There may be none.
    ///
    /// # Errors
    /// The store cannot be written.
    fn clear(&self) -> Result<(), StoreError>;
}
