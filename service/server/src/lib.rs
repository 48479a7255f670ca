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
mod dispatch;
pub mod embedded;
mod endpoints;
mod error;
mod fields;
mod log;
mod operation;
mod peer;
mod serve;
mod service;
pub mod status;

pub use embedded::{Embedded, embedded};
pub use error::ServeError;
pub use serve::{Listening, Shared, serve};
