//! What one record says: the Databricks audit schema, never a value.

use sealbook_api::audit::{AuditRecord, AuditResponse, KernelOrigin, UserIdentity};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What was asked for, by its name in the audit schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named for its action; see `name`")]
pub enum Action {
    CreateScope,
    DeleteScope,
    ListScopes,
    PutSecret,
    DeleteSecret,
    GetSecret,
    ListSecrets,
    DescribeSecrets,
    PutAcl,
    DeleteAcl,
    GetAcl,
    ListAcls,
    ExplainAcl,
    CreateGroup,
    GetGroup,
    UpdateGroup,
    DeleteGroup,
    ListGroups,
    AddGroupMember,
    RemoveGroupMember,
    ListGroupMembers,
    ListGroupParents,
    CreateUser,
    UpdateUser,
    DeleteUser,
    GetUser,
    ListUsers,
    GetMe,
    CreateToken,
    DeleteToken,
    ListTokens,
    OpenKernelSession,
    RenewKernelSession,
    CloseKernelSession,
    ListKernelSessions,
    RevokeKernelSession,
    MintJobTicket,
    MatchLiteral,
    QueryAudit,
    VerifyAudit,
    ExportAudit,
    CheckpointAudit,
    Authenticate,
    StartService,
    UnknownEndpoint,
}

impl Action {
    /// Every action, for tests that go over all of them.
    pub const ALL: [Action; 45] = [
        Action::CreateScope,
        Action::DeleteScope,
        Action::ListScopes,
        Action::PutSecret,
        Action::DeleteSecret,
        Action::GetSecret,
        Action::ListSecrets,
        Action::DescribeSecrets,
        Action::PutAcl,
        Action::DeleteAcl,
        Action::GetAcl,
        Action::ListAcls,
        Action::ExplainAcl,
        Action::CreateGroup,
        Action::GetGroup,
        Action::UpdateGroup,
        Action::DeleteGroup,
        Action::ListGroups,
        Action::AddGroupMember,
        Action::RemoveGroupMember,
        Action::ListGroupMembers,
        Action::ListGroupParents,
        Action::CreateUser,
        Action::UpdateUser,
        Action::DeleteUser,
        Action::GetUser,
        Action::ListUsers,
        Action::GetMe,
        Action::CreateToken,
        Action::DeleteToken,
        Action::ListTokens,
        Action::OpenKernelSession,
        Action::RenewKernelSession,
        Action::CloseKernelSession,
        Action::ListKernelSessions,
        Action::RevokeKernelSession,
        Action::MintJobTicket,
        Action::MatchLiteral,
        Action::QueryAudit,
        Action::VerifyAudit,
        Action::ExportAudit,
        Action::CheckpointAudit,
        Action::Authenticate,
        Action::StartService,
        Action::UnknownEndpoint,
    ];

    /// The name in records.
    pub fn name(self) -> &'static str {
        match self {
            Action::CreateScope => "createScope",
            Action::DeleteScope => "deleteScope",
            Action::ListScopes => "listScopes",
            Action::PutSecret => "putSecret",
            Action::DeleteSecret => "deleteSecret",
            Action::GetSecret => "getSecret",
            Action::ListSecrets => "listSecrets",
            Action::DescribeSecrets => "describeSecrets",
            Action::PutAcl => "putAcl",
            Action::DeleteAcl => "deleteAcl",
            Action::GetAcl => "getAcl",
            Action::ListAcls => "listAcls",
            Action::ExplainAcl => "explainAcl",
            Action::CreateGroup => "createGroup",
            Action::GetGroup => "getGroup",
            Action::UpdateGroup => "updateGroup",
            Action::DeleteGroup => "deleteGroup",
            Action::ListGroups => "listGroups",
            Action::AddGroupMember => "addGroupMember",
            Action::RemoveGroupMember => "removeGroupMember",
            Action::ListGroupMembers => "listGroupMembers",
            Action::ListGroupParents => "listGroupParents",
            Action::CreateUser => "createUser",
            Action::UpdateUser => "updateUser",
            Action::DeleteUser => "deleteUser",
            Action::GetUser => "getUser",
            Action::ListUsers => "listUsers",
            Action::GetMe => "getMe",
            Action::CreateToken => "createToken",
            Action::DeleteToken => "deleteToken",
            Action::ListTokens => "listTokens",
            Action::OpenKernelSession => "openKernelSession",
            Action::RenewKernelSession => "renewKernelSession",
            Action::CloseKernelSession => "closeKernelSession",
            Action::ListKernelSessions => "listKernelSessions",
            Action::RevokeKernelSession => "revokeKernelSession",
            Action::MintJobTicket => "mintJobTicket",
            Action::MatchLiteral => "matchLiteral",
            Action::QueryAudit => "queryAudit",
            Action::VerifyAudit => "verifyAudit",
            Action::ExportAudit => "exportAudit",
            Action::CheckpointAudit => "checkpointAudit",
            Action::Authenticate => "authenticate",
            Action::StartService => "startService",
            Action::UnknownEndpoint => "unknownEndpoint",
        }
    }
}

/// Where a request came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// An IP address, or `unix:uid=1000,pid=4711`.
    pub source: String,
    /// What the client calls itself.
    pub user_agent: String,
}

/// One request, before its outcome is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// The organisation.
    pub organisation: String,
    /// From where.
    pub origin: Origin,
    /// Who, or who they claim to be, hashed.
    pub user: String,
    /// What.
    pub action: Action,
    /// One per request.
    pub request_id: String,
    /// Names only, never a value.
    pub params: Map<String, Value>,
    /// The kernel session and the number claimed in it.
    pub session: Option<(String, u64)>,
    /// The notebook or run behind it.
    pub kernel: Option<KernelOrigin>,
}

impl Event {
    pub(crate) fn scope(&self) -> Option<String> {
        self.params
            .get("scope")
            .and_then(Value::as_str)
            .map(str::to_ascii_lowercase)
    }

    pub(crate) fn into_record(self) -> AuditRecord {
        AuditRecord {
            version: "2.0".into(),
            timestamp: self.at_ms,
            workspace_id: self.organisation,
            source_ip_address: self.origin.source,
            user_agent: self.origin.user_agent,
            session_id: self.session.map(|(id, _)| id),
            user_identity: UserIdentity { email: self.user },
            service_name: "secrets".into(),
            action_name: self.action.name().into(),
            request_id: self.request_id,
            request_params: self.params,
            response: None,
            kernel: self.kernel,
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The HTTP status.
    pub status: u16,
    /// The refusal, as the caller saw it.
    pub error: Option<String>,
}

impl Outcome {
    /// Served.
    pub fn ok() -> Self {
        Self {
            status: 200,
            error: None,
        }
    }

    pub(crate) fn into_response(self) -> AuditResponse {
        AuditResponse {
            status_code: self.status,
            error_message: self.error,
        }
    }
}

/// Which half of a request a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Written before anything is done.
    Intent,
    /// Written after.
    Outcome,
}

/// One row of a chain. `body` is what is authenticated; the other fields repeat parts of it for searching and are
/// checked against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Whose chain.
    pub replica: String,
    /// From 1, without gaps.
    pub index: u64,
    /// Intent or outcome.
    pub phase: Phase,
    /// Joins the two halves.
    pub request_id: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Who.
    pub user: String,
    /// What.
    pub action: String,
    /// The scope in lower case, for requests about one.
    pub scope: Option<String>,
    /// An outcome that is a refusal.
    pub failed: bool,
    /// The session and the number claimed in it, for intents of session requests.
    pub claim: Option<(String, u64)>,
    /// An intent's [`AuditRecord`] or an outcome's [`AuditResponse`], as JSON.
    pub body: String,
    /// `HMAC(key, previous mac ‖ everything above)`.
    pub mac: Vec<u8>,
}
