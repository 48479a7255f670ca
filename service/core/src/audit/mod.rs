//! The audit log: what is recorded, how it is chained, how it survives a crash.
//!
//! ```text
//! begin(event) ─▶ chain ─▶ local journal file ─▶ Entry        before anything is answered; else 503
//! finish(entry, outcome) ─▶ chain ─▶ journal
//!                                      └─ queue ─▶ database, with the next transaction or within 50 ms
//!                                                  └─ signed checkpoints of its end, outside the database
//! after a crash: journal ─▶ what the database does not have yet; an intent without an outcome is `Unknown`
//! ```

mod chain;
pub mod checkpoint;
mod event;
mod journal;

pub use chain::{Chain, ChainCheck, GENESIS};
pub use checkpoint::CheckpointLog;
pub use event::{Action, AuditRow, Event, Origin, Outcome, Phase};
pub use journal::{Entry, Journal, Recovery, Sync};
