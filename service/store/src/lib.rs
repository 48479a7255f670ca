//! SQLite and PostgreSQL behind the domain's `Store` trait.
//!
//! Invariants: ciphertext only; the only crate that knows SQL; every write goes through one transaction that also takes
//! the waiting audit records, before its own changes.

mod error;
mod map;
mod sql;
mod sqlite;

pub use sqlite::{Sharing, SqliteStore};
