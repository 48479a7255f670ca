//! The processes that our own binary becomes when the engine re-executes it.
//!
//! ```text
//! kernel ──► builder (evcxr: analyses, builds) ──► supervisor ──► worker (loads and runs the cells)
//!                     └─► cargo (our shim) ──► rustc                 └─► frozen copy, while a cell runs
//! ```
//!
//! Every binary that starts an engine calls [`hook`] first thing in `main`, before threads, runtimes or output.

mod args;
pub(crate) mod checkpoint;
pub(crate) mod crash;
mod input;
mod mapped;
mod memory;
pub(crate) mod report;
pub(crate) mod supervisor;
mod terminal;
mod worker;

use std::ffi::OsStr;
use std::path::Path;

use crate::{builder, cargo_shim, learnt};

/// First argument of the process that analyses and builds.
pub(crate) const BUILDER: &str = "cell-builder";
/// First argument of the process that runs cells.
pub(crate) const RUNNER: &str = "cell-runner";
/// Name under which evcxr finds our shim.
pub(crate) const CARGO: &str = "cargo";
/// Set by evcxr when the binary is to wrap rustc (`:cache`).
const WRAP_RUSTC: &str = "EVCXR_RUSTC_WRAPPER";

/// Becomes one of the engine's child processes if this process was started as one, and then never returns.
///
/// Returns at once otherwise.
pub fn hook() {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_default();
    if Path::new(&program).file_name() == Some(OsStr::new(CARGO)) {
        cargo_shim::main(Path::new(&program), args.collect());
    }
    if Path::new(&program).file_name() == Some(OsStr::new(learnt::WRAPPER)) {
        learnt::wrap(args.collect());
    }
    match args.next().as_deref().and_then(OsStr::to_str) {
        Some(BUILDER) => builder::main(args.collect()),
        Some(RUNNER) => supervisor::main(args.collect()),
        _ => {}
    }
    if std::env::var_os(WRAP_RUSTC).is_some() {
        evcxr::runtime_hook();
    }
}
