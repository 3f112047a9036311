-- Ids are 16 bytes; times are milliseconds since 1970, spans milliseconds; roles, claims, scopes and
-- details are JSON, as text: nothing searches in them.
--
-- Made to be sharded: see "PostgreSQL" in docs/OPERATING.md. So a user's id leads every key of what is a user's,
-- what finds a user by something else is a table of its own, and there are no foreign keys.

CREATE TABLE meta (
    key    TEXT PRIMARY KEY,
    number BIGINT,
    bytes  BYTEA
);

-- Work that one node at a time does.
CREATE TABLE leases (
    name   TEXT PRIMARY KEY,
    holder BYTEA NOT NULL,
    until  BIGINT NOT NULL
);

CREATE TABLE users (
    id           BYTEA PRIMARY KEY,
    email        TEXT NOT NULL,
    username     TEXT,
    password     TEXT NOT NULL,
    roles        TEXT NOT NULL,
    default_role TEXT NOT NULL,
    claims       TEXT NOT NULL,
    claims_epoch BIGINT NOT NULL,
    disabled     BOOLEAN NOT NULL,
    created_at   BIGINT NOT NULL
);

CREATE TABLE user_names (
    name_key TEXT COLLATE "C" PRIMARY KEY,
    user_id  BYTEA NOT NULL
);

-- The room left in each page lets a refresh write its row beside the old one, and no index.
CREATE TABLE sessions (
    user_id      BYTEA NOT NULL,
    session_id   BYTEA NOT NULL,
    parent       BYTEA,
    depth        BIGINT NOT NULL,
    slot         BIGINT NOT NULL,
    parent_slot  BIGINT NOT NULL,
    confirmed_at BIGINT NOT NULL,
    salt         BYTEA NOT NULL,
    fingerprint  BYTEA NOT NULL,
    mode         TEXT NOT NULL,
    remember     BOOLEAN NOT NULL,
    created_at   BIGINT NOT NULL,
    seen_at      BIGINT NOT NULL,
    idle_ms      BIGINT NOT NULL,
    absolute_ms  BIGINT NOT NULL,
    user_agent   TEXT,
    ended_at     BIGINT,
    end_reason   TEXT,
    PRIMARY KEY (user_id, session_id)
) WITH (fillfactor = 80);

-- For the sweep. Made of columns that a refresh does not write.
CREATE INDEX sessions_by_end ON sessions ((coalesce(ended_at, created_at + absolute_ms)));

-- Whose session a fingerprint cookie belongs to. Which session, the user's own rows say.
CREATE TABLE fingerprints (
    fingerprint BYTEA PRIMARY KEY,
    user_id     BYTEA NOT NULL,
    expires_at  BIGINT NOT NULL
);

CREATE INDEX fingerprints_by_end ON fingerprints (expires_at);

CREATE TABLE events (
    user_id    BYTEA NOT NULL,
    id         BIGSERIAL NOT NULL,
    at         BIGINT NOT NULL,
    kind       TEXT NOT NULL,
    session_id BYTEA,
    detail     TEXT,
    PRIMARY KEY (user_id, id)
);

CREATE INDEX events_by_id ON events (id);

CREATE TABLE signing_keys (
    kid          TEXT PRIMARY KEY,
    algorithm    TEXT NOT NULL,
    state        TEXT NOT NULL,
    sealed       BYTEA NOT NULL,
    announced_at BIGINT NOT NULL,
    active_at    BIGINT,
    retiring_at  BIGINT
);

CREATE TABLE service_keys (
    hash       BYTEA PRIMARY KEY,
    id         BYTEA NOT NULL,
    name       TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

-- GCRA: free_at is the theoretical arrival time of the next attempt.
CREATE TABLE attempts (
    subject BYTEA PRIMARY KEY,
    free_at BIGINT NOT NULL
);

CREATE INDEX attempts_by_free_at ON attempts (free_at);

-- The outbox of the deny-list stream, written in the transaction that makes the entry true. `id` is that of
-- a session, a signing key (as text) or, with the new `epoch`, a user; `kind` says which. Transactions do not
-- commit in the order of `seq`; by `xid`, that of the transaction, a reader knows what it may have missed.
CREATE TABLE denylist (
    seq       BIGSERIAL PRIMARY KEY,
    xid       XID8 NOT NULL DEFAULT pg_current_xact_id(),
    kind      TEXT NOT NULL,
    id        BYTEA NOT NULL,
    epoch     BIGINT,
    not_after BIGINT NOT NULL
);

CREATE INDEX denylist_by_xid ON denylist (xid, seq);
CREATE INDEX denylist_by_end ON denylist (not_after);
