//! The command line of Countersign: the only `main`, and the only place where everything meets.

mod backup;
mod config;
mod doctor;
mod environment;
mod gateway;
mod keys;
mod layers;
mod open;
mod print;
mod reference;
mod serve;
mod sessions;
mod token;
mod users;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use countersign_core::{Clock, SystemClock};
use countersign_server::config::Config;

use crate::config::Flags;
use crate::layers::{Faults, show_defaults};
use crate::open::Place;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Sessions for GraphQL and API clients: short-lived tokens, silent refresh, and a logout that means it.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = config::WORDS)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Subcommand)]
enum Command {
    /// Run the auth server; the default command.
    #[command(after_help = config::WORDS)]
    Serve(Box<Flags>),
    /// Check tokens before an API in any language, as its proxy or for another one.
    #[command(after_help = gateway::WORDS)]
    Gateway(Box<gateway::GatewayFlags>),
    /// Look after the accounts.
    #[command(subcommand)]
    Users(users::Users),
    /// Look after sessions.
    #[command(subcommand)]
    Sessions(sessions::Sessions),
    /// Look after the keys that sign tokens, and those of other servers.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Look at access tokens, or verify them.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Bring the database to this version's schema.
    Migrate(Place),
    /// Copy the database, beside the running server.
    Backup(backup::Backup),
    /// Put a copy in the place of the database; everybody signs in again, unless told otherwise.
    Restore(backup::Restore),
    /// Check configuration, files and database, and say what is wrong.
    Doctor(Place),
    /// Write the generated files of the repository.
    #[command(hide = true)]
    Gen {
        /// The root of the repository.
        root: std::path::PathBuf,
    },
}

fn main() -> ExitCode {
    let command = show_defaults::<Config>(Cli::command())
        .mut_subcommand("serve", show_defaults::<Config>)
        .mut_subcommand("gateway", show_defaults::<countersign_gateway::config::Config>);
    let cli = Cli::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());
    run(cli).unwrap_or_else(|error| {
        match error.downcast_ref::<io::Error>() {
            // Whoever read our output has had enough, as in `countersign users list | head`.
            Some(pipe) if pipe.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
            _ => eprintln!("countersign: {error:#}"),
        }
        if error.is::<Faults>() { ExitCode::from(2) } else { ExitCode::FAILURE }
    })
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        None => in_runtime(serve::run(cli.flags)),
        Some(Command::Serve(flags)) => in_runtime(serve::run(*flags)),
        Some(Command::Gateway(flags)) => in_runtime(gateway::run(*flags)),
        Some(Command::Users(command)) => in_runtime(users::run(command)),
        Some(Command::Sessions(command)) => in_runtime(sessions::run(command)),
        Some(Command::Keys(command)) => in_runtime(keys::run(command)),
        Some(Command::Token(command)) => {
            token::run(command, io::stdin().lock(), io::stdout().lock(), SystemClock.now())
        }
        Some(Command::Migrate(place)) => in_runtime(open::migrate(place)),
        Some(Command::Backup(command)) => backup::backup(command),
        Some(Command::Restore(command)) => in_runtime(backup::restore(command)),
        Some(Command::Doctor(place)) => in_runtime(doctor::run(place)),
        Some(Command::Gen { root }) => reference::write(&root),
    }
}

fn in_runtime(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
