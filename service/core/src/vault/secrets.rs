//! Putting, deleting and listing secrets; and the refusal to read one over REST.

use std::collections::HashMap;

use sealbook_api::secrets::{PutValue, SecretDescription, SecretMetadata, ValueKind};
use sealbook_api::{ErrorCode, SecretBytes, SecretKey};

use super::{Caller, STALE_RETRIES_MAX, Vault, commit_error, params};
use crate::acl::Identity;
use crate::audit::Action;
use crate::clock::utc;
use crate::envelope::{self, Metadata};
use crate::error::Error;
use crate::proof::{Read, Write};
use crate::rows::{LastReadRow, SecretRow};
use crate::store::{Change, CommitError};

/// Bytes of the shortest value that is recognised when it is pasted.
pub(super) const RECOGNISED_BYTES_MIN: usize = 12;

/// The last moment that an expiry can name: the end of the year 9999.
const EXPIRY_MS_MAX: i64 = 253_402_300_799_999;

impl Vault {
    /// Needs WRITE. Makes a new version, which expires when that is said and else never.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`, `INVALID_PARAMETER_VALUE`, `RESOURCE_LIMIT_EXCEEDED`.
    pub async fn put_secret(
        &self,
        caller: &Caller,
        scope: &str,
        key: &str,
        value: PutValue,
        expires_at: Option<i64>,
    ) -> Result<(), Error> {
        let (kind, value) = match value {
            PutValue::String(text) => (ValueKind::String, SecretBytes::new(text.expose().as_bytes().to_vec())),
            PutValue::Bytes(bytes) => (ValueKind::Bytes, bytes),
        };
        let mut named = params(&[("scope", scope), ("key", key)]);
        named.insert("kind".into(), envelope::kind_name(kind).into());
        if let Some(expiry) = expires_at {
            named.insert("expiresAt".into(), expiry.into());
        }
        self.audited(caller, Action::PutSecret, named, async {
            let key = SecretKey::parse(key)?;
            if value.len() > self.limits.value_bytes_max {
                return Err(Error::invalid(format!(
                    "the value has {} bytes; the maximum is {}",
                    value.len(),
                    self.limits.value_bytes_max
                )));
            }
            self.check_expiry(expires_at)?;
            for _ in 0..STALE_RETRIES_MAX {
                let row = self
                    .new_version(&caller.identity, scope, &key, kind, &value, expires_at)
                    .await?;
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

    fn check_expiry(&self, expires_at: Option<i64>) -> Result<(), Error> {
        let now = self.clock.now_ms();
        match expires_at {
            Some(expiry) if expiry <= now => Err(Error::invalid(format!(
                "expires_at must be later than now, in milliseconds since 1970: it says {}, and it is {}",
                utc(expiry),
                utc(now)
            ))),
            Some(expiry) if expiry > EXPIRY_MS_MAX => Err(Error::invalid(format!(
                "expires_at must be before the year 10000, at most {EXPIRY_MS_MAX} milliseconds since 1970"
            ))),
            _ => Ok(()),
        }
    }

    async fn new_version(
        &self,
        identity: &Identity,
        scope: &str,
        key: &SecretKey,
        kind: ValueKind,
        value: &SecretBytes,
        expires_at: Option<i64>,
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
            expires_at,
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

    /// Needs READ. When each secret was put, when it expires, and when a kernel last read it.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`.
    pub async fn describe_secrets(&self, caller: &Caller, scope: &str) -> Result<Vec<SecretDescription>, Error> {
        self.audited(caller, Action::DescribeSecrets, params(&[("scope", scope)]), async {
            let proof = self.authorize::<Read>(&caller.identity, scope).await?;
            // Reads are noted with their audit records, so those come first.
            self.store.flush_audit().await?;
            let rows = self.store.secrets(&proof.scope().id).await?;
            let reads = self.store.last_reads(&proof.scope().name).await?;
            // Reads before the scope was made were of another of the same name.
            let reads = reads.into_iter().filter(|read| read.at_ms >= proof.scope().created_at);
            let mut reads: HashMap<String, LastReadRow> = reads.map(|read| (read.key.clone(), read)).collect();
            Ok(rows
                .into_iter()
                .map(|row| {
                    let read = reads.remove(&row.key);
                    SecretDescription {
                        version: row.version,
                        last_updated_timestamp: row.updated_at,
                        expires_at: row.expires_at,
                        last_read_timestamp: read.as_ref().map(|read| read.at_ms),
                        last_read_by: read.map(|read| read.user),
                        key: row.key,
                    }
                })
                .collect())
        })
        .await
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
