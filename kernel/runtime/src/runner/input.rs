//! What user code finds when it reads standard input: what is typed at the front end, which is asked for it.
//!
//! Why: `std::io::stdin().read_line(..)` would wait for ever for somebody at a terminal that is not there. In the process
//! that runs the cells a read that would wait tells the kernel first, and goes on when the answer is in the pipe.
//!
//! ```text
//! descriptor 0: a pipe that is at its end ◄── programs that a cell starts, and all that does not read by the C library
//! read(0), readv(0) ── asks when there is nothing ──► another descriptor: the pipe with the answers
//! ```
//!
//! The functions override those of the C library for everything loaded into this process, the cells included. Nobody can be
//! asked for a program that a cell starts: it finds the end of its input at once, and does not wait for ever. So does what the
//! C library reads for itself (`scanf`).

#![expect(unsafe_code, reason = "defines functions of the C library")]

use std::ffi::OsStr;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::OnceLock;

use dbutils::protocol::{Request, Response};

use crate::sys;

/// Set in the process that runs the cells.
static INPUT: OnceLock<Input> = OnceLock::new();

struct Input {
    /// Where the kernel is called.
    socket: PathBuf,
    /// Device and number of what is at descriptor 0: user code may put another file in its place, which is none of ours.
    end: (u64, u64),
    /// Where the answers are, out of the way of the user's descriptors, and what is there: user code may close it.
    answers: RawFd,
    pipe: (u64, u64),
}

/// From now on reads of standard input ask, by the socket at `dbutils`, when there is nothing to read.
pub(super) fn ask_when_empty(dbutils: &[u8]) {
    if let Ok(input) = Input::new(OsStr::from_bytes(dbutils).into()) {
        let _ = INPUT.set(input);
    }
    // Keeps the definitions below in the program, whatever the linker thinks of them.
    std::hint::black_box(read as unsafe extern "C" fn(libc::c_int, *mut libc::c_void, usize) -> isize);
    std::hint::black_box(readv as unsafe extern "C" fn(libc::c_int, *const libc::iovec, libc::c_int) -> isize);
    std::hint::black_box(splice as Splice);
}

type Splice =
    unsafe extern "C" fn(libc::c_int, *mut libc::loff_t, libc::c_int, *mut libc::loff_t, usize, libc::c_uint) -> isize;

/// Answers are read from a descriptor numbered so, or higher.
const ANSWERS: RawFd = 200;

/// Where a read of a descriptor goes.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Descriptor(RawFd),
    /// There is nothing more.
    End,
    /// There is nothing now, and the reader does not wait.
    Nothing,
}

impl Input {
    fn new(socket: PathBuf) -> io::Result<Input> {
        let answers = sys::duplicate(libc::STDIN_FILENO, ANSWERS)?;
        let (end, writer) = sys::pipe()?;
        drop(writer);
        let input = Input {
            socket,
            end: identity(end.as_raw_fd())?,
            pipe: identity(answers.as_raw_fd())?,
            answers: answers.as_raw_fd(),
        };
        sys::replace(end.as_raw_fd(), libc::STDIN_FILENO)?;
        // Open for as long as the process is.
        std::mem::forget(answers);
        Ok(input)
    }

    /// Waits until there is a line, or the end.
    fn wait(&self) -> Source {
        if !identity(self.answers).is_ok_and(|found| found == self.pipe) {
            return Source::End;
        }
        if !sys::is_readable(self.answers) {
            if sys::waits_never(libc::STDIN_FILENO) {
                return Source::Nothing;
            }
            if !self.ask() {
                return Source::End;
            }
        }
        Source::Descriptor(self.answers)
    }

    /// Whether there is a line.
    fn ask(&self) -> bool {
        let request = Request {
            method: "cell.read".to_owned(),
            args: Vec::new(),
        };
        let answer = UnixStream::connect(&self.socket).and_then(|mut stream| {
            request.write_to(&mut stream)?;
            Response::read_from(&mut stream)
        });
        matches!(answer, Ok(Response::Ok(fields)) if !fields.is_empty())
    }
}

/// Device and number of an open file.
fn identity(fd: RawFd) -> io::Result<(u64, u64)> {
    // SAFETY: the descriptor is looked at and not closed.
    let file = ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(fd) });
    let found = file.metadata()?;
    Ok((found.dev(), found.ino()))
}

/// The input, if the descriptor is where programs expect it.
fn ours(fd: libc::c_int) -> Option<&'static Input> {
    let input = (fd == libc::STDIN_FILENO).then(|| INPUT.get()).flatten()?;
    identity(fd).is_ok_and(|found| found == input.end).then_some(input)
}

fn source(fd: libc::c_int) -> Source {
    ours(fd).map_or(Source::Descriptor(fd), Input::wait)
}

fn fail(error: libc::c_int) -> isize {
    // SAFETY: the address is this thread's own.
    unsafe { *libc::__errno_location() = error };
    -1
}

/// As the C library's: reads, at most `length` bytes.
// SAFETY: the signature is that of the C library's function, and nothing here can unwind.
#[unsafe(no_mangle)]
unsafe extern "C" fn read(fd: libc::c_int, buffer: *mut libc::c_void, length: usize) -> isize {
    match if length > 0 { source(fd) } else { Source::Descriptor(fd) } {
        // SAFETY: the caller's arguments, and a descriptor of ours for theirs.
        Source::Descriptor(fd) => unsafe { libc::syscall(libc::SYS_read, fd, buffer, length) as isize },
        Source::End => 0,
        Source::Nothing => fail(libc::EAGAIN),
    }
}

/// As the C library's: reads into several buffers.
// SAFETY: the signature is that of the C library's function, and nothing here can unwind.
#[unsafe(no_mangle)]
unsafe extern "C" fn readv(fd: libc::c_int, buffers: *const libc::iovec, count: libc::c_int) -> isize {
    let has_room = || {
        // SAFETY: the caller's array has `count` elements.
        (0..usize::try_from(count).unwrap_or(0)).any(|at| unsafe { (*buffers.add(at)).iov_len } > 0)
    };
    let asks = fd == libc::STDIN_FILENO && !buffers.is_null() && has_room();
    match if asks { source(fd) } else { Source::Descriptor(fd) } {
        // SAFETY: the caller's arguments, and a descriptor of ours for theirs.
        Source::Descriptor(fd) => unsafe { libc::syscall(libc::SYS_readv, fd, buffers, count) as isize },
        Source::End => 0,
        Source::Nothing => fail(libc::EAGAIN),
    }
}

/// As the C library's: moves bytes from a pipe. Not from standard input, of which whoever copies it so then reads.
// SAFETY: the signature is that of the C library's function, and nothing here can unwind.
#[unsafe(no_mangle)]
unsafe extern "C" fn splice(
    from: libc::c_int,
    from_offset: *mut libc::loff_t,
    to: libc::c_int,
    to_offset: *mut libc::loff_t,
    length: usize,
    flags: libc::c_uint,
) -> isize {
    if ours(from).is_some() {
        return fail(libc::EINVAL);
    }
    // SAFETY: the caller's arguments, as they are.
    unsafe { libc::syscall(libc::SYS_splice, from, from_offset, to, to_offset, length, flags) as isize }
}
