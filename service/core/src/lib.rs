//! The domain of the secret service: who may do what, what is recorded, how values are kept.
//!
//! ```text
//! Caller ─▶ Entry (audit intent) ─▶ Authorized<Read> (ACL) ─▶ Audited<Read> ─▶ plaintext ─▶ outcome
//! ```
//!
//! Invariants: no HTTP, no SQL, no async runtime (futures name none); a value is opened only by consuming an
//! [`proof::Audited`]; no error holds a value.

pub mod acl;
pub mod audit;
pub mod clock;
pub mod envelope;
pub mod error;
pub mod keyring;
pub mod kms;
pub mod proof;
pub mod rows;
pub mod store;
pub mod vault;
pub mod window;

pub use clock::{Clock, Entropy, SystemClock, SystemEntropy};
pub use error::Error;
/// The names and types of the API that the domain speaks in, for the crates below it that have no edge to the API.
pub use sealbook_api as api;
pub use vault::{Caller, Vault};

/// A future without a named runtime, for the seams that are implemented elsewhere.
pub type Pending<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
