//! The domain's only error: a code of the API and a message in the original's words. It holds no value, body or header.

use std::fmt;

use sealbook_api::{ApiError, ErrorCode, Permission};

/// Why a request was refused or could not be served. Which HTTP status that is, the server decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    code: ErrorCode,
    message: String,
}

impl Error {
    /// The API's code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What happened, for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// A refusal with a code and a message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidParameterValue, message)
    }

    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ResourceDoesNotExist, message)
    }

    pub(crate) fn scope_missing(scope: &str) -> Self {
        Self::missing(format!("Scope {scope} does not exist!"))
    }

    pub(crate) fn secret_missing(scope: &str, key: &str) -> Self {
        Self::missing(format!("Secret does not exist with scope: {scope} and key: {key}"))
    }

    pub(crate) fn secret_expired(scope: &str, key: &str, at_ms: i64) -> Self {
        Self::missing(format!(
            "Secret expired at {} with scope: {scope} and key: {key}. Whoever has WRITE can put a new value.",
            crate::clock::utc(at_ms)
        ))
    }

    pub(crate) fn denied(user: &str, permission: Permission, scope: &str) -> Self {
        Self::new(
            ErrorCode::PermissionDenied,
            format!("User {user} does not have {permission} permission on scope {scope} to perform this action."),
        )
    }

    pub(crate) fn not_admin(user: &str) -> Self {
        Self::new(
            ErrorCode::PermissionDenied,
            format!("User {user} is not a member of admins, which this action needs."),
        )
    }

    pub(crate) fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unauthenticated, message)
    }

    /// A stored row fails its integrity check.
    pub fn tampered(what: impl fmt::Display) -> Self {
        Self::new(
            ErrorCode::DataLoss,
            format!(
                "{what} fails its integrity check: the database was changed by something else than this service. Nothing \
                 is served from it; restore the database from a backup and look at the audit log"
            ),
        )
    }

    /// Something the service needs is away; it recovers by itself when that is back.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::TemporarilyUnavailable, message)
    }

    /// A concurrent change won.
    pub fn aborted(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Aborted, message)
    }

    /// A defect.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InternalError, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self {
            code: error.error_code,
            message: error.message,
        }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        ApiError::new(error.code, error.message)
    }
}
