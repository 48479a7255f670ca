//! Ending kernel sessions from outside: by their id, and with the user or the token behind them. Each ending has an audit
//! record that names the session, whose it was, and why.

use super::sessions::{KERNEL_TOKEN, origin_of};
use super::{Caller, Vault, commit_error, params};
use crate::audit::{Action, Outcome};
use crate::error::Error;
use crate::rows::SessionRow;
use crate::store::{Change, CommitError, Holder};

impl Vault {
    /// Ends a session from outside: one's own, or as an administrator anybody's.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`.
    pub async fn revoke_session(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        let found = self.store.session(id).await;
        let mut named = params(&[("kernelSession", id), ("because", "revoked")]);
        let mut kernel = None;
        if let Ok(Some(row)) = &found {
            named.insert("user".into(), row.user.as_str().into());
            kernel = Some(origin_of(row));
        }
        let entry = self.begin_in_session(caller, Action::RevokeKernelSession, named, None, kernel)?;
        let result = async {
            let missing = || Error::missing(format!("Kernel session {id} does not exist."));
            let row = found?.ok_or_else(missing)?;
            if row.user != caller.identity.user && !caller.identity.is_admin() {
                return Err(missing());
            }
            self.store
                .commit(vec![Change::RevokeSession { id: row.id }])
                .await
                .map_err(|error| match error {
                    CommitError::Missing => missing(),
                    other => commit_error(other),
                })
        }
        .await;
        self.conclude(entry, result)
    }

    /// Ends every session of a user: one's own, or as an administrator anybody's. How many there were.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, `RESOURCE_DOES_NOT_EXIST`.
    pub async fn revoke_sessions_of(&self, caller: &Caller, user: &str) -> Result<usize, Error> {
        self.audited(caller, Action::RevokeKernelSession, params(&[("user", user)]), async {
            if user != caller.identity.user {
                self.admin(caller)?;
            }
            if self.store.user(user).await?.is_none() {
                return Err(Error::missing(format!("User {user} does not exist.")));
            }
            let holder = Holder::User(user.to_owned());
            let ended = self.open_sessions(&holder).await?;
            self.store
                .commit(vec![Change::EndSessions(holder)])
                .await
                .map_err(commit_error)?;
            self.note_ended(caller, "revoked", &ended)?;
            Ok(ended.len())
        })
        .await
    }

    /// The sessions of a holder that could still read: what ending them will end.
    pub(super) async fn open_sessions(&self, holder: &Holder) -> Result<Vec<SessionRow>, Error> {
        let now = self.clock.now_ms();
        let rows = match holder {
            Holder::User(user) => self.store.sessions(Some(user)).await?,
            Holder::Token(_) => self.store.sessions(None).await?,
        };
        let held = |row: &SessionRow| match holder {
            Holder::User(user) => row.user == *user,
            Holder::Token(token) => row.attestation == KERNEL_TOKEN && row.attestation_id == *token,
        };
        Ok(rows
            .into_iter()
            .filter(|row| row.expires_at > now && !row.revoked() && held(row))
            .collect())
    }

    /// A record for each session that was ended because of something else: by whom, whose, from which notebook, and why.
    pub(super) fn note_ended(&self, caller: &Caller, because: &str, ended: &[SessionRow]) -> Result<(), Error> {
        for row in ended {
            let mut caller = caller.clone();
            caller.request_id = self.new_id()?;
            let named = params(&[("kernelSession", &row.id), ("user", &row.user), ("because", because)]);
            let entry =
                self.begin_in_session(&caller, Action::RevokeKernelSession, named, None, Some(origin_of(row)))?;
            self.journal.finish(entry, Outcome::ok())?;
        }
        Ok(())
    }

    /// The user, who exists and is active.
    pub(super) async fn active_user(&self, name: &str) -> Result<(), Error> {
        let row = self.store.user(name).await?;
        let row = row.ok_or_else(|| Error::missing(format!("User {name} does not exist.")))?;
        if row.checked(self.row_mac())?.active {
            Ok(())
        } else {
            Err(Error::invalid(format!(
                "user {name} is deactivated; an administrator can activate the user again"
            )))
        }
    }
}
