//! The one judge.

use std::time::Duration;

use countersign_core::Span;
use countersign_core::session::Windows;
use countersign_core::token::{ClaimTemplates, Template};
use countersign_verifier::websocket::origin;

use super::{Config, Database, Preset, Settings};
use crate::store::LONGEST_ACCESS_TTL;

impl Config {
    /// The only place that judges configuration. `port` is the one that the server really listens on.
    ///
    /// # Errors
    /// Every fault, each in a sentence that names the setting.
    pub fn check(self, port: u16) -> Result<Settings, Vec<String>> {
        let mut faults = Vec::new();
        let issuer = self.issuer_url(port).map_err(|fault| faults.push(fault)).unwrap_or_default();
        let windows = Windows::new(self.flight.0, self.grace.0)
            .map_err(|fault| faults.push(format!("flight, grace: {fault}")))
            .unwrap_or_default();
        let mut templates = Vec::new();
        for (name, text) in &self.claims {
            match text.parse::<Template>() {
                Ok(template) => templates.push((name.clone(), template)),
                Err(fault) => faults.push(format!("claims.{name}: {fault}")),
            }
        }
        self.judge_lives(&mut faults);
        self.judge_rest(&mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let templates: ClaimTemplates = templates.into_iter().collect();
        let templates = match self.claims_preset {
            Preset::Hasura => templates,
            Preset::Postgrest => templates.with_postgrest(),
        };
        Ok(Settings { config: self, issuer, windows, templates })
    }

    fn issuer_url(&self, port: u16) -> Result<String, String> {
        let scheme = if self.tls_cert.is_some() { "https" } else { "http" };
        if self.issuer.is_empty() {
            return Ok(format!("{scheme}://localhost:{port}"));
        }
        let issuer = self.issuer.trim_end_matches('/');
        let origin =
            origin(issuer).ok_or("issuer: not a URL of the form https://auth.example.com (no path)")?;
        let host = origin.split_once("://").map_or("", |(_, rest)| rest);
        let local = ["localhost", "127.0.0.1", "[::1]"]
            .iter()
            .any(|name| host.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')));
        if origin.starts_with("http://") && !local {
            return Err("issuer: browsers keep our cookies only over https (or on localhost)".into());
        }
        Ok(origin)
    }

    fn judge_lives(&self, faults: &mut Vec<String>) {
        for (name, Span(life), most) in [
            ("access_ttl", self.access_ttl, LONGEST_ACCESS_TTL),
            ("mint_ttl", self.mint_ttl, Duration::from_mins(5)),
        ] {
            if life.subsec_millis() != 0 || life < Duration::from_secs(1) || life > most {
                faults.push(format!("{name}: whole seconds from 1s to {}, not {}", Span(most), Span(life)));
            }
        }
        for (idle_name, idle, absolute_name, absolute) in [
            ("idle", self.idle, "absolute", self.absolute),
            ("remember_idle", self.remember_idle, "remember_absolute", self.remember_absolute),
        ] {
            if idle.0 < Duration::from_secs(1) || absolute < idle {
                faults.push(format!("{idle_name}, {absolute_name}: at least 1s, and idle not over absolute ({idle}, {absolute})"));
            }
            if idle <= self.access_ttl {
                faults.push(format!(
                    "{idle_name}: must be over access_ttl, or users are logged out between refreshes ({idle})"
                ));
            }
        }
    }

    fn judge_rest(&self, faults: &mut Vec<String>) {
        let mut fault = |broken: bool, text: &str| {
            if broken {
                faults.push(text.to_owned());
            }
        };
        fault(self.tls_cert.is_some() != self.tls_key.is_some(), "tls_cert, tls_key: give both or neither");
        fault(!["at+jwt", "JWT"].contains(&self.token_type.as_str()), "token_type: `at+jwt` or `JWT`");
        fault(
            self.key_rotation.0.is_some_and(|every| every < Duration::from_hours(1)),
            "key_rotation: `off`, or 1h at the least, as that is how long a key is announced before it signs",
        );
        fault(
            !self.journal.is_empty() && matches!(self.database, Database::Postgres(_)),
            "journal: only for sqlite; PostgreSQL archives its own write-ahead log",
        );
        fault(!(2..=1000).contains(&self.database_connections), "database_connections: from 2 to 1000");
        fault(self.ws_grace.0 > Duration::from_mins(10), "ws_grace: at most 10m");
        fault(self.audience.is_empty(), "audience: must not be empty");
        fault(self.client_id.is_empty(), "client_id: must not be empty");
        fault(!self.roles.contains(&self.default_role), "default_role: must be one of roles");
        fault(!(8..=1024).contains(&self.password_min), "password_min: from 8 to 1024 bytes");
        fault(self.hash_threads > 64, "hash_threads: at most 64");
        fault(
            !self.cookie_domain.is_empty() && !self.cookie_domain.contains('.'),
            "cookie_domain: a parent domain such as example.com",
        );
        fault(
            !self.demo_api.is_empty() && origin(&self.demo_api).as_deref() != Some(&self.demo_api),
            "demo_api: not of the form http://localhost:4100",
        );
        for text in &self.origins {
            fault(
                origin(text).as_deref() != Some(text),
                &format!("origins: `{text}` is not of the form https://app.example.com"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_default_is_good() {
        let settings = Config::default().check(4000).unwrap();
        assert_eq!(settings.issuer(), "http://localhost:4000");
        assert!(settings.allows_origin("http://localhost:4000"));
        assert!(!settings.allows_origin("http://localhost:4001"));
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let config = Config {
            issuer: "http://auth.example.com".into(),
            access_ttl: "1.5s".parse().unwrap(),
            grace: "10s".parse().unwrap(),
            default_role: "admin".into(),
            password_min: 7,
            origins: vec!["https://app.example.com/".into(), "null".into()],
            claims: BTreeMap::from([("x-hasura-shoe".into(), "{user.shoe}".into())]),
            ..Config::default()
        };
        let faults = config.check(4000).unwrap_err().join("\n");
        for name in
            ["issuer", "access_ttl", "grace", "default_role", "password_min", "origins", "x-hasura-shoe"]
        {
            assert!(faults.contains(name), "{name} is missing in:\n{faults}");
        }
    }

    #[test]
    fn an_issuer_is_an_origin_that_browsers_keep_cookies_for() {
        for (issuer, good) in [
            ("https://auth.example.com", true),
            ("https://auth.example.com/", true),
            ("http://127.0.0.1:4000", true),
            ("http://[::1]:4000", true),
            ("http://localhost.evil.example", false),
            ("https://auth.example.com/path", false),
            ("ftp://auth.example.com", false),
            ("https://user@auth.example.com", false),
        ] {
            let config = Config { issuer: issuer.into(), ..Config::default() };
            assert_eq!(config.check(4000).is_ok(), good, "{issuer}");
        }
    }
}
