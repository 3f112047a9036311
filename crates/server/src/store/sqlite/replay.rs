//! What goes into the journal, and what is done with it: rows as they are after they were ended, so that nothing that
//! ends something can forget it, and doing it twice is doing it once.

use rusqlite::Connection;

/// For the connection that writes: notes what each transaction ends. A job that is undone takes its notes with it.
pub(super) const WATCH: &str = "
    CREATE TEMP TABLE noted (n INTEGER PRIMARY KEY, entry TEXT NOT NULL);
    CREATE TEMP TRIGGER note_session AFTER UPDATE OF ended_at ON main.sessions WHEN NEW.ended_at IS NOT NULL BEGIN
        INSERT INTO noted (entry) VALUES (json_object('of', 'session', 'user', hex(NEW.user_id),
            'id', hex(NEW.session_id), 'at', NEW.ended_at, 'reason', NEW.end_reason));
    END;
    CREATE TEMP TRIGGER note_denied AFTER INSERT ON main.denylist BEGIN
        INSERT INTO noted (entry) VALUES (json_object('of', 'denied', 'kind', NEW.kind, 'id', hex(NEW.id),
            'epoch', NEW.epoch, 'not_after', NEW.not_after));
    END;
    CREATE TEMP TRIGGER note_user AFTER UPDATE OF password, roles, default_role, disabled, claims_epoch ON main.users
    BEGIN
        INSERT INTO noted (entry) VALUES (json_object('of', 'user', 'id', hex(NEW.id), 'password', NEW.password,
            'roles', NEW.roles, 'default_role', NEW.default_role, 'disabled', NEW.disabled,
            'epoch', NEW.claims_epoch));
    END;
    CREATE TEMP TRIGGER note_service_key AFTER UPDATE OF revoked_at ON main.service_keys BEGIN
        INSERT INTO noted (entry) VALUES (json_object('of', 'service_key', 'id', hex(NEW.hash), 'at', NEW.revoked_at));
    END;
    CREATE TEMP TRIGGER note_signing_key AFTER UPDATE OF state ON main.signing_keys WHEN NEW.state = 'gone' BEGIN
        INSERT INTO noted (entry) VALUES (json_object('of', 'signing_key', 'id', NEW.kid, 'at', NEW.retiring_at));
    END;
";

/// What the transaction has noted, as a JSON array; none of it is noted any more.
pub(super) fn take(db: &Connection) -> rusqlite::Result<Option<String>> {
    let noted =
        "SELECT json_group_array(json(entry)) FROM (SELECT entry FROM noted ORDER BY n) HAVING count(*) > 0";
    let mut noted = db.prepare_cached(noted)?;
    let mut rows = noted.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let entries = row.get(0)?;
    drop(rows);
    db.prepare_cached("DELETE FROM noted")?.execute([])?;
    Ok(Some(entries))
}

/// Does to the rows that are there what was done to them since. Whoever is not there cannot come back.
pub(super) fn replay(db: &Connection, entries: &str) -> rusqlite::Result<()> {
    for sql in [
        "UPDATE sessions SET ended_at = e.value->>'at', end_reason = e.value->>'reason' FROM json_each(?) e \
         WHERE e.value->>'of' = 'session' AND user_id = unhex(e.value->>'user') \
         AND session_id = unhex(e.value->>'id') AND ended_at IS NULL",
        "INSERT INTO denylist (kind, id, epoch, not_after) SELECT e.value->>'kind', unhex(e.value->>'id'), \
         e.value->>'epoch', e.value->>'not_after' FROM json_each(?) e WHERE e.value->>'of' = 'denied' ORDER BY e.key",
        "UPDATE users SET password = e.value->>'password', roles = e.value->>'roles', \
         default_role = e.value->>'default_role', disabled = e.value->>'disabled', \
         claims_epoch = e.value->>'epoch' FROM (SELECT value, max(key) FROM json_each(?) \
         WHERE value->>'of' = 'user' GROUP BY value->>'id') e \
         WHERE id = unhex(e.value->>'id') AND claims_epoch <= e.value->>'epoch'",
        "UPDATE service_keys SET revoked_at = e.value->>'at' FROM json_each(?) e \
         WHERE e.value->>'of' = 'service_key' AND hash = unhex(e.value->>'id') AND revoked_at IS NULL",
        "UPDATE signing_keys SET state = 'gone', sealed = x'', retiring_at = coalesce(retiring_at, e.value->>'at') \
         FROM json_each(?) e WHERE e.value->>'of' = 'signing_key' AND kid = e.value->>'id'",
    ] {
        db.prepare_cached(sql)?.execute([entries])?;
    }
    Ok(())
}

/// Begins the idle time of every session anew that had not gone unused for too long when the copy was made, which is
/// when the newest of its sessions was seen: who used one since left no trace in it.
pub(super) fn renew(db: &Connection, now: countersign_core::Timestamp) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE sessions SET seen_at = ? WHERE ended_at IS NULL \
         AND seen_at + idle_ms > (SELECT max(seen_at) FROM sessions)",
        [super::columns::At(now)],
    )?;
    Ok(())
}
