//! Why a call failed: refused by the service, service not reached, or not understood.

use crate::error::ApiError;

/// The client's only error type. No variant holds a secret, a body or a header.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The service answered with a refusal.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The service could not be reached, or could not be started.
    #[error(transparent)]
    Unreachable(#[from] ServiceUnreachable),
    /// The environment or the options make no sense; says which and what to do.
    #[error("{0}")]
    Configuration(String),
    /// The answer was not as specified, or did not authenticate.
    #[error("the secret service's answer cannot be used: {0}")]
    Protocol(String),
}

impl ClientError {
    /// The refusal, when the service answered with one.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            ClientError::Api(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// Nobody answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret service cannot be reached at {address}: {reason}. {check}", check = capitalised(.check))]
pub struct ServiceUnreachable {
    /// Where the client tried.
    pub address: String,
    /// What the system, or the service that did not start, said.
    pub reason: String,
    /// How to find out more.
    pub check: String,
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_service_is_named_with_a_next_step() {
        let error = ServiceUnreachable {
            address: "https://secrets.example.com".into(),
            reason: "Connection refused (os error 111)".into(),
            check: "check SEALBOOK_HOST".into(),
        };
        assert_eq!(
            ClientError::from(error).to_string(),
            "the secret service cannot be reached at https://secrets.example.com: Connection refused (os error 111). \
             Check SEALBOOK_HOST"
        );
    }
}
