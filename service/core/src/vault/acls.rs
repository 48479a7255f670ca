//! Changing, reading and explaining a scope's ACL. All need MANAGE.

use sealbook_api::acls::{AclItem, Explanation};
use sealbook_api::names::{ADMINS, USERS};
use sealbook_api::{Permission, Principal};

use super::{Caller, STALE_RETRIES_MAX, Vault, commit_error, params};
use crate::acl::{self, Identity};
use crate::audit::Action;
use crate::error::Error;
use crate::proof::Manage;
use crate::rows::{AclEntry, MemberKind, ScopeRow};
use crate::store::{Change, CommitError};

impl Vault {
    /// Overwrites a principal's entry. The principal must exist.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST` for the scope or the principal, `PERMISSION_DENIED`, `INVALID_PARAMETER_VALUE`.
    pub async fn put_acl(&self, caller: &Caller, scope: &str, principal: &str, permission: &str) -> Result<(), Error> {
        let named = params(&[("scope", scope), ("principal", principal), ("permission", permission)]);
        self.audited(caller, Action::PutAcl, named, async {
            let permission = Permission::parse(permission)?;
            let principal = Principal::parse("principal", principal)?;
            // The scope and the right to change it come first, so that nobody learns who exists without it.
            self.authorize::<Manage>(&caller.identity, scope).await?;
            if !self.principal_exists(principal.as_str()).await? {
                return Err(Error::missing(format!("Principal {principal} does not exist.")));
            }
            self.change_acl(&caller.identity, scope, |row| {
                let principal = principal.as_str().to_owned();
                row.acl.retain(|entry| entry.principal != principal);
                row.acl.push(AclEntry { principal, permission });
                Ok(())
            })
            .await
        })
        .await
    }

    /// Removes a principal's entry.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`.
    pub async fn delete_acl(&self, caller: &Caller, scope: &str, principal: &str) -> Result<(), Error> {
        let named = params(&[("scope", scope), ("principal", principal)]);
        self.audited(caller, Action::DeleteAcl, named, async {
            self.change_acl(&caller.identity, scope, |row| {
                let before = row.acl.len();
                row.acl.retain(|entry| entry.principal != principal);
                if row.acl.len() == before {
                    Err(acl_missing(scope, principal))
                } else {
                    Ok(())
                }
            })
            .await
        })
        .await
    }

    /// The entries, by principal.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`.
    pub async fn list_acls(&self, caller: &Caller, scope: &str) -> Result<Vec<AclItem>, Error> {
        self.audited(caller, Action::ListAcls, params(&[("scope", scope)]), async {
            let row = self.authorize::<Manage>(&caller.identity, scope).await?.into_scope();
            Ok(row.acl.into_iter().map(item).collect())
        })
        .await
    }

    /// One entry.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`.
    pub async fn get_acl(&self, caller: &Caller, scope: &str, principal: &str) -> Result<AclItem, Error> {
        self.audited(
            caller,
            Action::GetAcl,
            params(&[("scope", scope), ("principal", principal)]),
            async {
                let row = self.authorize::<Manage>(&caller.identity, scope).await?.into_scope();
                let entry = row.acl.into_iter().find(|entry| entry.principal == principal);
                entry.map(item).ok_or_else(|| acl_missing(scope, principal))
            },
        )
        .await
    }

    /// What a principal may do in a scope, and why. Everybody may ask about themselves.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`.
    pub async fn explain(&self, caller: &Caller, scope: &str, principal: &str) -> Result<Explanation, Error> {
        self.audited(
            caller,
            Action::ExplainAcl,
            params(&[("scope", scope), ("principal", principal)]),
            async {
                let row = if principal == caller.identity.user {
                    let row = self
                        .store
                        .scope(scope)
                        .await?
                        .ok_or_else(|| Error::scope_missing(scope))?;
                    row.checked(self.row_mac())?
                } else {
                    self.authorize::<Manage>(&caller.identity, scope).await?.into_scope()
                };
                let identity = if principal == caller.identity.user {
                    caller.identity.clone()
                } else if self.group_exists(principal).await? {
                    self.group_identity(principal).await?
                } else if self.store.user(principal).await?.is_some() {
                    self.identity(principal).await?
                } else {
                    return Err(Error::missing(format!("Principal {principal} does not exist.")));
                };
                let reasons = acl::reasons(&identity, &row);
                Ok(Explanation {
                    scope: row.name,
                    principal: principal.to_owned(),
                    permission: reasons.first().map(|reason| reason.permission),
                    reasons,
                })
            },
        )
        .await
    }

    async fn change_acl(
        &self,
        identity: &Identity,
        scope: &str,
        change: impl Fn(&mut ScopeRow) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        for _ in 0..STALE_RETRIES_MAX {
            let mut row = self.authorize::<Manage>(identity, scope).await?.into_scope();
            let expected_epoch = row.epoch;
            change(&mut row)?;
            row.epoch += 1;
            let row = row.signed(self.row_mac());
            match self
                .store
                .commit(vec![Change::ReplaceScope { row, expected_epoch }])
                .await
            {
                Err(CommitError::Stale) => {}
                Err(CommitError::Missing) => return Err(Error::scope_missing(scope)),
                other => return other.map_err(commit_error),
            }
        }
        Err(commit_error(CommitError::Stale))
    }

    async fn principal_exists(&self, name: &str) -> Result<bool, Error> {
        Ok(self.group_exists(name).await? || self.store.user(name).await?.is_some())
    }

    pub(super) async fn group_exists(&self, name: &str) -> Result<bool, Error> {
        Ok(name == ADMINS || name == USERS || self.store.group(name).await?.is_some())
    }

    /// A group as if it were a user: itself and every group it is in.
    async fn group_identity(&self, group: &str) -> Result<Identity, Error> {
        let start = vec![(MemberKind::Group, group.to_owned())];
        let mut groups = self.groups_above(start).await?;
        groups.insert(group.to_owned());
        Ok(Identity::new(group, groups))
    }
}

fn item(entry: AclEntry) -> AclItem {
    AclItem {
        principal: entry.principal,
        permission: entry.permission,
    }
}

fn acl_missing(scope: &str, principal: &str) -> Error {
    Error::missing(format!(
        "Failed to get secret acl for principal {principal} for scope {scope}."
    ))
}
