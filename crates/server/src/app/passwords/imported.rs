//! Hashes that other systems made: verified here, and replaced by ours when their user next logs in.
//!
//! ```text
//! $2a$ $2b$ $2y$ COST $ …                                bcrypt
//! $scrypt$ln=15,r=8,p=1$SALT$HASH                        scrypt, PHC
//! $pbkdf2-sha256$i=600000$SALT$HASH                      PBKDF2, PHC; `-sha512`; the count alone, as passlib writes it
//! pbkdf2_sha256$600000$SALT$HASH                         PBKDF2, as Django writes it
//! $argon2id$v=19$m=65536,t=3,p=4$SALT$HASH               Argon2 of other costs; `argon2i`, `argon2d`
//! ```

use std::num::NonZeroU32;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// The dearest that a hashing thread takes on: about a second, and 128 MiB.
const MOST_ARGON2: (u32, u32, u32) = (128 * 1024, 8, 8);
const MOST_BCRYPT: u32 = 14;
const MOST_PBKDF2: u32 = 2_000_000;
/// Of 128 bytes: N times r, and that times p.
const MOST_SCRYPT: (u64, u64) = (1 << 20, 1 << 21);

/// A hash that can be verified, with what it was made with.
pub(super) enum Imported {
    Argon2 { argon2: Argon2<'static>, salt: Vec<u8>, hash: Vec<u8> },
    Bcrypt { text: String },
    Pbkdf2 { algorithm: pbkdf2::Algorithm, count: NonZeroU32, salt: Vec<u8>, hash: Vec<u8> },
    Scrypt { params: scrypt::Params, salt: Vec<u8>, hash: Vec<u8> },
}

impl Imported {
    /// Reads a hash; none if it is of no known form, or dearer than a login may be.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fields: Vec<_> = text.split('$').collect();
        match *fields.as_slice() {
            ["", "2a" | "2b" | "2y", cost, _] => {
                let parts: bcrypt::HashParts = text.parse().ok()?;
                (cost.len() == 2 && (4..=MOST_BCRYPT).contains(&parts.get_cost()))
                    .then(|| Self::Bcrypt { text: text.to_owned() })
            }
            ["", "scrypt", costs, salt, hash] => scrypt_of(costs, decode(salt)?, decode(hash)?),
            ["", "pbkdf2-sha256", count, salt, hash] => {
                pbkdf2_of(pbkdf2::PBKDF2_HMAC_SHA256, count, decode(salt)?, decode(hash)?)
            }
            ["", "pbkdf2-sha512", count, salt, hash] => {
                pbkdf2_of(pbkdf2::PBKDF2_HMAC_SHA512, count, decode(salt)?, decode(hash)?)
            }
            ["pbkdf2_sha256", count, salt, hash] => {
                pbkdf2_of(pbkdf2::PBKDF2_HMAC_SHA256, count, salt.as_bytes().to_vec(), decode(hash)?)
            }
            ["", "argon2id" | "argon2i" | "argon2d", ..] => argon2_of(text),
            _ => None,
        }
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        match self {
            Self::Argon2 { argon2, salt, hash } => {
                let mut out = vec![0; hash.len()];
                argon2.hash_password_into(password, salt, &mut out).is_ok() && same(&out, hash)
            }
            Self::Bcrypt { text } => bcrypt::verify(password, text).unwrap_or(false),
            Self::Pbkdf2 { algorithm, count, salt, hash } => {
                pbkdf2::verify(*algorithm, *count, salt, password, hash).is_ok()
            }
            Self::Scrypt { params, salt, hash } => {
                let mut out = vec![0; hash.len()];
                scrypt::scrypt(password, salt, params, &mut out).is_ok() && same(&out, hash)
            }
        }
    }
}

fn argon2_of(text: &str) -> Option<Imported> {
    let phc = PasswordHash::new(text).ok()?;
    let algorithm = Algorithm::new(phc.algorithm.as_str()).ok()?;
    let version = Version::try_from(phc.version.unwrap_or(0x10)).ok()?;
    let params = Params::try_from(&phc).ok()?;
    let (memory, passes, lanes) = MOST_ARGON2;
    let bearable = params.m_cost() <= memory && params.t_cost() <= passes && params.p_cost() <= lanes;
    let (salt, hash) = (phc.salt?.as_ref().to_vec(), phc.hash?.as_bytes().to_vec());
    let argon2 = Argon2::new(algorithm, version, params);
    bearable.then_some(Imported::Argon2 { argon2, salt, hash })
}

fn pbkdf2_of(algorithm: pbkdf2::Algorithm, count: &str, salt: Vec<u8>, hash: Vec<u8>) -> Option<Imported> {
    let count = count.split(',').next()?;
    let count: NonZeroU32 = count.strip_prefix("i=").unwrap_or(count).parse().ok()?;
    let bearable = count.get() <= MOST_PBKDF2 && long_enough(&hash);
    bearable.then_some(Imported::Pbkdf2 { algorithm, count, salt, hash })
}

fn scrypt_of(costs: &str, salt: Vec<u8>, hash: Vec<u8>) -> Option<Imported> {
    let cost = |name: &str| costs.split(',').find_map(|cost| cost.strip_prefix(name))?.parse::<u32>().ok();
    let (log_n, r, p) = (u8::try_from(cost("ln=")?).ok()?, cost("r=")?, cost("p=")?);
    let memory = 1_u64.checked_shl(log_n.into())?.checked_mul(r.into())?;
    let bearable = memory <= MOST_SCRYPT.0 && memory.checked_mul(p.into())? <= MOST_SCRYPT.1;
    let params = scrypt::Params::new(log_n, r, p).ok()?;
    (bearable && long_enough(&hash)).then_some(Imported::Scrypt { params, salt, hash })
}

/// 80 bits: fewer could be met by chance, none at all by everybody.
fn long_enough(hash: &[u8]) -> bool {
    (10..=64).contains(&hash.len())
}

/// Base64 without padding, or with; passlib writes `.` for `+`.
fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text.trim_end_matches('=').replace('.', "+")).ok()
}

fn same(one: &[u8], other: &[u8]) -> bool {
    verify_slices_are_equal(one, other).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made by libxcrypt, Python's hashlib and the reference implementation of Argon2.
    const GOOD: [(&str, &str); 6] = [
        ("correct horse", "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"),
        (
            "correct horse",
            "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$cBg8D2DungRB9k76szThf5ehfyBz991ay6PT8Srwk4M",
        ),
        (
            "correct horse",
            "$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg$OM0FAoIqCVK1sWtxDiffVlBejtLa.ks4TP71JiecwuSZCG8iLbnlIEPOMoVX.i2B2wkSxjQ8CRGR9OkNGuIPMQ",
        ),
        ("correct horse", "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso="),
        (
            "correct horse",
            "$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$6g3umF+uVrJsObaTZhIbbTlgrvOEFcCItdwSjtPF67M",
        ),
        ("password", "$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG"),
    ];

    #[test]
    fn the_right_password_is_right_and_every_other_is_wrong() {
        for (password, hash) in GOOD {
            let imported = Imported::parse(hash).unwrap_or_else(|| panic!("{hash}"));
            assert!(imported.verify(password.as_bytes()), "{hash}");
            for wrong in ["", "correct horsf", "correct horse "] {
                assert!(!imported.verify(wrong.as_bytes()), "{hash}");
            }
        }
    }

    #[test]
    fn what_is_unknown_damaged_or_too_dear_is_refused() {
        for bad in [
            "",
            "correct horse",
            "5f4dcc3b5aa765d61d8327deb882cf99",
            "$1$salt$hash",
            "$2b$04$short",
            "$2b$31$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
            "$2x$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
            "$pbkdf2-sha256$i=0$c2FsdA$cBg8D2DungRB9k76szThf5ehfyBz991ay6PT8Srwk4M",
            "$pbkdf2-sha256$i=4000000000$c2FsdA$cBg8D2DungRB9k76szThf5ehfyBz991ay6PT8Srwk4M",
            "$pbkdf2-sha256$i=1000$c2FsdA$",
            "pbkdf2_sha256$1000$seasalt$****",
            "$scrypt$ln=63,r=8,p=1$c2FsdA$cBg8D2DungRB9k76szThf5ehfyBz991ay6PT8Srwk4M",
            "$scrypt$ln=17,r=8,p=100$c2FsdA$cBg8D2DungRB9k76szThf5ehfyBz991ay6PT8Srwk4M",
            "$scrypt$ln=10$c2FsdA$cBg8D2DungRB9k76szThf5ehfyBz991ay6PT8Srwk4M",
            "$argon2id$v=19$m=4194304,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG",
        ] {
            assert!(Imported::parse(bad).is_none(), "{bad}");
        }
    }
}
