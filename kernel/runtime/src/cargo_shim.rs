//! Our binary under the name `cargo`, found by evcxr first: edits the generated code, then builds it, with the learnt
//! arguments of rustc if they still hold, else with the real cargo.
//!
//! It is a process of its own, and the leader of a process group, so that an interrupt can stop a compilation.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::learnt::{self, Learnt};
use crate::probe::{self, Probe};
use crate::rewrite::rewrite;
use crate::sys;
use crate::warm::{self, Built};

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
    let is = |name: &str| args.iter().any(|arg| arg == name);
    let mut key = None;
    if is("build") || is("check") {
        sys::new_process_group();
        let _ = fs::write(folder.join(RUNNING), std::process::id().to_string());
        // In this order: an interrupt makes the one file, then reads the other.
        if folder.join(INTERRUPTED).exists() {
            std::process::exit(130);
        }
        key = learnt::key(&folder.join("home"), &args);
        let learnt = key.as_ref().and_then(|key| Learnt::load(folder, key));
        if is("check") {
            if let Some(learnt) = learnt {
                check(folder, &learnt);
            }
        } else {
            let source = folder.join(SOURCE);
            let code = rewrite(&fs::read_to_string(&source).unwrap_or_default());
            let _ = fs::write(&source, &code);
            // Asked in any case: what waits for another build must not be there while this one runs.
            let built = warm::build(folder, key.as_ref().filter(|_| learnt.is_some()), &code);
            if let Some(learnt) = learnt {
                build(folder, &learnt, &code, built);
            }
        }
    }
    let error = match fs::read_to_string(bin.join(REAL_CARGO)) {
        Ok(cargo) => {
            let mut command = Command::new(PathBuf::from(cargo.trim()));
            // What rust-analyzer is told to run is not for cargo's own children.
            command.env_remove("CARGO");
            if let Some(key) = key.filter(|_| is("build")) {
                learnt::listen(&mut command, folder, &key);
            }
            command.args(args).exec()
        }
        Err(error) => error,
    };
    fail("cargo", &error)
}

/// Says that a tool cannot be run, and ends this process.
pub(crate) fn fail(tool: &str, error: &std::io::Error) -> ! {
    let _ = writeln!(std::io::stderr(), "cannot run {tool}: {error}");
    std::process::exit(101)
}

/// Says what the compiler that waited said, or becomes rustc. What cargo would say about its success is said before;
/// evcxr asks for it after a success only.
fn build(folder: &Path, learnt: &Learnt, code: &str, built: Option<Built>) {
    let Some(library) = learnt.library() else { return };
    let artifact = serde_json::json!({
        "reason": "compiler-artifact", "target": {"name": "ctx"}, "filenames": [library],
    });
    if writeln!(std::io::stdout(), "{artifact}").is_err() {
        return;
    }
    if let Some(built) = built {
        let _ = std::io::stderr().write_all(built.messages.as_bytes());
        std::process::exit(if built.success { 0 } else { 101 });
    }
    if learnt::put_source(folder, code).is_ok() {
        let error = learnt.command(learnt.build_args(), None).exec();
        fail("rustc", &error)
    }
}

/// Checks the code, and notes the types of its variables on the way. Returns if it cannot.
fn check(folder: &Path, learnt: &Learnt) {
    let source = folder.join(SOURCE);
    let Some(probe) = fs::read_to_string(&source).ok().and_then(|code| Probe::new(&code)) else {
        return;
    };
    if fs::write(&source, &probe.source).is_err() {
        return;
    }
    let mut rustc = learnt.command(probe::args(learnt, folder), None);
    // Full paths in messages are an unstable option; nothing of what is compiled here is kept.
    rustc
        .current_dir(folder.join("home"))
        .env("RUSTC_BOOTSTRAP", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let Ok(output) = rustc.output() else { return };
    let messages = String::from_utf8_lossy(&output.stderr);
    let (types, others) = probe.read(&messages);
    let noted = serde_json::to_vec(&types).map_err(std::io::Error::other);
    if noted
        .and_then(|text| fs::write(folder.join(probe::TYPES), text))
        .is_err()
    {
        return;
    }
    let _ = writeln!(std::io::stdout(), "{}", others.join("\n"));
    std::process::exit(0)
}
