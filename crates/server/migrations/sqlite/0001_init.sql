-- Ids are 16 bytes; times are milliseconds since 1970, spans milliseconds; roles, claims, scopes and
-- details are JSON.
--
-- There are no foreign keys: the same tables are sharded by user on PostgreSQL, where a user's names and
-- sessions may live apart, and no statement deletes a user.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id           BLOB PRIMARY KEY,
    email        TEXT NOT NULL,
    username     TEXT,
    password     TEXT NOT NULL,
    roles        TEXT NOT NULL,
    default_role TEXT NOT NULL,
    claims       TEXT NOT NULL,
    claims_epoch INTEGER NOT NULL,
    disabled     INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The one place that knows whose a name is: a sharded table cannot have a unique column beside its key.
CREATE TABLE user_names (
    name_key TEXT PRIMARY KEY,
    user_id  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    user_id      BLOB NOT NULL,
    session_id   BLOB NOT NULL,
    parent       BLOB,
    depth        INTEGER NOT NULL,
    slot         INTEGER NOT NULL,
    parent_slot  INTEGER NOT NULL,
    confirmed_at INTEGER NOT NULL,
    salt         BLOB NOT NULL,
    fingerprint  BLOB NOT NULL,
    mode         TEXT NOT NULL,
    remember     INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    seen_at      INTEGER NOT NULL,
    idle_ms      INTEGER NOT NULL,
    absolute_ms  INTEGER NOT NULL,
    user_agent   TEXT,
    ended_at     INTEGER,
    end_reason   TEXT,
    PRIMARY KEY (user_id, session_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_fingerprint ON sessions (fingerprint);

-- For the sweep. Made of columns that a refresh does not write, so that a refresh writes no index.
CREATE INDEX sessions_by_end ON sessions (coalesce(ended_at, created_at + absolute_ms));

-- AUTOINCREMENT: an id is never used twice, though the sweep deletes the oldest.
CREATE TABLE events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    BLOB NOT NULL,
    at         INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    session_id BLOB,
    detail     TEXT
) STRICT;

CREATE INDEX events_by_user ON events (user_id);

CREATE TABLE signing_keys (
    kid          TEXT PRIMARY KEY,
    algorithm    TEXT NOT NULL,
    state        TEXT NOT NULL,
    sealed       BLOB NOT NULL,
    announced_at INTEGER NOT NULL,
    active_at    INTEGER,
    retiring_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE service_keys (
    hash       BLOB PRIMARY KEY,
    id         BLOB NOT NULL,
    name       TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- GCRA: free_at is the theoretical arrival time of the next attempt.
CREATE TABLE attempts (
    subject BLOB PRIMARY KEY,
    free_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX attempts_by_free_at ON attempts (free_at);

-- The outbox of the deny-list stream, written in the transaction that makes the entry true. `id` is that of
-- a session, a signing key (as text) or, with the new `epoch`, a user; `kind` says which.
CREATE TABLE denylist (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    kind      TEXT NOT NULL,
    id        BLOB NOT NULL,
    epoch     INTEGER,
    not_after INTEGER NOT NULL
) STRICT;
