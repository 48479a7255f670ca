//! Why the service did not start, or stopped.

use sealbook_core::Error;

/// A text that says what happened and what to do. It holds no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ServeError(String);

impl ServeError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl From<Error> for ServeError {
    fn from(error: Error) -> Self {
        Self(error.message().to_owned())
    }
}
