//! The secret service over HTTP.
//!
//! ```text
//! connection ─▶ peer (uid and pid, or address) ─▶ dispatch ─▶ authenticate ─▶ fields ─▶ endpoint ─▶ vault
//! ```
//!
//! [`embedded()`] serves one user over a unix socket and is started on demand; [`serve()`] is the shared server.
//!
//! Invariants: the only place that turns an error into a status code ([`status`]); a file per endpoint; every request,
//! refused ones included, has an audit record before it has an answer.

mod authenticate;
mod checkpoints;
mod connection;
mod data_lock;
mod descriptors;
mod dispatch;
pub mod embedded;
mod endpoints;
mod error;
mod fields;
#[doc(hidden)]
pub mod fuzzing;
mod hub;
mod log;
mod metrics;
mod oidc;
mod operation;
mod outward;
mod peer;
mod place;
mod rate;
mod serve;
mod service;
pub mod settings;
mod sinks;
pub mod status;
mod tls;

pub use embedded::{Embedded, embedded};
pub use error::ServeError;
pub use hub::HubOptions;
pub use oidc::OidcOptions;
pub use serve::{Listening, Shared, serve};
pub use settings::{Settings, TlsFiles};
pub use sinks::SinkOptions;
