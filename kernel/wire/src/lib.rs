//! Jupyter messages, signing and sockets.
//!
//! ```text
//! peer ⇄ zmtp (frames, limits) ⇄ peer (queues, stall) ⇄ router / publisher / heartbeat ⇄ Message
//!                                      ▲ send takes only Redacted<Message>
//! ```
//!
//! What: the connection file, the message envelope with its signature, the five server sockets of a kernel, and the
//! client's side of them (for `sealbook run` and the test front end).
//! Why: the one crate that knows ZeroMQ, so that there is one way out of the process.
//! Invariants: every server socket sends only [`Redacted<Message>`](sealbook_redact::Redacted), which only the
//! redactor makes; nothing a peer sends ends the process; every queue and frame has a named maximum; no log line
//! holds the content of a message.

pub mod client;
pub mod connection;
pub mod error;
#[cfg(test)]
mod fuzz_tests;
#[doc(hidden)]
pub mod fuzzing;
mod heartbeat;
pub mod message;
mod peer;
mod publisher;
mod registration;
mod router;
mod seal;
pub mod server;
mod sign;
mod zmtp;

pub use bytes::Bytes;
pub use client::Client;
pub use connection::{ConnectionFile, Registration, Transport};
pub use error::WireError;
pub use message::{Header, Message, PROTOCOL_VERSION};
pub use publisher::Publisher;
pub use router::{Inbox, Outbox};
pub use server::Server;
pub use sign::Signer;
