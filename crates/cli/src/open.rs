//! Opening what a server stands on: the database and the master secret.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use countersign_core::token::Algorithm;
use countersign_core::{Clock, SystemClock};
use countersign_server::app::{App, Deps, signing_alg};
use countersign_server::config::{Config, Database, Settings};
use countersign_server::random::{Random, SystemRandom};
use countersign_server::seal::MasterSecret;
use countersign_server::store::Store;
use countersign_server::store::postgres::{self, Options, PostgresStore};
use countersign_server::store::sqlite::{self, Journal, SqliteStore};
use zeroize::Zeroizing;

use crate::config::{self, Flags};
use crate::print;

/// The master secret's variable; not a flag, as other users of the machine see a process's arguments.
pub(crate) const MASTER_SECRET: &str = "COUNTERSIGN_MASTER_SECRET";

/// Which server's data a command works on.
#[derive(Args)]
pub(crate) struct Place {
    /// A TOML file with settings.
    #[arg(long, env = "COUNTERSIGN_CONFIG", hide_env_values = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder with the master secret, and with the database if it is SQLite [default: ./data].
    #[arg(long, env = "COUNTERSIGN_DATA", hide_env_values = true, value_name = "DIR")]
    data: Option<String>,
    /// Where everything is kept: sqlite, or a postgres:// URL [default: sqlite].
    #[arg(long, env = "COUNTERSIGN_DATABASE", hide_env_values = true, value_name = "URL")]
    database: Option<String>,
}

impl Place {
    /// The configuration of that server.
    pub(crate) fn load(&self) -> anyhow::Result<Config> {
        self.flags()?.load()
    }

    fn flags(&self) -> anyhow::Result<Flags> {
        let mut flags = Flags::of_environment()?;
        flags.config.clone_from(&self.config);
        flags.data.clone_from(&self.data);
        flags.database.clone_from(&self.database);
        Ok(flags)
    }

    /// The use cases on that server's data; the server may be running.
    pub(crate) async fn app(&self) -> anyhow::Result<Arc<App>> {
        self.app_signing(None).await
    }

    /// The same with keys of this algorithm.
    pub(crate) async fn app_signing(&self, alg: Option<Algorithm>) -> anyhow::Result<Arc<App>> {
        let mut config = self.load()?;
        let made = match &config.database {
            Database::Sqlite => database(&config.data).exists(),
            Database::Postgres(url) => postgres::version(url).await? > 0,
        };
        if !made {
            bail!(
                "{}: there is no database here; name the server's with --data, or make one with `countersign migrate`",
                place(&config)
            );
        }
        let name = place(&config);
        let deps = deps(&config::check(config.clone(), 4000)?).await?;
        match alg {
            Some(alg) => config.signing_alg = alg,
            None => self.follow(&mut config, &*deps.store).await?,
        }
        App::start(config::check(config, 4000)?, deps).await.with_context(|| name)
    }

    /// The use cases on a database of another name, which belongs to the folder's master secret, if to any.
    pub(crate) async fn app_on(&self, mut config: Config, path: &Path) -> anyhow::Result<Arc<App>> {
        let (master, _) = folder(&config.data, sqlite::is_tied(path)?)?;
        let store = Arc::new(journaled(&config::check(config.clone(), 4000)?, path, &master)?);
        self.follow(&mut config, &*store).await?;
        let deps = Deps { store, clock: Arc::new(SystemClock), random: Arc::new(SystemRandom), master };
        Ok(App::start(config::check(config, 4000)?, deps).await?)
    }

    /// A command that is not told what the server signs with makes keys as that does: APIs may know no other kind.
    async fn follow(&self, config: &mut Config, store: &dyn Store) -> anyhow::Result<()> {
        if !self.flags()?.say_signing_alg()?
            && let Some(alg) = signing_alg(store).await?
        {
            config.signing_alg = alg;
        }
        Ok(())
    }
}

/// What the database is called when there is something to say of it.
fn place(config: &Config) -> String {
    match &config.database {
        Database::Sqlite => config.data.display().to_string(),
        Database::Postgres(url) => url.to_string(),
    }
}

/// The database of this folder.
pub(crate) fn database(data: &Path) -> PathBuf {
    data.join("countersign.db")
}

/// The master secret of this folder, if it is not in the environment.
pub(crate) fn secret_file(data: &Path) -> PathBuf {
    data.join("master.secret")
}

/// Says that the database of this folder is in use: for as long as this is held, none is restored. Makes what is missing.
pub(crate) fn lock(data: &Path) -> anyhow::Result<File> {
    make_folder(data)?;
    let folder = File::open(data).with_context(|| data.display().to_string())?;
    match folder.try_lock_shared() {
        Ok(()) => Ok(folder),
        Err(TryLockError::WouldBlock) => bail!("{}: a database is being restored here", data.display()),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| data.display().to_string()),
    }
}

/// Makes the use cases ready on the configured database.
pub(crate) async fn app(settings: Settings) -> anyhow::Result<Arc<App>> {
    let place = place(&settings);
    let deps = deps(&settings).await?;
    App::start(settings, deps).await.with_context(|| place)
}

/// What the use cases stand on, as it is configured.
async fn deps(settings: &Settings) -> anyhow::Result<Deps> {
    let random = Arc::new(SystemRandom);
    Ok(match &settings.database {
        Database::Sqlite => {
            let path = database(&settings.data);
            let (master, _) = folder(&settings.data, path.exists())?;
            let lock = lock(&settings.data)?;
            let store = journaled(settings, &path, &master);
            let store = store.with_context(|| path.display().to_string())?.holding(lock);
            Deps { store: Arc::new(store), clock: Arc::new(SystemClock), random, master }
        }
        Database::Postgres(url) => {
            let options =
                Options { connections: settings.database_connections, listen: settings.database_listen };
            let store = PostgresStore::open(url, options, Arc::new(SystemClock)).await?;
            let (master, made) = folder(&settings.data, store.is_tied().await?)?;
            if let Some(path) = made {
                first(&store, &master, &path).await?;
            }
            let clock = store.clock();
            Deps { store: Arc::new(store), clock, random, master }
        }
    })
}

/// Where the journal of the database at `path` is, if it keeps one or is to.
pub(crate) fn journal(config: &Config, path: &Path) -> anyhow::Result<Option<PathBuf>> {
    Ok(match config.journal.as_str() {
        "" if path.exists() => sqlite::journal_path(path)?,
        "" | "off" => None,
        // The database remembers it, for whoever opens it from elsewhere.
        file => Some(std::path::absolute(file).with_context(|| file.to_owned())?),
    })
}

/// Opens a database and its journal.
fn journaled(settings: &Settings, path: &Path, master: &MasterSecret) -> anyhow::Result<SqliteStore> {
    let Some(journal) = journal(settings, path)? else {
        if settings.journal == "off" && path.exists() && sqlite::journal_path(path)?.is_some() {
            tracing::warn!(
                "the journal ends here: a restore of what was copied until now signs everybody out"
            );
            sqlite::forget_journal(path)?;
        }
        return Ok(SqliteStore::open(path)?);
    };
    let journal = Journal {
        path: journal,
        seal: master.journal_seal()?,
        random: Arc::new(SystemRandom),
        now: SystemClock.now(),
        // A copy that is older than every session can be has none to keep.
        keep: settings.absolute.0.max(settings.remember_absolute.0),
    };
    Ok(SqliteStore::open_journaled(path, journal)?)
}

/// `countersign migrate`, which also makes what is missing.
pub(crate) async fn migrate(place: Place) -> anyhow::Result<ExitCode> {
    let config = place.load()?;
    match &config.database {
        Database::Sqlite => {
            let path = database(&config.data);
            folder(&config.data, path.exists())?;
            let _lock = lock(&config.data)?;
            let version = sqlite::migrate(&path).with_context(|| path.display().to_string())?;
            print::line(format_args!("{}: schema version {version}", path.display()))?;
        }
        Database::Postgres(url) => {
            let version = postgres::migrate(url).await?;
            print::line(format_args!("{url}: schema version {version}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Ties the database to the secret that was just made. If another node was quicker, this one is of no use to anybody,
/// and its file would only keep this node from asking for the right one.
async fn first(store: &PostgresStore, master: &MasterSecret, path: &Path) -> anyhow::Result<()> {
    let proof = master.proof()?;
    if store.secret_proof(proof).await? == proof {
        return Ok(());
    }
    fs::remove_file(path).with_context(|| path.display().to_string())?;
    bail!("another node was the first on this database: give this one its master secret in {MASTER_SECRET}")
}

/// The master secret of a database that is `tied` to one already, or of a new one; then also the file that was made
/// for it. Makes what is missing.
fn folder(data: &Path, tied: bool) -> anyhow::Result<(MasterSecret, Option<PathBuf>)> {
    if let Some(text) = secret_of_environment() {
        let master = MasterSecret::from_text(&text)
            .with_context(|| format!("{MASTER_SECRET}: not 32 bytes in base64"))?;
        return Ok((master, None));
    }
    make_folder(data)?;
    let path = secret_file(data);
    match fs::read_to_string(&path).map(Zeroizing::new) {
        Ok(text) => MasterSecret::from_text(&text)
            .map(|master| (master, None))
            .with_context(|| format!("{}: not 32 bytes in base64", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !tied => {
            let master = new_secret(&path).with_context(|| path.display().to_string())?;
            Ok((master, Some(path)))
        }
        Err(error) => Err(error).with_context(|| {
            format!("{}: the database needs its master secret, here or in {MASTER_SECRET}", path.display())
        }),
    }
}

/// Makes the folder where it is missing, for this user alone.
pub(crate) fn make_folder(data: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data).with_context(|| data.display().to_string())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one variable that is no setting: it must not become a flag"
)]
pub(crate) fn secret_of_environment() -> Option<Zeroizing<String>> {
    std::env::var_os(MASTER_SECRET).map(|text| Zeroizing::new(text.into_string().unwrap_or_default()))
}

fn new_secret(path: &Path) -> anyhow::Result<MasterSecret> {
    let mut bytes = Zeroizing::new([0; 32]);
    SystemRandom.fill(bytes.as_mut_slice())?;
    let secret = MasterSecret::from_slice(bytes.as_slice()).context("32 bytes are a master secret")?;
    keep_secret(path, &secret)?;
    eprintln!(
        "countersign: made the master secret {}; keep a copy, as the database is of no use without it",
        path.display()
    );
    Ok(secret)
}

/// Only we can read it, it is never half written, and it is on disk before anything is sealed under it.
fn keep_secret(path: &Path, secret: &MasterSecret) -> io::Result<()> {
    let half = path.with_extension("new");
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&half)?;
    file.write_all(secret.to_text().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&half, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
