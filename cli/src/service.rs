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
            "To see the keys in a scope, and when they expire: sealbook secrets list --scope NAME --long"
        }
        ErrorCode::ResourceDoesNotExist if message.starts_with("User") => {
            "To see the users: sealbook users list. To create one: sealbook users create --user-name NAME"
        }
        ErrorCode::ResourceDoesNotExist if message.starts_with("Group") => {
            "To see the groups: sealbook groups list. To create one: sealbook groups create --group-name NAME"
        }
        ErrorCode::ResourceDoesNotExist if message.starts_with("Principal") => {
            "A principal is a user or a group: sealbook users list, sealbook groups list"
        }
        ErrorCode::ResourceDoesNotExist if message.starts_with("Token") => {
            "To see tokens and their ids: sealbook tokens list, or as an administrator sealbook tokens list --all"
        }
        ErrorCode::ResourceDoesNotExist if message.starts_with("Kernel session") => {
            "To see the open sessions and their ids: sealbook sessions list"
        }
        ErrorCode::ResourceDoesNotExist if message.starts_with("Failed to get secret acl") => {
            "There is no entry of that principal's own: sealbook secrets list-acls shows the entries, sealbook secrets explain what they come to"
        }
        ErrorCode::PermissionDenied if message.contains("not a member of admins") => {
            "An administrator can do this, or make you one: sealbook groups add-member --parent-name admins --user-name YOU"
        }
        ErrorCode::PermissionDenied if !message.contains("permission on scope") => return None,
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
