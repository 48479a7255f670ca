//! Creating, deleting and listing scopes.

use sealbook_api::names::USERS;
use sealbook_api::scopes::{CreateScope, Scope};
use sealbook_api::{ErrorCode, Permission, ScopeName};

use super::{Caller, STALE_RETRIES_MAX, Vault, commit_error, params};
use crate::audit::Action;
use crate::error::Error;
use crate::proof::Manage;
use crate::rows::{AclEntry, ScopeRow};
use crate::store::{Change, CommitError};

impl Vault {
    /// Any user. The creator gets MANAGE, unless `initial_manage_principal` is `users`: then only `users` does.
    ///
    /// # Errors
    /// `RESOURCE_ALREADY_EXISTS`, `INVALID_PARAMETER_VALUE`, `RESOURCE_LIMIT_EXCEEDED`.
    pub async fn create_scope(&self, caller: &Caller, request: &CreateScope) -> Result<(), Error> {
        let mut named = params(&[("scope", &request.scope)]);
        if let Some(principal) = &request.initial_manage_principal {
            named.insert("initialManagePrincipal".into(), principal.as_str().into());
        }
        self.audited(caller, Action::CreateScope, named, async {
            let name = ScopeName::parse(&request.scope)?;
            let manager = match request.initial_manage_principal.as_deref() {
                None => caller.identity.user.clone(),
                Some(USERS) => USERS.to_owned(),
                Some(other) => {
                    return Err(Error::invalid(format!(
                        "initial_manage_principal must be {USERS:?} or absent, not {other:?}"
                    )));
                }
            };
            if let Some(other) = request
                .scope_backend_type
                .as_deref()
                .filter(|kind| *kind != "DATABRICKS")
            {
                return Err(Error::invalid(format!(
                    "scope_backend_type must be DATABRICKS or absent, not {other:?}"
                )));
            }
            let row = ScopeRow {
                id: self.new_id()?,
                name: name.as_str().to_owned(),
                acl: vec![AclEntry {
                    principal: manager,
                    permission: Permission::Manage,
                }],
                epoch: 1,
                created_at: self.clock.now_ms(),
                mac: Vec::new(),
            }
            .signed(self.row_mac());
            let scopes_max = self.limits.scopes_max;
            self.store
                .commit(vec![Change::CreateScope { row, scopes_max }])
                .await
                .map_err(|error| match error {
                    CommitError::Exists => Error::new(
                        ErrorCode::ResourceAlreadyExists,
                        format!("Scope {name} already exists!"),
                    ),
                    CommitError::Full => Error::new(
                        ErrorCode::ResourceLimitExceeded,
                        format!("There are {scopes_max} scopes already, which is the maximum; delete one first."),
                    ),
                    other => commit_error(other),
                })
        })
        .await
    }

    /// Needs MANAGE. The scope's secrets go with it.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`.
    pub async fn delete_scope(&self, caller: &Caller, scope: &str) -> Result<(), Error> {
        self.audited(caller, Action::DeleteScope, params(&[("scope", scope)]), async {
            for _ in 0..STALE_RETRIES_MAX {
                let row = self.authorize::<Manage>(&caller.identity, scope).await?.into_scope();
                let change = Change::DeleteScope {
                    id: row.id,
                    expected_epoch: row.epoch,
                };
                match self.store.commit(vec![change]).await {
                    Err(CommitError::Stale) => {}
                    Err(CommitError::Missing) => return Err(Error::scope_missing(scope)),
                    other => return other.map_err(commit_error),
                }
            }
            Err(commit_error(CommitError::Stale))
        })
        .await
    }

    /// Any user.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn list_scopes(&self, caller: &Caller) -> Result<Vec<Scope>, Error> {
        self.audited(caller, Action::ListScopes, params(&[]), self.scope_names())
            .await
    }

    pub(super) async fn scope_names(&self) -> Result<Vec<Scope>, Error> {
        let rows = self.store.scopes().await?;
        Ok(rows
            .into_iter()
            .map(|row| Scope {
                name: row.name,
                backend_type: "DATABRICKS".into(),
            })
            .collect())
    }
}
