//! The keys in use, opened: what signs, what verifies and what is published.

use std::sync::{Arc, PoisonError, RwLock};

use countersign_core::Timestamp;
use countersign_core::token::{Checks, Claims, KeySet, Reject, SigningKey, Unverified, Verified};

use super::{Error, internal};
use crate::seal::MasterSecret;
use crate::store::{KeyState, SigningKeyRow};

/// The keys in use, read anew when the database has others.
pub(in crate::app) struct Keyring(RwLock<Arc<Loaded>>);

pub(in crate::app) struct Loaded {
    active: SigningKey,
    /// Every key that may have signed a living token.
    verifying: KeySet,
    /// The public ones of them, and the announced: what `/.well-known/jwks.json` answers.
    jwks: String,
    kids: Vec<(String, KeyState)>,
}

impl Keyring {
    pub(super) fn open(rows: &[SigningKeyRow], master: &MasterSecret) -> Result<Self, Error> {
        Ok(Self(RwLock::new(Arc::new(Loaded::open(rows, master)?))))
    }

    pub(in crate::app) fn sign(&self, claims: &Claims, typ: &str) -> Result<String, Error> {
        self.loaded().active.sign(claims, typ).map_err(internal)
    }

    pub(in crate::app) fn verify(
        &self,
        token: Unverified<'_>,
        checks: &Checks,
        now: Timestamp,
    ) -> Result<Verified<Claims>, Reject> {
        token.verify(&self.loaded().verifying, checks, now)
    }

    pub(super) fn jwks(&self) -> String {
        self.loaded().jwks.clone()
    }

    /// Takes the keys as the database has them; false if these are the ones in use already.
    pub(super) fn reload(&self, rows: &[SigningKeyRow], master: &MasterSecret) -> Result<bool, Error> {
        let kids = |loaded: &Loaded| rows.iter().map(kid_and_state).eq(loaded.kids.iter().cloned());
        if kids(&self.loaded()) {
            return Ok(false);
        }
        let loaded = Arc::new(Loaded::open(rows, master)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(true)
    }

    /// The keys as they are now; others are another `Arc`.
    pub(in crate::app) fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Loaded {
    pub(in crate::app) const fn verifying(&self) -> &KeySet {
        &self.verifying
    }

    pub(in crate::app) fn jwks(&self) -> &str {
        &self.jwks
    }

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
        let kids = rows.iter().map(kid_and_state).collect();
        Ok(Self { active, verifying, jwks: published.to_jwks(), kids })
    }
}

fn kid_and_state(row: &SigningKeyRow) -> (String, KeyState) {
    (row.kid.clone(), row.state)
}
