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
use crate::places::{Build, Map};
use crate::probe::{self, Probe};
use crate::rewrite::{apart, give_up, rewrite, show_type};
use crate::sys;
use crate::warm::{self, Built};

/// Names the real cargo, in the shim's folder.
pub(crate) const REAL_CARGO: &str = "cargo.path";
/// Holds the number of the shim's process group, and when the shim started, in the build folder. It stays there when the
/// shim, or what it became, has ended.
const RUNNING: &str = "cargo.running";
/// Exists while a cell is being interrupted, in the build folder.
pub(crate) const INTERRUPTED: &str = "interrupted";

/// What the compiler said of the code that it did not accept last, in the build folder.
pub(crate) const SAID: &str = "said.json";

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
        note_running(folder);
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
            let mut plan = Build::load(folder);
            let generated = fs::read_to_string(&source).unwrap_or_default();
            // Of the rewritten code too, which has the same lines.
            let map = Map::new(&generated, std::mem::take(&mut plan.pieces));
            let code = rewrite(&generated, &plan, &map);
            let _ = fs::write(&source, &code);
            // Without it, a panic has no place, and the cell runs all the same.
            let _ = map.write_table(folder, &code);
            let apart = learnt
                .as_ref()
                .filter(|_| plan.is_apart)
                .and_then(|_| apart(&code, &map));
            // Asked in any case: what waits for another build must not be there while this one runs.
            let waits = |_: &&String| learnt.is_some() && !plan.is_plain && apart.is_none();
            let built = warm::build(folder, key.as_ref().filter(waits), &code);
            if let Some(learnt) = learnt {
                if let Some(code) = apart {
                    build_apart(folder, &learnt, &code);
                }
                build(folder, &learnt, (&code, &map), built, plan.is_plain);
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

fn note_running(folder: &Path) {
    let pid = std::process::id() as i32;
    if let Some(status) = sys::status_of(pid) {
        let _ = fs::write(folder.join(RUNNING), format!("{pid} {}", status.started_at));
    }
}

/// The process group of the shim that runs now: not one that got the number of a shim that has ended.
pub(crate) fn running(folder: &Path) -> Option<i32> {
    let noted = fs::read_to_string(folder.join(RUNNING)).ok()?;
    let (pid, started_at) = noted.split_once(' ')?;
    let pid: i32 = pid.parse().ok()?;
    let is_same = sys::status_of(pid)?.started_at == started_at.parse::<u64>().ok()?;
    (is_same && pid > 1).then_some(pid)
}

/// Says that a tool cannot be run, and ends this process.
pub(crate) fn fail(tool: &str, error: &std::io::Error) -> ! {
    let _ = writeln!(std::io::stderr(), "cannot run {tool}: {error}");
    std::process::exit(101)
}

/// Says what the compiler that waited said, or becomes rustc. What cargo would say about its success is said before;
/// evcxr asks for it after a success only.
fn build(folder: &Path, learnt: &Learnt, (code, map): (&str, &Map), built: Option<Built>, is_plain: bool) {
    if !say_library(learnt) {
        return;
    }
    if let Some(mut built) = built {
        if !built.success && cannot_be_shown(&built.messages) {
            // Here rather than in evcxr, which would try three more ways to show it.
            let code = show_type(code, map);
            let again = warm::build(folder, Some(&learnt.key), &code);
            built = again.filter(|built| built.success).unwrap_or(built);
        }
        finish(folder, &built);
    }
    if learnt::put_source(folder, code).is_ok() {
        let mut rustc = learnt.command(learnt.build_args(), None);
        if is_plain {
            rustc.args(learnt::plain_args(folder));
        }
        let rustc = rustc.stdin(Stdio::null()).output();
        match rustc {
            Ok(output) => finish(folder, &Built::new(output.status.success(), &output.stderr)),
            Err(error) => fail("rustc", &error),
        }
    }
}

/// Says to evcxr where the library will be.
fn say_library(learnt: &Learnt) -> bool {
    let Some(library) = learnt.library() else { return false };
    let artifact = serde_json::json!({
        "reason": "compiler-artifact", "target": {"name": "ctx"}, "filenames": [library],
    });
    writeln!(std::io::stdout(), "{artifact}").is_ok()
}

/// Builds code in which the cell is apart from what it uses. Returns if the compiler does not accept it: a few names mean
/// something else there, and errors are to be those of the code as it was.
fn build_apart(folder: &Path, learnt: &Learnt, code: &str) {
    if learnt::put_source(folder, code).is_err() {
        return;
    }
    let mut rustc = learnt.command(learnt.build_args(), None);
    rustc.args(learnt::apart_args(folder)).stdin(Stdio::null());
    if let Ok(output) = rustc.output()
        && output.status.success()
        && say_library(learnt)
    {
        finish(folder, &Built::new(true, &output.stderr));
    }
}

/// Says what the compiler said, to evcxr and for the errors that evcxr shortens.
fn finish(folder: &Path, built: &Built) -> ! {
    if !built.success {
        let _ = fs::write(folder.join(SAID), &built.messages);
    }
    let _ = std::io::stderr().write_all(built.messages.as_bytes());
    std::process::exit(if built.success { 0 } else { 101 })
}

/// Whether the only error is that the final expression has no way to show itself.
fn cannot_be_shown(messages: &str) -> bool {
    let has_place = |message: &serde_json::Value| message["spans"].as_array().is_some_and(|spans| !spans.is_empty());
    let mut errors = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["level"] == "error" && has_place(message))
        .peekable();
    let is_it = |error: serde_json::Value| {
        let text = error["message"].as_str().unwrap_or_default();
        error["code"]["code"] == "E0599" && text.contains("`evcxr_display`")
    };
    errors.peek().is_some() && errors.all(is_it)
}

/// Checks the code, and notes the types of its variables on the way. Returns if it cannot.
fn check(folder: &Path, learnt: &Learnt) {
    let source = folder.join(SOURCE);
    let plan = Build::load(folder);
    let code = fs::read_to_string(&source).map(|code| {
        let map = Map::new(&code, plan.pieces);
        give_up(&code, &plan.replaced, &map)
    });
    let Some(probe) = code.ok().and_then(|code| Probe::new(&code)) else {
        return;
    };
    if fs::write(&source, &probe.source).is_err() {
        return;
    }
    let Some(messages) = ask(folder, learnt) else { return };
    let (mut types, others) = probe.read(&messages);
    if let Some(closures) = probe.of_closures(&messages)
        && fs::write(&source, &closures.source).is_ok()
        && let Some(messages) = ask(folder, learnt)
    {
        types.extend(closures.read_closures(&messages));
    }
    let noted = serde_json::to_vec(&types).map_err(std::io::Error::other);
    if noted
        .and_then(|text| fs::write(folder.join(probe::TYPES), text))
        .is_err()
    {
        return;
    }
    let _ = fs::write(folder.join(SAID), others.join("\n"));
    let _ = writeln!(std::io::stdout(), "{}", others.join("\n"));
    std::process::exit(0)
}

/// What the compiler says of the probe that was written.
fn ask(folder: &Path, learnt: &Learnt) -> Option<String> {
    let mut rustc = learnt.command(probe::args(learnt, folder), None);
    // Full paths in messages are an unstable option; nothing of what is compiled here is kept.
    rustc
        .current_dir(folder.join("home"))
        .env("RUSTC_BOOTSTRAP", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let output = rustc.output().ok()?;
    Some(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shim_itself_is_running() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(running(folder), None);
        note_running(folder);
        let own = std::process::id() as i32;
        assert_eq!(running(folder), Some(own));
        // Another process by now has the number that an earlier shim had.
        fs::write(folder.join(RUNNING), format!("{own} 1")).unwrap();
        assert_eq!(running(folder), None);
        // Half a note, of a shim that was ended while it wrote.
        fs::write(folder.join(RUNNING), own.to_string()).unwrap();
        assert_eq!(running(folder), None);
    }
}
