//! The keys that sign access tokens, and their rotation.
//!
//! ```text
//! announced ──► active ──► retiring ──► gone
//! published     signs      published    wiped
//!     └────────────┴──── withdrawn ───────┘    on the deny-list
//! ```
//!
//! One announced key is always in reserve, so that verifiers know it long before it signs.

mod keyring;
mod step;

use std::time::Duration;

pub(super) use keyring::{Keyring, Loaded};
use step::{Maker, NOTICE, Step, reserve, to};

use super::{App, Error};
use crate::config::Settings;
use crate::random::Random;
use crate::seal::MasterSecret;
use crate::store::{KeyState, SigningKeyRow, Store, StoreError};
use countersign_core::token::{Algorithm, SigningKey};
use countersign_core::{Code, Timestamp};

/// How often a withdrawal is tried while others change the keys at the same time.
const ROUNDS: usize = 4;

/// What `keys rotate` came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rotation {
    /// The announced key signs now, and a new one is announced.
    Done,
    /// The announced key has not been published for an hour; this long is missing.
    TooEarly(Duration),
}

/// What `keys withdraw` came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Withdrawal {
    /// The key is gone and on the deny-list.
    Done,
    /// It was gone before.
    Gone,
    /// There is no such key.
    Unknown,
}

/// Opens the keys, making the first ones if there are none.
pub(super) async fn open(
    store: &dyn Store,
    master: &MasterSecret,
    random: &dyn Random,
    settings: &Settings,
    now: Timestamp,
) -> Result<Keyring, Error> {
    let maker = Maker { algorithm: settings.signing_alg, master, random, now };
    let step = Step::first(&store.signing_keys().await?, &maker)?;
    // Another process may have been faster: what the database says then counts.
    store.rotate_signing_keys(step.add, step.moves, now).await?;
    Keyring::open(&store.signing_keys().await?, master)
}

/// What the newest key that is announced or signs was made with: what a server of this database makes keys with, for
/// whoever is not told.
///
/// # Errors
/// If the database cannot answer.
pub async fn signing_alg(store: &dyn Store) -> Result<Option<Algorithm>, StoreError> {
    let mut rows = store.signing_keys().await?;
    rows.retain(|row| matches!(row.state, KeyState::Announced | KeyState::Active));
    Ok(rows.iter().max_by_key(|row| row.announced_at).map(|row| row.algorithm))
}

impl App {
    /// The JSON of `/.well-known/jwks.json`.
    pub fn jwks(&self) -> String {
        self.keyring.jwks()
    }

    /// Every signing key, oldest first.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKeyRow>, Error> {
        Ok(self.store.signing_keys().await?)
    }

    /// The public half of a key as PEM, of the one that signs now if none is named. `None` if there is no such key,
    /// if it is gone, or if it has no public half.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer; [`Error::Internal`] if the key cannot be opened.
    pub async fn public_key_pem(&self, kid: Option<&str>) -> Result<Option<String>, Error> {
        let rows = self.store.signing_keys().await?;
        let named = |row: &&SigningKeyRow| match kid {
            Some(kid) => row.kid == kid && row.state != KeyState::Gone,
            None => row.state == KeyState::Active,
        };
        let Some(row) = rows.iter().find(named) else {
            return Ok(None);
        };
        let bytes = self.master.open(&row.kid, &row.sealed)?;
        let key = SigningKey::from_bytes(row.algorithm, &bytes).map_err(internal)?;
        key.public_pem().map_err(internal)
    }

    /// Takes the step that time has brought, if any, and reads the keys anew if they have changed, by whomever.
    /// However many processes come to it at once, one step happens.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer; the keys in use stay.
    pub async fn keep_signing_keys(&self) -> Result<(), Error> {
        let maker = self.key_maker();
        let rows = self.store.signing_keys().await?;
        let step = Step::due(&rows, self.settings.key_rotation, &maker)?;
        if step.is_empty() {
            self.keyring.reload(&rows, &self.master)?;
            return Ok(());
        }
        for moved in &step.moves {
            tracing::info!(kid = moved.kid, to = moved.to.name(), "a signing key's time has come");
        }
        self.store.rotate_signing_keys(step.add, step.moves, maker.now).await?;
        self.reload_signing_keys().await
    }

    /// Reads the keys anew if another process has changed them.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer; the keys in use stay.
    pub async fn reload_signing_keys(&self) -> Result<(), Error> {
        self.keyring.reload(&self.store.signing_keys().await?, &self.master)?;
        Ok(())
    }

    /// Lets the announced key sign from now on, and announces the next.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer; [`Error::Internal`] if there is no key in reserve.
    pub async fn rotate_signing_keys(&self, without_notice: bool) -> Result<Rotation, Error> {
        let maker = self.key_maker();
        let rows = self.store.signing_keys().await?;
        let reserve = reserve(&rows, maker.algorithm)
            .ok_or_else(|| Error::Internal("no signing key is announced".into()))?;
        let published = maker.now.since(reserve.announced_at);
        if published < NOTICE && !without_notice {
            return Ok(Rotation::TooEarly(NOTICE.saturating_sub(published)));
        }
        let step = Step::rotation(&rows, reserve, &maker)?;
        // False means that another process has just rotated: done as well.
        self.store.rotate_signing_keys(step.add, step.moves, maker.now).await?;
        self.reload_signing_keys().await?;
        Ok(Rotation::Done)
    }

    /// Withdraws a key in an emergency: from now on no verifier may take a token that it signed. If it was the
    /// active one, the announced one signs at once, however new it is.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer: nothing was withdrawn then.
    pub async fn withdraw_signing_key(&self, kid: &str) -> Result<Withdrawal, Error> {
        for _ in 0..ROUNDS {
            let maker = self.key_maker();
            let rows = self.store.signing_keys().await?;
            let Some(row) = rows.iter().find(|row| row.kid == kid) else {
                return Ok(Withdrawal::Unknown);
            };
            if row.state == KeyState::Gone {
                return Ok(Withdrawal::Gone);
            }
            let Step { add, moves } = Step::after(row, &rows, &maker)?;
            let deny_until = self.deny_until(maker.now);
            let withdrawn = to(row, KeyState::Gone);
            if self.store.withdraw_signing_key(withdrawn, add, moves, maker.now, deny_until).await? {
                tracing::warn!(kid, was = row.state.name(), "a signing key was withdrawn");
                self.reload_signing_keys().await?;
                return Ok(Withdrawal::Done);
            }
        }
        Err(Error::Code(Code::Unavailable))
    }

    /// Withdraws every key that was made until now. The reserves go first, so that what signs next is new.
    ///
    /// # Errors
    /// As [`withdraw_signing_key`](Self::withdraw_signing_key); some may be withdrawn by then.
    pub async fn withdraw_signing_keys(&self) -> Result<(), Error> {
        let mut rows = self.store.signing_keys().await?;
        rows.sort_by_key(|row| row.state != KeyState::Announced);
        for row in rows {
            self.withdraw_signing_key(&row.kid).await?;
        }
        Ok(())
    }

    fn key_maker(&self) -> Maker<'_> {
        let now = self.now();
        Maker { algorithm: self.settings.signing_alg, master: &self.master, random: &*self.random, now }
    }
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(error.to_string())
}
