//! `countersign sessions`.

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use countersign_core::SessionId;
use serde_json::json;

use crate::open::Place;
use crate::print;

#[derive(Subcommand)]
pub(crate) enum Sessions {
    /// List the living sessions of a user.
    List {
        /// The user's id, e-mail address or user name.
        user: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// End a session of a user, or all of them.
    End {
        /// The user's id, e-mail address or user name.
        #[arg(required_unless_present = "everybody")]
        user: Option<String>,
        /// The session's id.
        #[arg(required_unless_present_any = ["all", "everybody"])]
        session: Option<SessionId>,
        /// Every session of the user.
        #[arg(long, conflicts_with = "session")]
        all: bool,
        /// Every session of every user.
        #[arg(long, conflicts_with_all = ["user", "all"])]
        everybody: bool,
        #[command(flatten)]
        place: Place,
    },
}

const COLUMNS: [&str; 8] =
    ["id", "mode", "remember", "depth", "created_at", "seen_at", "expires_at", "user_agent"];

pub(crate) async fn run(command: Sessions) -> anyhow::Result<ExitCode> {
    match command {
        Sessions::List { user, json, place } => {
            let app = place.app().await?;
            let user = app.find_user(&user).await?;
            let sessions = app.sessions(user.id).await?;
            let rows: Vec<_> = sessions
                .iter()
                .map(|session| {
                    vec![
                        json!(session.id),
                        json!(session.mode),
                        json!(session.remember),
                        json!(session.state.place.depth),
                        print::time(session.life.created_at),
                        print::time(session.life.seen_at),
                        print::time(session.life.expires_at()),
                        json!(session.user_agent),
                    ]
                })
                .collect();
            print::rows(&COLUMNS, &rows, json)?;
        }
        Sessions::End { user, session, all: _, everybody: _, place } => {
            let app = place.app().await?;
            let Some(user) = user else {
                print::line(format_args!("sessions ended: {}", app.revoke_everybody().await?))?;
                return Ok(ExitCode::SUCCESS);
            };
            let user = app.find_user(&user).await?;
            match session {
                None => {
                    print::line(format_args!("sessions ended: {}", app.revoke_all(user.id).await?.len()))?;
                }
                Some(session) if app.revoke(user.id, session).await? => {
                    print::line(format_args!("{session}: ended"))?;
                }
                Some(session) => bail!("{session}: the user has no such living session"),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
