//! Users: created by administrators, or at their first authentication by a trusted issuer.

use sealbook_api::names::{ADMINS, USERS};
use sealbook_api::{ErrorCode, Principal};

use super::{Caller, Directory, UserChange, Vault, commit_error, params};
use crate::audit::Action;
use crate::error::Error;
use crate::rows::UserRow;
use crate::store::{Change, CommitError, Holder};

impl Vault {
    /// Administrators only.
    ///
    /// # Errors
    /// `RESOURCE_ALREADY_EXISTS`, `INVALID_PARAMETER_VALUE`, `PERMISSION_DENIED`.
    pub async fn create_user(
        &self,
        caller: &Caller,
        name: &str,
        change: UserChange,
    ) -> Result<(UserRow, Directory), Error> {
        self.audited(caller, Action::CreateUser, params(&[("user", name)]), async {
            self.admin(caller)?;
            let row = change.apply(self.new_user(name).await?)?.signed(self.row_mac());
            self.store
                .commit(vec![Change::CreateUser(row.clone())])
                .await
                .map_err(|error| match error {
                    CommitError::Exists => user_exists(name),
                    other => commit_error(other),
                })?;
            Ok((row, self.directory().await?))
        })
        .await
    }

    pub(super) async fn new_user(&self, name: &str) -> Result<UserRow, Error> {
        let name = Principal::parse("userName", name)?;
        if name.as_str() == ADMINS || name.as_str() == USERS || self.store.group(name.as_str()).await?.is_some() {
            return Err(Error::new(
                ErrorCode::ResourceAlreadyExists,
                format!("{name} is the name of a group."),
            ));
        }
        let row = UserRow {
            id: self.new_id()?,
            name: name.as_str().to_owned(),
            active: true,
            created_at: self.clock.now_ms(),
            profile: String::new(),
            mac: Vec::new(),
        };
        Ok(row.signed(self.row_mac()))
    }

    /// The user of this name, made if there is none: for identities that somebody trusted has established.
    ///
    /// # Errors
    /// The name is not legal or is a group's; the user is not active; the database does not answer.
    pub async fn ensure_user(&self, name: &str) -> Result<UserRow, Error> {
        let row = match self.store.user(name).await? {
            Some(row) => row.checked(self.row_mac())?,
            None => {
                let row = self.new_user(name).await?;
                match self.store.commit(vec![Change::CreateUser(row.clone())]).await {
                    Ok(()) => row,
                    Err(CommitError::Exists) => {
                        let row = self
                            .store
                            .user(name)
                            .await?
                            .ok_or_else(|| Error::aborted("The user just left."))?;
                        row.checked(self.row_mac())?
                    }
                    Err(error) => return Err(commit_error(error)),
                }
            }
        };
        if row.active {
            Ok(row)
        } else {
            Err(Error::unauthenticated(format!("User {name} is deactivated.")))
        }
    }

    /// The user with their grants, memberships, tokens and sessions.
    pub(super) async fn drop_user(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        if name == caller.identity.user {
            return Err(Error::invalid("you cannot delete yourself; ask another administrator"));
        }
        let holder = Holder::User(name.to_owned());
        let ended = self.open_sessions(&holder).await?;
        let mut changes = self.without_grants(name).await?;
        changes.push(Change::DeleteUser { name: name.to_owned() });
        changes.push(Change::EndSessions(holder));
        changes.extend(self.keep_administrator(caller));
        match self.store.commit(changes).await {
            Err(CommitError::Missing) => return Err(Error::missing(format!("User {name} does not exist."))),
            Err(CommitError::NoAdministrator) => return Err(self.no_administrator(caller).await),
            other => other.map_err(commit_error)?,
        }
        self.note_ended(caller, "userDeleted", &ended)
    }
}

fn user_exists(name: &str) -> Error {
    Error::new(ErrorCode::ResourceAlreadyExists, format!("User {name} already exists!"))
}
