-- Ids are BLOBs of 16 bytes, times are milliseconds since 1970.
-- One user's rows live together: user_id leads every key, and uniqueness of names has a table of its own, so
-- that the same tables can be distributed by user_id.

CREATE TABLE users (
    user_id       BLOB PRIMARY KEY,
    email         TEXT NOT NULL,
    username      TEXT,
    password      TEXT NOT NULL,
    roles         TEXT NOT NULL,
    default_role  TEXT NOT NULL,
    claims        TEXT NOT NULL,
    claims_epoch  INTEGER NOT NULL,
    disabled      INTEGER NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- E-mail addresses and user names alike, folded and normalised.
CREATE TABLE user_names (
    name_key  TEXT PRIMARY KEY,
    user_id   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    user_id       BLOB NOT NULL,
    session_id    BLOB NOT NULL,
    parent_id     BLOB,
    depth         INTEGER NOT NULL,
    slot          INTEGER NOT NULL,
    parent_slot   INTEGER NOT NULL,
    confirmed_at  INTEGER NOT NULL,
    salt          BLOB NOT NULL,
    fingerprint   BLOB NOT NULL,
    mode          TEXT NOT NULL,
    remember      INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    seen_at       INTEGER NOT NULL,
    idle_ms       INTEGER NOT NULL,
    absolute_ms   INTEGER NOT NULL,
    user_agent    TEXT,
    ended_at      INTEGER,
    end_reason    TEXT,
    PRIMARY KEY (user_id, session_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_fingerprint ON sessions (fingerprint);
CREATE INDEX sessions_by_end ON sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE events (
    event_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id     BLOB NOT NULL,
    session_id  BLOB,
    at          INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    detail      TEXT
) STRICT;

CREATE INDEX events_by_user ON events (user_id, event_id);

CREATE TABLE signing_keys (
    kid           TEXT PRIMARY KEY,
    algorithm     TEXT NOT NULL,
    state         TEXT NOT NULL,
    sealed        BLOB NOT NULL,
    announced_at  INTEGER NOT NULL,
    active_at     INTEGER,
    retiring_at   INTEGER
) STRICT, WITHOUT ROWID;

-- However many processes rotate at once: one key signs, and one of each algorithm is in reserve.
CREATE UNIQUE INDEX one_active_key ON signing_keys (state) WHERE state = 'active';
CREATE UNIQUE INDEX one_announced_key ON signing_keys (algorithm) WHERE state = 'announced';

CREATE TABLE service_keys (
    hash            BLOB PRIMARY KEY,
    service_key_id  BLOB NOT NULL,
    name            TEXT NOT NULL,
    scopes          TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    revoked_at      INTEGER
) STRICT, WITHOUT ROWID;

-- The generic cell rate algorithm: when the next attempt would be due if all came evenly.
CREATE TABLE attempts (
    subject  BLOB PRIMARY KEY,
    due_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What verifiers must know: a session that ended, a key that was withdrawn, a user's claims epoch.
CREATE TABLE denylist (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL,
    id         BLOB NOT NULL,
    epoch      INTEGER,
    not_after  INTEGER NOT NULL
) STRICT;

CREATE INDEX denylist_by_end ON denylist (not_after);
