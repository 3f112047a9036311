//! `countersign doctor`: what is wrong, before it hurts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

use countersign_server::store::KeyState;

use crate::config;
use crate::open::{self, Place};

pub(crate) async fn run(place: Place) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    let config = place.load()?;
    let data = config.data.clone();
    let settings = config::check(config, 4000)?;
    report.good(format!("configuration: issuer {}", settings.issuer()));
    for warning in settings.warnings() {
        report.bad(format!("configuration: {warning}"));
    }
    report.private(&data, 0o700);
    report.private(&open::secret_file(&data), 0o600);
    report.private(&open::database(&data), 0o600);
    match place.app().await {
        Err(error) => report.bad(format!("database: {error:#}")),
        Ok(app) => {
            match app.ready().await {
                Ok(()) => report.good("database: reads and writes"),
                Err(error) => report.bad(format!("database: {error}")),
            }
            let keys = app.signing_keys().await?;
            let count = |state| keys.iter().filter(|key| key.state == state).count();
            let (active, announced) = (count(KeyState::Active), count(KeyState::Announced));
            let line = format!("signing keys: {active} active, {announced} announced");
            if active == 1 && announced >= 1 { report.good(line) } else { report.bad(line) }
        }
    }
    println!("{} good, {} faults", report.good, report.faults);
    Ok(if report.faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Default)]
struct Report {
    good: usize,
    faults: usize,
}

impl Report {
    fn good(&mut self, line: impl std::fmt::Display) {
        println!("ok     {line}");
        self.good += 1;
    }

    fn bad(&mut self, line: impl std::fmt::Display) {
        println!("fault  {line}");
        self.faults += 1;
    }

    /// Whether nobody else can read a file or folder.
    fn private(&mut self, path: &Path, wanted: u32) {
        let name = path.display();
        match fs::metadata(path).map(|found| found.permissions().mode() & 0o777) {
            Ok(mode) if mode & !wanted == 0 => self.good(format!("{name}: only its owner reads it")),
            Ok(mode) => self.bad(format!("{name}: mode {mode:o}; others can read it. Make it {wanted:o}")),
            Err(error) => self.bad(format!("{name}: {error}")),
        }
    }
}
