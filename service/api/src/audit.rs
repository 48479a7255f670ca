//! `audit/query` and `audit/verify`: the audit log as administrators read it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Query of `GET /api/2.0/audit/query`. Every filter that is given must hold.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Only requests of this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Only requests about this scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Only this action, for example `getSecret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Only requests at or after this time, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// `true`: only refused or failed requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<bool>,
    /// At most this many records, the newest ones; the service's maximum is 10,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only records after this position (from [`AuditPage::position`]), oldest first: for following the log. Without a limit
    /// the answer ends before a request that may still get its outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<i64>,
}

/// Answer of `audit/query`, oldest record first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AuditPage {
    /// The records.
    #[serde(default)]
    pub records: Vec<AuditRecord>,
    /// Give this as `after` to read what was written since.
    #[serde(default)]
    pub position: i64,
}

/// One audited request, in the field names of the Databricks audit schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    /// `2.0`.
    pub version: String,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// The organisation.
    pub workspace_id: String,
    /// The caller's address: an IP address, or `unix:uid=1000,pid=4711`.
    #[serde(rename = "sourceIPAddress")]
    pub source_ip_address: String,
    /// What the client calls itself.
    pub user_agent: String,
    /// The kernel session, for requests made in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Who.
    pub user_identity: UserIdentity,
    /// Always `secrets`.
    pub service_name: String,
    /// What, for example `getSecret`.
    pub action_name: String,
    /// One per request.
    pub request_id: String,
    /// The request's parameters; never a value.
    pub request_params: Map<String, Value>,
    /// The outcome; absent when the service died before it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<AuditResponse>,
    /// Where the request came from, for kernel sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelOrigin>,
}

/// Who made a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserIdentity {
    /// The user's name.
    pub email: String,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditResponse {
    /// The HTTP status.
    pub status_code: u16,
    /// The refusal's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// The notebook or run behind a kernel session.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KernelOrigin {
    /// The kernel's id.
    pub kernel_id: String,
    /// As the client asserts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asserted_notebook_path: Option<String>,
    /// The job, for runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// The run, for runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// How the session's user was established, for example `peer-credential`.
    pub attestation: String,
    /// Which credential established it: a uid and pid, a token's or ticket's id; never the credential.
    pub attestation_id: String,
}

/// The end of one chain, signed. Kept outside the database, it shows later that the chain's end was cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditCheckpoint {
    /// The organisation.
    pub organisation: String,
    /// Whose chain.
    pub replica: String,
    /// Records in it.
    pub count: u64,
    /// The last record's MAC, in hexadecimal.
    pub head: String,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// The Ed25519 key that signed, in hexadecimal.
    pub public_key: String,
    /// The signature over all fields but the key, in hexadecimal.
    pub signature: String,
}

/// A place in the chains: after this record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainPosition {
    /// Whose chain.
    pub replica: String,
    /// The record.
    pub index: u64,
    /// Its MAC, in hexadecimal; empty before the first record.
    #[serde(default)]
    pub head: String,
}

/// Answer of `GET audit/rows`: the rows as they are chained, each an object that `audit/verify-rows` takes back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChainRows {
    /// The rows; none after the last.
    #[serde(default)]
    pub rows: Vec<Map<String, Value>>,
    /// Where to go on.
    pub position: ChainPosition,
}

/// Body of `POST audit/verify-rows`: exported rows in order, and where the ones before them ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VerifyRows {
    /// `position` of the last answer; the default one at the start.
    pub after: ChainPosition,
    /// The rows.
    pub rows: Vec<Map<String, Value>>,
    /// Checkpoints that rows among these must agree with.
    #[serde(default)]
    pub checkpoints: Vec<AuditCheckpoint>,
}

/// Answer of `POST audit/checkpoint`, body of `POST audit/verify`: the newest of each chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoints {
    /// The checkpoints.
    #[serde(default)]
    pub checkpoints: Vec<AuditCheckpoint>,
}

/// Answer of `POST audit/verify-rows`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsVerified {
    /// Where the rows end.
    pub position: ChainPosition,
    /// The first thing that is wrong, in words that name the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<String>,
}

/// Answer of `GET /api/2.0/audit/verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditVerification {
    /// `true` when every record is where and as it was written.
    pub intact: bool,
    /// Records checked.
    pub records: u64,
    /// Chains checked, one per replica of the service.
    pub chains: u64,
    /// The first thing that is wrong, in words that name the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<String>,
    /// Requests whose outcome was never written.
    #[serde(default)]
    pub unknown_outcomes: u64,
    /// Signed checkpoints that the chains were compared with.
    #[serde(default)]
    pub checkpoints: u64,
}
