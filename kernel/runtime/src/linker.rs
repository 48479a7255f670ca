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
//! Less to do: a small cell needs nothing of the C library and its kind but what the libraries that it is linked with have
//! loaded anyway. Then lld is not told of them, whose thousands of symbols it would read.
//!
//! Invariants: whatever fails here, the script runs lld itself, with the arguments that rustc gave. A cell that names any
//! other symbol is linked with all libraries, because a symbol may have versions, of which only the linker knows the right
//! one.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::learnt::{PARENT_VARIABLE, WRAPPER};
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

/// The libraries that rustc links everything with, by the arguments' ends.
const USUAL: &[&str] = &["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];
const BUILTINS: &str = "/libcompiler_builtins-";

/// What compilers call by themselves. Of these either there are no versions, or any will do.
const COMMON: &[&str] = &[
    "_Unwind_Resume",
    "rust_eh_personality",
    "__tls_get_addr",
    "memcpy",
    "memmove",
    "memset",
    "memcmp",
    "bcmp",
];

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
        command.env(PARENT_VARIABLE, std::process::id().to_string());
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

    /// Links, and tells the script, unless `stop` becomes ready before. The script may hear of it later: this value has to
    /// stay until the compiler has ended.
    pub(crate) fn link(&mut self, stop: impl Fn() -> Wait) {
        let is_linked = self.run(stop).unwrap_or(false);
        let said: &[u8] = if is_linked { b"done\n" } else { b"failed\n" };
        let _ = sys::write_all(&self.ended, said);
    }

    /// Whether lld succeeds.
    fn run(&mut self, stop: impl Fn() -> Wait) -> io::Result<bool> {
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
                return Ok(false);
            }
            if either[0].is_ready() {
                return Ok(self.process.wait()?.success());
            }
        }
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
    let [asked, ended] = [ASKED, ENDED].map(|name| folder.join(name).to_str().map(word));
    let (Some(asked), Some(ended)) = (asked, ended) else {
        return Err(io::ErrorKind::InvalidFilename.into());
    };
    let lld = word(lld);
    let text = format!(
        "#!/bin/sh\n\
         if {{ printf '%s\\n' \"$@\" '' >{asked} && read -r ended <&3; }} 3<{ended} && [ \"$ended\" = done ]; then exit 0; fi\n\
         exec {lld} \"$@\"\n"
    );
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700))
}

/// A word of the shell's, whatever is in it.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The arguments, a line each, as lld reads them from a file. A small library is linked fastest without other threads.
fn quoted(lines: &[u8]) -> Vec<u8> {
    let mut text = b"--threads=1\n".to_vec();
    let mut lines: Vec<&[u8]> = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    if needs_little(&lines) == Some(true) {
        lines.retain(|line| {
            let line = String::from_utf8_lossy(line);
            !USUAL.contains(&&*line) && !line.contains(BUILTINS)
        });
    }
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

/// Whether the objects among the arguments name nothing but each other's symbols, Rust's and [`COMMON`] ones. `None` if they
/// cannot be read.
fn needs_little(lines: &[&[u8]]) -> Option<bool> {
    let objects = lines.iter().filter(|line| line.ends_with(b".o"));
    let objects: Vec<Vec<u8>> = objects
        .map(|line| fs::read(std::str::from_utf8(line).ok()?).ok())
        .collect::<Option<_>>()?;
    let (mut defined, mut wanted) = (HashSet::new(), HashSet::new());
    for object in &objects {
        for (name, is_defined) in symbols(object)? {
            if is_defined { &mut defined } else { &mut wanted }.insert(name);
        }
    }
    let is_known = |name: &&[u8]| {
        let name = *name;
        let is_of_rust = name.starts_with(b"_ZN") || name.starts_with(b"_R");
        is_of_rust || defined.contains(name) || COMMON.iter().any(|common| common.as_bytes() == name)
    };
    Some(!objects.is_empty() && wanted.iter().all(is_known))
}

/// The global symbols of an object file (ELF, 64 bits, little-endian), and whether each is defined there.
fn symbols(object: &[u8]) -> Option<Vec<(&[u8], bool)>> {
    const SYMBOL_TABLE: u64 = 2;
    const SYMBOL_BYTES: usize = 24;
    if !object.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let number = |at: usize, bytes: usize| {
        let field = object.get(at..at.checked_add(bytes)?)?;
        Some(
            field
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        )
    };
    let place = |at: usize| usize::try_from(number(at, 8)?).ok();
    let (headers, size, count) = (place(0x28)?, number(0x3a, 2)? as usize, number(0x3c, 2)? as usize);
    let header = |index: usize| headers.checked_add(index.checked_mul(size)?);
    let content = |header: usize| {
        let start = place(header + 0x18)?;
        object.get(start..start.checked_add(place(header + 0x20)?)?)
    };
    let mut found = Vec::new();
    // A file with more sections than the field holds says zero.
    if count == 0 {
        return None;
    }
    for index in 0..count {
        let at = header(index)?;
        if number(at + 4, 4)? != SYMBOL_TABLE {
            continue;
        }
        let names = content(header(number(at + 0x28, 4)? as usize)?)?;
        for symbol in content(at)?.chunks_exact(SYMBOL_BYTES) {
            let is_local = symbol[4] >> 4 == 0;
            if is_local {
                continue;
            }
            let start = u32::from_le_bytes([symbol[0], symbol[1], symbol[2], symbol[3]]) as usize;
            let name = names.get(start..)?.split(|byte| *byte == 0).next()?;
            found.push((name, symbol[6..8] != [0, 0]));
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// An object with a table of symbols: each a name, whether it is global, and whether it is defined.
    fn object(symbols: &[(&str, bool, bool)]) -> Vec<u8> {
        let (mut names, mut table) = (vec![0], vec![0; 24]);
        for (name, is_global, is_defined) in symbols {
            table.extend_from_slice(&(names.len() as u32).to_le_bytes());
            table.extend_from_slice(&[u8::from(*is_global) << 4, 0, u8::from(*is_defined), 0]);
            table.extend_from_slice(&[0; 16]);
            names.extend_from_slice(name.as_bytes());
            names.push(0);
        }
        let mut file = vec![0; 0x40];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        let mut headers = Vec::new();
        for (kind, content) in [(3_u32, names), (2, table)] {
            let mut header = [0; 0x40];
            header[4..8].copy_from_slice(&kind.to_le_bytes());
            header[0x18..0x20].copy_from_slice(&(file.len() as u64).to_le_bytes());
            header[0x20..0x28].copy_from_slice(&(content.len() as u64).to_le_bytes());
            headers.extend_from_slice(&header);
            file.extend_from_slice(&content);
        }
        let at = (file.len() as u64).to_le_bytes();
        file[0x28..0x30].copy_from_slice(&at);
        file[0x3a] = 0x40;
        file[0x3c] = 2;
        file.extend_from_slice(&headers);
        file
    }

    #[test]
    fn libraries_are_left_out_if_nothing_of_theirs_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let one = folder.path().join("one.o");
        let other = folder.path().join("other.o");
        let common = [
            ("_ZN3std1fE", true, false),
            ("memcpy", true, false),
            ("local", false, false),
        ];
        fs::write(&one, object(&[&common[..], &[("run", true, false)]].concat())).unwrap();
        let asked = |other: &[u8]| {
            fs::write(folder.path().join("other.o"), other).unwrap();
            let lines = format!(
                "-flavor\ngnu\n{}\n{}\nlibstd.so\n/x/libcompiler_builtins-1.rlib\n-lc\n-lm\n-lz\n\n",
                one.display(),
                folder.path().join("other.o").display()
            );
            String::from_utf8(quoted(lines.as_bytes())).unwrap()
        };
        let objects = format!(
            "--threads=1\n\"{}\"\n\"{}\"\n\"libstd.so\"\n",
            one.display(),
            other.display()
        );
        let all = format!("{objects}\"/x/libcompiler_builtins-1.rlib\"\n\"-lc\"\n\"-lm\"\n\"-lz\"\n");
        let little = format!("{objects}\"-lz\"\n");
        let run = ("run", true, true);
        let whole = object(&[run]);
        assert_eq!(asked(&whole), little);
        // The C library's, the compiler's, and what no object has.
        for name in ["pthread_cond_wait", "__udivti3", "sin", "memcpy_"] {
            assert_eq!(asked(&object(&[run, (name, true, false)])), all, "{name}");
        }
        assert_eq!(asked(&object(&[("run", true, false)])), all);
        // What cannot be read. Of the last header's end nothing is.
        for bytes in 0..whole.len() - 20 {
            assert_eq!(asked(&whole[..bytes]), all, "{bytes} bytes");
        }
    }

    /// With a name that the shell would not read as it is.
    fn build_folder() -> tempfile::TempDir {
        let folder = tempfile::Builder::new().prefix("o'brien $x ").tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        symlink("/usr/bin/env", folder.path().join("bin").join(WRAPPER)).unwrap();
        folder
    }

    /// Runs the script with two arguments, while a linker waits that does what `lld` says when it has read its arguments as
    /// often as lld reads them. Gives what was written to `linked`.
    fn link(lld: &str) -> String {
        let folder = build_folder();
        let folder = folder.path();
        let program = folder.join("lld");
        let linked = folder.join("linked");
        let text = format!(
            "#!/bin/sh\nfile=${{3#@}}\nexec >>{}\n[ \"$file\" = \"$3\" ] || cat \"$file\" >/dev/null\n{lld}\n",
            word(linked.to_str().unwrap())
        );
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let mut linker = Linker::start(folder, program.to_str().unwrap()).unwrap();
        let mut rustc = Command::new(script(folder));
        let mut rustc = rustc.args(["-flavor", "gnu", "one.o", "a \"b\\.o"]).spawn().unwrap();
        while !linker.has_all() {
            sys::wait(&mut [linker.wait()], -1);
        }
        linker.link(Wait::on_nothing);
        assert!(rustc.wait().unwrap().success());
        fs::read_to_string(linked).unwrap()
    }

    #[test]
    fn what_waits_links_with_what_the_script_is_given() {
        let expected = "--threads=1\n\"one.o\"\n\"a \\\"b\\\\.o\"\n";
        assert_eq!(link("cat \"$file\""), expected);
    }

    #[test]
    fn the_script_may_listen_late() {
        let folder = build_folder();
        let folder = folder.path();
        for (program, expected) in [
            ("/bin/true", "done\n"),
            ("/bin/false", "failed\n"),
            ("/nowhere", "failed\n"),
        ] {
            let mut linker = Linker::start(folder, program).unwrap();
            fs::write(folder.join(ASKED), "one.o\n\n").unwrap();
            assert!(linker.has_all());
            linker.link(Wait::on_nothing);
            let mut said = [0; 16];
            let size = sys::read(&File::open(folder.join(ENDED)).unwrap(), &mut said).unwrap();
            assert_eq!(String::from_utf8_lossy(&said[..size]), expected);
        }
    }

    #[test]
    fn what_fails_to_link_is_linked_by_the_script() {
        let lld = "[ \"$file\" = \"$3\" ] || exit 1\nprintf '%s|' \"$@\"";
        assert_eq!(link(lld), "-flavor|gnu|one.o|a \"b\\.o|");
    }
}
