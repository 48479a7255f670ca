//! A compiler that waits for the next cell: rustc, started after the last one, up to where it reads its source.
//!
//! ```text
//! evcxr ── cargo build ──► shim ── key, source ──► builder ── source ──► standard input of rustc
//!                           ◄──── status, messages ───┘            after the answer: starts the next rustc
//! ```
//!
//! Why: to start rustc and load its libraries takes a sixth of a small cell's build.
//! How: the source's name is a link to standard input, because rustc names the file in its messages.
//! Invariants: a build that does not use the waiting compiler ends it first, because both read the source under one name
//! (the compiler's cache of earlier work is for that name and folder) and write the same library. A build lives as long as
//! the shim that asked for it: an interrupt ends the shim, whose end of the socket closes, and then the compiler and its
//! linker are ended before the next request is looked at.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::learnt::{self, Learnt};
use crate::linker::{self, Linker};
use crate::messages;
use crate::sys::{self, Waiting as Wait};

/// Name of the socket in the build folder.
const SOCKET: &str = "compiler.sock";

/// In the compiler's message that the library is there, which is its last; to free its memory takes it longer.
const LINKED: &[u8] = br#","emit":"link"}"#;

#[derive(Serialize, Deserialize)]
struct Request {
    /// What decides about the build; without it, no waiting compiler will do.
    key: Option<String>,
    source: String,
}

/// What the compiler said.
#[derive(Serialize, Deserialize)]
pub(crate) struct Built {
    pub(crate) success: bool,
    pub(crate) messages: String,
}

impl Built {
    pub(crate) fn new(success: bool, messages: &[u8]) -> Built {
        Built {
            success,
            messages: String::from_utf8_lossy(messages).into_owned(),
        }
    }
}

/// The builder's end: keeps one compiler waiting.
#[derive(Clone)]
pub(crate) struct Compilers {
    folder: PathBuf,
    waiting: Arc<Mutex<Option<Waiting>>>,
}

struct Waiting {
    process: Child,
    source: OwnedFd,
    key: String,
    /// For a compiler that runs lld itself.
    linker: Option<Linker>,
}

impl Compilers {
    /// Ends the compiler that waits; for this process's end.
    pub(crate) fn end(&self) {
        stop(self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Answers the shim from now on.
    pub(crate) fn serve(folder: &Path) -> io::Result<Compilers> {
        let listener = UnixListener::bind(folder.join(SOCKET))?;
        let compilers = Compilers {
            folder: folder.to_owned(),
            waiting: Arc::default(),
        };
        let server = compilers.clone();
        std::thread::Builder::new().name("compilers".into()).spawn(move || {
            for shim in listener.incoming().flatten() {
                // A shim that was killed is a build that was interrupted.
                let _ = server.answer(shim);
            }
        })?;
        Ok(compilers)
    }

    /// Starts the next compiler, if there is none for what was learnt last.
    pub(crate) fn prepare(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(learnt) = Learnt::last(&self.folder) else {
            return;
        };
        if waiting.as_ref().is_some_and(|waiting| waiting.key == learnt.key) {
            return;
        }
        stop(waiting.take());
        // Without a compiler that waits, cells are built all the same.
        *waiting = start(&self.folder, learnt).ok();
    }

    fn answer(&self, mut shim: UnixStream) -> io::Result<()> {
        let request: Request = messages::receive(&mut shim)?;
        if is_gone(&shim) {
            return Ok(());
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let fits = waiting.as_mut().is_some_and(|waiting| {
            request.key.as_ref() == Some(&waiting.key) && matches!(waiting.process.try_wait(), Ok(None))
        });
        let Some(waiting) = waiting.take_if(|_| fits) else {
            stop(waiting);
            return messages::send(&mut shim, &None::<Built>);
        };
        let (built, mut compiler) = build_for(&shim, waiting, &request.source)?;
        let answered = messages::send(&mut shim, &Some(built));
        drop(shim);
        // It may be about to end.
        compiler.wait()?;
        answered?;
        self.prepare();
        Ok(())
    }
}

/// Has the compiler build `source`; ends it if the shim goes away meanwhile. It may still be tidying up when the library is
/// there.
fn build_for(shim: &UnixStream, mut waiting: Waiting, source: &str) -> io::Result<(Built, Child)> {
    // If it ended meanwhile, its status says so.
    let _ = sys::write_all(&waiting.source, source.as_bytes());
    drop(waiting.source);
    let mut said = Vec::new();
    if let Some(messages) = waiting.process.stderr.take() {
        let mut part = vec![0; 64 * 1024];
        loop {
            let asked = waiting.linker.as_ref().map_or_else(Wait::on_nothing, Linker::wait);
            let mut either = [Wait::on(&messages), Wait::on(shim), asked];
            sys::wait(&mut either, -1);
            if either[1].is_ready() {
                end(waiting.process);
                return Err(io::ErrorKind::Interrupted.into());
            }
            // When it fails, the script does it. When the shim is gone, that is seen next.
            if either[2].is_ready()
                && let Some(linker) = &mut waiting.linker
                && linker.has_all()
            {
                linker.link(|| Wait::on(shim));
            }
            if !either[0].is_ready() {
                continue;
            }
            match sys::read(&messages, &mut part) {
                Ok(0) => break,
                Ok(size) => {
                    let looked_at = said.len().saturating_sub(LINKED.len());
                    said.extend_from_slice(&part[..size]);
                    if memchr::memmem::find(&said[looked_at..], LINKED).is_some() {
                        return Ok((Built::new(true, &said), waiting.process));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    let status = waiting.process.wait()?;
    Ok((Built::new(status.success(), &said), waiting.process))
}

/// Whether the shim has ended. It says nothing after its request, so what can be read is the end.
fn is_gone(shim: &impl AsRawFd) -> bool {
    let mut end = [Wait::on(shim)];
    sys::wait(&mut end, 0);
    end[0].is_ready()
}

fn start(folder: &Path, learnt: Learnt) -> io::Result<Waiting> {
    let path = learnt::source(folder);
    let _ = fs::remove_file(&path);
    symlink("/proc/self/fd/0", &path)?;
    let (input, source) = sys::pipe()?;
    let linker = learnt.lld().and_then(|lld| Linker::start(folder, lld).ok());
    let args = learnt.build_args().map(|arg| {
        if linker.is_some() && arg.starts_with(learnt::LINKER) {
            format!("{}{}", learnt::LINKER, linker::script(folder).display())
        } else {
            arg
        }
    });
    // Our wrapper first, which ties the compiler's life to ours.
    let mut command = learnt.command(args, Some(&folder.join("bin").join(learnt::WRAPPER)));
    command
        .stdin(Stdio::from(input))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0);
    Ok(Waiting {
        process: command.spawn()?,
        source,
        key: learnt.key,
        linker,
    })
}

fn stop(waiting: Option<Waiting>) {
    if let Some(waiting) = waiting {
        end(waiting.process);
    }
}

/// Ends the compiler and its linker.
fn end(mut compiler: Child) {
    sys::kill(-(compiler.id() as i32), libc::SIGKILL);
    let _ = compiler.wait();
}

/// The shim's end: has the source built by the compiler that waits. `None` if there is none for this build; then none
/// reads the source under its name.
pub(crate) fn build(folder: &Path, key: Option<&String>, source: &str) -> Option<Built> {
    let mut builder = UnixStream::connect(folder.join(SOCKET)).ok()?;
    let request = Request {
        key: key.cloned(),
        source: source.to_owned(),
    };
    messages::send(&mut builder, &request).ok()?;
    messages::receive(&mut builder).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A compiler that is a shell and runs a script: it reads its source under the name, as rustc does.
    fn learn(folder: &Path, key: &str, script: &str) {
        for name in ["bin", "home/cell/src"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        symlink("/usr/bin/env", folder.join("bin").join(learnt::WRAPPER)).unwrap();
        let learnt = serde_json::json!({
            "key": key, "rustc": "/bin/sh", "args": ["-c", script],
            "folder": folder.join("home/cell"), "environment": {"PATH": std::env::var("PATH").unwrap()},
        });
        fs::write(folder.join("learnt.json"), learnt.to_string()).unwrap();
    }

    const SAYS_CODE: &str = "read code < src/lib.rs; echo \"said $code\" >&2; exit 1";

    #[test]
    fn what_waits_builds_once_and_only_what_it_was_started_for() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let compilers = Compilers::serve(folder).unwrap();
        let key = "key".to_owned();
        assert!(build(folder, Some(&key), "nobody waits\n").is_none());
        learn(folder, &key, SAYS_CODE);
        compilers.prepare();
        let built = build(folder, Some(&key), "one\n").unwrap();
        assert_eq!((built.success, built.messages.as_str()), (false, "said one\n"));
        // The next one is started by itself, and then ended, because this is another build.
        compilers.prepare();
        assert!(build(folder, Some(&"other".to_owned()), "two\n").is_none());
        assert!(compilers.waiting.lock().unwrap().is_none());
        compilers.prepare();
        assert_eq!(build(folder, Some(&key), "three\n").unwrap().messages, "said three\n");
    }

    #[test]
    fn the_answer_waits_for_the_library_only() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let compilers = Compilers::serve(folder).unwrap();
        let key = "key".to_owned();
        let script = "read code < src/lib.rs; echo '{\"artifact\":\"lib.so\",\"emit\":\"link\"}' >&2; read word < lingers; echo late >&2; exit 1";
        learn(folder, &key, script);
        let lingers = folder.join("home/cell/lingers");
        sys::named_pipe(&lingers).unwrap();
        compilers.prepare();
        // The compiler ends after the answer, which does not know of that.
        let built = build(folder, Some(&key), "one\n").unwrap();
        assert!(built.success && !built.messages.contains("late"), "{}", built.messages);
        fs::write(lingers, "go\n").unwrap();
    }

    #[test]
    fn a_build_ends_with_its_shim() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let compilers = Compilers::serve(folder).unwrap();
        let key = "key".to_owned();
        let script = "read code < src/lib.rs; sleep 1000 & echo $$ $! > started.new; mv started.new started; wait";
        learn(folder, &key, script);
        compilers.prepare();
        let mut shim = UnixStream::connect(folder.join(SOCKET)).unwrap();
        let request = Request {
            key: Some(key.clone()),
            source: "x\n".to_owned(),
        };
        messages::send(&mut shim, &request).unwrap();
        let started = folder.join("home/cell/started");
        while !started.exists() {
            std::thread::yield_now();
        }
        drop(shim);
        // The next one is answered, which it is not while a build goes on.
        assert!(build(folder, None, "y\n").is_none());
        let pids = fs::read_to_string(started).unwrap();
        // One that has ended may wait for its parent to see it, and one that was killed may take a moment to end.
        let lives = |pid: i32| sys::status_of(pid).is_some_and(|status| status.state != 'Z');
        let since = std::time::Instant::now();
        for pid in pids.split_whitespace().map(|pid| pid.parse::<i32>().unwrap()) {
            while lives(pid) {
                assert!(since.elapsed().as_secs() < 20, "{pid} goes on");
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn a_shim_that_is_gone_costs_no_compiler() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let compilers = Compilers::serve(folder).unwrap();
        let key = "key".to_owned();
        learn(folder, &key, SAYS_CODE);
        compilers.prepare();
        let (mut shim, ours) = UnixStream::pair().unwrap();
        let request = Request {
            key: Some(key.clone()),
            source: "x\n".to_owned(),
        };
        messages::send(&mut shim, &request).unwrap();
        drop(shim);
        compilers.answer(ours).unwrap();
        assert_eq!(build(folder, Some(&key), "one\n").unwrap().messages, "said one\n");
    }
}
