use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use reqwest::Url;

use crate::store::SessionStore;
use crate::world::{Machine, World};

type MakeHttp = dyn Fn() -> reqwest::ClientBuilder + Send + Sync;

/// What a client is made of.
///
/// ```
/// use countersign_client::{Client, Config};
///
/// # fn main() -> Result<(), countersign_client::ConfigError> {
/// let client = Client::new(Config::new("https://auth.example.com").api("https://api.example.com"))?;
/// # Ok(()) }
/// ```
pub struct Config {
    auth: String,
    apis: Vec<String>,
    store: Option<Arc<dyn SessionStore>>,
    world: Arc<dyn World>,
    http: Arc<MakeHttp>,
    plain_http: bool,
}

/// Why there can be no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The HTTP library refuses: it finds no certificates, for example.
    #[error("no HTTP client: {0}")]
    Http(#[source] reqwest::Error),
    /// Not the URL of a server.
    #[error("{0} is not a URL of the form https://host/path, without user, query and fragment")]
    Url(String),
    /// Secrets would travel in the clear.
    #[error("{0} is not https, and not this machine")]
    Unencrypted(String),
}

impl Config {
    /// A client of the auth server at this URL: its issuer.
    pub fn new(auth: impl Into<String>) -> Self {
        Self {
            auth: auth.into(),
            apis: Vec::new(),
            store: None,
            world: Arc::new(Machine::new()),
            http: Arc::new(reqwest::Client::builder),
            plain_http: false,
        }
    }

    /// Adds an API that may see the access token and the fingerprint. Only scheme, host and port count. The auth
    /// server is always one.
    #[must_use]
    pub fn api(mut self, url: impl Into<String>) -> Self {
        self.apis.push(url.into());
        self
    }

    /// Keeps the session in this store.
    #[must_use]
    pub fn store(mut self, store: impl SessionStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Takes time and chance from here.
    #[must_use]
    pub fn world(mut self, world: Arc<dyn World>) -> Self {
        self.world = world;
        self
    }

    /// Makes its HTTP clients with this: proxies, certificates, `User-Agent`. Redirects are never followed, whatever
    /// this says. It is called twice, as WebSockets need HTTP/1.1.
    #[must_use]
    pub fn http(mut self, make: impl Fn() -> reqwest::ClientBuilder + Send + Sync + 'static) -> Self {
        self.http = Arc::new(make);
        self
    }

    /// Sends secrets without encryption to hosts other than this machine: for a network that encrypts by itself.
    #[must_use]
    pub fn dangerously_allow_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    pub(crate) fn check(self) -> Result<Settings, ConfigError> {
        let auth = self.url(&self.auth)?;
        let apis = self.apis.iter().map(|api| self.url(api)).collect::<Result<Vec<_>, _>>()?;
        let apis = apis.iter().chain([&auth]).map(origin).collect();
        let client = |builder: reqwest::ClientBuilder| {
            builder.redirect(reqwest::redirect::Policy::none()).build().map_err(ConfigError::Http)
        };
        Ok(Settings {
            auth: auth.as_str().trim_end_matches('/').to_owned(),
            apis,
            store: self.store,
            world: self.world,
            http: client((self.http)())?,
            sockets: client((self.http)().http1_only())?,
        })
    }

    fn url(&self, text: &str) -> Result<Url, ConfigError> {
        let bad = || ConfigError::Url(text.to_owned());
        let url = Url::parse(text).map_err(|_| bad())?;
        let bare = url.username().is_empty() && url.password().is_none();
        if !bare || url.query().is_some() || url.fragment().is_some() {
            // The text may hold a password.
            return Err(ConfigError::Url(url.host_str().unwrap_or("this").to_owned()));
        }
        match url.scheme() {
            "https" => Ok(url),
            "http" if self.plain_http || is_this_machine(&url) => Ok(url),
            "http" => Err(ConfigError::Unencrypted(text.to_owned())),
            _ => Err(bad()),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("apis", &self.apis).finish_non_exhaustive()
    }
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Scheme, host and port; a WebSocket's are those of its upgrade request.
fn origin(url: &Url) -> String {
    let text = url.origin().ascii_serialization();
    text.strip_prefix("ws").map_or(text.clone(), |rest| format!("http{rest}"))
}

/// A configuration that was judged.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Without a slash at the end.
    pub(crate) auth: String,
    apis: BTreeSet<String>,
    pub(crate) store: Option<Arc<dyn SessionStore>>,
    pub(crate) world: Arc<dyn World>,
    pub(crate) http: reqwest::Client,
    pub(crate) sockets: reqwest::Client,
}

impl Settings {
    /// Whether this address may see tokens.
    pub(crate) fn trusts(&self, url: &Url) -> bool {
        self.apis.contains(&origin(url))
    }
}
