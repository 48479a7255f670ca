//! Putting, deleting and listing secrets; and the refusal to read one over REST.

use std::collections::HashMap;

use sealbook_api::audit::{AuditQuery, AuditRecord};
use sealbook_api::secrets::{PutValue, SecretDescription, SecretMetadata, ValueKind};
use sealbook_api::{ErrorCode, SecretBytes, SecretKey};

use super::{Caller, STALE_RETRIES_MAX, Vault, commit_error, params};
use crate::acl::Identity;
use crate::audit::Action;
use crate::envelope::{self, Metadata};
use crate::error::Error;
use crate::proof::{Read, Write};
use crate::rows::SecretRow;
use crate::store::{Change, CommitError};

/// Bytes of the shortest value that is recognised when it is pasted.
pub(super) const RECOGNISED_BYTES_MIN: usize = 12;

/// Reads of a scope that are looked at to say when each secret was last read.
const READS_LOOKED_AT: u32 = 10_000;

impl Vault {
    /// Needs WRITE. Makes a new version.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`, `INVALID_PARAMETER_VALUE`, `RESOURCE_LIMIT_EXCEEDED`.
    pub async fn put_secret(&self, caller: &Caller, scope: &str, key: &str, value: PutValue) -> Result<(), Error> {
        let (kind, value) = match value {
            PutValue::String(text) => (ValueKind::String, SecretBytes::new(text.expose().as_bytes().to_vec())),
            PutValue::Bytes(bytes) => (ValueKind::Bytes, bytes),
        };
        let mut named = params(&[("scope", scope), ("key", key)]);
        named.insert("kind".into(), envelope::kind_name(kind).into());
        self.audited(caller, Action::PutSecret, named, async {
            let key = SecretKey::parse(key)?;
            if value.len() > self.limits.value_bytes_max {
                return Err(Error::invalid(format!(
                    "the value has {} bytes; the maximum is {}",
                    value.len(),
                    self.limits.value_bytes_max
                )));
            }
            for _ in 0..STALE_RETRIES_MAX {
                let row = self.new_version(&caller.identity, scope, &key, kind, &value).await?;
                let secrets_max = self.limits.secrets_per_scope_max;
                let change = Change::PutSecret { row, secrets_max, versions_kept: self.limits.versions_kept };
                match self.store.commit(vec![change]).await {
                    Err(CommitError::Stale) => {}
                    Err(CommitError::Missing) => return Err(Error::scope_missing(scope)),
                    Err(CommitError::Full) => {
                        return Err(Error::new(
                            ErrorCode::ResourceLimitExceeded,
                            format!("Scope {scope} holds {secrets_max} secrets already, which is the maximum; delete one first."),
                        ));
                    }
                    other => return other.map_err(commit_error),
                }
            }
            Err(commit_error(CommitError::Stale))
        })
        .await
    }

    async fn new_version(
        &self,
        identity: &Identity,
        scope: &str,
        key: &SecretKey,
        kind: ValueKind,
        value: &SecretBytes,
    ) -> Result<SecretRow, Error> {
        let proof = self.authorize::<Write>(identity, scope).await?;
        let scope = proof.scope();
        let version = self
            .store
            .head(&scope.id, key.as_str())
            .await?
            .map_or(0, |(head, _)| head.version)
            + 1;
        let metadata = Metadata {
            organisation: self.organisation.clone(),
            scope_id: scope.id.clone(),
            scope_name: scope.name.clone(),
            key: key.as_str().to_owned(),
            version,
            kind,
            author: identity.user.clone(),
            time_ms: self.clock.now_ms(),
        };
        let kek = self.keyring.primary();
        let record = envelope::seal(kek.id(), kek.dek_wrap(), self.entropy.as_ref(), &metadata, value)?;
        let blind = if value.len() >= RECOGNISED_BYTES_MIN {
            self.keyring.first().blind_index(&scope.id, value.expose())
        } else {
            Vec::new()
        };
        Ok(SecretRow {
            metadata,
            record,
            blind,
        })
    }

    /// Needs WRITE.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`.
    pub async fn delete_secret(&self, caller: &Caller, scope: &str, key: &str) -> Result<(), Error> {
        self.audited(
            caller,
            Action::DeleteSecret,
            params(&[("scope", scope), ("key", key)]),
            async {
                for _ in 0..STALE_RETRIES_MAX {
                    let proof = self.authorize::<Write>(&caller.identity, scope).await?;
                    let head = match self.store.head(&proof.scope().id, key).await? {
                        Some((head, false)) => head,
                        _ => return Err(Error::secret_missing(scope, key)),
                    };
                    let change = Change::DeleteSecret {
                        scope_id: proof.into_scope().id,
                        key: key.to_owned(),
                        expected_version: head.version,
                        at: self.clock.now_ms(),
                    };
                    match self.store.commit(vec![change]).await {
                        Err(CommitError::Stale) => {}
                        Err(CommitError::Missing) => return Err(Error::secret_missing(scope, key)),
                        other => return other.map_err(commit_error),
                    }
                }
                Err(commit_error(CommitError::Stale))
            },
        )
        .await
    }

    /// Needs READ.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`.
    pub async fn list_secrets(&self, caller: &Caller, scope: &str) -> Result<Vec<SecretMetadata>, Error> {
        let work = self.secret_names(&caller.identity, scope);
        self.audited(caller, Action::ListSecrets, params(&[("scope", scope)]), work)
            .await
    }

    pub(super) async fn secret_names(&self, identity: &Identity, scope: &str) -> Result<Vec<SecretMetadata>, Error> {
        let proof = self.authorize::<Read>(identity, scope).await?;
        let rows = self.store.secrets(&proof.scope().id).await?;
        Ok(rows
            .into_iter()
            .map(|row| SecretMetadata {
                key: row.key,
                last_updated_timestamp: row.updated_at,
            })
            .collect())
    }

    /// Needs READ. When each secret was last read, as far as the newest reads in the scope tell.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`.
    pub async fn describe_secrets(&self, caller: &Caller, scope: &str) -> Result<Vec<SecretDescription>, Error> {
        self.audited(caller, Action::DescribeSecrets, params(&[("scope", scope)]), async {
            let proof = self.authorize::<Read>(&caller.identity, scope).await?;
            let rows = self.store.secrets(&proof.scope().id).await?;
            let reads = self.last_reads(&proof.scope().name, proof.scope().created_at).await?;
            Ok(rows
                .into_iter()
                .map(|row| {
                    let read = reads.get(&row.key);
                    SecretDescription {
                        version: row.version,
                        last_updated_timestamp: row.updated_at,
                        last_read_timestamp: read.map(|(at, _)| *at),
                        last_read_by: read.map(|(_, by)| by.clone()),
                        key: row.key,
                    }
                })
                .collect())
        })
        .await
    }

    /// By key: when it was last read, and by whom. Reads before the scope was made were of another of the same name.
    async fn last_reads(&self, scope: &str, since: i64) -> Result<HashMap<String, (i64, String)>, Error> {
        self.store.flush_audit().await?;
        let query = AuditQuery {
            scope: Some(scope.to_ascii_lowercase()),
            action: Some(Action::GetSecret.name().into()),
            failed: Some(false),
            since: Some(since),
            limit: Some(READS_LOOKED_AT),
            ..AuditQuery::default()
        };
        let mut reads = HashMap::new();
        for (_, intent, _) in self.store.audit_query(&query).await? {
            let record: Option<AuditRecord> = serde_json::from_str(&intent.body).ok();
            let key = record.and_then(|record| Some(record.request_params.get("key")?.as_str()?.to_owned()));
            if let Some(key) = key {
                reads.insert(key, (intent.at_ms, intent.user));
            }
        }
        Ok(reads)
    }

    /// Always refused: a value is read in a kernel session only. Audited as a failed `getSecret`.
    ///
    /// # Errors
    /// Always `BAD_REQUEST`.
    pub async fn refuse_value(&self, caller: &Caller, scope: &str, key: &str) -> Result<(), Error> {
        self.audited(caller, Action::GetSecret, params(&[("scope", scope), ("key", key)]), async {
            Err(Error::new(
                ErrorCode::BadRequest,
                "Secret values cannot be read through the API: call dbutils.secrets.get(scope, key) in a notebook or job.",
            ))
        })
        .await
    }
}
