//! The error body of every refused request: `{"error_code": "...", "message": "..."}`.
//!
//! Codes and messages are those of the Databricks Secrets API 2.0, so that existing clients raise their typed errors. No
//! message may use the two phrases on which the Databricks SDK sends a request again; a repository rule keeps them out.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of refusal this is, by its name on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// 400: a scope, group or other named thing exists already.
    ResourceAlreadyExists,
    /// 404: the scope, secret, ACL entry, group or token named in the request is not there.
    ResourceDoesNotExist,
    /// 403: the caller is known and may not do this.
    PermissionDenied,
    /// 400: one field has a value that is not allowed.
    InvalidParameterValue,
    /// 400: the body is not JSON of the expected shape.
    MalformedRequest,
    /// 400: the request makes no sense here; reading a value over REST answers this.
    BadRequest,
    /// 400: a documented maximum is reached.
    ResourceLimitExceeded,
    /// 401: no credentials, or credentials that are not valid.
    Unauthenticated,
    /// 404: there is no such route.
    EndpointNotFound,
    /// 409: a concurrent change won, or a request number was used before.
    Aborted,
    /// 429: slow down; `Retry-After` says for how long.
    RequestLimitExceeded,
    /// 500: a stored row fails its integrity check; no value is served from it.
    DataLoss,
    /// 503: no audit sink can write, or the key service is away.
    TemporarilyUnavailable,
    /// 500: a defect of the service.
    InternalError,
    /// A code that this version does not know.
    Unknown,
}

impl ErrorCode {
    const NAMES: [(ErrorCode, &'static str); 15] = [
        (ErrorCode::ResourceAlreadyExists, "RESOURCE_ALREADY_EXISTS"),
        (ErrorCode::ResourceDoesNotExist, "RESOURCE_DOES_NOT_EXIST"),
        (ErrorCode::PermissionDenied, "PERMISSION_DENIED"),
        (ErrorCode::InvalidParameterValue, "INVALID_PARAMETER_VALUE"),
        (ErrorCode::MalformedRequest, "MALFORMED_REQUEST"),
        (ErrorCode::BadRequest, "BAD_REQUEST"),
        (ErrorCode::ResourceLimitExceeded, "RESOURCE_LIMIT_EXCEEDED"),
        (ErrorCode::Unauthenticated, "UNAUTHENTICATED"),
        (ErrorCode::EndpointNotFound, "ENDPOINT_NOT_FOUND"),
        (ErrorCode::Aborted, "ABORTED"),
        (ErrorCode::RequestLimitExceeded, "REQUEST_LIMIT_EXCEEDED"),
        (ErrorCode::DataLoss, "DATA_LOSS"),
        (ErrorCode::TemporarilyUnavailable, "TEMPORARILY_UNAVAILABLE"),
        (ErrorCode::InternalError, "INTERNAL_ERROR"),
        (ErrorCode::Unknown, "UNKNOWN"),
    ];

    /// The name on the wire, for example `PERMISSION_DENIED`.
    pub fn as_str(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(code, _)| *code == self)
            .map_or("UNKNOWN", |(_, name)| name)
    }

    /// The code with this name on the wire; [`ErrorCode::Unknown`] for any other.
    pub fn from_name(name: &str) -> Self {
        Self::NAMES
            .iter()
            .find(|(_, known)| *known == name)
            .map_or(ErrorCode::Unknown, |(code, _)| *code)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(Self::from_name(&name))
    }
}

/// A refusal by the service, as its body says it. Displays as `CODE: message`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{error_code}: {message}")]
pub struct ApiError {
    /// The kind of refusal.
    pub error_code: ErrorCode,
    /// What happened and, where there is something to do, what; never a secret value.
    pub message: String,
}

impl ApiError {
    /// A refusal with this code and message.
    pub fn new(error_code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            error_code,
            message: message.into(),
        }
    }

    /// `true` when the service said that this resource is not there.
    pub fn is_not_found(&self) -> bool {
        self.error_code == ErrorCode::ResourceDoesNotExist
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_the_wire() {
        for (code, name) in ErrorCode::NAMES {
            assert_eq!(code.as_str(), name);
            assert_eq!(ErrorCode::from_name(name), code);
        }
        assert_eq!(ErrorCode::from_name("SOMETHING_NEW"), ErrorCode::Unknown);
    }

    #[test]
    fn the_body_has_the_two_fields_that_clients_read() {
        let error = ApiError::new(ErrorCode::ResourceAlreadyExists, "Scope jdbc already exists!");
        assert_eq!(
            serde_json::to_string(&error).unwrap(),
            r#"{"error_code":"RESOURCE_ALREADY_EXISTS","message":"Scope jdbc already exists!"}"#
        );
        assert_eq!(error.to_string(), "RESOURCE_ALREADY_EXISTS: Scope jdbc already exists!");
    }
}
