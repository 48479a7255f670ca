//! The texts that user code sees when a call fails. Those of secrets are the original's, so that code which looks for
//! them works.

use sealbook_api::ErrorCode;
use sealbook_api::client::ClientError;

use super::Refusal;

impl From<ClientError> for Refusal {
    fn from(error: ClientError) -> Refusal {
        match &error {
            ClientError::Api(refusal) => {
                let code = refusal.error_code.as_str();
                let message = match refusal.error_code {
                    // The original shows these two without and with their code.
                    ErrorCode::ResourceDoesNotExist => refusal.message.clone(),
                    _ => format!("{code}: {}", refusal.message),
                };
                Refusal::new(code, message)
            }
            ClientError::Unreachable(_) => Refusal::new("TEMPORARILY_UNAVAILABLE", error.to_string()),
            ClientError::Configuration(_) => Refusal::new("INVALID_PARAMETER_VALUE", error.to_string()),
            _ => Refusal::new("INTERNAL_ERROR", error.to_string()),
        }
    }
}

/// A method that this kernel does not have.
pub fn unknown_call(method: &str) -> String {
    format!("this kernel does not know {method}; dbutils.help() lists what it knows")
}

/// Arguments that do not fit the method.
pub fn malformed_call(method: &str) -> String {
    format!("{method} was called with the wrong arguments; dbutils.help() shows the right ones")
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealbook_api::ApiError;

    #[test]
    fn refusals_read_as_in_the_original() {
        let cases = [
            (
                ErrorCode::ResourceDoesNotExist,
                "Secret does not exist with scope: s and key: k",
                "Secret does not exist with scope: s and key: k",
            ),
            (
                ErrorCode::PermissionDenied,
                "User u does not have READ permission on scope s to perform this action.",
                "PERMISSION_DENIED: User u does not have READ permission on scope s to perform this action.",
            ),
        ];
        for (code, message, expected) in cases {
            let refusal = Refusal::from(ClientError::Api(ApiError::new(code, message)));
            assert_eq!(refusal, Refusal::new(code.as_str(), expected));
        }
    }
}
