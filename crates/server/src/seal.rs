//! The master secret, and what is derived from it: the refresh tokens' MAC key and the seal of private keys.
//!
//! ```text
//! master secret ──HKDF-SHA-256──► "refresh token mac"  ► MacKey
//!                             ├─► "signing key seal"   ► AES-256-GCM key
//!                             ├─► "journal seal"       ► JournalSeal, another
//!                             └─► "proof"              ► stored in the database, to notice another secret
//! ```

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::Secret;
use countersign_core::session::MacKey;
use zeroize::Zeroizing;

use crate::random::Random;

/// The secret that is not in the database: 32 bytes.
pub struct MasterSecret(Secret<32>);

/// Why something sealed cannot be opened, or sealed at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed under another master secret, or damaged")]
pub struct SealError;

impl MasterSecret {
    /// The secret in these bytes, if there are 32.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Secret::from_slice(bytes).map(Self)
    }

    /// The secret in this text: standard base64 of 32 bytes, white space around it ignored.
    pub fn from_text(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).ok()?);
        Self::from_slice(&bytes)
    }

    /// The text that [`from_text`](Self::from_text) reads.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0.expose()))
    }

    /// The key for the MAC of refresh tokens.
    ///
    /// # Errors
    /// [`SealError`] if the derivation fails, which it cannot for these lengths.
    pub fn mac_key(&self) -> Result<MacKey, SealError> {
        Ok(MacKey::new(&self.derive(b"refresh token mac")?))
    }

    /// A value that tells master secrets apart and betrays nothing.
    ///
    /// # Errors
    /// As [`mac_key`](Self::mac_key).
    pub fn proof(&self) -> Result<[u8; 32], SealError> {
        Ok(*self.derive(b"proof")?.expose())
    }

    /// Seals `plain`; it opens only with the same `label`.
    ///
    /// # Errors
    /// [`SealError`] if the random source or the cipher fails.
    pub fn seal(&self, label: &str, plain: &[u8], random: &dyn Random) -> Result<Vec<u8>, SealError> {
        seal(&self.cipher(b"signing key seal")?, label, plain, random)
    }

    /// Opens what [`seal`](Self::seal) made.
    ///
    /// # Errors
    /// [`SealError`] if it was sealed under another secret or label, or was changed.
    pub fn open(&self, label: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        open(&self.cipher(b"signing key seal")?, label, sealed)
    }

    /// The seal of the journal's lines.
    ///
    /// # Errors
    /// As [`mac_key`](Self::mac_key).
    pub fn journal_seal(&self) -> Result<JournalSeal, SealError> {
        self.cipher(b"journal seal").map(JournalSeal)
    }

    fn cipher(&self, purpose: &[u8]) -> Result<LessSafeKey, SealError> {
        let key = self.derive(purpose)?;
        UnboundKey::new(&AES_256_GCM, key.expose()).map(LessSafeKey::new).map_err(|_| SealError)
    }

    fn derive(&self, purpose: &[u8]) -> Result<Secret<32>, SealError> {
        struct Len32;
        impl KeyType for Len32 {
            fn len(&self) -> usize {
                32
            }
        }
        let prk: Prk = Salt::new(HKDF_SHA256, b"countersign 1").extract(self.0.expose());
        Secret::fill_with(|out| prk.expand(&[purpose], Len32)?.fill(out))
            .map_err(|_: aws_lc_rs::error::Unspecified| SealError)
    }
}

/// The seal of the journal's lines: whoever has it reads and writes them, and nothing else.
pub struct JournalSeal(LessSafeKey);

impl JournalSeal {
    pub(crate) fn seal(&self, label: &str, plain: &[u8], random: &dyn Random) -> Result<Vec<u8>, SealError> {
        seal(&self.0, label, plain, random)
    }

    pub(crate) fn open(&self, label: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        open(&self.0, label, sealed)
    }
}

fn seal(cipher: &LessSafeKey, label: &str, plain: &[u8], random: &dyn Random) -> Result<Vec<u8>, SealError> {
    let nonce: [u8; NONCE_LEN] = random.bytes().map_err(|_| SealError)?;
    let mut sealed = nonce.to_vec();
    let mut body = plain.to_vec();
    cipher
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(label), &mut body)
        .map_err(|_| SealError)?;
    sealed.append(&mut body);
    Ok(sealed)
}

fn open(cipher: &LessSafeKey, label: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealError)?;
    let mut body = Zeroizing::new(body.to_vec());
    let plain = cipher
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(label), &mut body)
        .map_err(|_| SealError)?
        .len();
    body.truncate(plain);
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SeededRandom;

    #[test]
    fn opens_only_with_the_same_secret_label_and_bytes() {
        let secret = MasterSecret::from_slice(&[7; 32]).unwrap();
        let sealed = secret.seal("kid", b"private", &SeededRandom::new(1)).unwrap();
        assert_eq!(*secret.open("kid", &sealed).unwrap(), b"private");
        assert!(secret.open("other", &sealed).is_err());
        assert!(MasterSecret::from_slice(&[8; 32]).unwrap().open("kid", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert!(secret.open("kid", &flipped).is_err(), "byte {at}");
            assert!(secret.open("kid", &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn text_round_trips() {
        let secret = MasterSecret::from_slice(&[7; 32]).unwrap();
        let again = MasterSecret::from_text(&format!(" {}\n", *secret.to_text())).unwrap();
        assert_eq!(secret.proof(), again.proof());
        assert!(MasterSecret::from_text("c2hvcnQ=").is_none());
    }
}
