use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Place, State, Windows};
use crate::{Secret, SessionId, Timestamp, UserId};

const PREFIX: &str = "cs_rt_";
const VERSION: u8 = 1;

const KEY_ID_LEN: usize = 6;
const MAC_LEN: usize = 32;
const FIELDS_LEN: usize = 1 + KEY_ID_LEN + 16 + 16 + 4 + 3 * 8;
// A multiple of 3, so that base64 has no bits left over: one token, one text.
const TOKEN_LEN: usize = FIELDS_LEN + MAC_LEN;
/// 132 characters, 138 with the prefix.
const TEXT_LEN: usize = TOKEN_LEN / 3 * 4;

/// What a refresh token says. It is opaque to clients, and the database stores none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RefreshToken {
    /// Whose it is, so that one shard of a distributed database answers.
    pub user: UserId,
    /// The session it belongs to.
    pub session: SessionId,
    /// Where it stands in the session: what makes it this token.
    pub place: Place,
    /// When this copy was handed out. Equal tokens may differ in it.
    pub issued: Timestamp,
}

impl RefreshToken {
    /// The token that answers this one, once the session is in `state`: its child.
    #[must_use]
    pub fn answer(&self, state: &State, now: Timestamp, windows: &Windows) -> Self {
        Self {
            place: state.child(now, windows),
            // As in `judge`: a clock that was set back must not date the answer before its parent.
            issued: now.max(state.confirmed_at),
            ..*self
        }
    }

    /// The text for the client: `cs_rt_` and 132 characters of base64url without padding
    /// ([RFC 4648, section 5](https://www.rfc-editor.org/rfc/rfc4648#section-5)).
    ///
    /// Inside, with numbers in big-endian order: version (1 byte), key id (6), user (16), session (16), depth
    /// (4), slot, parent slot and issued (8 each, milliseconds), and the HMAC-SHA-256 (32) of all these and the
    /// session's `salt`. So the key alone forges nothing, and neither does the database, which holds the salt.
    pub fn seal(&self, key: &MacKey, salt: &Secret<16>) -> String {
        let mut bytes = Vec::with_capacity(TOKEN_LEN);
        bytes.push(VERSION);
        bytes.extend(key.id.0);
        bytes.extend(self.user.as_bytes());
        bytes.extend(self.session.as_bytes());
        bytes.extend(self.place.depth.to_be_bytes());
        for moment in [self.place.slot, self.place.parent_slot, self.issued] {
            bytes.extend(moment.as_millis().to_be_bytes());
        }
        let mac = key.mac(&bytes, salt);
        bytes.extend(mac.as_ref());

        let mut text = String::with_capacity(PREFIX.len() + TEXT_LEN);
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
        text
    }
}

/// A refresh token as a client presented it: its MAC is not checked yet, so it only says where to look.
pub struct Shown {
    key_id: KeyId,
    token: RefreshToken,
    fields: [u8; FIELDS_LEN],
    mac: [u8; MAC_LEN],
}

/// The text is not of the form of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not of the form of a refresh token")]
pub struct Malformed;

/// The refresh token was not made with this key and this salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the refresh token was not made with this key and salt")]
pub struct BadMac;

impl Shown {
    /// Reads the text of a refresh token. Every token has one text; any other is refused.
    ///
    /// # Errors
    /// [`Malformed`] if prefix, length, alphabet or version are not those of [`RefreshToken::seal`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let text = text.strip_prefix(PREFIX).ok_or(Malformed)?;
        // Before decoding, so that a long text costs nothing.
        if text.len() != TEXT_LEN {
            return Err(Malformed);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Malformed)?;
        Self::from_bytes(&bytes).ok_or(Malformed)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (fields, mac) = bytes.split_first_chunk()?;
        let (&[version], rest) = fields.split_first_chunk()?;
        if version != VERSION {
            return None;
        }
        let (&key_id, rest) = rest.split_first_chunk()?;
        let (&user, rest) = rest.split_first_chunk()?;
        let (&session, rest) = rest.split_first_chunk()?;
        let (&depth, rest) = rest.split_first_chunk()?;
        let (&slot, rest) = rest.split_first_chunk()?;
        let (&parent_slot, issued) = rest.split_first_chunk()?;
        Some(Self {
            key_id: KeyId(key_id),
            token: RefreshToken {
                user: UserId::from_bytes(user),
                session: SessionId::from_bytes(session),
                place: Place {
                    depth: u32::from_be_bytes(depth),
                    slot: moment(slot),
                    parent_slot: moment(parent_slot),
                },
                issued: moment(issued.try_into().ok()?),
            },
            fields: *fields,
            mac: mac.try_into().ok()?,
        })
    }

    /// Whose token it claims to be.
    pub const fn user(&self) -> UserId {
        self.token.user
    }

    /// The session it claims to belong to, which has the salt.
    pub const fn session(&self) -> SessionId {
        self.token.session
    }

    /// The key it claims to be made with.
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// Checks the MAC, in time that does not depend on where it differs.
    ///
    /// # Errors
    /// [`BadMac`] if the token was not sealed with this key and salt.
    pub fn verify(self, key: &MacKey, salt: &Secret<16>) -> Result<RefreshToken, BadMac> {
        verify_slices_are_equal(key.mac(&self.fields, salt).as_ref(), &self.mac)
            .map(|()| self.token)
            .map_err(|_| BadMac)
    }
}

const fn moment(millis: [u8; 8]) -> Timestamp {
    Timestamp::from_millis(u64::from_be_bytes(millis))
}

/// Which [`MacKey`] made a token. It follows from the key, so that no two keys share one by mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; KEY_ID_LEN]);

/// A key that seals refresh tokens.
pub struct MacKey {
    id: KeyId,
    key: hmac::Key,
}

impl MacKey {
    /// The key made of these bytes.
    pub fn new(secret: &Secret<32>) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        // No token is as short as this text, so the id tells nothing of any MAC.
        let tag = hmac::sign(&key, b"countersign refresh key id");
        let mut id = [0; KEY_ID_LEN];
        for (to, from) in id.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        Self { id: KeyId(id), key }
    }

    /// What tokens call this key.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    fn mac(&self, fields: &[u8], salt: &Secret<16>) -> hmac::Tag {
        let mut mac = hmac::Context::with_key(&self.key);
        mac.update(fields);
        mac.update(salt.expose());
        mac.sign()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> RefreshToken {
        RefreshToken {
            user: UserId::from_bytes([0x11; 16]),
            session: SessionId::from_bytes([0x22; 16]),
            place: Place {
                depth: u32::MAX,
                slot: Timestamp::from_millis(u64::MAX),
                parent_slot: Timestamp::from_millis(3),
            },
            issued: Timestamp::from_millis(4),
        }
    }

    fn key(byte: u8) -> MacKey {
        MacKey::new(&Secret::from_slice(&[byte; 32]).unwrap())
    }

    fn salt(byte: u8) -> Secret<16> {
        Secret::from_slice(&[byte; 16]).unwrap()
    }

    #[test]
    fn only_key_and_salt_together_open_a_token() {
        let text = token().seal(&key(1), &salt(1));
        assert_eq!(text.len(), 138);

        let shown = || Shown::parse(&text).unwrap_or_else(|bad| panic!("{bad}"));
        assert_eq!((shown().user(), shown().session()), (token().user, token().session));
        assert_eq!(shown().key_id(), key(1).id());
        assert_ne!(shown().key_id(), key(2).id());
        assert_eq!(shown().verify(&key(1), &salt(1)), Ok(token()));
        assert_eq!(shown().verify(&key(2), &salt(1)), Err(BadMac));
        assert_eq!(shown().verify(&key(1), &salt(2)), Err(BadMac));
    }

    #[test]
    fn one_token_has_one_text() {
        let text = token().seal(&key(1), &salt(1));
        for at in 0..text.len() {
            for other in ["A", "B", "_", "-", "=", "+", " ", ""] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, other);
                let opened = Shown::parse(&changed).map(|shown| shown.verify(&key(1), &salt(1)));
                assert_eq!(matches!(opened, Ok(Ok(_))), changed == text, "{changed}");
            }
        }
        for bad in ["", "cs_rt_", "CS_RT_", &text[6..], &format!("{text}="), &format!("{text}AAAA")] {
            assert!(Shown::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn another_version_is_malformed() {
        let text = token().seal(&key(1), &salt(1)).replacen("cs_rt_A", "cs_rt_B", 1);
        assert!(Shown::parse(&text).is_err());
    }
}
