-- Times are milliseconds since 1970. Rows that grant something carry a MAC; values are in secrets.record, sealed.

CREATE TABLE keks (
    id INTEGER PRIMARY KEY,
    root_key_id TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE scopes (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,
    acl TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    mac BLOB NOT NULL
);

CREATE TABLE heads (
    scope_id TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    blind BLOB NOT NULL,
    PRIMARY KEY (scope_id, key)
) WITHOUT ROWID;

CREATE INDEX heads_by_blind ON heads (blind) WHERE length(blind) > 0 AND deleted_at IS NULL;

CREATE TABLE secrets (
    scope_id TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    organisation TEXT NOT NULL,
    scope_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    author TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (scope_id, key, version)
);

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    active INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    mac BLOB NOT NULL
);

CREATE TABLE user_groups (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
);

CREATE TABLE memberships (
    group_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    member TEXT NOT NULL,
    group_id TEXT NOT NULL,
    mac BLOB NOT NULL,
    PRIMARY KEY (group_name, kind, member)
) WITHOUT ROWID;

CREATE INDEX memberships_by_member ON memberships (kind, member);

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    user_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    comment TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    bootstrap INTEGER NOT NULL,
    mac BLOB NOT NULL
);

CREATE INDEX tokens_by_user ON tokens (user_name);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_name TEXT NOT NULL,
    attestation TEXT NOT NULL,
    attestation_id TEXT NOT NULL,
    kernel_id TEXT NOT NULL,
    notebook_path TEXT,
    job_id TEXT,
    run_id TEXT,
    opened_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    renewable_until INTEGER NOT NULL,
    kek_id INTEGER NOT NULL,
    wrapped_keys BLOB NOT NULL,
    replay_window BLOB NOT NULL
);

CREATE INDEX sessions_by_user ON sessions (user_name);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE tickets (
    hash BLOB PRIMARY KEY,
    id TEXT NOT NULL,
    user_name TEXT NOT NULL,
    minted_by TEXT NOT NULL,
    job_id TEXT,
    run_id TEXT,
    expires_at INTEGER NOT NULL,
    mac BLOB NOT NULL
);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    replica TEXT NOT NULL,
    idx INTEGER NOT NULL,
    phase INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    action TEXT NOT NULL,
    scope TEXT,
    failed INTEGER NOT NULL,
    claim_session TEXT,
    claim_seq INTEGER,
    body TEXT NOT NULL,
    mac BLOB NOT NULL,
    UNIQUE (replica, idx)
);

CREATE INDEX audit_by_request ON audit (request_id);
