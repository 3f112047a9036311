//! What the judge has found good.

use std::ops::Deref;
use std::time::Duration;

use countersign_core::session::Windows;
use countersign_core::token::{Algorithm, ClaimTemplates};

use super::Config;

/// Configuration that has been found good. [`Config::check`] is its only maker.
#[derive(Debug)]
pub struct Settings {
    pub(super) config: Config,
    pub(super) issuer: String,
    pub(super) windows: Windows,
    pub(super) templates: ClaimTemplates,
}

impl Settings {
    /// The issuer's URL, which is also its origin.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Flight time and grace.
    pub const fn windows(&self) -> &Windows {
        &self.windows
    }

    /// The further claims of every token.
    pub const fn templates(&self) -> &ClaimTemplates {
        &self.templates
    }

    /// What is allowed, but not meant for real use.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.access_ttl.0 < Duration::from_mins(1) {
            warnings.push(format!("access_ttl: {} is for tests", self.access_ttl));
        }
        if self.signing_alg == Algorithm::Hs256 {
            warnings.push("signing_alg: with HS256 every verifier can sign, and the JWKS is empty".into());
        }
        if self.development {
            warnings.push("development: the GraphQL schema is open to everybody".into());
        }
        warnings
    }

    /// Whether pages of this origin may call with credentials.
    pub fn allows_origin(&self, origin: &str) -> bool {
        origin == self.issuer || self.config.origins.iter().any(|allowed| allowed == origin)
    }

    /// The API of notes that the page shows.
    pub fn demo_api(&self) -> Option<&str> {
        (!self.config.demo_api.is_empty()).then_some(&self.config.demo_api)
    }

    /// Every origin whose pages may call with credentials.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.issuer()).chain(self.config.origins.iter().map(String::as_str))
    }

    /// How long a session may go unused, and live.
    pub const fn lives(&self, remember: bool) -> (Duration, Duration) {
        if remember {
            (self.config.remember_idle.0, self.config.remember_absolute.0)
        } else {
            (self.config.idle.0, self.config.absolute.0)
        }
    }
}

impl Deref for Settings {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.config
    }
}
