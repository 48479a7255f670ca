//! The seam to a key management service, which holds the root key and wraps the organisation's KEKs.

mod file;

use std::fmt::Debug;

pub use file::FileKms;

use crate::Pending;
use crate::error::Error;
use sealbook_api::SecretBytes;

/// What a wrapped key is bound to; unwrapping under any other context fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsContext<'a> {
    /// The organisation.
    pub organisation: &'a str,
    /// What the key is for, for example `kek`.
    pub purpose: &'a str,
    /// The key's version.
    pub version: u32,
}

/// Wraps and unwraps keys under a root key that never leaves it.
pub trait Kms: Debug + Send + Sync {
    /// Names the root key.
    fn key_id(&self) -> &str;

    /// Wraps a key.
    fn wrap<'a>(&'a self, key: &'a SecretBytes, context: &'a KmsContext<'a>) -> Pending<'a, Result<Vec<u8>, Error>>;

    /// Unwraps a key that was wrapped under the same context.
    fn unwrap<'a>(&'a self, wrapped: &'a [u8], context: &'a KmsContext<'a>) -> Pending<'a, Result<SecretBytes, Error>>;
}
