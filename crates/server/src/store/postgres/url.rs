//! Where the database is: `postgres://user:password@host1:5432,host2:5432/name?sslmode=…`.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// For how long one host is tried, so that the next has its turn while the caller still waits.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(700);
/// After how long a silent peer is asked whether it lives, and given up if what was sent is not acknowledged.
const SILENCE: Duration = Duration::from_secs(5);

/// The URL of a PostgreSQL database. It holds a password, and is shown without it.
#[derive(Clone)]
pub struct Url {
    shown: String,
    config: tokio_postgres::Config,
    authority: Option<PathBuf>,
}

/// Why a text is no such URL; the text itself is not repeated, as it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("neither sqlite nor of the form postgres://user:password@host:5432/name?sslmode=…: {0}")]
pub struct UrlError(String);

impl Url {
    /// What `tokio-postgres` needs to know.
    pub(super) const fn config(&self) -> &tokio_postgres::Config {
        &self.config
    }

    /// A PEM file of the authorities that may vouch for the server, instead of the machine's own.
    pub(super) fn authority(&self) -> Option<&Path> {
        self.authority.as_deref()
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let fault = |text: &str| UrlError(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(|| fault("no scheme"))?;
        if !["postgres", "postgresql"].contains(&scheme) {
            return Err(fault("the scheme is postgres"));
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (credentials, host) = place.split_once('@').unwrap_or(("", place));
        if host.contains('@') {
            return Err(fault("in a password, @ is written as %40"));
        }
        let (mut tls, mut authority, mut others) = (None, None, Vec::new());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", "disable")) => tls = Some(SslMode::Disable),
                Some(("sslmode", "require" | "verify-full")) => tls = Some(SslMode::Require),
                Some(("sslmode", _)) => return Err(fault("sslmode is disable or verify-full")),
                Some(("sslrootcert", path)) => authority = Some(PathBuf::from(path)),
                _ => others.push(parameter),
            }
        }
        let mut config: tokio_postgres::Config = format!("postgres://{place}?{}", others.join("&"))
            .parse()
            .map_err(|error| fault(&reason(&error)))?;
        if config.get_hosts().is_empty() {
            return Err(fault("no host"));
        }
        let local = config.get_hosts().iter().all(is_local);
        config.ssl_mode(tls.unwrap_or(if local { SslMode::Disable } else { SslMode::Require }));
        // A standby is never what is meant.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("countersign");
        }
        config.keepalives_idle(SILENCE).keepalives_interval(SILENCE).tcp_user_timeout(SILENCE);
        let user = credentials.split(':').next().filter(|user| !user.is_empty());
        let shown = format!("postgres://{}{host}", user.map(|user| format!("{user}@")).unwrap_or_default());
        Ok(Self { shown, config, authority })
    }
}

/// What the parser says is wrong: the name of a parameter, never its value.
fn reason(error: &tokio_postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
        Host::Unix(_) => true,
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_shown_without_its_secrets() {
        let url: Url =
            "postgres://ann:s3cr%40t@db1:5432,db2:5433/auth?options=-csearch_path%3Ds3cr&sslmode=require"
                .parse()
                .unwrap();
        assert_eq!(url.to_string(), "postgres://ann@db1:5432,db2:5433/auth");
        assert_eq!(format!("{url:?}"), url.to_string());
        assert_eq!(url.config().get_password(), Some(&b"s3cr@t"[..]));
        assert_eq!(url.config().get_ports(), [5432, 5433]);
        assert_eq!(url.config().get_options(), Some("-csearch_path=s3cr"));
    }

    #[test]
    fn a_fault_does_not_repeat_the_url() {
        for bad in [
            "sqlite",
            "mysql://ann:s3cret@db/auth",
            "postgres://ann:s3cret@s3cret@db/auth",
            "postgres://ann:s3cret/auth",
            "postgres:///auth",
            "postgres://ann:s3cret@db:s3cret/auth",
            "postgres://ann:s3cret@db/auth?sslmode=prefer",
            "postgres://ann:s3cret@db/auth?shoe=s3cret",
        ] {
            let fault = bad.parse::<Url>().unwrap_err();
            assert!(!fault.to_string().contains("s3cret"), "{fault}");
        }
    }

    #[test]
    fn the_way_to_another_machine_is_encrypted_unless_it_is_said() {
        for (url, expected) in [
            ("postgres://localhost/auth", SslMode::Disable),
            ("postgres://127.0.0.1:5433,[::1]/auth", SslMode::Disable),
            ("postgres://%2Frun%2Fpostgresql/auth", SslMode::Disable),
            ("postgres://db/auth", SslMode::Require),
            ("postgres://localhost,db/auth", SslMode::Require),
            ("postgres://db/auth?sslmode=disable", SslMode::Disable),
            ("postgres://localhost/auth?sslmode=verify-full", SslMode::Require),
        ] {
            assert_eq!(url.parse::<Url>().unwrap().config().get_ssl_mode(), expected, "{url}");
        }
    }

    #[test]
    fn only_a_database_that_takes_writes_is_meant() {
        for url in ["postgres://db/auth", "postgres://db/auth?target_session_attrs=any"] {
            let attributes = url.parse::<Url>().unwrap().config().get_target_session_attrs();
            assert_eq!(attributes, TargetSessionAttrs::ReadWrite);
        }
    }
}
