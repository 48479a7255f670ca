//! Kernel sessions: opened for whoever an attestation established, renewed, closed, revoked; and job tickets.
//!
//! A request inside a session is checked in this order, and refused and audited at the first failure:
//! 1. the session exists, was not revoked and has not expired
//! 2. its keys unwrap under exactly what its row says
//! 3. the timestamp is within a minute of our clock
//! 4. the MAC over method, path, body, session, number and timestamp is right
//! 5. the number was never used, on any replica

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealbook_api::audit::KernelOrigin;
use sealbook_api::sealing::{self, SessionKeys, SignedRequest, TIMESTAMP_WINDOW_MS};
use sealbook_api::sessions::{JobRun, MintTicket, OpenSession, OpenedSession, RenewedSession, SessionInfo};
use sealbook_api::tokens::TokenKind;
use sealbook_api::{ErrorCode, SecretText};

use super::tokens::hash;
use super::{Caller, Params, Vault, commit_error, params};
use crate::acl::Identity;
use crate::audit::{Action, Entry, Origin};
use crate::error::Error;
use crate::rows::{SessionRow, TicketRow};
use crate::store::{Change, CommitError};

/// The group whose members may mint tickets for others.
const JOB_LAUNCHER: &str = "job-launcher";
/// The attestation by a token.
pub(super) const KERNEL_TOKEN: &str = "kernel-token";
/// Characters of a kernel id, a notebook path, a job id.
const TEXT_CHARS_MAX: usize = 1_024;

/// Who an attestation established.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Established {
    /// The user.
    pub user: String,
    /// How: the attestation's kind.
    pub attestation: String,
    /// Which credential: a uid and pid, a token's or ticket's id; never the credential.
    pub attestation_id: String,
    /// The run that a ticket is bound to.
    pub job: Option<JobRun>,
}

/// From where a session was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOrigin {
    /// Address and user agent.
    pub origin: Origin,
    /// One per request.
    pub request_id: String,
}

/// A request inside a session, as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct SignedCall<'a> {
    /// What is covered by the MAC.
    pub request: SignedRequest<'a>,
    /// In hexadecimal.
    pub mac: &'a str,
}

/// A session whose request was authenticated, and the intent of that request.
#[derive(Debug)]
pub(super) struct InSession {
    pub(super) row: SessionRow,
    pub(super) keys: SessionKeys,
    pub(super) seq: u64,
    pub(super) entry: Entry,
}

impl Vault {
    /// Opens a session for whoever was established.
    ///
    /// # Errors
    /// `INVALID_PARAMETER_VALUE` for a key, nonce or text that is not legal.
    pub async fn open_session(
        &self,
        from: &SessionOrigin,
        established: Established,
        request: &OpenSession,
    ) -> Result<OpenedSession, Error> {
        let caller = self.session_caller(from, &established.user);
        let job = request.job.clone().or_else(|| established.job.clone());
        let origin = kernel_origin(request, &established, job.as_ref());
        let entry = self.begin_in_session(&caller, Action::OpenKernelSession, params(&[]), None, Some(origin))?;
        let result = self.opened(established, job, request).await;
        self.conclude(entry, result)
    }

    async fn opened(
        &self,
        established: Established,
        job: Option<JobRun>,
        request: &OpenSession,
    ) -> Result<OpenedSession, Error> {
        check_text("kernel_id", &request.kernel_id)?;
        check_text("notebook_path", request.notebook_path.as_deref().unwrap_or("-"))?;
        if let Some(job) = &job {
            check_text("job.id", &job.id)?;
            check_text("job.run_id", &job.run_id)?;
        }
        if established.job.is_some() && established.job != job {
            return Err(Error::unauthenticated("The job ticket is bound to another run."));
        }
        let public = decode("hpke_public_key", &request.hpke_public_key)?;
        let nonce = decode("client_nonce", &request.client_nonce)?;
        if nonce.len() != 16 {
            return Err(Error::invalid(format!(
                "client_nonce must be 16 bytes, not {}",
                nonce.len()
            )));
        }
        let (encapsulated, keys) = sealing::encapsulate(&public, &nonce, &request.kernel_id)
            .map_err(|error| Error::invalid(format!("hpke_public_key: {error}")))?;
        let now = self.clock.now_ms();
        let kek = self.keyring.primary();
        let mut row = SessionRow {
            id: self.new_id()?,
            user: established.user,
            attestation: established.attestation,
            attestation_id: established.attestation_id,
            kernel_id: request.kernel_id.clone(),
            notebook_path: request.notebook_path.clone(),
            job_id: job.as_ref().map(|job| job.id.clone()),
            run_id: job.map(|job| job.run_id),
            opened_at: now,
            expires_at: now + self.limits.session_ms,
            renewable_until: now + self.limits.session_renewable_ms,
            kek_id: kek.id(),
            wrapped_keys: Vec::new(),
            window: Vec::new(),
        };
        let secret = keys.to_secret_bytes();
        row.wrapped_keys = kek
            .session_wrap()
            .seal(self.entropy.as_ref(), secret.expose(), &row.binding())?;
        let opened = OpenedSession {
            session_id: row.id.clone(),
            user: row.user.clone(),
            encapsulated_key: STANDARD.encode(encapsulated),
            expires_at: row.expires_at,
            renewable_until: row.renewable_until,
            server_time: now,
        };
        let token = (row.attestation == KERNEL_TOKEN).then(|| row.attestation_id.clone());
        // Whoever was deactivated, deleted or lost the token since it was looked at opens nothing.
        self.store
            .commit(vec![Change::Expire { before: now }, Change::OpenSession { row, token }])
            .await
            .map_err(|error| match error {
                CommitError::Missing => Error::unauthenticated(
                    "The user is not active any more, or the token was revoked: ask an administrator.",
                ),
                other => commit_error(other),
            })?;
        Ok(opened)
    }

    /// Who a kernel token belongs to.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`; an API token, unless the operator lets those open sessions.
    pub async fn establish_by_token(&self, token: &SecretText) -> Result<Established, Error> {
        let authenticated = self.authenticate_token(token.expose()).await?;
        if authenticated.kind != TokenKind::Kernel && !self.api_tokens_open_sessions {
            return Err(Error::unauthenticated(
                "An API token opens no kernel session: create a token of kind kernel (`sealbook tokens create --kind kernel`).",
            ));
        }
        Ok(Established {
            user: authenticated.identity.user,
            attestation: KERNEL_TOKEN.into(),
            attestation_id: authenticated.token_id,
            job: None,
        })
    }

    /// Who a ticket was minted for; it is burnt by this.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`: unknown, expired or used.
    pub async fn establish_by_ticket(&self, ticket: &SecretText) -> Result<Established, Error> {
        let refusal =
            || Error::unauthenticated("The job ticket is not valid: it is unknown, expired or used. Mint another.");
        let hash = hash(ticket.expose());
        let row = self
            .store
            .ticket(&hash)
            .await?
            .ok_or_else(refusal)?
            .checked(self.row_mac())?;
        match self.store.commit(vec![Change::BurnTicket { hash }]).await {
            Ok(()) => {}
            Err(CommitError::Missing) => return Err(refusal()),
            Err(error) => return Err(commit_error(error)),
        }
        if row.expires_at <= self.clock.now_ms() {
            return Err(refusal());
        }
        Ok(Established {
            user: row.user,
            attestation: "job-ticket".into(),
            attestation_id: row.id,
            job: row.job.map(|(id, run_id)| JobRun { id, run_id }),
        })
    }

    /// A ticket, by a member of `job-launcher` or an administrator. Others mint none, not even their own, unless the operator
    /// lets API tokens open sessions: a ticket opens one.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, `RESOURCE_DOES_NOT_EXIST`.
    pub async fn mint_ticket(&self, caller: &Caller, request: &MintTicket) -> Result<(SecretText, i64), Error> {
        let user = request.user_name.as_deref().unwrap_or(&caller.identity.user);
        let mut named = params(&[("user", user)]);
        if let Some(job) = &request.job {
            named.insert("jobId".into(), job.id.as_str().into());
            named.insert("runId".into(), job.run_id.as_str().into());
        }
        self.audited(caller, Action::MintJobTicket, named, async {
            let launcher = caller.identity.is_admin() || caller.identity.groups.contains(JOB_LAUNCHER);
            let own = user == caller.identity.user && self.api_tokens_open_sessions;
            if !launcher && !own {
                return Err(Error::new(
                    ErrorCode::PermissionDenied,
                    format!(
                        "User {} is not in {JOB_LAUNCHER}, which minting a ticket needs.",
                        caller.identity.user
                    ),
                ));
            }
            self.active_user(user).await?;
            let ticket = self.random_text("sealbook_ticket_")?;
            let row = TicketRow {
                hash: hash(ticket.expose()),
                id: self.new_id()?,
                user: user.to_owned(),
                minted_by: caller.identity.user.clone(),
                job: request.job.clone().map(|job| (job.id, job.run_id)),
                expires_at: self.clock.now_ms() + self.limits.ticket_ms,
                mac: Vec::new(),
            }
            .signed(self.row_mac());
            let expires_at = row.expires_at;
            self.store
                .commit(vec![Change::CreateTicket(row)])
                .await
                .map_err(commit_error)?;
            Ok((ticket, expires_at))
        })
        .await
    }

    /// Extends a session, if the attestation still establishes its user. `established` is `None` for an attestation that
    /// is used once: then the session's own MAC is the proof.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`: refused by the session checks, by the attestation, or past the renewable time.
    pub async fn renew_session(
        &self,
        from: &SessionOrigin,
        call: SignedCall<'_>,
        attest: impl Future<Output = Result<Option<Established>, Error>>,
    ) -> Result<RenewedSession, Error> {
        let session = self.enter(from, call, Action::RenewKernelSession, params(&[])).await?;
        let result = self.renewed(&session.row, attest).await;
        self.conclude(session.entry, result)
    }

    async fn renewed(
        &self,
        row: &SessionRow,
        attest: impl Future<Output = Result<Option<Established>, Error>>,
    ) -> Result<RenewedSession, Error> {
        let now = self.clock.now_ms();
        if now >= row.renewable_until {
            return Err(Error::unauthenticated(
                "The session cannot be renewed any more: restart the kernel.",
            ));
        }
        match attest.await? {
            Some(established) if established.user != row.user || established.attestation != row.attestation => {
                return Err(Error::unauthenticated(
                    "The attestation is not the one that opened this session.",
                ));
            }
            None if row.attestation != "job-ticket" => {
                return Err(Error::unauthenticated(
                    "The session can be renewed only with its attestation.",
                ));
            }
            _ => {}
        }
        let expires_at = (now + self.limits.session_ms).min(row.renewable_until);
        let change = Change::RenewSession {
            id: row.id.clone(),
            expires_at,
        };
        self.store.commit(vec![change]).await.map_err(|error| match error {
            CommitError::Missing => session_missing(),
            other => commit_error(other),
        })?;
        Ok(RenewedSession { expires_at })
    }

    /// Ends a session from inside.
    ///
    /// # Errors
    /// Refused by the session checks.
    pub async fn close_session(&self, from: &SessionOrigin, call: SignedCall<'_>) -> Result<(), Error> {
        let session = self.enter(from, call, Action::CloseKernelSession, params(&[])).await?;
        let result = self
            .store
            .commit(vec![Change::CloseSession { id: session.row.id }])
            .await;
        self.conclude(session.entry, result.map_err(commit_error))
    }

    /// An administrator sees all sessions, others their own.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn list_sessions(&self, caller: &Caller) -> Result<Vec<SessionInfo>, Error> {
        self.audited(caller, Action::ListKernelSessions, params(&[]), async {
            let user = if caller.identity.is_admin() {
                None
            } else {
                Some(caller.identity.user.as_str())
            };
            let now = self.clock.now_ms();
            let rows = self.store.sessions(user).await?;
            Ok(rows
                .into_iter()
                .filter(|row| row.expires_at > now && !row.revoked())
                .map(session_info)
                .collect())
        })
        .await
    }

    /// Authenticates a request inside a session and writes its intent; a refusal is audited too.
    pub(super) async fn enter(
        &self,
        from: &SessionOrigin,
        call: SignedCall<'_>,
        action: Action,
        named: Params,
    ) -> Result<InSession, Error> {
        let found = self.store.session(call.request.session).await;
        let (row, keys) = match self.authenticate_call(&found, call) {
            Ok((row, keys)) => (row.clone(), keys),
            Err(error) => {
                let mut claimed = named;
                claimed.insert("claimedKernelSession".into(), shortened(call.request.session).into());
                let (user, kernel) = match &found {
                    // Its keys are gone, so its MAC cannot be checked: whose it was is what somebody has to know.
                    Ok(Some(row)) if row.revoked() => (row.user.as_str(), Some(origin_of(row))),
                    Ok(Some(row)) => {
                        claimed.insert("claimedUser".into(), row.user.as_str().into());
                        ("unauthenticated", Some(origin_of(row)))
                    }
                    _ => ("unauthenticated", None),
                };
                let caller = self.session_caller(from, user);
                let entry = self.begin_in_session(&caller, action, claimed, None, kernel)?;
                return self.conclude(entry, Err(error));
            }
        };
        let seq = call.request.seq;
        let caller = self.session_caller(from, &row.user);
        let origin = origin_of(&row);
        if !self.store.claim(&row.id, seq).await? {
            let error = Error::aborted("This request number was used before in this session: send it under a new one.");
            // The intent carries no claim: the number belongs to the request that had it first.
            let session = Some((row.id.clone(), 0));
            let entry = self.begin_in_session(&caller, action, named, session, Some(origin))?;
            return self.conclude(entry, Err(error));
        }
        let session = Some((row.id.clone(), seq));
        let entry = self.begin_in_session(&caller, action, named, session, Some(origin))?;
        Ok(InSession { row, keys, seq, entry })
    }

    fn authenticate_call<'a>(
        &self,
        found: &'a Result<Option<SessionRow>, Error>,
        call: SignedCall<'_>,
    ) -> Result<(&'a SessionRow, SessionKeys), Error> {
        let row = found
            .as_ref()
            .map_err(Clone::clone)?
            .as_ref()
            .ok_or_else(session_missing)?;
        if row.revoked() {
            // Not UNAUTHENTICATED, which makes a kernel open another session.
            return Err(Error::new(
                ErrorCode::PermissionDenied,
                "The kernel session was revoked: restart the kernel, if you still may.",
            ));
        }
        let now = self.clock.now_ms();
        if row.expires_at.min(row.renewable_until) <= now {
            return Err(Error::unauthenticated(
                "The kernel session has expired: restart the kernel.",
            ));
        }
        let kek = self.keyring.by_id(row.kek_id);
        let keys = kek
            .and_then(|kek| kek.session_wrap().open(&row.wrapped_keys, &row.binding()))
            .and_then(|bytes| SessionKeys::from_secret_bytes(&bytes))
            .ok_or_else(|| Error::tampered(format_args!("The row of kernel session {}", row.id)))?;
        if (call.request.timestamp_ms - now).abs() > TIMESTAMP_WINDOW_MS {
            return Err(Error::unauthenticated(format!(
                "The request's timestamp is more than {} s from this server's clock: set the kernel's clock.",
                TIMESTAMP_WINDOW_MS / 1_000
            )));
        }
        keys.check(&call.request, call.mac).map_err(|_| {
            Error::unauthenticated("The request does not authenticate: it was altered, or belongs to another session.")
        })?;
        Ok((row, keys))
    }

    fn session_caller(&self, from: &SessionOrigin, user: &str) -> Caller {
        Caller {
            identity: Identity::new(user, []),
            origin: from.origin.clone(),
            request_id: from.request_id.clone(),
        }
    }
}

fn session_missing() -> Error {
    Error::unauthenticated("The kernel session is unknown, closed or revoked: restart the kernel.")
}

fn kernel_origin(request: &OpenSession, established: &Established, job: Option<&JobRun>) -> KernelOrigin {
    KernelOrigin {
        kernel_id: shortened(&request.kernel_id),
        asserted_notebook_path: request.notebook_path.as_deref().map(shortened),
        job_id: job.map(|job| shortened(&job.id)),
        run_id: job.map(|job| shortened(&job.run_id)),
        attestation: established.attestation.clone(),
        attestation_id: established.attestation_id.clone(),
    }
}

pub(super) fn origin_of(row: &SessionRow) -> KernelOrigin {
    KernelOrigin {
        kernel_id: row.kernel_id.clone(),
        asserted_notebook_path: row.notebook_path.clone(),
        job_id: row.job_id.clone(),
        run_id: row.run_id.clone(),
        attestation: row.attestation.clone(),
        attestation_id: row.attestation_id.clone(),
    }
}

fn session_info(row: SessionRow) -> SessionInfo {
    SessionInfo {
        session_id: row.id,
        user: row.user,
        kernel_id: row.kernel_id,
        notebook_path: row.notebook_path,
        run_id: row.run_id,
        attestation: row.attestation,
        attestation_id: row.attestation_id,
        opened_at: row.opened_at,
        expires_at: row.expires_at,
    }
}

/// What a client sent unasked, cut to what an audit record has room for.
fn shortened(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

fn check_text(field: &str, text: &str) -> Result<(), Error> {
    if text.is_empty() || text.chars().count() > TEXT_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "{field} must have 1 to {TEXT_CHARS_MAX} printable characters"
        )));
    }
    Ok(())
}

fn decode(field: &str, text: &str) -> Result<Vec<u8>, Error> {
    STANDARD
        .decode(text)
        .map_err(|_| Error::invalid(format!("{field} is not base64")))
}
