//! What is known, in a file: so that an API that starts while the auth server is away need not refuse everybody.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
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
    let text = match fs::metadata(path) {
        // Who writes it decides what is accepted.
        Ok(found) if found.mode() & 0o022 != 0 => return Err(io::Error::other("others can write the file")),
        Ok(_) => fs::read(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let known: Known = serde_json::from_slice(&text)?;
    if known.issuer != state.policy.checks.issuer {
        return Err(io::Error::other("the file is of another issuer"));
    }
    let now = state.clock.now();
    if known.as_of > now {
        return Err(io::Error::other("the file is of the future"));
    }
    let keys = KeySet::from_jwks(known.jwks.as_bytes()).map_err(io::Error::other)?;
    for batch in &known.entries {
        state.apply(batch);
    }
    state.accept_keys(keys);
    state.freshness.known(known.as_of, now);
    Ok(true)
}

/// Writes the file now and then, for as long as the verifier is there.
pub(super) async fn keep(path: PathBuf, state: Weak<State>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let (path, state) = (path.clone(), state.clone());
        let kept = tokio::task::spawn_blocking(move || state.upgrade().map(|state| keep_now(&path, &state)));
        if !matches!(kept.await, Ok(Some(()))) {
            return;
        }
    }
}

/// Writes the file.
pub(super) fn keep_now(path: &Path, state: &State) {
    if let Err(error) = save(path, state) {
        tracing::warn!(%error, path = %path.display(), "what is known of the deny-list cannot be kept");
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
    let half = path.with_added_extension("new");
    // One that a crash has left behind may be anybody's to read.
    match fs::remove_file(&half) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = BufWriter::new(File::options().write(true).create_new(true).mode(0o600).open(&half)?);
    serde_json::to_writer(&mut file, &known)?;
    file.into_inner()?.sync_all()?;
    fs::rename(&half, path)
}
