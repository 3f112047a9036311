//! What is known, in a file: so that an API that starts while the auth server is away need not refuse everybody.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Weak;
use std::time::Duration;

use countersign_core::Timestamp;
use countersign_core::denylist::Batch;
use countersign_core::token::KeySet;
use serde::{Deserialize, Serialize};

use crate::state::State;

/// How often the file is written.
const EVERY: Duration = Duration::from_secs(15);

/// The file's content. Nothing in it is secret; who can write it can make the verifier accept anything.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    issuer: String,
    /// Up to when everything was known.
    as_of: Timestamp,
    /// The JWKS document.
    jwks: String,
    entries: Vec<Batch>,
}

/// Reads the file into the verifier; true if there was one.
pub(super) fn load(path: &Path, state: &State) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let known: Known = serde_json::from_reader(BufReader::new(file))?;
    if known.issuer != state.policy.checks.issuer {
        return Err(io::Error::other("the file is of another issuer"));
    }
    let keys = KeySet::from_jwks(known.jwks.as_bytes()).map_err(io::Error::other)?;
    for batch in &known.entries {
        state.apply(batch);
    }
    state.accept_keys(keys);
    state.freshness.known(known.as_of, state.clock.now());
    Ok(true)
}

/// Writes the file now and then, for as long as the verifier is there.
pub(super) async fn keep(path: std::path::PathBuf, state: Weak<State>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let (path, state) = (path.clone(), state.clone());
        let saved = tokio::task::spawn_blocking(move || {
            state.upgrade().map(|state| save(&path, &state).map_err(|error| (path, error)))
        });
        match saved.await {
            Ok(Some(Ok(()))) => {}
            Ok(Some(Err((path, error)))) => {
                tracing::warn!(%error, path = %path.display(), "what is known of the deny-list cannot be kept");
            }
            Ok(None) | Err(_) => return,
        }
    }
}

/// Writes the file, whole or not at all.
fn save(path: &Path, state: &State) -> io::Result<()> {
    // First the moment, then the entries: those that come between are in the file, and do no harm.
    let Some(as_of) = state.freshness.known_until() else { return Ok(()) };
    let known = Known {
        issuer: state.policy.checks.issuer.clone(),
        as_of,
        jwks: state.keys().set.to_jwks(),
        entries: state.denylist.batches().collect(),
    };
    let half = path.with_extension("new");
    let mut file =
        BufWriter::new(File::options().write(true).create(true).truncate(true).mode(0o600).open(&half)?);
    serde_json::to_writer(&mut file, &known)?;
    file.flush()?;
    drop(file);
    fs::rename(&half, path)
}
