//! How an API makes its verifier.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::token::{Checks, KeySet};
use countersign_core::{Clock, SystemClock};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use super::asking::{self, Asking};
use super::link::Link;
use super::{cache, stream, upkeep};
use crate::state::State;
use crate::{FingerprintPolicy, Policy, Staleness, Verifier};

/// A verifier in the making: see [`Verifier::builder`].
pub struct Builder {
    policy: Policy,
    url: Option<String>,
    service_key: Zeroizing<String>,
    hs256_secret: Option<Zeroizing<Vec<u8>>>,
    cache_file: Option<PathBuf>,
    clock: Arc<dyn Clock>,
}

/// Why a verifier cannot be made. That the auth server is away is no reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Without a service key there is no deny-list, and without that a logout would mean nothing.
    #[error(
        "the verifier needs a service key (csk_…): `countersign keys service add --scope revocations` makes one"
    )]
    ServiceKey,
    /// The HS256 secret is too short to be safe.
    #[error("the HS256 secret is too short: it must have at least 32 bytes")]
    Secret,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made: {0}")]
    Http(String),
}

impl Verifier {
    /// A verifier for the tokens of this issuer, by the URL that stands in them.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), countersign_verifier::BuildError> {
    /// use countersign_verifier::Verifier;
    ///
    /// let verifier = Verifier::builder("https://auth.example.com")
    ///     .service_key(std::fs::read_to_string("/run/secrets/countersign").unwrap_or_default())
    ///     .build()
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn builder(issuer: impl Into<String>) -> Builder {
        let issuer = issuer.into();
        Builder {
            policy: Policy::new(Checks::new(issuer.trim_end_matches('/'), "api")),
            url: None,
            service_key: Zeroizing::default(),
            hs256_secret: None,
            cache_file: None,
            clock: Arc::new(SystemClock),
        }
    }
}

impl Builder {
    /// The service key with the scope `revocations`; white space around it is cut off.
    #[must_use]
    pub fn service_key(mut self, key: impl Into<String>) -> Self {
        let key = Zeroizing::new(key.into());
        self.service_key = Zeroizing::new(key.trim().to_owned());
        self
    }

    /// Where the auth server is reached, if not at the issuer's URL: inside a cluster, say. The service key is sent
    /// there, so that without TLS it is safe only in a network that is.
    #[must_use]
    pub fn reached_at(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into().trim_end_matches('/').to_owned());
        self
    }

    /// The only `aud` that is accepted; `api` unless said otherwise.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.policy.checks.audience = audience.into();
        self
    }

    /// The only `typ` that is accepted; `at+jwt` unless said otherwise.
    #[must_use]
    pub fn token_type(mut self, typ: impl Into<String>) -> Self {
        self.policy.checks.typ = typ.into();
        self
    }

    /// How far the clocks of the auth server and this machine may differ; 5 seconds unless said otherwise.
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.policy.checks.leeway = leeway;
        self
    }

    /// What is asked of the fingerprint cookie; it is required unless said otherwise.
    #[must_use]
    pub const fn fingerprint(mut self, policy: FingerprintPolicy) -> Self {
        self.policy.fingerprint = policy;
        self
    }

    /// That app, API and auth server live on sibling hosts, and the cookies are the `__Secure-` ones.
    #[must_use]
    pub const fn sibling_hosts(mut self, siblings: bool) -> Self {
        self.policy.sibling_hosts = siblings;
        self
    }

    /// What happens when there is no news of the auth server.
    #[must_use]
    pub const fn staleness(mut self, staleness: Staleness) -> Self {
        self.policy.staleness = staleness;
        self
    }

    /// A file in which keys and deny-list are kept, so that a start while the auth server is away answers as
    /// the staleness policy allows. Whoever can write it decides what this verifier accepts.
    #[must_use]
    pub fn cache_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.cache_file = Some(path.into());
        self
    }

    /// How many verified signatures are remembered; 100,000 unless said otherwise.
    #[must_use]
    pub const fn signatures(mut self, capacity: usize) -> Self {
        self.policy.signatures = capacity;
        self
    }

    /// The secret of an auth server that signs by `HS256`, as bytes: at least 32. Whoever has it can sign any token,
    /// so each API that has it is as sensitive as the auth server. Prefer keys of another algorithm.
    #[must_use]
    pub fn danger_hs256_secret(mut self, secret: impl Into<Vec<u8>>) -> Self {
        self.hs256_secret = Some(Zeroizing::new(secret.into()));
        self
    }

    /// Another clock than the machine's, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The whole policy at once, instead of what was said before.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Makes the verifier and begins to follow the auth server, which need not be there yet: until it is, every
    /// request is refused as [`Unready`](crate::Unready), or judged by what the cache file knows.
    ///
    /// # Errors
    /// See [`BuildError`].
    #[expect(
        clippy::unused_async,
        reason = "it must be called in a runtime, and may come to wait for something"
    )]
    pub async fn build(self) -> Result<Verifier, BuildError> {
        if self.service_key.is_empty() {
            return Err(BuildError::ServiceKey);
        }
        let url = self.url.unwrap_or_else(|| self.policy.checks.issuer.clone());
        let link = Link::new(url, self.service_key).map_err(|error| BuildError::Http(error.to_string()))?;
        let link = Arc::new(link);
        let mut own_keys = KeySet::default();
        if let Some(secret) = self.hs256_secret {
            own_keys.danger_insert_hs256(&secret).map_err(|_| BuildError::Secret)?;
        }
        let (asking, asked) = Asking::start();
        let shared = Arc::new(State::remote(self.policy, self.clock, asking, own_keys));
        let state = Arc::downgrade(&shared);
        let mut tasks = Vec::new();
        if let Some(path) = &self.cache_file {
            match cache::load(path, &shared) {
                Ok(true) => tracing::info!(path = %path.display(), "began with what the cache file knows"),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, path = %path.display(), "the cache file is of no use"),
            }
            tasks.push(tokio::spawn(cache::keep(path.clone(), state.clone())));
        }
        let seed = RandomState::new().hash_one(0);
        tasks.push(tokio::spawn(upkeep::run(state.clone())));
        tasks.push(tokio::spawn(stream::follow(Arc::clone(&link), state.clone(), seed)));
        tasks.push(tokio::spawn(asking::answer(link, state, asked)));
        shared.keep(Tasks { tasks, cache_file: self.cache_file });
        Ok(Verifier::of(shared))
    }
}

/// What goes on for a verifier, and ends with it.
#[derive(Debug)]
pub(crate) struct Tasks {
    tasks: Vec<JoinHandle<()>>,
    cache_file: Option<PathBuf>,
}

impl Tasks {
    /// The verifier is gone: what it knew stays in the cache file.
    pub(crate) fn end(&self, state: &State) {
        self.tasks.iter().for_each(JoinHandle::abort);
        if let Some(path) = &self.cache_file {
            cache::keep_now(path, state);
        }
    }
}
