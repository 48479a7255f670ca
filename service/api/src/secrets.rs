//! `put`, `delete`, `list`: what is known of a secret without its value.

use serde::{Deserialize, Serialize};

use crate::secret_text::{SecretBytes, SecretText};

/// Body of `POST /api/2.0/secrets/put`. Exactly one of the two values is given. It cannot be serialised: the client
/// writes it with its own writer, the server only reads it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutSecret {
    /// The scope to write into.
    pub scope: String,
    /// The secret's key.
    pub key: String,
    /// A value given as text.
    #[serde(default)]
    pub string_value: Option<SecretText>,
    /// A value given as bytes, in base64.
    #[serde(default)]
    pub bytes_value: Option<SecretText>,
    /// From when on it is not read any more, in milliseconds since 1970; absent for never. Not in the original's contract.
    #[serde(default)]
    pub expires_at: Option<i64>,
}

/// A value to put.
#[derive(Debug)]
pub enum PutValue {
    /// Text: read back as a `String`.
    String(SecretText),
    /// Bytes of any kind.
    Bytes(SecretBytes),
}

/// Body of `POST /api/2.0/secrets/delete`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteSecret {
    /// The scope.
    pub scope: String,
    /// The key to delete.
    pub key: String,
}

/// What `list` says of one secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretMetadata {
    /// The key.
    pub key: String,
    /// When the value was last put, in milliseconds since 1970.
    pub last_updated_timestamp: i64,
}

/// Answer of `GET /api/2.0/secrets/list?scope=`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SecretList {
    /// The secrets of the scope, by key.
    #[serde(default)]
    pub secrets: Vec<SecretMetadata>,
}

/// What `describe` says of one secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretDescription {
    /// The key.
    pub key: String,
    /// One more with each `put`.
    pub version: u64,
    /// When the value was last put, in milliseconds since 1970.
    pub last_updated_timestamp: i64,
    /// From when on it is not read any more, in milliseconds since 1970; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// When a kernel last read it, in milliseconds since 1970; absent when none has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_read_timestamp: Option<i64>,
    /// Who read it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_read_by: Option<String>,
}

/// Answer of `GET /api/2.0/secrets/describe?scope=`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SecretDescriptions {
    /// The secrets of the scope, by key.
    #[serde(default)]
    pub secrets: Vec<SecretDescription>,
}

/// Whether a value was put as text or as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueKind {
    /// Put as `string_value`.
    String,
    /// Put as `bytes_value`.
    Bytes,
}
