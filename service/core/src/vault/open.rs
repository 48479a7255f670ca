//! Opening the vault: keys, journal, recovery.
//!
//! 1. Read the wrapped KEKs; in a new database make the first.
//! 2. Unwrap them with the KMS; a wrong root key stops here.
//! 3. Open the journal at the end of the database's chain and hand what the database lacks to the store.
//! 4. Record what was found: requests cut off by a crash, records that were gone from the database.

use std::path::PathBuf;
use std::sync::Arc;

use sealbook_api::{ErrorCode, SecretBytes};

use super::audit_verify::{CHECKPOINTS_MISSING, RESTORED_FROM};
use super::{Caller, Limits, Vault, params};
use crate::acl::Identity;
use crate::audit::{Action, Chain, CheckpointLog, GENESIS, Journal, Origin, Recovery, Sync, checkpoint};
use crate::clock::{Clock, Entropy, random};
use crate::envelope::KEY_BYTES;
use crate::error::Error;
use crate::keyring::{Kek, Keyring};
use crate::kms::{Kms, KmsContext};
use crate::rows::KekRow;
use crate::store::{Change, CommitError, Store};

/// Who the service's own records are by.
const SERVICE: &str = "sealbook";
/// Records at the end of the chain among which requests without an outcome are looked for.
const UNFINISHED_SEARCHED: u64 = 100_000;
/// Requests without an outcome that the record of a start names.
const UNKNOWN_NAMED_MAX: usize = 100;

/// What a vault is made of.
#[derive(Debug)]
pub struct Parts {
    /// The database.
    pub store: Arc<dyn Store>,
    /// Holds the root key.
    pub kms: Arc<dyn Kms>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Limits.
    pub limits: Limits,
    /// The organisation's name, bound into every key and record.
    pub organisation: String,
    /// Names this process's audit chain.
    pub replica: String,
    /// The audit journal.
    pub journal_path: PathBuf,
    /// The file of audit checkpoints; best on another disk than the database.
    pub checkpoints_path: PathBuf,
    /// When an audit record counts as written.
    pub journal_sync: Sync,
    /// The embedded service's owner, who is an administrator of it.
    pub owner: Option<String>,
    /// Lets API tokens open kernel sessions.
    pub api_tokens_open_sessions: bool,
    /// The HTTP status of a code, for audit records.
    pub status_of: fn(ErrorCode) -> u16,
}

impl Vault {
    /// Opens a vault.
    ///
    /// # Errors
    /// A root key that does not fit the database, a journal that does not fit the chain, a database that does not answer.
    pub async fn open(parts: Parts) -> Result<(Self, Recovery), Error> {
        let keyring = Arc::new(keyring(&parts).await?);
        let end = match parts.store.audit_tail(&parts.replica).await? {
            Some((index, mac)) => Chain::at(&parts.replica, index, mac),
            None => Chain::at(&parts.replica, 0, GENESIS),
        };
        let checkpoints = CheckpointLog::new(&parts.checkpoints_path);
        let database_end = end.index();
        // Fewer records than a checkpoint counted: the journal may have them still, but somebody took them away.
        let signed = last_checkpoint(&checkpoints, &parts.replica);
        let lost = database_end < signed.unwrap_or(0);
        // The first checkpoint is older than the first record of its chain and the first user. A replica may come later,
        // when there are users and checkpoints of others.
        let of_nobody = checkpoints.read().is_ok_and(|all| all.is_empty());
        let checkpoints_missing =
            signed.is_none() && (database_end > 0 || of_nobody && !parts.store.users().await?.is_empty());
        if signed.is_none() && !checkpoints_missing {
            let key = keyring.first().checkpoint();
            checkpoints.append(&checkpoint::sign(key, &parts.organisation, &end, parts.clock.now_ms()))?;
        }
        let (journal, mut recovery) = Journal::open(
            &parts.journal_path,
            end,
            Arc::clone(&keyring),
            Arc::clone(&parts.clock),
            parts.journal_sync,
        )?;
        recovery.restored_from = lost.then_some(database_end + 1);
        recovery.checkpoints_missing = checkpoints_missing;
        let journal = Arc::new(journal);
        parts.store.attach_audit(journal.clone());
        parts.store.flush_audit().await?;
        // Also what the database has of requests that were cut off.
        let searched_from = journal.end().index().saturating_sub(UNFINISHED_SEARCHED);
        recovery.unknown = parts.store.audit_unfinished(&parts.replica, searched_from).await?;
        let vault = Self {
            store: parts.store,
            keyring,
            journal,
            checkpoints,
            clock: parts.clock,
            entropy: parts.entropy,
            limits: parts.limits,
            organisation: parts.organisation,
            owner: parts.owner,
            api_tokens_open_sessions: parts.api_tokens_open_sessions,
            bootstrap_retired: std::sync::atomic::AtomicBool::new(false),
            literal_questions: super::quota::Quota::default(),
            status_of: parts.status_of,
        };
        vault.note_start(&recovery)?;
        if let Some(owner) = vault.owner.clone() {
            vault.ensure_user(&owner).await?;
        }
        Ok((vault, recovery))
    }

    /// What was found at this start becomes a record itself.
    fn note_start(&self, recovery: &Recovery) -> Result<(), Error> {
        let mut named = params(&[]);
        named.insert("replayed".into(), recovery.replayed.into());
        named.insert("tornBytes".into(), recovery.torn_bytes.into());
        named.insert("unknownOutcomes".into(), recovery.unknown.len().into());
        let some: Vec<&String> = recovery.unknown.iter().take(UNKNOWN_NAMED_MAX).collect();
        if !some.is_empty() {
            named.insert("unknownRequests".into(), some.into_iter().cloned().collect());
        }
        if recovery.checkpoints_missing {
            named.insert(CHECKPOINTS_MISSING.into(), true.into());
        }
        if let Some(first) = recovery.restored_from {
            named.insert(RESTORED_FROM.into(), first.into());
        }
        self.noted(&self.service_caller()?, Action::StartService, named)
    }

    /// The service itself, for what it records of its own accord.
    pub(super) fn service_caller(&self) -> Result<Caller, Error> {
        Ok(Caller {
            identity: Identity::new(SERVICE, []),
            origin: Origin {
                source: "local".into(),
                user_agent: concat!("sealbook/", env!("CARGO_PKG_VERSION")).into(),
            },
            request_id: self.new_id()?,
        })
    }
}

/// How many records of this chain were in the database for certain; `None` without any checkpoint. Checkpoints that cannot
/// be read are reported when the log is verified.
fn last_checkpoint(log: &CheckpointLog, replica: &str) -> Option<u64> {
    let Ok(checkpoints) = log.read() else { return Some(0) };
    let counts = checkpoints
        .iter()
        .filter(|one| one.replica == replica)
        .map(|one| one.count);
    counts.max()
}

async fn keyring(parts: &Parts) -> Result<Keyring, Error> {
    let mut rows = parts.store.keks().await?;
    if rows.is_empty() {
        let first = first_kek(parts).await?;
        match parts.store.commit(vec![Change::CreateKek(first)]).await {
            // Another replica was first: its key counts.
            Ok(()) | Err(CommitError::Exists) => rows = parts.store.keks().await?,
            Err(error) => return Err(super::commit_error(error)),
        }
    }
    let mut keks = Vec::new();
    for row in rows {
        let kek = parts.kms.unwrap(&row.wrapped, &context(parts, row.id)).await?;
        keks.push(Kek::derive(row.id, &kek)?);
    }
    Keyring::new(keks)
}

async fn first_kek(parts: &Parts) -> Result<KekRow, Error> {
    let kek = SecretBytes::new(random::<KEY_BYTES>(parts.entropy.as_ref())?.to_vec());
    Ok(KekRow {
        id: 1,
        root_key_id: parts.kms.key_id().to_owned(),
        wrapped: parts.kms.wrap(&kek, &context(parts, 1)).await?,
        created_at: parts.clock.now_ms(),
    })
}

fn context(parts: &Parts, version: u32) -> KmsContext<'_> {
    KmsContext {
        organisation: &parts.organisation,
        purpose: "kek",
        version,
    }
}
