//! The keys that sign access tokens, and their rotation.
//!
//! ```text
//! announced ──► active ──► retiring ──► gone
//! published     signs      published    wiped
//! ```
//!
//! One announced key is always in reserve, so that verifiers know it long before it signs.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use countersign_core::Timestamp;
use countersign_core::token::{Algorithm, Checks, Claims, KeySet, Reject, SigningKey, Unverified, Verified};
use zeroize::Zeroizing;

use super::{App, Error};
use crate::config::Settings;
use crate::random::Random;
use crate::seal::MasterSecret;
use crate::store::{KeyMove, KeyState, LONGEST_ACCESS_TTL, SigningKeyRow, Store};

/// How long a key is published before it signs, so that every cache has it.
const NOTICE: Duration = Duration::from_hours(1);
/// How long a key is published after its last token has expired: caches and clocks.
const LINGER: Duration = Duration::from_mins(10);

/// The keys in use, read anew when the database has others.
pub(super) struct Keyring(RwLock<Arc<Loaded>>);

struct Loaded {
    active: SigningKey,
    /// Every key that may have signed a living token.
    verifying: KeySet,
    /// The public ones of them, and the announced: what `/.well-known/jwks.json` answers.
    jwks: String,
    kids: Vec<(String, KeyState)>,
}

/// What `keys rotate` came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rotation {
    /// The announced key signs now, and a new one is announced.
    Done,
    /// The announced key has not been published for an hour; this long is missing.
    TooEarly(Duration),
}

/// One step of key rotation: keys to add, and keys to move from one state to another.
#[derive(Default)]
struct Step {
    add: Vec<SigningKeyRow>,
    moves: Vec<KeyMove>,
}

impl Keyring {
    /// Opens the keys, making the first ones if there are none.
    pub(super) async fn open(
        store: &dyn Store,
        master: &MasterSecret,
        random: &dyn Random,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let rows = store.signing_keys().await?;
        let step = needed(&rows, settings.signing_alg, |state| {
            new_row(settings.signing_alg, state, master, random, now)
        })?;
        // Another process may have been faster: what the database says then counts.
        store.rotate_signing_keys(step.add, step.moves, now).await?;
        let loaded = Loaded::open(&store.signing_keys().await?, master)?;
        Ok(Self(RwLock::new(Arc::new(loaded))))
    }

    pub(super) fn sign(&self, claims: &Claims, typ: &str) -> Result<String, Error> {
        self.loaded().active.sign(claims, typ).map_err(internal)
    }

    pub(super) fn verify(
        &self,
        token: Unverified<'_>,
        checks: &Checks,
        now: Timestamp,
    ) -> Result<Verified<Claims>, Reject> {
        token.verify(&self.loaded().verifying, checks, now)
    }

    fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn load(&self, loaded: Loaded) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
    }
}

impl Loaded {
    fn open(rows: &[SigningKeyRow], master: &MasterSecret) -> Result<Self, Error> {
        let mut verifying = KeySet::default();
        let mut published = KeySet::default();
        let mut active = None;
        for row in rows.iter().filter(|row| row.state != KeyState::Gone) {
            let bytes = master.open(&row.kid, &row.sealed)?;
            let key = SigningKey::from_bytes(row.algorithm, &bytes).map_err(internal)?;
            match key.public() {
                Some(public) => {
                    published.extend([public.clone()]);
                    verifying.extend([public.clone()]);
                }
                // HS256: whoever could read it could sign. Only this server verifies with it.
                None => verifying.danger_insert_hs256(&bytes).map_err(internal)?,
            }
            if row.state == KeyState::Active {
                active = Some(key);
            }
        }
        let active = active.ok_or_else(|| Error::Internal("there is no active signing key".into()))?;
        let kids = rows.iter().map(|row| (row.kid.clone(), row.state)).collect();
        Ok(Self { active, verifying, jwks: published.to_jwks(), kids })
    }
}

/// What is missing: at the first start two keys, later one in reserve of the configured algorithm.
fn needed(
    rows: &[SigningKeyRow],
    algorithm: Algorithm,
    make: impl Fn(KeyState) -> Result<SigningKeyRow, Error>,
) -> Result<Step, Error> {
    let mut step = Step::default();
    if !rows.iter().any(|row| row.state == KeyState::Active) {
        step.add.push(make(KeyState::Active)?);
    }
    if !rows.iter().any(|row| row.state == KeyState::Announced && row.algorithm == algorithm) {
        step.add.push(make(KeyState::Announced)?);
    }
    Ok(step)
}

fn new_row(
    algorithm: Algorithm,
    state: KeyState,
    master: &MasterSecret,
    random: &dyn Random,
    now: Timestamp,
) -> Result<SigningKeyRow, Error> {
    let key = SigningKey::generate(algorithm).map_err(internal)?;
    Ok(SigningKeyRow {
        kid: key.kid().to_owned(),
        algorithm,
        state,
        sealed: Zeroizing::new(master.seal(key.kid(), &key.to_bytes().map_err(internal)?, random)?),
        announced_at: now,
        active_at: (state == KeyState::Active).then_some(now),
        retiring_at: None,
    })
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(error.to_string())
}

fn move_of(row: &SigningKeyRow, to: KeyState) -> KeyMove {
    KeyMove { kid: row.kid.clone(), from: row.state, to }
}

impl App {
    /// The JSON of `/.well-known/jwks.json`.
    pub fn jwks(&self) -> String {
        self.keyring.loaded().jwks.clone()
    }

    /// Every signing key, oldest first.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKeyRow>, Error> {
        Ok(self.store.signing_keys().await?)
    }

    /// Reads the keys anew if another process has changed them, and lets go of those whose time has passed.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer; the keys in use stay.
    pub async fn reload_signing_keys(&self) -> Result<(), Error> {
        let now = self.now();
        let rows = self.store.signing_keys().await?;
        let kept = LONGEST_ACCESS_TTL + LINGER;
        let past = |row: &SigningKeyRow| row.retiring_at.is_some_and(|since| now >= since.plus(kept));
        let moves: Vec<_> = rows
            .iter()
            .filter(|row| row.state == KeyState::Retiring && past(row))
            .map(|row| move_of(row, KeyState::Gone))
            .collect();
        let rows = if moves.is_empty() {
            rows
        } else {
            self.store.rotate_signing_keys(Vec::new(), moves, now).await?;
            self.store.signing_keys().await?
        };
        let known = self.keyring.loaded();
        if !rows
            .iter()
            .map(|row| (&row.kid, row.state))
            .eq(known.kids.iter().map(|(kid, state)| (kid, *state)))
        {
            self.keyring.load(Loaded::open(&rows, &self.master)?);
        }
        Ok(())
    }

    /// Lets the announced key sign from now on, and announces the next.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer; [`Error::Internal`] if there is no key in reserve.
    pub async fn rotate_signing_keys(&self, without_notice: bool) -> Result<Rotation, Error> {
        let now = self.now();
        let rows = self.store.signing_keys().await?;
        let algorithm = self.settings.signing_alg;
        let reserve = rows
            .iter()
            .find(|row| row.state == KeyState::Announced && row.algorithm == algorithm)
            .ok_or_else(|| Error::Internal("no signing key is announced".into()))?;
        let published = now.since(reserve.announced_at);
        if published < NOTICE && !without_notice {
            return Ok(Rotation::TooEarly(NOTICE.saturating_sub(published)));
        }
        let retiring = rows.iter().filter(|row| row.state == KeyState::Active);
        let mut moves: Vec<_> = retiring.map(|row| move_of(row, KeyState::Retiring)).collect();
        moves.push(move_of(reserve, KeyState::Active));
        let next = new_row(algorithm, KeyState::Announced, &self.master, &*self.random, now)?;
        // False means that another process has just rotated: done as well.
        self.store.rotate_signing_keys(vec![next], moves, now).await?;
        self.reload_signing_keys().await?;
        Ok(Rotation::Done)
    }
}
