//! What can go wrong between a kernel and its front ends. No variant holds the content of a message.

use std::io;
use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The connection file could not be read.
    #[error(
        "cannot read the connection file {}: {source}; a front end writes it and passes its path, so check that it \
         still exists and belongs to you",
        path.display()
    )]
    ConnectionFileUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The connection file is not what the messaging protocol says.
    #[error("the connection file {} is not usable: {reason}", path.display())]
    ConnectionFileInvalid {
        /// The file.
        path: PathBuf,
        /// Which field, and what is allowed.
        reason: String,
    },
    /// A socket could not be bound.
    #[error("cannot bind the {channel} socket to {endpoint}: {source}; is another kernel using this connection file?")]
    Bind {
        /// `shell`, `iopub`, …
        channel: &'static str,
        /// Address as in the connection file.
        endpoint: String,
        /// Why.
        source: io::Error,
    },
    /// The launcher of the kernel did not acknowledge it.
    #[error(
        "the launcher at {endpoint} did not acknowledge this kernel: {reason}; check that it still runs and wrote the \
         registration_port it listens on"
    )]
    Registration {
        /// The launcher's address, from the connection file.
        endpoint: String,
        /// What happened.
        reason: String,
    },
    /// A client could not connect, or the connection broke.
    #[error("the {channel} connection to {endpoint} failed: {reason}")]
    Connection {
        /// `shell`, `iopub`, …
        channel: &'static str,
        /// Address as in the connection file.
        endpoint: String,
        /// Why.
        reason: String,
    },
    /// Frames that are no message of the protocol.
    #[error("malformed message: {0}")]
    Malformed(&'static str),
    /// The signature does not match.
    #[error("bad signature: the sender does not know the key of this connection file")]
    BadSignature,
    /// The signature was seen before.
    #[error("duplicate signature: the message was sent before")]
    DuplicateSignature,
    /// The peer that should get a reply has gone.
    #[error("the peer that sent the request has disconnected")]
    PeerGone,
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
}
