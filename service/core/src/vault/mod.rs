//! The use-cases. Each writes its audit intent first, then checks the ACL, then acts, then writes the outcome.

mod acls;
mod audit_log;
mod audit_verify;
mod directory;
mod endings;
mod groups;
mod open;
mod quota;
mod reads;
mod scopes;
mod secrets;
mod sessions;
mod tokens;
mod users;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sealbook_api::ErrorCode;
use sealbook_api::audit::KernelOrigin;
use sealbook_api::names::ADMINS;
use serde_json::{Map, Value};

use crate::acl::Identity;
use crate::audit::{Action, CheckpointLog, Entry, Event, Journal, Origin, Outcome};
use crate::clock::{Clock, Entropy};
use crate::error::Error;
use crate::keyring::{Keyring, MacKey};
use crate::proof::{Authorized, Need};
use crate::rows::MemberKind;
use crate::store::{Change, CommitError, Store};

pub use directory::{Directory, GroupChange, MemberChange, Profile, Reference, UserChange};
pub use open::Parts;
pub use sessions::{Established, SessionOrigin, SignedCall};
pub use tokens::{Authenticated, Whose};

/// Groups that are in groups that are in groups: at most this deep.
const GROUP_DEPTH_MAX: usize = 16;
/// How often a compare-and-swap is tried again before the request is refused with `ABORTED`.
const STALE_RETRIES_MAX: usize = 16;

/// What may not be exceeded. The API's own maxima bound these from above.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Scopes in all.
    pub scopes_max: usize,
    /// Live secrets in one scope.
    pub secrets_per_scope_max: usize,
    /// Bytes of a value.
    pub value_bytes_max: usize,
    /// Versions of a secret that stay.
    pub versions_kept: u64,
    /// How long a session lives unless renewed, in milliseconds.
    pub session_ms: i64,
    /// How long a session can be renewed, in milliseconds.
    pub session_renewable_ms: i64,
    /// How long a job ticket lives, in milliseconds.
    pub ticket_ms: i64,
    /// How long a token lives when nothing is said, in milliseconds; `None` for ever.
    pub token_ms_default: Option<i64>,
}

impl Default for Limits {
    fn default() -> Self {
        use sealbook_api::names;
        Self {
            scopes_max: names::SCOPES_MAX,
            secrets_per_scope_max: names::SECRETS_PER_SCOPE_MAX,
            value_bytes_max: names::VALUE_BYTES_MAX,
            versions_kept: 10,
            session_ms: 60 * 60 * 1_000,
            session_renewable_ms: 12 * 60 * 60 * 1_000,
            ticket_ms: 60_000,
            token_ms_default: None,
        }
    }
}

/// Who asks, from where.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user and their groups.
    pub identity: Identity,
    /// From where.
    pub origin: Origin,
    /// One per request.
    pub request_id: String,
}

/// The service's domain: construct it once, share it by reference.
#[derive(Debug)]
pub struct Vault {
    store: Arc<dyn Store>,
    keyring: Arc<Keyring>,
    journal: Arc<Journal>,
    checkpoints: CheckpointLog,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    limits: Limits,
    organisation: String,
    owner: Option<String>,
    api_tokens_open_sessions: bool,
    bootstrap_retired: AtomicBool,
    literal_questions: quota::Quota,
    status_of: fn(ErrorCode) -> u16,
}

/// A request's parameters, for its audit record.
type Params = Map<String, Value>;

fn params(fields: &[(&str, &str)]) -> Params {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
        .collect()
}

impl Vault {
    /// The user and every group they are in.
    ///
    /// # Errors
    /// The database does not answer, or a membership row was altered.
    pub async fn identity(&self, user: &str) -> Result<Identity, Error> {
        let mut groups = self.groups_above(vec![(MemberKind::User, user.to_owned())]).await?;
        if self.owner.as_deref() == Some(user) {
            groups.insert(ADMINS.to_owned());
        }
        Ok(Identity::new(user, groups))
    }

    /// Every group that these are in, directly or through groups.
    async fn groups_above(&self, mut next: Vec<(MemberKind, String)>) -> Result<BTreeSet<String>, Error> {
        let mut groups = BTreeSet::new();
        for _ in 0..GROUP_DEPTH_MAX {
            let mut found = Vec::new();
            for (kind, member) in next {
                for row in self.store.memberships(kind, &member).await? {
                    let row = row.checked(self.row_mac())?;
                    if groups.insert(row.group.clone()) {
                        found.push((MemberKind::Group, row.group));
                    }
                }
            }
            if found.is_empty() {
                break;
            }
            next = found;
        }
        Ok(groups)
    }

    /// Records a request that was refused before it reached a use-case: malformed, unauthenticated, unknown.
    ///
    /// # Errors
    /// The audit log cannot be written; answer that instead.
    pub fn refused(&self, caller: &Caller, action: Action, params: Params, error: &Error) -> Result<(), Error> {
        let entry = self.begin(caller, action, params)?;
        self.journal.finish(entry, self.outcome(error))
    }

    /// Records something that succeeded and needs no use-case.
    ///
    /// # Errors
    /// The audit log cannot be written.
    pub fn noted(&self, caller: &Caller, action: Action, params: Params) -> Result<(), Error> {
        let entry = self.begin(caller, action, params)?;
        self.journal.finish(entry, Outcome::ok())
    }

    /// Whether requests can be served: the audit log can be written, and the database answers.
    ///
    /// # Errors
    /// `TEMPORARILY_UNAVAILABLE`, as every request would get.
    pub async fn ready(&self) -> Result<(), Error> {
        self.journal.check()?;
        self.store.ping().await
    }

    /// Returns when every audit record so far is in the database.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn flush_audit(&self) -> Result<(), Error> {
        self.store.flush_audit().await
    }

    /// Closes the database in good order, after the last request.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn close(&self) -> Result<(), Error> {
        self.store.close().await
    }

    /// The journal, for metrics and checkpoints.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    fn row_mac(&self) -> &MacKey {
        self.keyring.first().row_mac()
    }

    /// 1. intent  2. the work, which checks the ACL itself  3. outcome.
    async fn audited<T>(
        &self,
        caller: &Caller,
        action: Action,
        params: Params,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let entry = self.begin(caller, action, params)?;
        let result = work.await;
        self.conclude(entry, result)
    }

    fn begin(&self, caller: &Caller, action: Action, params: Params) -> Result<Entry, Error> {
        self.begin_in_session(caller, action, params, None, None)
    }

    fn begin_in_session(
        &self,
        caller: &Caller,
        action: Action,
        params: Params,
        session: Option<(String, u64)>,
        kernel: Option<KernelOrigin>,
    ) -> Result<Entry, Error> {
        self.journal.begin(Event {
            at_ms: self.clock.now_ms(),
            organisation: self.organisation.clone(),
            origin: caller.origin.clone(),
            user: caller.identity.user.clone(),
            action,
            request_id: caller.request_id.clone(),
            params,
            session,
            kernel,
        })
    }

    fn conclude<T>(&self, entry: Entry, result: Result<T, Error>) -> Result<T, Error> {
        let outcome = result
            .as_ref()
            .map_or_else(|error| self.outcome(error), |_| Outcome::ok());
        self.journal.finish(entry, outcome)?;
        result
    }

    fn outcome(&self, error: &Error) -> Outcome {
        Outcome {
            status: (self.status_of)(error.code()),
            error: Some(error.to_string()),
        }
    }

    /// The scope, if it exists and the user may do `N` in it.
    async fn authorize<N: Need>(&self, identity: &Identity, scope: &str) -> Result<Authorized<N>, Error> {
        let row = self
            .store
            .scope(scope)
            .await?
            .ok_or_else(|| Error::scope_missing(scope))?;
        Authorized::check(identity, row.checked(self.row_mac())?)
    }

    fn admin(&self, caller: &Caller) -> Result<(), Error> {
        if caller.identity.is_admin() {
            Ok(())
        } else {
            Err(Error::not_admin(&caller.identity.user))
        }
    }

    /// What ends a commit that may change who is in `admins`: whoever makes it stays an administrator.
    fn keep_administrator(&self, caller: &Caller) -> Option<Change> {
        let user = &caller.identity.user;
        // The owner is one whatever the database says.
        (self.owner.as_ref() != Some(user)).then(|| Change::KeepAdministrator {
            user: user.clone(),
            depth_max: GROUP_DEPTH_MAX,
        })
    }

    /// Why a commit with [`Vault::keep_administrator`] was refused: the caller's own change, or somebody else's before it.
    async fn no_administrator(&self, caller: &Caller) -> Error {
        let user = &caller.identity.user;
        match self.identity(user).await {
            Ok(identity) if identity.is_admin() => Error::invalid(format!(
                "this would remove you from {ADMINS}; ask another administrator"
            )),
            Ok(_) => Error::not_admin(user),
            Err(error) => error,
        }
    }

    fn new_id(&self) -> Result<String, Error> {
        let bytes = crate::clock::random::<16>(self.entropy.as_ref())?;
        Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
    }
}

/// What a failed commit means where nothing more precise is known.
fn commit_error(error: CommitError) -> Error {
    match error {
        CommitError::Failed(error) => error,
        CommitError::Stale | CommitError::Exists | CommitError::Missing | CommitError::NoAdministrator => {
            Error::aborted("Another request changed this at the same moment; read it and decide anew.")
        }
        CommitError::Full => Error::new(ErrorCode::ResourceLimitExceeded, "A limit of this service is reached."),
    }
}
