//! Which HTTP status each of the API's error codes has. The only such table.

use axum::http::StatusCode;
use sealbook_api::ErrorCode;

/// The status of a code.
pub fn status_of(code: ErrorCode) -> u16 {
    status(code).as_u16()
}

pub(crate) fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::ResourceAlreadyExists
        | ErrorCode::InvalidParameterValue
        | ErrorCode::MalformedRequest
        | ErrorCode::BadRequest
        | ErrorCode::ResourceLimitExceeded => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::PermissionDenied => StatusCode::FORBIDDEN,
        ErrorCode::ResourceDoesNotExist | ErrorCode::EndpointNotFound => StatusCode::NOT_FOUND,
        ErrorCode::Aborted => StatusCode::CONFLICT,
        ErrorCode::RequestLimitExceeded => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        // Data loss, defects, and any code that a later version of the API crate adds.
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_contract() {
        let table = [
            (ErrorCode::ResourceAlreadyExists, 400),
            (ErrorCode::ResourceDoesNotExist, 404),
            (ErrorCode::PermissionDenied, 403),
            (ErrorCode::InvalidParameterValue, 400),
            (ErrorCode::MalformedRequest, 400),
            (ErrorCode::BadRequest, 400),
            (ErrorCode::ResourceLimitExceeded, 400),
            (ErrorCode::Unauthenticated, 401),
            (ErrorCode::EndpointNotFound, 404),
            (ErrorCode::Aborted, 409),
            (ErrorCode::RequestLimitExceeded, 429),
            (ErrorCode::DataLoss, 500),
            (ErrorCode::TemporarilyUnavailable, 503),
            (ErrorCode::InternalError, 500),
        ];
        for (code, expected) in table {
            assert_eq!(status_of(code), expected, "{code}");
        }
    }
}
