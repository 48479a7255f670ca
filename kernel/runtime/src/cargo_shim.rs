//! Our binary under the name `cargo`, found by evcxr first: edits the generated code, then runs the real cargo.
//!
//! It is a process of its own, and the leader of a process group, so that an interrupt can stop a compilation.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::rewrite::rewrite;
use crate::sys;

/// Names the real cargo, in the shim's folder.
pub(crate) const REAL_CARGO: &str = "cargo.path";
/// Holds the number of the running shim's process group, in the build folder.
pub(crate) const RUNNING: &str = "cargo.running";
/// Exists while a cell is being interrupted, in the build folder.
pub(crate) const INTERRUPTED: &str = "interrupted";

/// The generated code, in the build folder.
pub(crate) const SOURCE: &str = "home/src/lib.rs";

/// Never returns. `program` is the path by which evcxr started us: `<build folder>/bin/cargo`.
pub(crate) fn main(program: &Path, args: Vec<OsString>) -> ! {
    sys::die_with_parent();
    let bin = program.parent().unwrap_or(Path::new("."));
    let folder = bin.parent().unwrap_or(Path::new("."));
    if args.iter().any(|arg| arg == "build") {
        sys::new_process_group();
        let _ = fs::write(folder.join(RUNNING), std::process::id().to_string());
        // In this order: an interrupt makes the one file, then reads the other.
        if folder.join(INTERRUPTED).exists() {
            std::process::exit(130);
        }
        let source = folder.join(SOURCE);
        if let Ok(code) = fs::read_to_string(&source) {
            let _ = fs::write(&source, rewrite(&code));
        }
    }
    let error = match fs::read_to_string(bin.join(REAL_CARGO)) {
        Ok(cargo) => Command::new(PathBuf::from(cargo.trim())).args(args).exec(),
        Err(error) => error,
    };
    let _ = std::io::Write::write_all(
        &mut std::io::stderr(),
        format!("cannot run cargo: {error}\n").as_bytes(),
    );
    std::process::exit(101);
}
