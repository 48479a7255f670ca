//! The kernel: session loop, channels, execution, secret broker, job executor.
//!
//! ```text
//! wire ─ shell ───► execution queue ──► engine thread ── events ──► output ── seal ──► iopub
//!      ─ control ─► interrupt, shutdown (overtake the shell)           ▲
//!      ─ stdin ◄──► input of the running cell                          │
//!                                                 user code ─ dbutils ─► broker: fetch, learn, then answer
//! ```
//!
//! Invariants: everything sent passes the session's redactor; a value leaves the broker only through the proof that
//! it has been learnt; no key material and no database in this process; nothing here is specific to one language
//! except [`language`].

mod broker;
mod channels;
mod comms;
mod engine_thread;
mod execution;
mod heal;
mod history;
mod input;
pub mod job;
pub mod language;
mod log;
mod output;
mod pager;
mod parent;
mod process;
mod requests;
mod run;
mod save_channel;
mod session;
#[cfg(test)]
mod session_tests;

pub use run::{KernelError, Options, run};
pub use save_channel::{FOLDER_VARIABLE as SAVE_FOLDER_VARIABLE, holder_hook};
pub use sealbook_redact as redact;
pub use sealbook_runtime::runner::hook as runner_hook;
pub use sealbook_wire::ConnectionFile;
