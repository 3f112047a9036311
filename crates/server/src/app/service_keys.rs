//! Service keys: how other servers authenticate to this one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::{Code, ServiceKeyId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{App, Error, sha256};
use crate::store::{ServiceKey, ServiceKeyHash};

/// What a service key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Scope {
    /// Administration.
    Admin,
    /// Reading `/metrics`.
    Metrics,
    /// Reading the deny-list stream.
    Revocations,
    /// Minting for server-side rendering.
    Ssr,
}

/// Every scope, by its name.
pub const SCOPES: [(&str, Scope); 4] = [
    ("admin", Scope::Admin),
    ("metrics", Scope::Metrics),
    ("revocations", Scope::Revocations),
    ("ssr", Scope::Ssr),
];

const PREFIX: &str = "csk_";

impl Scope {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        SCOPES.iter().find(|(_, scope)| *scope == self).map_or("", |(name, _)| name)
    }
}

impl App {
    /// Makes a service key. Its text is answered here once, and is not stored.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer.
    pub async fn add_service_key(
        &self,
        name: String,
        scopes: &[Scope],
    ) -> Result<(ServiceKey, Zeroizing<String>), Error> {
        let now = self.now();
        let secret = Zeroizing::new(self.random.bytes::<32>()?);
        let text = Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret.as_slice())));
        let key = ServiceKey {
            id: ServiceKeyId::at(now, self.random.bytes()?),
            name,
            scopes: scopes.iter().map(|scope| scope.name().to_owned()).collect(),
            created_at: now,
        };
        self.store.create_service_key(&key, &ServiceKeyHash(sha256(text.as_bytes()))).await?;
        Ok((key, text))
    }

    /// Every service key that is not revoked.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer.
    pub async fn service_keys(&self) -> Result<Vec<ServiceKey>, Error> {
        Ok(self.store.service_keys().await?)
    }

    /// Revokes a service key; false if there is none of this id.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer.
    pub async fn revoke_service_key(&self, id: ServiceKeyId) -> Result<bool, Error> {
        Ok(self.store.revoke_service_key(id, self.now()).await?)
    }

    /// Whether `bearer` is a service key that allows `scope`.
    ///
    /// # Errors
    /// [`Code::Forbidden`] if it is none or does not allow it: no refresh and no login would help a server.
    pub async fn check_service_key(&self, bearer: Option<&str>, scope: Scope) -> Result<(), Error> {
        self.service_key_of(bearer, scope).await.map(drop)
    }

    /// The same; answers by what the key can be looked at again.
    pub(super) async fn service_key_of(
        &self,
        bearer: Option<&str>,
        scope: Scope,
    ) -> Result<ServiceKeyHash, Error> {
        // The hash is of 256 random bits: looking it up tells nothing by its time.
        let text = bearer.filter(|text| text.starts_with(PREFIX)).ok_or(Error::Code(Code::Forbidden))?;
        let hash = ServiceKeyHash(sha256(text.as_bytes()));
        self.allows(&hash, scope).await?;
        Ok(hash)
    }

    /// Whether the key of this hash allows `scope`, now.
    pub(super) async fn allows(&self, hash: &ServiceKeyHash, scope: Scope) -> Result<(), Error> {
        match self.store.service_key(hash).await? {
            Some(key) if key.scopes.iter().any(|name| name == scope.name()) => Ok(()),
            _ => Err(Error::Code(Code::Forbidden)),
        }
    }
}
