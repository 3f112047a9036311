//! What a session shows the auth server: the refresh token and the fingerprint, as two of its three cookies or as
//! one and a member of the body. The third cookie, the hint, is for scripts that cannot read the other two; a
//! program reads the depth in the answer.

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::answer::Issued;
use crate::secret::{SecretText, header};

/// How the refresh token of a session travels. It is chosen at login and kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the protocol has these two")]
pub enum Mode {
    /// In a cookie.
    #[default]
    Cookie,
    /// In the body; the fingerprint still is a cookie.
    Header,
}

/// How the cookies are called: `__Host-…`, or `__Secure-…` where sibling hosts share them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Prefix {
    Host,
    Secure,
}

impl Prefix {
    const fn text(self) -> &'static str {
        match self {
            Self::Host => "__Host-",
            Self::Secure => "__Secure-",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Host => Self::Secure,
            Self::Secure => Self::Host,
        }
    }
}

/// The cookies of one session.
#[derive(Clone)]
pub(crate) struct Jar {
    pub(crate) mode: Mode,
    pub(crate) prefix: Prefix,
    pub(crate) refresh: SecretText,
    pub(crate) fingerprint: SecretText,
}

impl Jar {
    /// The jar of a new session; `None` if the answer lacks a part.
    pub(crate) fn opened(mode: Mode, issued: &Issued, headers: &HeaderMap) -> Option<Self> {
        let set = Set::read(headers);
        let refresh = set.refresh(mode, issued);
        Some(Self { mode, prefix: set.prefix?, refresh: refresh?, fingerprint: set.fingerprint? })
    }

    /// The jar after a refresh. What the answer lacks stays as it was: the token that was just shown can be shown
    /// again at any time. All cookies of a server bear one prefix, so the newest one tells that of all.
    #[must_use]
    pub(crate) fn renewed(&self, issued: &Issued, headers: &HeaderMap) -> Self {
        let set = Set::read(headers);
        Self {
            mode: self.mode,
            prefix: set.prefix.unwrap_or(self.prefix),
            refresh: set.refresh(self.mode, issued).unwrap_or_else(|| self.refresh.clone()),
            fingerprint: set.fingerprint.unwrap_or_else(|| self.fingerprint.clone()),
        }
    }

    /// The same under the other prefix: the server may have changed its `cookie_domain` since.
    #[must_use]
    pub(crate) fn renamed(&self) -> Self {
        Self { prefix: self.prefix.other(), ..self.clone() }
    }

    /// What the auth server is shown of the session.
    pub(crate) fn cookies(&self) -> Option<HeaderValue> {
        let Self { mode: Mode::Cookie, prefix, refresh, .. } = self else {
            return self.fingerprint();
        };
        let fingerprint = self.fingerprint_pair();
        let pair = format!("{}csrt={}; {}", prefix.text(), refresh.expose(), *fingerprint);
        header(&Zeroizing::new(pair))
    }

    /// What an API is shown: never the refresh token.
    pub(crate) fn fingerprint(&self) -> Option<HeaderValue> {
        header(&self.fingerprint_pair())
    }

    pub(crate) fn fingerprint_pair(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}csfp={}", self.prefix.text(), self.fingerprint.expose()))
    }
}

/// What an answer sets.
#[derive(Default)]
struct Set {
    prefix: Option<Prefix>,
    refresh: Option<SecretText>,
    fingerprint: Option<SecretText>,
}

impl Set {
    fn read(headers: &HeaderMap) -> Self {
        let mut set = Self::default();
        for line in headers.get_all(SET_COOKIE).into_iter().filter_map(|line| line.to_str().ok()) {
            let pair = line.split(';').next().and_then(|pair| pair.trim().split_once('='));
            let Some((name, value)) = pair else { continue };
            let parted = [Prefix::Host, Prefix::Secure]
                .into_iter()
                .find_map(|prefix| Some((prefix, name.strip_prefix(prefix.text())?)));
            // A cleared cookie is empty, and no secret.
            let (Some((prefix, name)), Some(value)) =
                (parted, SecretText::new(Zeroizing::new(value.to_owned())))
            else {
                continue;
            };
            match name {
                "csrt" => set.refresh = Some(value),
                "csfp" => set.fingerprint = Some(value),
                _ => continue,
            }
            set.prefix = Some(prefix);
        }
        set
    }

    fn refresh(&self, mode: Mode, issued: &Issued) -> Option<SecretText> {
        match mode {
            Mode::Cookie => self.refresh.clone(),
            Mode::Header => issued.refresh_token.clone().and_then(SecretText::new),
        }
    }
}
