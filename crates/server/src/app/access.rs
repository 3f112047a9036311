//! Access tokens: what is in them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::Timestamp;
use countersign_core::token::{Claims, HasuraClaims, Placeholder, SmolStr};

use super::{App, Error};
use crate::store::{Session, User};

/// A signed access token.
#[derive(Clone)]
pub struct AccessToken {
    /// The JWT.
    pub text: String,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

impl App {
    /// Signs an access token of `session` that lives `ttl` from the last full second on.
    pub(super) fn sign(
        &self,
        user: &User,
        session: &Session,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<AccessToken, Error> {
        let settings = self.settings();
        // Rounded down: engines refuse a token whose `iat` is in the future, be it by a millisecond.
        let iat = now.as_secs();
        let exp = iat + ttl.as_secs();
        let mut claims = Claims {
            iss: settings.issuer().into(),
            sub: user.id,
            aud: settings.audience.as_str().into(),
            iat,
            exp,
            jti: URL_SAFE_NO_PAD.encode(self.random.bytes::<16>()?).into(),
            sid: session.id,
            cep: user.claims_epoch,
            client_id: settings.client_id.as_str().into(),
            preferred_username: user.username.as_ref().filter(|_| settings.username_claim).map(SmolStr::new),
            hasura: HasuraClaims {
                user_id: user.id.to_string().into(),
                default_role: user.default_role.as_str().into(),
                allowed_roles: user.roles.iter().map(SmolStr::new).collect(),
                custom: user.claims.iter().map(|(name, text)| (name.into(), text.into())).collect(),
                fingerprint: Some(session.fingerprint),
            },
            extra: serde_json::Map::new(),
        };
        settings.templates().apply(&mut claims, &|placeholder| value(placeholder, user, session));
        let text = self.keyring.sign(&claims, &settings.token_type)?;
        if text.len() > BUDGET {
            tracing::warn!(user = %user.id, bytes = text.len(), "access token is over its budget of {BUDGET} bytes");
        }
        Ok(AccessToken { text, expires_at: Timestamp::from_secs(exp) })
    }
}

/// A token goes with every request: more than this is felt.
const BUDGET: usize = 1024;

fn value(placeholder: Placeholder, user: &User, session: &Session) -> Option<String> {
    Some(match placeholder {
        Placeholder::SessionId => session.id.to_string(),
        Placeholder::UserEmail => user.email.clone(),
        Placeholder::UserId => user.id.to_string(),
        Placeholder::UserRole => user.default_role.clone(),
        Placeholder::UserUsername => return user.username.clone(),
        Placeholder::UserUuid => user.id.as_uuid(),
        // A placeholder that a newer core knows and this server does not: the claim is left out.
        _ => return None,
    })
}
