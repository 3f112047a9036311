//! `countersign doctor`: what is wrong, before it hurts.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

use countersign_server::app::App;
use countersign_server::config::Database;
use countersign_server::store::KeyState;

use crate::open::{self, Place};
use crate::{config, print};

pub(crate) async fn run(place: Place) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    let config = place.load()?;
    let data = config.data.clone();
    let settings = config::check(config, 4000)?;
    report.good(format!("configuration: issuer {}", settings.issuer()));
    for warning in settings.warnings() {
        report.fault(format!("configuration: {warning}"));
    }
    report.private(&data, 0o700);
    match &settings.database {
        Database::Sqlite => report.private(&open::database(&data), 0o600),
        Database::Postgres(url) => report.good(format!("database: {url}")),
    }
    if open::secret_of_environment().is_none() {
        report.private(&open::secret_file(&data), 0o600);
    }
    match place.app().await {
        Ok(app) => report.app(&app).await?,
        Err(error) => report.fault(format!("database: {error:#}")),
    }
    report.print()
}

/// What was found: whether it is good, and what it is.
#[derive(Default)]
struct Report(Vec<(bool, String)>);

impl Report {
    fn good(&mut self, line: impl Into<String>) {
        self.0.push((true, line.into()));
    }

    fn fault(&mut self, line: impl Into<String>) {
        self.0.push((false, line.into()));
    }

    /// Whether nobody else can read a file or folder. One that is missing is for the opening to complain of.
    fn private(&mut self, path: &Path, wanted: u32) {
        let name = path.display();
        match fs::metadata(path).map(|found| found.permissions().mode() & 0o777) {
            Ok(mode) if mode & !wanted == 0 => self.good(format!("{name}: only its owner reads it")),
            Ok(mode) => self.fault(format!("{name}: mode {mode:o} lets others in; make it {wanted:o}")),
            Err(error) if error.kind() == ErrorKind::NotFound => (),
            Err(error) => self.fault(format!("{name}: {error}")),
        }
    }

    async fn app(&mut self, app: &App) -> anyhow::Result<()> {
        match app.ready().await {
            Ok(()) => self.good("database: reads and writes"),
            Err(error) => self.fault(format!("database: {error}")),
        }
        let keys = app.signing_keys().await?;
        let count = |state| keys.iter().filter(|key| key.state == state).count();
        let (active, announced) = (count(KeyState::Active), count(KeyState::Announced));
        let line = format!("signing keys: {active} active, {announced} announced");
        if active == 1 && announced >= 1 {
            self.good(line);
        } else {
            self.fault(line);
        }
        Ok(())
    }

    fn print(&self) -> anyhow::Result<ExitCode> {
        for (good, line) in &self.0 {
            print::line(format_args!("{}  {line}", if *good { "ok   " } else { "fault" }))?;
        }
        let faults = self.0.iter().filter(|(good, _)| !good).count();
        print::line(format_args!("good: {}, faults: {faults}", self.0.len() - faults))?;
        Ok(if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
