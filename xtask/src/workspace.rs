//! Where things are: the checkout, the target folder, what the tests keep between runs.

use std::path::{Path, PathBuf};

/// The checkout's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Cargo's target folder, absolute; `CARGO_TARGET_DIR` is honoured.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// What the tests install once and keep: the Python environment, other people's kernels, crates for offline use.
pub fn tools() -> PathBuf {
    target().join("xtask")
}

/// Binaries under test, copied out of cargo's way, and artefacts of the last run (screenshots, recordings of failures).
pub fn e2e() -> PathBuf {
    target().join("e2e")
}
