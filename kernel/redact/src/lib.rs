//! Learns secrets and rewrites everything that reveals them to `[REDACTED]`.
//!
//! ```text
//!  Secret ── learn ──► Learned            proof: only through it can the value be read again
//!                        │
//!  Redactor ─ seal(M) ─► Redacted<M>      every string, key, number list and buffer of a message
//!           ─ stream ──► StreamRedactor   bytes of stdout and stderr, held back while they may begin a secret
//!           ─ filter                      the same stream as a program from standard input to standard output
//! ```
//!
//! Invariants: no Jupyter, no async, no logging; derives every form of a secret itself; has no getter for what it
//! learnt; [`Redacted`] has one origin, the redactor's `seal` and `seal_with`, [`Shown`] has one origin, [`StreamRedactor`],
//! and [`Learned`] has one origin, [`Redactor::learn`].

mod append;
mod derive;
mod filter;
mod forms;
mod held;
mod index;
mod pieces;
mod policy;
mod redaction;
mod redactor;
mod runs;
mod scan;
mod seal;
mod secret;
mod shown;
mod sieve;
mod squeeze;
mod stream;
mod vault;
mod verify;
mod views;
#[cfg(target_arch = "x86_64")]
mod wide;

pub use filter::{FilterError, filter};
pub use redaction::{Form, Found, Redaction};
pub use redactor::Redactor;
pub use seal::{Carry, Redacted, Seal, Visitor};
pub use secret::{Learned, Secret};
pub use shown::Shown;
pub use stream::{Chunk, HOLD_BACK_BYTES_MAX, Lane, StreamRedactor, Tail};

/// What stands where a secret stood.
pub const TOKEN: &str = "[REDACTED]";
