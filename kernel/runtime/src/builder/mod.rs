//! The builder: a process that owns evcxr, which analyses the cells and has them built.
//!
//! Why a process of its own: its environment is the allow list, so cargo, build scripts and `env!` see nothing else;
//! what evcxr does to its host (changing the environment, `:quit`, printing a cell's source when it panics) stays away
//! from the kernel; and its hundreds of MB of analysis are not in the process that holds learnt values.
//!
//! ```text
//! kernel ── requests ──► reader thread ── queue ──► main thread: evcxr
//!                             └─ interrupts, end of the kernel: handled at once
//! ```

mod commands;
mod dependency;
mod diagnostics;
mod drawing;
mod hidden;
pub(crate) mod input_crate;
mod jumps;
mod listing;
mod lists;
mod literals;
mod markdown;
mod members;
mod pieces;
mod prelude;
mod replaced;
mod session;
mod suggestions;
mod syntax;
mod toolchain;
mod types;
mod unkept;

use std::ffi::OsString;
use std::fs;
use std::io::BufReader;
use std::os::fd::FromRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::cargo_shim::{self, INTERRUPTED};
use crate::messages::{self, FromBuilder, ToBuilder};
use crate::warm::Compilers;
use crate::{folder, sys};
pub(crate) use prelude::SOCKET;
use session::Session;
pub(crate) use toolchain::{ANALYSIS_CARGO, ANALYSIS_RUSTC};

/// How long no request must have come before rust-analyzer reads the standard library: whoever runs one cell after the
/// other does not wait for it.
const IDLE_TIME: Duration = Duration::from_millis(1500);

/// How long the supervisor may take to end.
const END_TIME_MAX: Duration = Duration::from_millis(300);

/// Descriptors that the builder inherits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fds {
    /// Requests and answers.
    pub(crate) requests: i32,
    /// The user's standard input, output and error.
    pub(crate) user: [i32; 3],
    /// The supervisor's control socket.
    pub(crate) control: i32,
}

/// Where the builder works.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) fds: Fds,
}

impl Fds {
    pub(crate) fn to_args(self) -> [String; 5] {
        [self.requests, self.user[0], self.user[1], self.user[2], self.control].map(|fd| fd.to_string())
    }

    pub(crate) fn all(self) -> [i32; 5] {
        [self.requests, self.user[0], self.user[1], self.user[2], self.control]
    }

    fn from_args(args: &[OsString]) -> Option<Fds> {
        let numbers: Vec<i32> = args.iter().filter_map(|arg| arg.to_str()?.parse().ok()).collect();
        let [requests, input, output, error, control] = numbers[..] else {
            return None;
        };
        Some(Fds {
            requests,
            user: [input, output, error],
            control,
        })
    }
}

/// Never returns. `args` are the folder and the descriptors of [`Fds`].
pub(crate) fn main(args: Vec<OsString>) -> ! {
    let Some((folder, fds)) = args
        .split_first()
        .and_then(|(folder, fds)| Some((folder, Fds::from_args(fds)?)))
    else {
        std::process::exit(2);
    };
    // A terminal's Ctrl-C is for the kernel, which decides whom to interrupt.
    sys::new_process_group();
    sys::forbid_core_dumps();
    sys::forbid_reading();
    sys::keep_descriptors();
    let place = Place {
        folder: folder.into(),
        fds,
    };
    #[expect(unsafe_code, reason = "takes over an inherited descriptor")]
    // SAFETY: the kernel passed it for us, and nothing else here owns it.
    let socket = unsafe { UnixStream::from_raw_fd(fds.requests) };
    let mut answers = match socket.try_clone() {
        Ok(answers) => answers,
        Err(_) => std::process::exit(1),
    };
    let shell = Arc::new(AtomicI32::new(0));
    let compilers = match Compilers::serve(&place.folder) {
        Ok(compilers) => compilers,
        Err(_) => std::process::exit(1),
    };
    let queue = read_requests(socket, place.folder.clone(), Arc::clone(&shell), compilers.clone());
    let mut session = match Session::start(&place, shell, compilers.clone()) {
        Ok(session) => session,
        Err(error) => {
            let _ = messages::send(&mut answers, &FromBuilder::Failed(error.0));
            std::process::exit(1);
        }
    };
    let mut send = |answer| {
        if messages::send(&mut answers, &answer).is_err() {
            end(&place.folder, &compilers);
        }
    };
    send(FromBuilder::Ready);
    loop {
        session.prepare();
        let request = match queue.recv_timeout(IDLE_TIME) {
            Ok(request) => request,
            Err(RecvTimeoutError::Timeout) => {
                session.complete_analysis();
                match queue.recv() {
                    Ok(request) => request,
                    Err(_) => break,
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
        };
        send(match request {
            ToBuilder::Execute { code, number } => FromBuilder::Executed(session.execute(&code, number)),
            ToBuilder::Complete { code, cursor } => session.complete(&code, cursor),
            ToBuilder::Inspect { code, cursor } => FromBuilder::Inspected(session.inspect(&code, cursor)),
            ToBuilder::Interrupt => continue,
        });
    }
    end(&place.folder, &compilers)
}

/// Reads requests on a thread of its own, so that interrupts and the kernel's end are noticed while evcxr works.
fn read_requests(
    socket: UnixStream,
    folder: PathBuf,
    shell: Arc<AtomicI32>,
    compilers: Compilers,
) -> mpsc::Receiver<ToBuilder> {
    let (sender, receiver) = mpsc::channel();
    let mut reader = BufReader::new(socket);
    std::thread::spawn(move || {
        loop {
            match messages::receive(&mut reader) {
                Ok(ToBuilder::Interrupt) => interrupt(&folder, &shell),
                Ok(request) => {
                    let _ = fs::remove_file(folder.join(INTERRUPTED));
                    let _ = sender.send(request);
                }
                Err(_) => end(&folder, &compilers),
            }
        }
    });
    receiver
}

fn interrupt(folder: &Path, shell: &AtomicI32) {
    let _ = fs::write(folder.join(INTERRUPTED), "");
    if let Some(group) = cargo_shim::running(folder) {
        sys::kill(-group, libc::SIGKILL);
    }
    let shell = shell.load(Ordering::SeqCst);
    if shell > 1 {
        sys::kill(-shell, libc::SIGKILL);
    }
}

/// The kernel is gone: the supervisor and cargo die with us, and the folder is ours to remove.
fn end(place: &Path, compilers: &Compilers) -> ! {
    compilers.end();
    // The supervisor notices too, and ends what the cells started; if it went with us first, that would live on.
    sys::wait_for_children(END_TIME_MAX);
    folder::remove(place);
    std::process::exit(0);
}
