//! The seam to the database. It sees ciphertext only; a record is read with the proof that the access was authorised and
//! audited. Every write is one [`Store::commit`]: all of its changes or none, each with what it expects to find.

use std::fmt::Debug;
use std::sync::Arc;

use sealbook_api::audit::AuditQuery;

use crate::Pending;
use crate::audit::AuditRow;
use crate::error::Error;
use crate::proof::{Audited, Read};
use crate::rows::{
    GroupRow, HeadRow, KekRow, LastReadRow, MemberKind, MembershipRow, ScopeRow, SecretRow, SessionRow, TicketRow,
    TokenRow, UserRow,
};

/// A change and what it expects to find.
#[derive(Debug, Clone)]
pub enum Change {
    /// No scope of this (folded) name may exist, and fewer than `scopes_max` in all.
    CreateScope {
        /// The new row.
        row: ScopeRow,
        /// The limit.
        scopes_max: usize,
    },
    /// Replaces a scope's ACL if it is still at `expected_epoch`.
    ReplaceScope {
        /// The new row, with `expected_epoch + 1`.
        row: ScopeRow,
        /// What the row was read at.
        expected_epoch: u64,
    },
    /// Deletes a scope and its secrets if it is still at `expected_epoch`.
    DeleteScope {
        /// The scope.
        id: String,
        /// What the row was read at.
        expected_epoch: u64,
    },
    /// Adds a secret version if the newest is still `row.metadata.version - 1`. A new key needs room.
    PutSecret {
        /// The new version.
        row: SecretRow,
        /// The limit of live secrets in the scope.
        secrets_max: usize,
        /// Older versions than the newest this many are pruned.
        versions_kept: u64,
    },
    /// Marks a secret deleted if its newest version is still this.
    DeleteSecret {
        /// The scope.
        scope_id: String,
        /// The key.
        key: String,
        /// What was read.
        expected_version: u64,
        /// When, in milliseconds since 1970.
        at: i64,
    },
    /// No user of this name may exist.
    CreateUser(UserRow),
    /// Replaces a user (by id).
    ReplaceUser(UserRow),
    /// Deletes a user with their memberships and tokens, and revokes their sessions.
    DeleteUser {
        /// The user.
        name: String,
    },
    /// No group of this name may exist.
    CreateGroup(GroupRow),
    /// Replaces how a group is shown (by id).
    ReplaceGroup(GroupRow),
    /// Deletes a group and every membership of and in it.
    DeleteGroup {
        /// The group.
        name: String,
    },
    /// Adds a membership; it may not exist yet.
    AddMember(MembershipRow),
    /// Removes a membership; it must exist.
    RemoveMember {
        /// The group.
        group: String,
        /// What the member is.
        kind: MemberKind,
        /// The member.
        member: String,
    },
    /// After the changes before it, this user is active and in `admins`, directly or through at most this many groups.
    /// Whoever changes who is in `admins` ends with it: so somebody always is, also when two do it at the same moment.
    KeepAdministrator {
        /// The user.
        user: String,
        /// How many memberships may lie between the user and `admins`.
        depth_max: usize,
    },
    /// Adds a token.
    CreateToken(TokenRow),
    /// Removes a token of this user; it must exist.
    DeleteToken {
        /// The token.
        id: String,
    },
    /// Notes a token's use.
    TouchToken {
        /// The token.
        id: String,
        /// When, in milliseconds since 1970.
        at: i64,
    },
    /// Removes every bootstrap token.
    DeleteBootstrapTokens,
    /// Adds a session; its user must be there and active, and so must the token that established it.
    OpenSession {
        /// The new row.
        row: SessionRow,
        /// The kernel token behind it.
        token: Option<String>,
    },
    /// Moves a session's expiry; it must exist.
    RenewSession {
        /// The session.
        id: String,
        /// Milliseconds since 1970.
        expires_at: i64,
    },
    /// Claims a request number in a session; it must not have been claimed before.
    ClaimNumber {
        /// The session.
        session: String,
        /// The number.
        seq: u64,
    },
    /// Removes a session; it must exist.
    CloseSession {
        /// The session.
        id: String,
    },
    /// Marks a session as revoked and forgets its keys; it must exist and not be revoked yet. The mark stays as long as the
    /// session could have lived.
    RevokeSession {
        /// The session.
        id: String,
    },
    /// Revokes, as [`Change::RevokeSession`] does, every session that these hold, and takes back what could open another
    /// soon: their tickets. There may be none.
    EndSessions(Holder),
    /// Removes sessions and tickets that expired before this.
    Expire {
        /// Milliseconds since 1970.
        before: i64,
    },
    /// Adds a ticket.
    CreateTicket(TicketRow),
    /// Removes a ticket; it must exist. So it is used once, on whichever replica.
    BurnTicket {
        /// SHA-256 of the ticket.
        hash: Vec<u8>,
    },
    /// Adds a KEK; none of this id may exist.
    CreateKek(KekRow),
}

/// Whose sessions are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A user's.
    User(String),
    /// Those that a kernel token opened.
    Token(String),
}

/// Why a commit changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitError {
    /// What was to be created exists.
    Exists,
    /// What was to be changed is not there.
    Missing,
    /// What was read has changed since: read again.
    Stale,
    /// A limit is reached.
    Full,
    /// The user of [`Change::KeepAdministrator`] would be no administrator.
    NoAdministrator,
    /// The database does not answer.
    Failed(Error),
}

impl From<Error> for CommitError {
    fn from(error: Error) -> Self {
        CommitError::Failed(error)
    }
}

/// Audit rows on their way to the database. The store takes them along with every transaction, before the transaction's
/// own changes: so an acknowledged write always has its intent beside it.
pub trait AuditQueue: Debug + Send + Sync {
    /// Takes what is waiting, in order.
    fn take(&self) -> Vec<AuditRow>;
    /// Puts rows back that could not be written.
    fn put_back(&self, rows: Vec<AuditRow>);
    /// Says that rows up to this index are durable.
    fn committed(&self, index: u64);
    /// Calls this after every row that is queued.
    fn on_append(&self, wake: Box<dyn Fn() + Send + Sync>);
}

/// A live secret with a blind index that was asked for: scope id, key, index.
pub type BlindMatch = (String, String, Vec<u8>);
/// The last record of a chain: index and MAC.
pub type ChainEnd = (u64, Vec<u8>);
/// A request of the audit log: position, intent, outcome.
pub type AuditedRequest = (i64, AuditRow, Option<AuditRow>);

/// A database.
pub trait Store: Debug + Send + Sync {
    /// The scope of this name, compared without regard to case.
    fn scope<'a>(&'a self, name: &'a str) -> Pending<'a, Result<Option<ScopeRow>, Error>>;
    /// Every scope, by name.
    fn scopes(&self) -> Pending<'_, Result<Vec<ScopeRow>, Error>>;
    /// The live secrets of a scope, by key.
    fn secrets<'a>(&'a self, scope_id: &'a str) -> Pending<'a, Result<Vec<HeadRow>, Error>>;
    /// When each secret of the scope of this name was last read in a kernel session, as far as audit records are in the
    /// database.
    fn last_reads<'a>(&'a self, scope: &'a str) -> Pending<'a, Result<Vec<LastReadRow>, Error>>;
    /// A secret's newest version, deleted ones included (then `true`).
    fn head<'a>(&'a self, scope_id: &'a str, key: &'a str) -> Pending<'a, Result<Option<(HeadRow, bool)>, Error>>;
    /// The newest version's record of a live secret: only with the proof.
    fn record<'a>(&'a self, proof: &'a Audited<Read>, key: &'a str) -> Pending<'a, Result<Option<SecretRow>, Error>>;
    /// The live secrets of these scopes whose newest version has one of these blind indexes: scope id, key, index.
    fn blind_matches<'a>(&'a self, indexes: &'a [(String, Vec<u8>)]) -> Pending<'a, Result<Vec<BlindMatch>, Error>>;

    /// A user by name.
    fn user<'a>(&'a self, name: &'a str) -> Pending<'a, Result<Option<UserRow>, Error>>;
    /// Every user, by name.
    fn users(&self) -> Pending<'_, Result<Vec<UserRow>, Error>>;
    /// A group by name.
    fn group<'a>(&'a self, name: &'a str) -> Pending<'a, Result<Option<GroupRow>, Error>>;
    /// Every group, by name.
    fn groups(&self) -> Pending<'_, Result<Vec<GroupRow>, Error>>;
    /// The direct members of a group.
    fn members<'a>(&'a self, group: &'a str) -> Pending<'a, Result<Vec<MembershipRow>, Error>>;
    /// The direct memberships of a user or group.
    fn memberships<'a>(&'a self, kind: MemberKind, member: &'a str) -> Pending<'a, Result<Vec<MembershipRow>, Error>>;

    /// The token with this hash.
    fn token<'a>(&'a self, hash: &'a [u8]) -> Pending<'a, Result<Option<TokenRow>, Error>>;
    /// The tokens of a user, or all.
    fn tokens<'a>(&'a self, user: Option<&'a str>) -> Pending<'a, Result<Vec<TokenRow>, Error>>;

    /// A session by id.
    fn session<'a>(&'a self, id: &'a str) -> Pending<'a, Result<Option<SessionRow>, Error>>;
    /// The sessions of a user, or all.
    fn sessions<'a>(&'a self, user: Option<&'a str>) -> Pending<'a, Result<Vec<SessionRow>, Error>>;
    /// Claims a request number in a session: `true` when it was never claimed, on any replica.
    fn claim<'a>(&'a self, session: &'a str, seq: u64) -> Pending<'a, Result<bool, Error>>;
    /// A ticket by hash.
    fn ticket<'a>(&'a self, hash: &'a [u8]) -> Pending<'a, Result<Option<TicketRow>, Error>>;

    /// Every KEK, by id.
    fn keks(&self) -> Pending<'_, Result<Vec<KekRow>, Error>>;

    /// All of the changes or none.
    fn commit(&self, changes: Vec<Change>) -> Pending<'_, Result<(), CommitError>>;

    /// Connects the queue of audit rows.
    fn attach_audit(&self, queue: Arc<dyn AuditQueue>);
    /// Returns when every audit row that was queued before is durable.
    fn flush_audit(&self) -> Pending<'_, Result<(), Error>>;
    /// The last row of a chain: index and MAC.
    fn audit_tail<'a>(&'a self, replica: &'a str) -> Pending<'a, Result<Option<ChainEnd>, Error>>;
    /// Requests of a chain whose outcome was never written: of those after this record, and after the last start.
    fn audit_unfinished<'a>(&'a self, replica: &'a str, after: u64) -> Pending<'a, Result<Vec<String>, Error>>;
    /// The first record, if any, whose position is before that of an older one of its chain.
    fn audit_misplaced(&self) -> Pending<'_, Result<Option<(String, u64)>, Error>>;
    /// Requests that pass the filters: position, intent, outcome.
    fn audit_query<'a>(&'a self, query: &'a AuditQuery) -> Pending<'a, Result<Vec<AuditedRequest>, Error>>;
    /// Up to `limit` rows in chain order, after (replica, index).
    fn audit_rows<'a>(&'a self, after: (&'a str, u64), limit: u32) -> Pending<'a, Result<Vec<AuditRow>, Error>>;

    /// Writes what is queued, then closes the files in good order; nothing can be asked afterwards.
    fn close(&self) -> Pending<'_, Result<(), Error>>;

    /// One trivial query, for readiness.
    fn ping(&self) -> Pending<'_, Result<(), Error>>;
}
