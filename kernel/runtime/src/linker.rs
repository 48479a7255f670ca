//! A linker that waits for the next cell: lld, started with the compiler, up to where it reads its arguments.
//!
//! ```text
//! rustc ── arguments ──► script ──► pipe ──► builder ──► file of arguments ──► lld
//!                          ◄───── how it ended, pipe ────────┘
//! ```
//!
//! Why: to load lld, and with it all of LLVM, takes as long as to link a small cell; a script that uses nothing but what the
//! shell has built in is started in a sixth of that time.
//! How: lld is told to read its arguments from a file, and that file is a pipe that nobody writes to, so opening it
//! waits. When the arguments are known, they get the pipe's name, and then the pipe is opened and closed. lld reads its
//! arguments twice, the first time to find out which linker it is: so what it reads from the pipe is nothing, and what
//! it reads next is all.
//! Invariant: whatever fails here, the script runs lld itself, with the arguments that rustc gave.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::learnt::WRAPPER;
use crate::sys::{self, Waiting as Wait};

/// The script, beside our other shims.
const SCRIPT: &str = "sealbook-ld";
/// What lld reads, in the build folder: first a pipe, then a file.
const FILE: &str = "linker.arguments";
/// The same pipe, under a name that stays.
const GATE: &str = "linker.gate";
/// Takes the script's arguments, a line each; an empty line ends them.
const ASKED: &str = "linker.asked";
/// Tells the script how lld ended.
const ENDED: &str = "linker.ended";

/// How often the pipe is opened again, for an lld that had not come so far.
const OPENED_EVERY_MS: i32 = 5;

/// lld, waiting. It ends with this value.
pub(crate) struct Linker {
    process: Child,
    folder: PathBuf,
    asked: File,
    ended: File,
    arguments: Vec<u8>,
}

/// The program that rustc is to run as its linker.
pub(crate) fn script(folder: &Path) -> PathBuf {
    folder.join("bin").join(SCRIPT)
}

impl Linker {
    pub(crate) fn start(folder: &Path, lld: &str) -> io::Result<Linker> {
        for name in [FILE, GATE, ASKED, ENDED] {
            // Nothing of an earlier cell is left in them.
            let _ = fs::remove_file(folder.join(name));
        }
        for name in [GATE, ASKED, ENDED] {
            sys::named_pipe(&folder.join(name))?;
        }
        fs::hard_link(folder.join(GATE), folder.join(FILE))?;
        let both = |name: &str| {
            let mut options = OpenOptions::new();
            // With both ends open here, neither side waits to open its own.
            options.read(true).write(true).custom_flags(libc::O_NONBLOCK);
            options.open(folder.join(name))
        };
        write_script(folder, lld)?;
        let mut file = std::ffi::OsString::from("@");
        file.push(folder.join(FILE));
        // Our wrapper first, which ties its life to ours.
        let mut command = Command::new(folder.join("bin").join(WRAPPER));
        command.args([lld, "-flavor", "gnu"]).arg(file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Linker {
            asked: both(ASKED)?,
            ended: both(ENDED)?,
            process: command.spawn()?,
            folder: folder.to_owned(),
            arguments: Vec::new(),
        })
    }

    /// Ready when the script asks for something.
    pub(crate) fn wait(&self) -> Wait {
        Wait::on(&self.asked)
    }

    /// Reads what the script asks for. True: that was all of it.
    pub(crate) fn has_all(&mut self) -> bool {
        let mut part = [0; 16 * 1024];
        let size = sys::read(&self.asked, &mut part).unwrap_or_default();
        self.arguments.extend_from_slice(&part[..size]);
        self.arguments.ends_with(b"\n\n")
    }

    /// Links, and tells the script, unless `stop` becomes ready before.
    pub(crate) fn link(mut self, stop: impl Fn() -> Wait) -> io::Result<()> {
        let new = self.folder.join("linker.new");
        fs::write(&new, quoted(&self.arguments))?;
        fs::rename(new, self.folder.join(FILE))?;
        let ended = sys::open_process(self.process.id() as i32)?;
        loop {
            // Opening fails while lld has not come so far; then it may find the pipe under the name, or the file.
            let opened = File::options()
                .write(true)
                .custom_flags(libc::O_NONBLOCK)
                .open(self.folder.join(GATE));
            drop(opened);
            let mut either = [Wait::on(&ended), stop()];
            sys::wait(&mut either, OPENED_EVERY_MS);
            if either[1].is_ready() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if either[0].is_ready() {
                break;
            }
        }
        let status = self.process.wait()?;
        let said: &[u8] = if status.success() { b"done\n" } else { b"failed\n" };
        sys::write_all(&self.ended, said)
    }
}

impl Drop for Linker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn write_script(folder: &Path, lld: &str) -> io::Result<()> {
    let path = script(folder);
    if path.exists() {
        return Ok(());
    }
    let [asked, ended] = [ASKED, ENDED].map(|name| folder.join(name));
    let text = format!(
        "#!/bin/sh\n\
         if printf '%s\\n' \"$@\" '' >'{}' && read -r ended <'{}' && [ \"$ended\" = done ]; then exit 0; fi\n\
         exec '{lld}' \"$@\"\n",
        asked.display(),
        ended.display(),
    );
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700))
}

/// The arguments, a line each, as lld reads them from a file. A small library is linked fastest without other threads.
fn quoted(lines: &[u8]) -> Vec<u8> {
    let mut text = b"--threads=1\n".to_vec();
    let mut lines: Vec<&[u8]> = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    if lines.first() == Some(&&b"-flavor"[..]) {
        // lld has been told.
        lines.drain(..2.min(lines.len()));
    }
    for line in lines {
        text.push(b'"');
        for byte in line {
            if matches!(byte, b'"' | b'\\') {
                text.push(b'\\');
            }
            text.push(*byte);
        }
        text.extend_from_slice(b"\"\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Runs the script with two arguments, while a linker waits that does what `lld` says when it has read its arguments as
    /// often as lld reads them. Gives what was written to `linked`.
    fn link(lld: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::create_dir(folder.join("bin")).unwrap();
        symlink("/usr/bin/env", folder.join("bin").join(WRAPPER)).unwrap();
        let program = folder.join("lld");
        let linked = folder.join("linked");
        let text = format!(
            "#!/bin/sh\nfile=${{3#@}}\nexec >>'{}'\n[ \"$file\" = \"$3\" ] || cat \"$file\" >/dev/null\n{lld}\n",
            linked.display()
        );
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let mut linker = Linker::start(folder, program.to_str().unwrap()).unwrap();
        let mut rustc = Command::new(script(folder));
        let mut rustc = rustc.args(["-flavor", "gnu", "one.o", "a \"b\\.o"]).spawn().unwrap();
        while !linker.has_all() {
            sys::wait(&mut [linker.wait()], -1);
        }
        linker.link(Wait::on_nothing).unwrap();
        assert!(rustc.wait().unwrap().success());
        fs::read_to_string(linked).unwrap()
    }

    #[test]
    fn what_waits_links_with_what_the_script_is_given() {
        let expected = "--threads=1\n\"one.o\"\n\"a \\\"b\\\\.o\"\n";
        assert_eq!(link("cat \"$file\""), expected);
    }

    #[test]
    fn what_fails_to_link_is_linked_by_the_script() {
        let lld = "[ \"$file\" = \"$3\" ] || exit 1\nprintf '%s|' \"$@\"";
        assert_eq!(link(lld), "-flavor|gnu|one.o|a \"b\\.o|");
    }
}
