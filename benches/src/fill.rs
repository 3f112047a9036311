//! Millions of sessions, written past the server: straight into its tables, in the order of their keys.

use std::path::Path;
use std::time::Duration;

use countersign_core::{Clock, SessionId, SystemClock, UserId};
use countersign_server::random::{Random, SystemRandom};
use rusqlite::Connection;

const USER: &str = "INSERT INTO users VALUES (?1, lower(hex(?1)) || '@example.org', NULL, \
     '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo', \
     '[\"user\"]', 'user', '{}', 0, 0, ?2)";

const SESSION: &str = "INSERT INTO sessions VALUES (?1, ?2, NULL, 0, ?3, 0, ?3, ?4, ?5, 'cookie', 0, ?3, ?3, \
     3600000, 43200000, 'Firefox/140.0', NULL, NULL)";

/// Nothing of it must outlive a crash; the sorter of the indexes works in memory as far as this goes, in KiB.
const FAST: &str = "PRAGMA journal_mode = off; PRAGMA synchronous = off; PRAGMA cache_size = -200000";

const INDEXES: &str =
    "SELECT name, sql FROM sqlite_schema WHERE tbl_name = 'sessions' AND type = 'index' AND sql <> ''";

/// So many users with so many sessions each, into an empty database that nobody else has open.
pub(crate) fn sessions(path: &Path, users: usize, each: usize) -> anyhow::Result<()> {
    let random: &dyn Random = &SystemRandom;
    let then = SystemClock.now().minus(Duration::from_mins(10));
    // Of the same time as those of the browsers, which are then anywhere among them.
    let mut ids = Vec::with_capacity(users);
    for _ in 0..users {
        ids.push(UserId::at(then, random.bytes()?));
    }
    ids.sort_unstable();

    let db = Connection::open(path)?;
    db.execute_batch(FAST)?;
    let indexes = db
        .prepare(INDEXES)?
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    for (name, _) in &indexes {
        db.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    db.execute_batch("BEGIN")?;
    let then_millis = i64::try_from(then.as_millis())?;
    let (mut user, mut session) = (db.prepare(USER)?, db.prepare(SESSION)?);
    for id in ids {
        user.execute((id.as_bytes(), then_millis))?;
        let mut sessions = Vec::with_capacity(each);
        for _ in 0..each {
            sessions.push(SessionId::at(then, random.bytes()?));
        }
        sessions.sort_unstable();
        for of_user in sessions {
            let secrets: [u8; 64] = random.bytes()?;
            let (salt, fingerprint) = secrets.split_at(32);
            session.execute((id.as_bytes(), of_user.as_bytes(), then_millis, salt, fingerprint))?;
        }
    }
    db.execute_batch("COMMIT")?;
    for (_, sql) in &indexes {
        db.execute_batch(sql)?;
    }
    Ok(())
}
