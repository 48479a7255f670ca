//! Users and groups by their ids, as SCIM names them.
//!
//! A request reads the whole directory, looks up what it names, and commits all of its changes at once: a PATCH of many
//! members is done whole or not at all. Names stay what ACLs and memberships refer to.

use std::collections::{BTreeSet, HashMap};

use sealbook_api::names::{ADMINS, USERS};
use serde_json::{Map, Value};

use super::groups::group_exists;
use super::{Caller, STALE_RETRIES_MAX, Vault, commit_error, params};
use crate::audit::Action;
use crate::error::Error;
use crate::rows::{GroupRow, MemberKind, MembershipRow, UserRow};
use crate::store::{Change, CommitError, Holder};

/// Bytes of how one user or group is shown.
const PROFILE_BYTES_MAX: usize = 4_096;

/// How a user or group is shown: attributes that nothing depends on.
pub type Profile = Map<String, Value>;

/// Attributes to set, or with `None` to remove.
type ProfileChange = Vec<(String, Option<Value>)>;

/// A user or a group, as something else refers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The immutable id.
    pub id: String,
    /// The name in ACLs.
    pub name: String,
    /// What it is.
    pub kind: MemberKind,
}

/// What to change about a user.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserChange {
    /// The name, which can only be the one that the user has.
    pub name: Option<String>,
    /// Whether the user can authenticate.
    pub active: Option<bool>,
    /// How the user is shown.
    pub profile: ProfileChange,
}

impl UserChange {
    pub(super) fn apply(self, mut row: UserRow) -> Result<UserRow, Error> {
        if let Some(name) = self.name.filter(|name| *name != row.name) {
            return Err(Error::invalid(format!(
                "userName cannot be changed from {:?} to {name:?}: create another user",
                row.name
            )));
        }
        row.active = self.active.unwrap_or(row.active);
        row.profile = changed_profile(&row.profile, self.profile)?;
        Ok(row)
    }
}

/// What to change about a group, in this order: name, profile, members.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupChange {
    /// The new name.
    pub name: Option<String>,
    /// How the group is shown.
    pub profile: ProfileChange,
    /// One after the other.
    pub members: Vec<MemberChange>,
}

/// A change of a group's direct members, by their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberChange {
    /// They are members afterwards.
    Add(Vec<String>),
    /// They are no members afterwards.
    Remove(Vec<String>),
    /// They are the only members afterwards.
    Replace(Vec<String>),
}

/// Every user, group and membership at one moment.
#[derive(Debug)]
pub struct Directory {
    users: Vec<UserRow>,
    groups: Vec<GroupRow>,
    memberships: Vec<MembershipRow>,
}

impl Directory {
    /// By name.
    pub fn users(&self) -> &[UserRow] {
        &self.users
    }

    /// The built-in groups first, then by name.
    pub fn groups(&self) -> &[GroupRow] {
        &self.groups
    }

    /// The user with this id.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`.
    pub fn user(&self, id: &str) -> Result<&UserRow, Error> {
        self.users
            .iter()
            .find(|row| row.id == id)
            .ok_or_else(|| Error::missing(format!("User with id {id} does not exist.")))
    }

    /// The group with this id.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`.
    pub fn group(&self, id: &str) -> Result<&GroupRow, Error> {
        self.groups
            .iter()
            .find(|row| row.id == id)
            .ok_or_else(|| Error::missing(format!("Group with id {id} does not exist.")))
    }

    /// The direct members of every group, by the group's name.
    pub fn members(&self) -> HashMap<&str, Vec<Reference>> {
        let names = self.references();
        let mut members: HashMap<&str, Vec<Reference>> = HashMap::new();
        for row in &self.memberships {
            if let Some(reference) = names.get(&(row.kind, row.member.as_str())) {
                members.entry(&row.group).or_default().push(reference.clone());
            }
        }
        let everybody = self.users.iter().map(of_user).collect();
        members.insert(USERS, everybody);
        members
    }

    /// The groups that every user and group is a direct member of, by kind and name. Every user is in `users`.
    pub fn parents(&self) -> HashMap<(MemberKind, &str), Vec<Reference>> {
        let names = self.references();
        let mut parents: HashMap<(MemberKind, &str), Vec<Reference>> = HashMap::new();
        if let Some(users) = names.get(&(MemberKind::Group, USERS)) {
            for row in &self.users {
                parents.insert((MemberKind::User, &row.name), vec![users.clone()]);
            }
        }
        for row in &self.memberships {
            if let Some(reference) = names.get(&(MemberKind::Group, row.group.as_str())) {
                let entry = parents.entry((row.kind, &row.member)).or_default();
                entry.push(reference.clone());
            }
        }
        parents
    }

    fn references(&self) -> HashMap<(MemberKind, &str), Reference> {
        let users = self
            .users
            .iter()
            .map(|row| ((MemberKind::User, row.name.as_str()), of_user(row)));
        let groups = self
            .groups
            .iter()
            .map(|row| ((MemberKind::Group, row.name.as_str()), of_group(row)));
        users.chain(groups).collect()
    }

    fn by_id(&self, id: &str) -> Result<Reference, Error> {
        let user = self.users.iter().find(|row| row.id == id).map(of_user);
        let found = user.or_else(|| self.groups.iter().find(|row| row.id == id).map(of_group));
        found.ok_or_else(|| Error::missing(format!("Neither a user nor a group with id {id} exists.")))
    }
}

fn of_user(row: &UserRow) -> Reference {
    Reference {
        id: row.id.clone(),
        name: row.name.clone(),
        kind: MemberKind::User,
    }
}

fn of_group(row: &GroupRow) -> Reference {
    Reference {
        id: row.id.clone(),
        name: row.name.clone(),
        kind: MemberKind::Group,
    }
}

impl Vault {
    /// Any user: the directory, for listing users.
    ///
    /// # Errors
    /// The database does not answer, or a row was altered.
    pub async fn list_users(&self, caller: &Caller) -> Result<Directory, Error> {
        self.audited(caller, Action::ListUsers, params(&[]), self.directory())
            .await
    }

    /// Any user: the directory, for listing groups.
    ///
    /// # Errors
    /// The database does not answer, or a row was altered.
    pub async fn list_directory_groups(&self, caller: &Caller) -> Result<Directory, Error> {
        self.audited(caller, Action::ListGroups, params(&[]), self.directory())
            .await
    }

    /// Any user: the directory, which has a user of this id.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`.
    pub async fn get_user(&self, caller: &Caller, id: &str) -> Result<Directory, Error> {
        self.audited(caller, Action::GetUser, params(&[("userId", id)]), async {
            let directory = self.directory().await?;
            directory.user(id)?;
            Ok(directory)
        })
        .await
    }

    /// Any user: the directory, which has a group of this id.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`.
    pub async fn get_group(&self, caller: &Caller, id: &str) -> Result<Directory, Error> {
        self.audited(caller, Action::GetGroup, params(&[("groupId", id)]), async {
            let directory = self.directory().await?;
            directory.group(id)?;
            Ok(directory)
        })
        .await
    }

    /// The caller's own row, and the directory.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`.
    pub async fn me(&self, caller: &Caller) -> Result<(UserRow, Directory), Error> {
        self.audited(caller, Action::GetMe, params(&[]), async {
            let directory = self.directory().await?;
            let name = &caller.identity.user;
            let own = directory.users.iter().find(|row| row.name == *name).cloned();
            let own = own.ok_or_else(|| Error::missing(format!("User {name} does not exist.")))?;
            Ok((own, directory))
        })
        .await
    }

    /// Administrators only: a deactivated user cannot authenticate, and their kernel sessions end; what they were granted
    /// stays.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`, `INVALID_PARAMETER_VALUE`.
    pub async fn update_user(&self, caller: &Caller, id: &str, change: UserChange) -> Result<Directory, Error> {
        let mut named = self.named(id).await;
        if let Some(active) = change.active {
            named.insert("active".into(), active.into());
        }
        self.audited(caller, Action::UpdateUser, named, async {
            self.admin(caller)?;
            let directory = self.directory().await?;
            let row = directory.user(id)?.clone();
            if row.name == caller.identity.user && change.active == Some(false) {
                return Err(Error::invalid(
                    "you cannot deactivate yourself; ask another administrator",
                ));
            }
            let row = change.apply(row)?.signed(self.row_mac());
            let mut changes = vec![Change::ReplaceUser(row.clone())];
            let mut ended = Vec::new();
            if !row.active {
                let holder = Holder::User(row.name);
                ended = self.open_sessions(&holder).await?;
                changes.push(Change::EndSessions(holder));
                changes.extend(self.keep_administrator(caller));
            }
            match self.store.commit(changes).await {
                Err(CommitError::NoAdministrator) => return Err(self.no_administrator(caller).await),
                other => other.map_err(commit_error)?,
            }
            self.note_ended(caller, "userDeactivated", &ended)?;
            self.directory().await
        })
        .await
    }

    /// Administrators only: the user with their grants, memberships, tokens and sessions.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`, `INVALID_PARAMETER_VALUE` for oneself.
    pub async fn delete_user(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        self.audited(caller, Action::DeleteUser, self.named(id).await, async {
            self.admin(caller)?;
            let name = self.directory().await?.user(id)?.name.clone();
            self.drop_user(caller, &name).await
        })
        .await
    }

    /// Administrators only: a group with its members.
    ///
    /// # Errors
    /// `RESOURCE_ALREADY_EXISTS`, `RESOURCE_DOES_NOT_EXIST` for a member, `PERMISSION_DENIED`,
    /// `INVALID_PARAMETER_VALUE`.
    pub async fn create_directory_group(
        &self,
        caller: &Caller,
        name: &str,
        change: GroupChange,
    ) -> Result<(GroupRow, Directory), Error> {
        self.audited(caller, Action::CreateGroup, params(&[("group", name)]), async {
            self.admin(caller)?;
            let mut row = self.new_group(name).await?;
            row.profile = changed_profile("", change.profile)?;
            let directory = self.directory().await?;
            let members = wanted_members(&directory, Vec::new(), &change.members)?;
            let mut changes = vec![Change::CreateGroup(row.clone())];
            for member in &members {
                changes.push(Change::AddMember(self.new_membership(&row, member)?));
            }
            self.store.commit(changes).await.map_err(|error| match error {
                CommitError::Exists => group_exists(name),
                other => commit_error(other),
            })?;
            Ok((row, self.directory().await?))
        })
        .await
    }

    /// Administrators only.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST` for the group or a member, `RESOURCE_ALREADY_EXISTS` for the new name,
    /// `PERMISSION_DENIED`, `INVALID_PARAMETER_VALUE`.
    pub async fn update_group(&self, caller: &Caller, id: &str, change: GroupChange) -> Result<Directory, Error> {
        self.audited(caller, Action::UpdateGroup, self.named(id).await, async {
            self.admin(caller)?;
            for _ in 0..STALE_RETRIES_MAX {
                let mut changes = self.group_changes(caller, id, &change).await?;
                changes.extend(self.keep_administrator(caller));
                match self.store.commit(changes).await {
                    // Somebody else changed the same members: read again.
                    Err(CommitError::Stale | CommitError::Exists | CommitError::Missing) => {}
                    Err(CommitError::NoAdministrator) => return Err(self.no_administrator(caller).await),
                    Err(error) => return Err(commit_error(error)),
                    Ok(()) => return self.directory().await,
                }
            }
            Err(commit_error(CommitError::Stale))
        })
        .await
    }

    /// Administrators only: the group and what was granted to it.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`, `INVALID_PARAMETER_VALUE` for the built-in groups.
    pub async fn delete_group_by_id(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        self.audited(caller, Action::DeleteGroup, self.named(id).await, async {
            self.admin(caller)?;
            let name = self.directory().await?.group(id)?.name.clone();
            self.drop_group(caller, &name).await
        })
        .await
    }

    async fn group_changes(&self, caller: &Caller, id: &str, change: &GroupChange) -> Result<Vec<Change>, Error> {
        let directory = self.directory().await?;
        let old = directory.group(id)?;
        let mut row = old.clone();
        row.profile = changed_profile(&old.profile, change.profile.clone())?;
        if let Some(name) = change.name.as_ref().filter(|name| **name != old.name) {
            if old.name == ADMINS || old.name == USERS {
                return Err(Error::invalid(format!(
                    "the group {} is built in and cannot be renamed",
                    old.name
                )));
            }
            row.name = self.new_group(name).await?.name;
        }
        let current = directory.members().remove(old.name.as_str()).unwrap_or_default();
        let wanted = wanted_members(&directory, current.clone(), &change.members)?;
        if row.name != old.name {
            return self.renamed(&directory, old, &row, &wanted).await;
        }
        let mut changes = Vec::new();
        if row != *old {
            changes.push(Change::ReplaceGroup(row.clone()));
        }
        for member in current.iter().filter(|member| !wanted.contains(member)) {
            super::groups::members_may_change(&row.name)?;
            super::groups::stays_administrator(caller, &row.name, member.kind, &member.name)?;
            changes.push(Change::RemoveMember {
                group: row.name.clone(),
                kind: member.kind,
                member: member.name.clone(),
            });
        }
        for member in wanted.iter().filter(|member| !current.contains(member)) {
            changes.push(Change::AddMember(self.new_membership(&row, member)?));
        }
        Ok(changes)
    }

    /// The group leaves under its old name and comes back under the new one, with the same id, members, parents and
    /// grants.
    async fn renamed(
        &self,
        directory: &Directory,
        old: &GroupRow,
        row: &GroupRow,
        members: &[Reference],
    ) -> Result<Vec<Change>, Error> {
        let mut changes = Vec::new();
        for scope in self.store.scopes().await? {
            if scope.acl.iter().any(|entry| entry.principal == old.name) {
                let mut scope = scope.checked(self.row_mac())?;
                let expected_epoch = scope.epoch;
                for entry in scope.acl.iter_mut().filter(|entry| entry.principal == old.name) {
                    entry.principal.clone_from(&row.name);
                }
                scope.epoch += 1;
                changes.push(Change::ReplaceScope {
                    row: scope.signed(self.row_mac()),
                    expected_epoch,
                });
            }
        }
        changes.push(Change::DeleteGroup { name: old.name.clone() });
        changes.push(Change::CreateGroup(row.clone()));
        for member in members {
            changes.push(Change::AddMember(self.new_membership(row, member)?));
        }
        let parents = directory.parents().remove(&(MemberKind::Group, old.name.as_str()));
        for parent in parents.unwrap_or_default() {
            let parent = directory.group(&parent.id)?;
            changes.push(Change::AddMember(self.new_membership(parent, &of_group(row))?));
        }
        Ok(changes)
    }

    fn new_membership(&self, group: &GroupRow, member: &Reference) -> Result<MembershipRow, Error> {
        super::groups::may_be_member(&group.name, member.kind, &member.name)?;
        Ok(MembershipRow {
            group: group.name.clone(),
            kind: member.kind,
            member: member.name.clone(),
            group_id: group.id.clone(),
            mac: Vec::new(),
        }
        .signed(self.row_mac()))
    }

    pub(super) async fn directory(&self) -> Result<Directory, Error> {
        let users = self.store.users().await?;
        let users = users.into_iter().map(|row| row.checked(self.row_mac()));
        let users = users.collect::<Result<Vec<UserRow>, Error>>()?;
        let groups = self.all_groups().await?;
        let mut memberships = Vec::new();
        for group in groups.iter().filter(|group| group.name != USERS) {
            for row in self.store.members(&group.name).await? {
                memberships.push(row.checked(self.row_mac())?);
            }
        }
        if let Some(owner) = &self.owner {
            let own = |row: &&MembershipRow| row.group == ADMINS && row.member == *owner;
            if memberships.iter().find(own).is_none() {
                let row = MembershipRow {
                    group: ADMINS.to_owned(),
                    kind: MemberKind::User,
                    member: owner.clone(),
                    group_id: ADMINS.to_owned(),
                    mac: Vec::new(),
                };
                memberships.push(row.signed(self.row_mac()));
            }
        }
        Ok(Directory {
            users,
            groups,
            memberships,
        })
    }

    /// The id and, where there is one, the name behind it: what an audit record says about a request by id.
    async fn named(&self, id: &str) -> super::Params {
        let mut named = params(&[("id", id)]);
        if let Ok(reference) = self.directory().await.and_then(|directory| directory.by_id(id)) {
            let kind = reference.kind.as_str();
            named.insert(kind.into(), reference.name.into());
        }
        named
    }
}

/// The members that a group has after the changes, each once.
fn wanted_members(
    directory: &Directory,
    current: Vec<Reference>,
    changes: &[MemberChange],
) -> Result<Vec<Reference>, Error> {
    let mut wanted = current;
    for change in changes {
        match change {
            MemberChange::Add(ids) => {
                for id in ids {
                    let member = directory.by_id(id)?;
                    if !wanted.contains(&member) {
                        wanted.push(member);
                    }
                }
            }
            MemberChange::Remove(ids) => {
                let ids: BTreeSet<&String> = ids.iter().collect();
                wanted.retain(|member| !ids.contains(&member.id));
            }
            MemberChange::Replace(ids) => {
                wanted.clear();
                for id in ids.iter().collect::<BTreeSet<_>>() {
                    wanted.push(directory.by_id(id)?);
                }
            }
        }
    }
    Ok(wanted)
}

fn changed_profile(profile: &str, change: ProfileChange) -> Result<String, Error> {
    let mut attributes: Profile = serde_json::from_str(profile).unwrap_or_default();
    for (name, value) in change {
        match value {
            Some(value) => attributes.insert(name, value),
            None => attributes.remove(&name),
        };
    }
    if attributes.is_empty() {
        return Ok(String::new());
    }
    let profile = Value::Object(attributes).to_string();
    if profile.len() > PROFILE_BYTES_MAX {
        return Err(Error::invalid(format!(
            "the attributes that show a user or group have {} bytes; the maximum is {PROFILE_BYTES_MAX}",
            profile.len()
        )));
    }
    Ok(profile)
}
