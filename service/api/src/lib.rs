//! Names, requests, responses and error codes of the secret service, shared by the server and its clients.
//!
//! Feature `sealing`: the wire format of kernel sessions (key derivation, request MACs, sealed answers), one definition
//! for both ends. Feature `client`: the HTTP client, which reaches a remote service over TLS or the embedded one over a
//! unix socket, starting it on demand.
//!
//! Invariants: no type here can print a secret value; whatever holds one has a `Debug` that shows only its type's name
//! and is zeroised when dropped.

pub mod acls;
pub mod audit;
pub mod error;
pub mod groups;
pub mod names;
pub mod scopes;
pub mod secret_text;
pub mod secrets;
pub mod sessions;
pub mod tokens;

#[cfg(feature = "sealing")]
pub mod sealing;

#[cfg(feature = "client")]
pub mod client;

pub use error::{ApiError, ErrorCode};
pub use names::{Permission, Principal, ScopeName, SecretKey};
pub use secret_text::{SecretBytes, SecretText};
