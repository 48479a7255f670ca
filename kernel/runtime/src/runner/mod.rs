//! The processes that our own binary becomes when the engine re-executes it.
//!
//! Every binary that starts an engine calls [`hook`] first thing in `main`, before threads, runtimes or output.

/// Becomes one of the engine's child processes if this process was started as one, and then never returns.
///
/// Returns at once otherwise.
pub fn hook() {}
