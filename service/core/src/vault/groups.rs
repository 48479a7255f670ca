//! Groups and their members. Administrators change them; every user may list them.

use sealbook_api::groups::Member;
use sealbook_api::names::{ADMINS, USERS};
use sealbook_api::{ErrorCode, Principal};

use super::{Caller, Vault, commit_error, params};
use crate::audit::Action;
use crate::error::Error;
use crate::rows::{GroupRow, MemberKind, MembershipRow};
use crate::store::{Change, CommitError};

impl Vault {
    /// Administrators only.
    ///
    /// # Errors
    /// `RESOURCE_ALREADY_EXISTS`, `INVALID_PARAMETER_VALUE`, `PERMISSION_DENIED`.
    pub async fn create_group(&self, caller: &Caller, name: &str) -> Result<GroupRow, Error> {
        self.audited(caller, Action::CreateGroup, params(&[("group", name)]), async {
            self.admin(caller)?;
            let row = self.new_group(name).await?;
            self.store
                .commit(vec![Change::CreateGroup(row.clone())])
                .await
                .map_err(|error| match error {
                    CommitError::Exists => group_exists(name),
                    other => commit_error(other),
                })?;
            Ok(row)
        })
        .await
    }

    /// A group that is not stored yet.
    pub(super) async fn new_group(&self, name: &str) -> Result<GroupRow, Error> {
        let name = Principal::parse("group_name", name)?;
        // A name is a user's or a group's, so that an ACL entry means one of them.
        if self.group_exists(name.as_str()).await? || self.store.user(name.as_str()).await?.is_some() {
            return Err(group_exists(name.as_str()));
        }
        Ok(GroupRow {
            id: self.new_id()?,
            name: name.as_str().to_owned(),
            created_at: self.clock.now_ms(),
            profile: String::new(),
        })
    }

    /// Administrators only. The group's ACL entries go with it, so that a new group of the same name inherits nothing.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`, `INVALID_PARAMETER_VALUE` for the built-in groups.
    pub async fn delete_group(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        self.audited(caller, Action::DeleteGroup, params(&[("group", name)]), async {
            self.admin(caller)?;
            self.drop_group(caller, name).await
        })
        .await
    }

    pub(super) async fn drop_group(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        if name == ADMINS || name == USERS {
            return Err(Error::invalid(format!(
                "the group {name} is built in and cannot be deleted"
            )));
        }
        let mut changes = self.without_grants(name).await?;
        changes.push(Change::DeleteGroup { name: name.to_owned() });
        changes.extend(self.keep_administrator(caller));
        match self.store.commit(changes).await {
            Err(CommitError::Missing) => Err(group_missing(name)),
            Err(CommitError::NoAdministrator) => Err(self.no_administrator(caller).await),
            other => other.map_err(commit_error),
        }
    }

    /// The changes that take a principal out of every ACL.
    pub(super) async fn without_grants(&self, principal: &str) -> Result<Vec<Change>, Error> {
        let mut changes = Vec::new();
        for row in self.store.scopes().await? {
            if row.acl.iter().any(|entry| entry.principal == principal) {
                let mut row = row.checked(self.row_mac())?;
                let expected_epoch = row.epoch;
                row.acl.retain(|entry| entry.principal != principal);
                row.epoch += 1;
                changes.push(Change::ReplaceScope {
                    row: row.signed(self.row_mac()),
                    expected_epoch,
                });
            }
        }
        Ok(changes)
    }

    /// Any user. The built-in groups come first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn list_groups(&self, caller: &Caller) -> Result<Vec<GroupRow>, Error> {
        self.audited(caller, Action::ListGroups, params(&[]), self.all_groups())
            .await
    }

    /// The built-in groups come first.
    pub(super) async fn all_groups(&self) -> Result<Vec<GroupRow>, Error> {
        let built_in = |name: &str| GroupRow {
            id: name.to_owned(),
            name: name.to_owned(),
            created_at: 0,
            profile: String::new(),
        };
        let mut groups = vec![built_in(ADMINS), built_in(USERS)];
        groups.extend(self.store.groups().await?);
        Ok(groups)
    }

    /// Administrators only. `false` when the member was in the group already.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST` for the group or the member, `RESOURCE_ALREADY_EXISTS`, `PERMISSION_DENIED`.
    pub async fn add_member(&self, caller: &Caller, group: &str, member: &Member) -> Result<(), Error> {
        self.audited(caller, Action::AddGroupMember, member_params(group, member), async {
            self.admin(caller)?;
            let row = self.membership(group, member).await?;
            self.store
                .commit(vec![Change::AddMember(row)])
                .await
                .map_err(|error| match error {
                    CommitError::Exists => Error::new(
                        ErrorCode::ResourceAlreadyExists,
                        format!("{} is a member of group {group} already!", member_name(member)),
                    ),
                    other => commit_error(other),
                })
        })
        .await
    }

    async fn membership(&self, group: &str, member: &Member) -> Result<MembershipRow, Error> {
        let group_id = match self.store.group(group).await? {
            Some(row) => row.id,
            None if group == ADMINS || group == USERS => group.to_owned(),
            None => return Err(group_missing(group)),
        };
        let (kind, name) = kind_and_name(member);
        may_be_member(group, kind, name)?;
        match kind {
            MemberKind::User if self.store.user(name).await?.is_none() => {
                return Err(Error::missing(format!("User {name} does not exist.")));
            }
            MemberKind::Group if self.store.group(name).await?.is_none() => return Err(group_missing(name)),
            MemberKind::User | MemberKind::Group => {}
        }
        let row = MembershipRow {
            group: group.to_owned(),
            kind,
            member: name.to_owned(),
            group_id,
            mac: Vec::new(),
        };
        Ok(row.signed(self.row_mac()))
    }

    /// Administrators only.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`, `INVALID_PARAMETER_VALUE` for `users` and where the caller would be
    /// no administrator afterwards.
    pub async fn remove_member(&self, caller: &Caller, group: &str, member: &Member) -> Result<(), Error> {
        self.audited(caller, Action::RemoveGroupMember, member_params(group, member), async {
            self.admin(caller)?;
            if !self.group_exists(group).await? {
                return Err(group_missing(group));
            }
            let (kind, name) = kind_and_name(member);
            members_may_change(group)?;
            stays_administrator(caller, group, kind, name)?;
            let mut changes = vec![Change::RemoveMember {
                group: group.to_owned(),
                kind,
                member: name.to_owned(),
            }];
            changes.extend(self.keep_administrator(caller));
            match self.store.commit(changes).await {
                Err(CommitError::Missing) => Err(Error::missing(format!("{name} is not a member of group {group}."))),
                Err(CommitError::NoAdministrator) => Err(self.no_administrator(caller).await),
                other => other.map_err(commit_error),
            }
        })
        .await
    }

    /// Any user. Direct members; those of `users` are all users.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`.
    pub async fn list_members(&self, caller: &Caller, group: &str) -> Result<Vec<Member>, Error> {
        self.audited(
            caller,
            Action::ListGroupMembers,
            params(&[("group", group)]),
            self.direct_members(group),
        )
        .await
    }

    pub(super) async fn direct_members(&self, group: &str) -> Result<Vec<Member>, Error> {
        if !self.group_exists(group).await? {
            return Err(group_missing(group));
        }
        if group == USERS {
            return Ok(self
                .store
                .users()
                .await?
                .into_iter()
                .map(|user| Member::User(user.name))
                .collect());
        }
        let mut members: Vec<Member> = Vec::new();
        if group == ADMINS {
            members.extend(self.owner.clone().map(Member::User));
        }
        for row in self.store.members(group).await? {
            let row = row.checked(self.row_mac())?;
            let member = match row.kind {
                MemberKind::User => Member::User(row.member),
                MemberKind::Group => Member::Group(row.member),
            };
            if !members.contains(&member) {
                members.push(member);
            }
        }
        Ok(members)
    }

    /// Any user. The groups that somebody is a direct member of.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`.
    pub async fn list_parents(&self, caller: &Caller, member: &Member) -> Result<Vec<String>, Error> {
        self.audited(
            caller,
            Action::ListGroupParents,
            params(&[("member", member_name(member))]),
            async {
                let (kind, name) = kind_and_name(member);
                let known = match kind {
                    MemberKind::User => self.store.user(name).await?.is_some(),
                    MemberKind::Group => self.group_exists(name).await?,
                };
                if !known {
                    return Err(match kind {
                        MemberKind::User => Error::missing(format!("User {name} does not exist.")),
                        MemberKind::Group => group_missing(name),
                    });
                }
                let mut parents = Vec::new();
                if kind == MemberKind::User {
                    parents.push(USERS.to_owned());
                }
                for row in self.store.memberships(kind, name).await? {
                    parents.push(row.checked(self.row_mac())?.group);
                }
                parents.sort();
                Ok(parents)
            },
        )
        .await
    }
}

/// Not those of `users`.
pub(super) fn members_may_change(group: &str) -> Result<(), Error> {
    if group == USERS {
        return Err(Error::invalid(format!(
            "every user is in {USERS} already; its members cannot be changed"
        )));
    }
    Ok(())
}

/// What no group may hold.
pub(super) fn may_be_member(group: &str, kind: MemberKind, name: &str) -> Result<(), Error> {
    members_may_change(group)?;
    if kind == MemberKind::Group && (name == group || name == USERS || name == ADMINS) {
        return Err(Error::invalid(format!(
            "the group {name} cannot be a member of {group}"
        )));
    }
    Ok(())
}

/// Nobody takes their own administrator's rights: so there is always somebody who can give them. This is the plain case;
/// [`Change::KeepAdministrator`] finds the rights that come through groups.
pub(super) fn stays_administrator(caller: &Caller, group: &str, kind: MemberKind, name: &str) -> Result<(), Error> {
    if group == ADMINS && kind == MemberKind::User && name == caller.identity.user {
        return Err(Error::invalid(format!(
            "you cannot remove yourself from {ADMINS}; ask another administrator"
        )));
    }
    Ok(())
}

fn kind_and_name(member: &Member) -> (MemberKind, &str) {
    match member {
        Member::User(name) => (MemberKind::User, name),
        Member::Group(name) => (MemberKind::Group, name),
    }
}

fn member_name(member: &Member) -> &str {
    kind_and_name(member).1
}

fn member_params(group: &str, member: &Member) -> serde_json::Map<String, serde_json::Value> {
    params(&[("group", group), ("member", member_name(member))])
}

pub(super) fn group_exists(name: &str) -> Error {
    Error::new(
        ErrorCode::ResourceAlreadyExists,
        format!("Group {name} already exists!"),
    )
}

fn group_missing(name: &str) -> Error {
    Error::missing(format!("Group {name} does not exist."))
}
