//! `countersign users`.

mod import;

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use countersign_server::app::{App, NewUser, Password};
use countersign_server::config::Settings;
use countersign_server::random::{Random, SystemRandom};
use countersign_server::store::User;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::open::Place;
use crate::print;

#[derive(Subcommand)]
pub(crate) enum Users {
    /// Add a user.
    Add {
        /// The e-mail address.
        email: String,
        /// A user name.
        #[arg(long)]
        username: Option<String>,
        /// The roles [default: as configured for sign-up].
        #[arg(long, value_name = "ROLE,…", value_delimiter = ',')]
        roles: Vec<String>,
        /// The default role [default: the first of the roles, or as configured for sign-up].
        #[arg(long, value_name = "ROLE")]
        default_role: Option<String>,
        #[command(flatten)]
        password: PasswordFrom,
        /// Read from standard input, one line, the hash that another system made: bcrypt, scrypt, PBKDF2, Argon2.
        #[arg(long, group = "PasswordFrom")]
        hash_stdin: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Add the users of another system: a line of JSON each on standard input.
    ///
    /// Members: email, username, hash, roles, default_role; all but the first may be missing. A hash is one that
    /// `users add --hash-stdin` takes; it is replaced by ours at the first log-in.
    Import {
        #[command(flatten)]
        place: Place,
    },
    /// List the users.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Show one user.
    Show {
        /// The id, e-mail address or user name.
        user: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Give a user a new password, which ends every session of theirs.
    Password {
        /// The id, e-mail address or user name.
        user: String,
        #[command(flatten)]
        password: PasswordFrom,
        #[command(flatten)]
        place: Place,
    },
    /// Disable an account, which ends every session of it.
    Disable {
        /// The id, e-mail address or user name.
        user: String,
        /// Enable it again.
        #[arg(long)]
        undo: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Give a user other roles; tokens with the old ones are refused from then on.
    Roles {
        /// The id, e-mail address or user name.
        user: String,
        /// The roles, the default one first.
        #[arg(required = true, value_name = "ROLE", value_delimiter = ',')]
        roles: Vec<String>,
        #[command(flatten)]
        place: Place,
    },
}

/// Where a password comes from; never from an argument, which other users of the machine could read.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct PasswordFrom {
    /// Read the password from standard input, one line
    #[arg(long)]
    password_stdin: bool,
    /// Make a password, and print it to standard error.
    #[arg(long)]
    generate: bool,
}

const COLUMNS: [&str; 8] =
    ["id", "email", "username", "roles", "default_role", "disabled", "claims_epoch", "created_at"];

pub(crate) async fn run(command: Users) -> anyhow::Result<ExitCode> {
    match command {
        Users::Add { email, username, roles, default_role, password, hash_stdin, json, place } => {
            let app = place.app().await?;
            let (roles, first) = roles_of(app.settings(), roles);
            let chosen = if hash_stdin { read_line("hash")? } else { password.take()? };
            let given =
                if hash_stdin { Password::Hash(chosen.to_string()) } else { Password::Text(chosen.clone()) };
            let default_role = default_role.unwrap_or(first);
            let new = NewUser { email, username, password: Some(given), default_role, roles };
            let user = app.create_user(new).await?;
            password.show(&chosen);
            print::one(&COLUMNS, row(&user), json)?;
        }
        Users::Import { place } => {
            return import::run(&*place.app().await?, std::io::stdin().lock()).await;
        }
        Users::List { json, place } => {
            let app = place.app().await?;
            let users = every_user(&app).await?;
            print::rows(&COLUMNS, &users.iter().map(row).collect::<Vec<_>>(), json)?;
        }
        Users::Show { user, json, place } => {
            let user = place.app().await?.find_user(&user).await?;
            print::one(&COLUMNS, row(&user), json)?;
        }
        Users::Password { user, password, place } => {
            let app = place.app().await?;
            let user = app.find_user(&user).await?;
            let chosen = password.take()?;
            let ended = app.set_password(user.id, chosen.clone()).await?;
            password.show(&chosen);
            print::line(format_args!("{}: new password; sessions ended: {}", user.id, ended.len()))?;
        }
        Users::Disable { user, undo, place } => {
            let app = place.app().await?;
            let user = app.find_user(&user).await?;
            let ended = app.set_disabled(user.id, !undo).await?;
            let word = if undo { "enabled" } else { "disabled" };
            print::line(format_args!("{}: {word}; sessions ended: {}", user.id, ended.len()))?;
        }
        Users::Roles { user, roles, place } => {
            let app = place.app().await?;
            let user = app.find_user(&user).await?;
            let default = roles.first().cloned().unwrap_or_default();
            app.set_roles(user.id, roles, default).await?;
            print::line(format_args!("{}: new roles", user.id))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The roles that were given, and the first of them; or those that are configured for sign-up.
fn roles_of(settings: &Settings, given: Vec<String>) -> (Vec<String>, String) {
    match given.first().cloned() {
        Some(first) => (given, first),
        None => (settings.roles.clone(), settings.default_role.clone()),
    }
}

fn read_line(what: &str) -> anyhow::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().read_line(&mut line)?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    if line.is_empty() {
        bail!("standard input holds no {what}");
    }
    Ok(line)
}

async fn every_user(app: &App) -> anyhow::Result<Vec<User>> {
    const PAGE: u32 = 1000;
    let mut users: Vec<User> = Vec::new();
    loop {
        let page = app.users(users.last().map(|user| user.id), PAGE).await?;
        let last = page.len() < PAGE as usize;
        users.extend(page);
        if last {
            return Ok(users);
        }
    }
}

fn row(user: &User) -> Vec<Value> {
    vec![
        json!(user.id),
        json!(user.email),
        json!(user.username),
        json!(user.roles),
        json!(user.default_role),
        json!(user.disabled),
        json!(user.claims_epoch),
        print::time(user.created_at),
    ]
}

impl PasswordFrom {
    fn take(&self) -> anyhow::Result<Zeroizing<String>> {
        if self.generate {
            // 20 letters and digits without look-alikes: 100 bits.
            const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
            let bytes = Zeroizing::new((&SystemRandom as &dyn Random).bytes::<20>()?);
            let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).copied().map(char::from);
            return Ok(Zeroizing::new(bytes.iter().filter_map(letter).collect()));
        }
        read_line("password")
    }

    /// Tells a generated password, once it is in force; on standard error, as it is no part of the result.
    fn show(&self, password: &str) {
        if self.generate {
            eprintln!("password: {password}");
        }
    }
}
