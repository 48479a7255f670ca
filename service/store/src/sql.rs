//! The statements that both databases understand: `$1` placeholders, standard types.

pub(crate) const SCOPE: &str = "SELECT * FROM scopes WHERE folded = $1";
pub(crate) const SCOPES: &str = "SELECT * FROM scopes ORDER BY folded";
pub(crate) const SCOPE_COUNT: &str = "SELECT count(*) FROM scopes";
pub(crate) const SCOPE_EPOCH: &str = "SELECT epoch FROM scopes WHERE id = $1";
pub(crate) const SCOPE_INSERT: &str =
    "INSERT INTO scopes (id, name, folded, acl, epoch, created_at, mac) VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT DO NOTHING";
pub(crate) const SCOPE_REPLACE: &str = "UPDATE scopes SET acl = $1, epoch = $2, mac = $3 WHERE id = $4 AND epoch = $5";
pub(crate) const SCOPE_DELETE: &str = "DELETE FROM scopes WHERE id = $1 AND epoch = $2";
pub(crate) const SCOPE_DELETE_HEADS: &str = "DELETE FROM heads WHERE scope_id = $1";
pub(crate) const SCOPE_DELETE_SECRETS: &str = "DELETE FROM secrets WHERE scope_id = $1";

pub(crate) const SECRETS: &str =
    "SELECT key, version, updated_at, expires_at FROM heads WHERE scope_id = $1 AND deleted_at IS NULL ORDER BY key";
pub(crate) const LAST_READS: &str = "SELECT key, at_ms, user_name FROM last_reads WHERE scope = $1";
pub(crate) const LAST_READ_NOTE: &str = "INSERT INTO last_reads (scope, key, at_ms, user_name) VALUES ($1, $2, $3, $4)
     ON CONFLICT (scope, key) DO UPDATE SET at_ms = excluded.at_ms, user_name = excluded.user_name
     WHERE excluded.at_ms >= last_reads.at_ms";
pub(crate) const AUDIT_INTENT: &str =
    "SELECT scope, body, at_ms, user_name FROM audit WHERE request_id = $1 AND phase = 0";
pub(crate) const SECRET_COUNT: &str = "SELECT count(*) FROM heads WHERE scope_id = $1 AND deleted_at IS NULL";
pub(crate) const HEAD: &str =
    "SELECT key, version, updated_at, expires_at, deleted_at FROM heads WHERE scope_id = $1 AND key = $2";
pub(crate) const RECORD: &str = "SELECT s.* FROM heads h
     JOIN secrets s ON s.scope_id = h.scope_id AND s.key = h.key AND s.version = h.version
     WHERE h.scope_id = $1 AND h.key = $2 AND h.deleted_at IS NULL";
pub(crate) const SECRET_INSERT: &str = "INSERT INTO secrets
     (scope_id, key, version, organisation, scope_name, kind, author, time_ms, expires_at, record)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
pub(crate) const HEAD_WRITE: &str =
    "INSERT INTO heads (scope_id, key, version, updated_at, expires_at, deleted_at, blind)
     VALUES ($1, $2, $3, $4, $5, NULL, $6)
     ON CONFLICT (scope_id, key) DO UPDATE SET version = excluded.version, updated_at = excluded.updated_at,
     expires_at = excluded.expires_at, deleted_at = NULL, blind = excluded.blind";
pub(crate) const SECRET_PRUNE: &str = "DELETE FROM secrets WHERE scope_id = $1 AND key = $2 AND version <= $3";
pub(crate) const HEAD_DELETE: &str = "UPDATE heads SET deleted_at = $1
     WHERE scope_id = $2 AND key = $3 AND version = $4 AND deleted_at IS NULL";
pub(crate) const BLIND: &str =
    "SELECT scope_id, key, blind FROM heads WHERE blind = $1 AND length(blind) > 0 AND deleted_at IS NULL";

pub(crate) const USER: &str = "SELECT * FROM users WHERE name = $1";
pub(crate) const USERS: &str = "SELECT * FROM users ORDER BY name";
pub(crate) const USER_INSERT: &str = "INSERT INTO users (id, name, active, created_at, profile, mac) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
pub(crate) const USER_REPLACE: &str = "UPDATE users SET active = $1, profile = $2, mac = $3 WHERE id = $4";
pub(crate) const USER_DELETE: [&str; 3] = [
    "DELETE FROM users WHERE name = $1",
    "DELETE FROM memberships WHERE kind = 'user' AND member = $1",
    "DELETE FROM tokens WHERE user_name = $1",
];

pub(crate) const GROUP: &str = "SELECT * FROM user_groups WHERE name = $1";
pub(crate) const GROUPS: &str = "SELECT * FROM user_groups ORDER BY name";
pub(crate) const GROUP_INSERT: &str =
    "INSERT INTO user_groups (id, name, created_at, profile) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
pub(crate) const GROUP_REPLACE: &str = "UPDATE user_groups SET profile = $1 WHERE id = $2";
pub(crate) const GROUP_DELETE: [&str; 3] = [
    "DELETE FROM user_groups WHERE name = $1",
    "DELETE FROM memberships WHERE group_name = $1",
    "DELETE FROM memberships WHERE kind = 'group' AND member = $1",
];
pub(crate) const MEMBERS: &str = "SELECT * FROM memberships WHERE group_name = $1 ORDER BY kind DESC, member";
pub(crate) const MEMBERSHIPS: &str = "SELECT * FROM memberships WHERE kind = $1 AND member = $2 ORDER BY group_name";
pub(crate) const MEMBER_INSERT: &str = "INSERT INTO memberships (group_name, kind, member, group_id, mac)
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
pub(crate) const MEMBER_DELETE: &str = "DELETE FROM memberships WHERE group_name = $1 AND kind = $2 AND member = $3";

/// The user $1, if active and in `admins` through at most $2 memberships.
pub(crate) const ADMINISTRATOR: &str = "WITH RECURSIVE above (name, depth) AS (
         SELECT group_name, 1 FROM memberships WHERE kind = 'user' AND member = $1
         UNION
         SELECT m.group_name, above.depth + 1 FROM memberships m
         JOIN above ON m.kind = 'group' AND m.member = above.name WHERE above.depth < $2)
     SELECT 1 FROM users WHERE name = $1 AND active = 1
     AND EXISTS (SELECT 1 FROM above WHERE above.name = 'admins')";

pub(crate) const TOKEN: &str = "SELECT * FROM tokens WHERE hash = $1";
pub(crate) const TOKENS: &str = "SELECT * FROM tokens ORDER BY created_at, id";
pub(crate) const TOKENS_OF: &str = "SELECT * FROM tokens WHERE user_name = $1 ORDER BY created_at, id";
pub(crate) const TOKEN_INSERT: &str = "INSERT INTO tokens
     (id, hash, user_name, kind, comment, created_at, expires_at, last_used_at, bootstrap, mac)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
pub(crate) const TOKEN_DELETE: &str = "DELETE FROM tokens WHERE id = $1";
pub(crate) const TOKEN_TOUCH: &str = "UPDATE tokens SET last_used_at = $1 WHERE id = $2";
pub(crate) const BOOTSTRAP_DELETE: &str = "DELETE FROM tokens WHERE bootstrap = 1";

pub(crate) const SESSION: &str = "SELECT * FROM sessions WHERE id = $1";
pub(crate) const SESSION_IDS: &str = "SELECT id FROM sessions";
pub(crate) const SESSIONS: &str = "SELECT * FROM sessions ORDER BY opened_at, id";
pub(crate) const SESSIONS_OF: &str = "SELECT * FROM sessions WHERE user_name = $1 ORDER BY opened_at, id";
pub(crate) const SESSION_INSERT: &str = "INSERT INTO sessions
     (id, user_name, attestation, attestation_id, kernel_id, notebook_path, job_id, run_id,
      opened_at, expires_at, renewable_until, kek_id, wrapped_keys, replay_window)
     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
     WHERE EXISTS (SELECT 1 FROM users WHERE name = $2 AND active = 1)
     AND ($15 IS NULL OR EXISTS (SELECT 1 FROM tokens WHERE id = $15))";
pub(crate) const SESSION_RENEW: &str = "UPDATE sessions SET expires_at = $1 WHERE id = $2";
pub(crate) const SESSION_WINDOW: &str = "SELECT replay_window FROM sessions WHERE id = $1";
pub(crate) const SESSION_SET_WINDOW: &str = "UPDATE sessions SET replay_window = $1 WHERE id = $2";
pub(crate) const SESSION_DELETE: &str = "DELETE FROM sessions WHERE id = $1";
pub(crate) const SESSION_REVOKE: &str = "UPDATE sessions
     SET expires_at = renewable_until, renewable_until = 0, wrapped_keys = $1 WHERE id = $2 AND renewable_until > 0";
pub(crate) const SESSIONS_REVOKE_OF_USER: &str = "UPDATE sessions
     SET expires_at = renewable_until, renewable_until = 0, wrapped_keys = $1 WHERE user_name = $2 AND renewable_until > 0";
pub(crate) const SESSIONS_REVOKE_OF_TOKEN: &str = "UPDATE sessions
     SET expires_at = renewable_until, renewable_until = 0, wrapped_keys = $1
     WHERE attestation = 'kernel-token' AND attestation_id = $2 AND renewable_until > 0";
pub(crate) const SESSION_EXPIRE: &str = "DELETE FROM sessions WHERE expires_at < $1";

pub(crate) const TICKET: &str = "SELECT * FROM tickets WHERE hash = $1";
pub(crate) const TICKET_INSERT: &str = "INSERT INTO tickets
     (hash, id, user_name, minted_by, job_id, run_id, expires_at, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
pub(crate) const TICKET_BURN: &str = "DELETE FROM tickets WHERE hash = $1";
pub(crate) const TICKETS_DELETE_OF_USER: &str = "DELETE FROM tickets WHERE user_name = $1 OR minted_by = $1";
pub(crate) const TICKET_EXPIRE: &str = "DELETE FROM tickets WHERE expires_at < $1";

pub(crate) const KEKS: &str = "SELECT * FROM keks ORDER BY id";
pub(crate) const KEK_INSERT: &str =
    "INSERT INTO keks (id, root_key_id, wrapped, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";

const AUDIT_COLUMNS: [&str; 13] = [
    "replica",
    "idx",
    "phase",
    "request_id",
    "at_ms",
    "user_name",
    "action",
    "scope",
    "failed",
    "claim_session",
    "claim_seq",
    "body",
    "mac",
];
pub(crate) const AUDIT_TAIL: &str = "SELECT idx, mac FROM audit WHERE replica = $1 ORDER BY idx DESC LIMIT 1";
pub(crate) const AUDIT_ROWS: &str = "SELECT * FROM audit WHERE (replica = $1 AND idx > $2) OR replica > $1
     ORDER BY replica, idx LIMIT $3";
pub(crate) const AUDIT_UNFINISHED: &str = "SELECT i.request_id FROM audit i
     WHERE i.replica = $1 AND i.idx > $2 AND i.phase = 0
     AND i.idx >= coalesce((SELECT max(s.idx) FROM audit s
         WHERE s.replica = $1 AND s.idx > $2 AND s.phase = 0 AND s.action = 'startService'), 0)
     AND NOT EXISTS (SELECT 1 FROM audit o WHERE o.request_id = i.request_id AND o.phase = 1) ORDER BY i.idx";
pub(crate) const AUDIT_MISPLACED: &str = "SELECT replica, idx FROM
     (SELECT replica, idx, id, lag(id) OVER (PARTITION BY replica ORDER BY idx) AS before FROM audit) AS placed
     WHERE before > id ORDER BY replica, idx LIMIT 1";
const AUDIT_SELECT: &str = "SELECT i.*, o.body AS o_body, o.idx AS o_idx, o.failed AS o_failed, o.at_ms AS o_at_ms
     FROM audit i LEFT JOIN audit o ON o.request_id = i.request_id AND o.phase = 1
     WHERE i.phase = 0 AND ($1 IS NULL OR i.user_name = $1) AND ($2 IS NULL OR i.scope = $2)
     AND ($3 IS NULL OR i.action = $3) AND ($4 IS NULL OR i.at_ms >= $4)
     AND ($5 IS NULL OR (CASE WHEN o.failed IS NULL OR o.failed = 1 THEN 1 ELSE 0 END) = $5)";

/// The newest records that pass.
pub(crate) fn audit_newest() -> String {
    format!("{AUDIT_SELECT} ORDER BY i.id DESC LIMIT $6")
}

/// The records after a position, oldest first.
pub(crate) fn audit_after() -> String {
    format!("{AUDIT_SELECT} AND i.id > $7 ORDER BY i.id LIMIT $6")
}

/// Inserts so many audit records; those that are there already stay as they are.
pub(crate) fn audit_insert(rows: usize) -> String {
    let columns = AUDIT_COLUMNS.len();
    let placeholders = |row: usize| {
        let numbers: Vec<String> = (1..=columns).map(|at| format!("${}", row * columns + at)).collect();
        format!("({})", numbers.join(", "))
    };
    let values: Vec<String> = (0..rows).map(placeholders).collect();
    format!(
        "INSERT INTO audit ({}) VALUES {} ON CONFLICT DO NOTHING",
        AUDIT_COLUMNS.join(", "),
        values.join(", ")
    )
}
