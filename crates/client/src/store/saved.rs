use countersign_core::SessionId;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::answer::User;
use crate::error::Error;
use crate::jar::{Jar, Mode, Prefix};
use crate::secret::SecretText;

/// A session as a store keeps it.
#[derive(Clone)]
pub(crate) struct Saved {
    pub(crate) session: SessionId,
    pub(crate) depth: u32,
    pub(crate) user: User,
    pub(crate) jar: Jar,
    /// The user has logged out, and the server does not know yet.
    pub(crate) leaving: bool,
}

#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    /// Whose session it is; it is shown to no other server.
    auth: String,
    session: SessionId,
    depth: u32,
    user: User,
    mode: Mode,
    prefix: Prefix,
    refresh: Zeroizing<String>,
    fingerprint: Zeroizing<String>,
    leaving: bool,
}

const VERSION: u32 = 1;

impl Saved {
    pub(crate) fn write(&self, auth: &str) -> Result<Zeroizing<String>, Error> {
        let Jar { mode, prefix, refresh, fingerprint } = &self.jar;
        let secret = |text: &SecretText| Zeroizing::new(text.expose().to_owned());
        let written = Written {
            version: VERSION,
            auth: auth.to_owned(),
            session: self.session,
            depth: self.depth,
            user: self.user.clone(),
            mode: *mode,
            prefix: *prefix,
            refresh: secret(refresh),
            fingerprint: secret(fingerprint),
            leaving: self.leaving,
        };
        serde_json::to_string(&written).map(Zeroizing::new).map_err(Error::store)
    }

    pub(crate) fn read(text: &str, auth: &str) -> Result<Self, Error> {
        // What serde says of a fault may quote the text.
        let written: Written = serde_json::from_str(text).map_err(|_| Error::store("holds no session"))?;
        if written.version != VERSION || written.auth != auth {
            return Err(Error::store("holds a session of another server, or of a newer client"));
        }
        let secret = |text| SecretText::new(text).ok_or_else(|| Error::store("holds no session"));
        let jar = Jar {
            mode: written.mode,
            prefix: written.prefix,
            refresh: secret(written.refresh)?,
            fingerprint: secret(written.fingerprint)?,
        };
        let Written { session, depth, user, leaving, .. } = written;
        Ok(Self { session, depth, user, jar, leaving })
    }
}
