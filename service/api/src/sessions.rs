//! `kernel-sessions`: opening, reading in, renewing and closing a session; job tickets.
//!
//! ```text
//! kernel                                              service
//!   │ POST kernel-sessions {attestation, hpke key} ─────▶ verify, burn tickets, set up HPKE
//!   │ ◀──────── {session_id, user, encapsulated_key, …}
//!   │ POST kernel-sessions/{id}/read   MAC, seq ────────▶ claim seq + audit intent, ACL, open envelope
//!   │ ◀──────── {sealed answer}
//!   │ POST kernel-sessions/{id}/close  MAC, seq ────────▶ forget the keys
//! ```

use serde::{Deserialize, Serialize};

use crate::scopes::Scope;
use crate::secret_text::SecretText;
use crate::secrets::{SecretMetadata, ValueKind};

/// How the kernel proves whose session it opens. It cannot be serialised by a derive: the credential inside is secret.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", content = "credential", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Attestation {
    /// The unix socket's peer credential; nothing is sent.
    PeerCredential,
    /// A token of kind kernel.
    KernelToken(SecretText),
    /// A one-time ticket minted by a scheduler.
    JobTicket(SecretText),
    /// A JupyterHub API token with the service's own scope.
    Jupyterhub(SecretText),
    /// A JWT of the configured issuer.
    Oidc(SecretText),
}

impl Attestation {
    /// The name in audit records.
    pub fn kind(&self) -> &'static str {
        match self {
            Attestation::PeerCredential => "peer-credential",
            Attestation::KernelToken(_) => "kernel-token",
            Attestation::JobTicket(_) => "job-ticket",
            Attestation::Jupyterhub(_) => "jupyterhub",
            Attestation::Oidc(_) => "oidc",
        }
    }
}

/// A job's run, for audit records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobRun {
    /// The job.
    pub id: String,
    /// The run.
    pub run_id: String,
}

/// Body of `POST /api/2.0/kernel-sessions`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenSession {
    /// Whose session it is, and the proof.
    pub attestation: Attestation,
    /// The kernel's ephemeral X25519 public key, in base64.
    pub hpke_public_key: String,
    /// The kernel's id.
    pub kernel_id: String,
    /// The notebook, as the client asserts it.
    #[serde(default)]
    pub notebook_path: Option<String>,
    /// The job's run, for `sealbook run` and schedulers.
    #[serde(default)]
    pub job: Option<JobRun>,
    /// 16 random bytes in base64: two sessions never share keys.
    pub client_nonce: String,
}

/// Answer of `POST /api/2.0/kernel-sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedSession {
    /// Names the session.
    pub session_id: String,
    /// Whose it is.
    pub user: String,
    /// HPKE's encapsulated key, in base64.
    pub encapsulated_key: String,
    /// Milliseconds since 1970; renewing moves it, up to `renewable_until`.
    pub expires_at: i64,
    /// Milliseconds since 1970: after this the kernel must be attested again.
    pub renewable_until: i64,
    /// The service's clock, so that a client whose clock differs can stamp its requests.
    pub server_time: i64,
}

/// Body of `POST /api/2.0/kernel-sessions/{id}/read`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadSecret {
    /// The scope.
    pub scope: String,
    /// The key.
    pub key: String,
}

/// Answer of `read`. The value is in `ciphertext` and only the session's key opens it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedAnswer {
    /// The request's number, part of the associated data.
    pub seq: u64,
    /// The organisation, part of the associated data.
    pub organisation: String,
    /// The scope's name as stored, part of the associated data.
    pub scope: String,
    /// The key, part of the associated data.
    pub key: String,
    /// The secret's version, part of the associated data.
    pub version: u64,
    /// Text or bytes, part of the associated data.
    pub kind: ValueKind,
    /// The server's nonce for this answer's key, 16 bytes in base64.
    pub nonce: String,
    /// AES-256-GCM ciphertext and tag, in base64.
    pub ciphertext: String,
}

/// Body of `POST /api/2.0/kernel-sessions/{id}/list`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListInSession {
    /// The scope to list; without it the scopes themselves are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// Answer of `list` in a session.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SessionListing {
    /// The secrets of the scope that was asked for.
    #[serde(default)]
    pub secrets: Vec<SecretMetadata>,
    /// The scopes, when no scope was named.
    #[serde(default)]
    pub scopes: Vec<Scope>,
}

/// Body of `POST /api/2.0/kernel-sessions/{id}/match-literals`: are these string literals secrets the user may read? It
/// is deserialised only; the client writes it with its own writer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchLiterals {
    /// Literals of 12 characters and more, at most 64.
    pub literals: Vec<SecretText>,
}

/// A literal that is a secret's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiteralMatch {
    /// Which literal of the request, from 0.
    pub index: usize,
    /// The secret's scope.
    pub scope: String,
    /// The secret's key.
    pub key: String,
}

/// Answer of `match-literals`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LiteralMatches {
    /// One per literal that matched.
    #[serde(default)]
    pub matches: Vec<LiteralMatch>,
}

/// Answer of `POST /api/2.0/kernel-sessions/{id}/renew`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewedSession {
    /// Milliseconds since 1970.
    pub expires_at: i64,
}

/// One open session, as administrators and its own user see it in `GET /api/2.0/kernel-sessions/list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    /// Names the session.
    pub session_id: String,
    /// Whose it is.
    pub user: String,
    /// The kernel's id.
    pub kernel_id: String,
    /// As the client asserts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notebook_path: Option<String>,
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// How the user was established, for example `kernel-token`.
    #[serde(default)]
    pub attestation: String,
    /// Which credential established it, for example a token's id; never the credential.
    #[serde(default)]
    pub attestation_id: String,
    /// Milliseconds since 1970.
    pub opened_at: i64,
    /// Milliseconds since 1970.
    pub expires_at: i64,
}

/// Answer of `GET /api/2.0/kernel-sessions/list`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SessionList {
    /// The open sessions.
    #[serde(default)]
    pub sessions: Vec<SessionInfo>,
}

/// Body of `POST /api/2.0/kernel-sessions/revoke`: exactly one of the two.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeSession {
    /// The session to end at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The user whose sessions are all ended at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
}

/// Answer of `POST /api/2.0/kernel-sessions/revoke`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RevokedSessions {
    /// How many sessions were ended.
    #[serde(default)]
    pub revoked: usize,
}

/// Body of `POST /api/2.0/kernel-sessions/tickets`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MintTicket {
    /// For whom; another user needs the right `job-launcher`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// The run that the ticket is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobRun>,
}

/// Answer of `tickets`: the only time that the ticket is shown.
#[derive(Debug, Deserialize)]
pub struct MintedTicket {
    /// The ticket: one use.
    pub ticket: SecretText,
    /// Milliseconds since 1970.
    pub expires_at: i64,
}

/// Body of `POST /api/2.0/kernel-sessions/{id}/renew`: the attestation is verified again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenewSession {
    /// As at opening; a one-time ticket need not be presented again, its kind suffices.
    pub attestation: Attestation,
}
