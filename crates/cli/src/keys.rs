//! `countersign keys`.

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use countersign_core::ServiceKeyId;
use countersign_core::token::Algorithm;
use countersign_server::app::{Rotation, SCOPES, Scope, Withdrawal};
use serde_json::json;

use crate::open::Place;
use crate::print;

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// List the keys that sign access tokens.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Print a public key as PEM, for programs that do not read `/.well-known/jwks.json`.
    ///
    /// Such a program must be given the announced key as well, and told again before the next one signs.
    Public {
        /// Its id, as the list says [default: the one that signs now].
        #[arg(allow_hyphen_values = true)]
        kid: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Let the announced key sign from now on, and announce the next; an hour's notice is kept.
    Rotate {
        /// Without the hour's notice: caches may not have the key, and refuse its tokens for a while.
        #[arg(long)]
        now: bool,
        /// What the keys are made with: ES256, EdDSA, RS256 or HS256 [default: as configured, or else as the newest key].
        #[arg(long, value_name = "ALG")]
        signing_alg: Option<Algorithm>,
        #[command(flatten)]
        place: Place,
    },
    /// Withdraw a key that somebody else may have: it is wiped, and its tokens are refused.
    ///
    /// If it was the active one, the announced one signs at once. Users stay signed in: their clients refresh.
    Withdraw {
        /// Its id, as the list says.
        #[arg(allow_hyphen_values = true)]
        kid: String,
        #[command(flatten)]
        place: Place,
    },
    /// Look after service keys: how other servers authenticate to this one.
    #[command(subcommand)]
    Service(Service),
}

#[derive(Subcommand)]
pub(crate) enum Service {
    /// Make a service key; its text is shown once.
    Add {
        /// What the key allows: admin, metrics, revocations or ssr; may be repeated.
        #[arg(long = "scope", value_name = "SCOPE,…", required = true, value_delimiter = ',', value_parser = scope)]
        scopes: Vec<Scope>,
        /// What you call it, for the list.
        #[arg(long, default_value = "", hide_default_value = true)]
        name: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// List the service keys.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Revoke a service key.
    Revoke {
        /// Its id, as the list says.
        id: ServiceKeyId,
        #[command(flatten)]
        place: Place,
    },
}

fn scope(text: &str) -> Result<Scope, String> {
    let names = SCOPES.map(|(name, _)| name).join(", ");
    SCOPES.iter().find(|(name, _)| *name == text).map(|(_, scope)| *scope).ok_or(format!("one of {names}"))
}

pub(crate) async fn run(command: Keys) -> anyhow::Result<ExitCode> {
    match command {
        Keys::List { json, place } => {
            let keys = place.app().await?.signing_keys().await?;
            let rows: Vec<_> = keys
                .iter()
                .map(|key| {
                    let active_at = key.active_at.map(print::time);
                    let retiring_at = key.retiring_at.map(print::time);
                    vec![
                        json!(key.kid),
                        json!(key.algorithm),
                        json!(key.state),
                        print::time(key.announced_at),
                        json!(active_at),
                        json!(retiring_at),
                    ]
                })
                .collect();
            print::rows(
                &["kid", "algorithm", "state", "announced_at", "active_at", "retiring_at"],
                &rows,
                json,
            )?;
        }
        Keys::Public { kid, place } => match place.app().await?.public_key_pem(kid.as_deref()).await? {
            Some(pem) => print::line(pem.trim_end())?,
            None => bail!("there is no such public key: it is unknown, gone, or a secret (HS256)"),
        },
        Keys::Rotate { now, signing_alg, place } => {
            let app = place.app_signing(signing_alg).await?;
            match app.rotate_signing_keys(now).await? {
                Rotation::TooEarly(wait) => bail!(
                    "the announced key is too new: caches may not have it. Wait {} minutes, or say --now",
                    wait.as_secs().div_ceil(60)
                ),
                _ => print::line("rotated")?,
            }
        }
        Keys::Withdraw { kid, place } => match place.app().await?.withdraw_signing_key(&kid).await? {
            Withdrawal::Unknown => bail!("{kid}: there is no such signing key"),
            Withdrawal::Gone => print::line(format_args!("{kid}: is gone already"))?,
            _ => print::line(format_args!("{kid}: withdrawn"))?,
        },
        Keys::Service(Service::Add { scopes, name, json, place }) => {
            let (key, text) = place.app().await?.add_service_key(name, &scopes).await?;
            let row = vec![json!(key.id), json!(key.name), json!(key.scopes), json!(text.as_str())];
            print::one(&["id", "name", "scopes", "key"], row, json)?;
        }
        Keys::Service(Service::List { json, place }) => {
            let keys = place.app().await?.service_keys().await?;
            let rows: Vec<_> = keys
                .iter()
                .map(|key| {
                    vec![json!(key.id), json!(key.name), json!(key.scopes), print::time(key.created_at)]
                })
                .collect();
            print::rows(&["id", "name", "scopes", "created_at"], &rows, json)?;
        }
        Keys::Service(Service::Revoke { id, place }) => {
            if !place.app().await?.revoke_service_key(id).await? {
                bail!("{id}: there is no such service key");
            }
            print::line(format_args!("{id}: revoked"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
