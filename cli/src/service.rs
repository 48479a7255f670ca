//! The connection to the service, and how its refusals are told to a person.

use sealbook_api::client::{Client, ClientError};
use sealbook_api::error::ErrorCode;

use crate::failure::{Failure, Status};

/// A client for the service that the environment names, or for the user's embedded one.
pub fn client() -> Result<Client, Failure> {
    Client::from_environment().map_err(failed)
}

/// A client's error as a failure: the service's own words, then what to do.
pub fn failed(error: ClientError) -> Failure {
    let failure = Failure::new(error.to_string());
    match &error {
        ClientError::Unreachable(_) | ClientError::Configuration(_) => failure.status(Status::Unreachable),
        ClientError::Api(refusal) => match advice(refusal.error_code, &refusal.message) {
            Some(advice) => failure.hint(advice),
            None => failure,
        },
        _ => failure,
    }
}

/// What to do about a refusal, where there is something to do that its message does not say.
fn advice(code: ErrorCode, message: &str) -> Option<&'static str> {
    Some(match code {
        ErrorCode::ResourceAlreadyExists if message.starts_with("Scope") => {
            "To see all scopes: sealbook secrets list-scopes"
        }
        ErrorCode::ResourceDoesNotExist if message.starts_with("Scope") => {
            "To see all scopes: sealbook secrets list-scopes. To create one: sealbook secrets create-scope --scope NAME"
        }
        ErrorCode::ResourceDoesNotExist if message.starts_with("Secret") => {
            "To see the keys in a scope: sealbook secrets list --scope NAME"
        }
        ErrorCode::PermissionDenied => {
            "Somebody with MANAGE on the scope, or an administrator, can grant it: sealbook secrets put-acl --scope SCOPE --principal USER --permission READ"
        }
        ErrorCode::Unauthenticated => {
            "Set SEALBOOK_TOKEN to a token of the service that SEALBOOK_HOST names; an administrator can make one."
        }
        ErrorCode::EndpointNotFound => {
            "The service is of another version than this command: compare `sealbook --version` on both sides."
        }
        ErrorCode::DataLoss => {
            "A stored record is not what was written, so nothing was answered. Keep the data as it is, and run: sealbook audit verify"
        }
        _ => return None,
    })
}
