//! `countersign backup` and `countersign restore`.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use countersign_core::{Clock, SystemClock};
use countersign_server::app::App;
use countersign_server::config::{Config, Database};
use countersign_server::store::sqlite::{self, JournalCopy, JournalError, OpenError, Put};

use crate::open::{self, Place};
use crate::print;

#[derive(Args)]
pub(crate) struct Backup {
    /// Where the copy goes.
    file: PathBuf,
    /// Replace a file that is there already.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub(crate) struct Restore {
    /// The copy, which stays as it is.
    file: PathBuf,
    /// Let sessions live on that have not ended since, by the journal; without one this is refused.
    #[arg(long)]
    keep_sessions: bool,
    #[command(flatten)]
    place: Place,
}

/// Copies the database beside the running server. The name appears when the copy is whole and on disk.
pub(crate) fn backup(Backup { file, force, place }: Backup) -> anyhow::Result<ExitCode> {
    let config = place.load()?;
    let database = embedded(&config)?;
    if !database.exists() {
        bail!("{}: there is no database here; name the server's with --data", config.data.display());
    }
    if file.exists() && !force {
        bail!("{}: is there already; --force replaces it", file.display());
    }
    let _lock = open::lock(&config.data)?;
    let half = named(&file, &format!("{}.new", std::process::id()));
    sqlite::copy(&database, &half).with_context(|| database.display().to_string())?;
    let size = fs::metadata(&half)?.len();
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::rename(&half, &file)
        .and_then(|()| File::open(folder)?.sync_all())
        .inspect_err(|_| sqlite::remove(&half))
        .with_context(|| file.display().to_string())?;
    print::line(format_args!("{}: {size} bytes; the master secret is not in it", file.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Puts a copy in the place of the database, once it has been found good. Until then nothing is changed.
pub(crate) async fn restore(Restore { file, keep_sessions, place }: Restore) -> anyhow::Result<ExitCode> {
    let config = place.load()?;
    let database = embedded(&config)?;
    if !file.exists() {
        bail!("{}: there is no such file", file.display());
    }
    open::make_folder(&config.data)?;
    let folder = File::open(&config.data)?;
    match folder.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => bail!(
            "{}: a server or a command is at work here; stop it before its database is replaced",
            config.data.display()
        ),
        Err(TryLockError::Error(error)) => return Err(error).context(config.data.display().to_string()),
    }
    let copy = named(&database, "restored");
    // Of a restore that was cut short.
    sqlite::remove(&copy);
    sqlite::copy(&file, &copy).with_context(|| file.display().to_string())?;
    let prepared = prepare(&place, config.clone(), &copy, keep_sessions.then_some(&*database)).await;
    let prepared = prepared.with_context(|| file.display().to_string());
    let (outcome, journal) = prepared.inspect_err(|_| sqlite::remove(&copy))?;

    let aside = named(&database, &format!("before-{}", SystemClock.now().as_millis()));
    let replaced = database.exists();
    // Before the database: what is in a journal and not in its database is replayed, and the other way is refused.
    let put = journal.as_ref().map(|journal| {
        journal.put(&config.data).with_context(|| format!("the journal {}", journal.journal().display()))
    });
    let put = put.transpose().inspect_err(|_| sqlite::remove(&copy))?;
    if let Err(error) = sqlite::replace(&database, &copy, &aside) {
        sqlite::remove(&copy);
        undo(put);
        return Err(error).with_context(|| database.display().to_string());
    }
    // From here on the database is the new one, beside which the journal of before would be refused.
    let synced = folder.sync_all();
    settle(put);
    print::line(format_args!("{}: restored; {outcome}", database.display()))?;
    if replaced {
        print::line(format_args!("{}: what was there before", aside.display()))?;
    }
    synced.with_context(|| {
        format!("{}: is restored, and may not outlast a power cut", config.data.display())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Brings back the journal of before. Why that is wanted is said elsewhere, whatever becomes of it.
fn undo(put: Option<Put>) {
    if let Some(Err(error)) = put.map(Put::undo) {
        eprintln!(
            "countersign: the journal of before may not be back; with the other, the next start ends what this \
             restore has ended: {error}"
        );
    }
}

/// Deletes the journal of before, which is in nobody's way.
fn settle(put: Option<Put>) {
    let Some(put) = put else { return };
    let before = put.before().display().to_string();
    if let Err(error) = put.settle() {
        eprintln!("countersign: {before}: the journal of before is left over: {error}");
    }
}

/// Lets a copy be what is to be restored, and with it a copy of its journal, if it keeps one. With `keep`, the database
/// that it is to replace, sessions live on.
async fn prepare(
    place: &Place,
    config: Config,
    copy: &Path,
    keep: Option<&Path>,
) -> anyhow::Result<(String, Option<JournalCopy>)> {
    sqlite::examine(copy)?;
    let journal = open::journal(&config, copy)?;
    let journal = journal.map(|path| {
        JournalCopy::of(&path).map_err(|error| OpenError::Journal(path, JournalError::from(error)))
    });
    let copies = Copies { place, config, database: copy, journal: journal.transpose() };
    match keep {
        Some(database) => copies.keep_sessions(database).await,
        None => copies.end().await,
    }
}

/// What is to be restored: nobody but this command has it open.
struct Copies<'a> {
    place: &'a Place,
    config: Config,
    database: &'a Path,
    /// An error if it cannot be copied.
    journal: Result<Option<JournalCopy>, OpenError>,
}

impl Copies<'_> {
    /// Ends whatever lives, after the journal has told it what else has changed; or without.
    async fn end(mut self) -> anyhow::Result<(String, Option<JournalCopy>)> {
        let (app, journal) = match self.open().await {
            Err(error) if matches!(error.downcast_ref(), Some(OpenError::Journal(..))) => {
                eprintln!(
                    "countersign: {error:#}: passwords, roles and keys are as they were when the copy was made"
                );
                eprintln!(
                    "countersign: the journal ends here; begin another with --journal and another name"
                );
                "off".clone_into(&mut self.config.journal);
                self.journal = Ok(None);
                self.open().await
            }
            opened => opened,
        }?;
        let ended = app.revoke_everybody().await?;
        // Access tokens of sessions that the copy does not know end, too.
        app.withdraw_signing_keys().await?;
        drop(app);
        self.settled(format!("sessions ended: {ended}"), journal)
    }

    /// Lets the journal end what has ended since; or refuses, if that cannot be known.
    async fn keep_sessions(mut self, replaced: &Path) -> anyhow::Result<(String, Option<JournalCopy>)> {
        const WITHOUT: &str = "what has ended since the copy was made cannot be known; without --keep-sessions \
             everybody signs in again";
        if sqlite::journal_path(self.database)?.is_none() || self.config.journal == "off" {
            bail!("the copy knows of no journal: {WITHOUT}");
        }
        sqlite::renew(self.database, SystemClock.now())?;
        let (app, journal) = self.open().await.context(WITHOUT)?;
        drop(app);
        // As far as what it replaces can still be read.
        if replaced.exists() && sqlite::is_abreast(self.database, replaced).is_ok_and(|abreast| !abreast) {
            bail!("the database has ended sessions that are not in this journal: {WITHOUT}");
        }
        self.settled("sessions live on".to_owned(), journal)
    }

    /// Opens them. What is wrong with the copy of the journal is wrong with the journal.
    async fn open(&mut self) -> anyhow::Result<(Arc<App>, Option<JournalCopy>)> {
        let journal = std::mem::replace(&mut self.journal, Ok(None))?;
        let mut config = self.config.clone();
        if let Some(journal) = &journal {
            config.journal = journal.path().to_string_lossy().into_owned();
        }
        match self.place.app_on(config, self.database).await {
            Ok(app) => Ok((app, journal)),
            Err(error) => Err(match (error.downcast(), journal) {
                (Ok(OpenError::Journal(_, why)), Some(journal)) => {
                    OpenError::Journal(journal.journal().to_owned(), why).into()
                }
                (Ok(error), _) => error.into(),
                (Err(error), _) => error,
            }),
        }
    }

    fn settled(
        self,
        outcome: String,
        journal: Option<JournalCopy>,
    ) -> anyhow::Result<(String, Option<JournalCopy>)> {
        if let Some(journal) = &journal {
            sqlite::move_journal(self.database, journal.journal())?;
        }
        Ok((outcome, journal))
    }
}

/// The database's file, if this is what is backed up by this command.
fn embedded(config: &Config) -> anyhow::Result<PathBuf> {
    match &config.database {
        Database::Sqlite => Ok(open::database(&config.data)),
        Database::Postgres(url) => bail!(
            "{url}: PostgreSQL has tools of its own: pg_dump for a copy, pg_basebackup and an archive of the \
             write-ahead log for everything until the last moment; see \"Back-up\" in OPERATING.md"
        ),
    }
}

/// The same file with an extension.
fn named(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}
