//! What user code finds when it reads standard input: what is typed at the front end, which is asked for it.
//!
//! Why: `std::io::stdin().read_line(..)` would wait for ever for somebody at a terminal that is not there. In the process
//! that runs the cells a read that would wait tells the kernel first, and goes on when the answer is in the pipe.
//!
//! The functions override those of the C library for everything loaded into this process, the cells included; the programs
//! that a cell starts read as always: nobody is asked for them, and one that reads standard input waits until the cell is
//! interrupted. What the C library reads for itself (`scanf`) does not come by here.

#![expect(unsafe_code, reason = "defines functions of the C library")]

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
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
    /// Device and number of the pipe: user code may put another file in its place, which is none of ours.
    pipe: (u64, u64),
}

/// From now on reads of standard input ask, by the socket at `dbutils`, when there is nothing to read.
pub(super) fn ask_when_empty(dbutils: &[u8]) {
    if let Ok(metadata) = standard_input() {
        let _ = INPUT.set(Input {
            socket: OsStr::from_bytes(dbutils).into(),
            pipe: (metadata.dev(), metadata.ino()),
        });
    }
    // Keeps the definitions below in the program, whatever the linker thinks of them.
    std::hint::black_box(read as unsafe extern "C" fn(libc::c_int, *mut libc::c_void, usize) -> isize);
    std::hint::black_box(readv as unsafe extern "C" fn(libc::c_int, *const libc::iovec, libc::c_int) -> isize);
}

fn standard_input() -> io::Result<Metadata> {
    // SAFETY: the descriptor is looked at and not closed.
    let file = ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(libc::STDIN_FILENO) });
    file.metadata()
}

impl Input {
    /// Waits until there is a line. False: there is the end.
    fn wait(&self) -> bool {
        if sys::reads_at_once(libc::STDIN_FILENO) || !self.is_ours() {
            return true;
        }
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

    fn is_ours(&self) -> bool {
        standard_input().is_ok_and(|found| (found.dev(), found.ino()) == self.pipe)
    }
}

fn is_at_end(fd: libc::c_int) -> bool {
    fd == libc::STDIN_FILENO && INPUT.get().is_some_and(|input| !input.wait())
}

/// As the C library's: reads, at most `length` bytes.
// SAFETY: the signature is that of the C library's function, and nothing here can unwind.
#[unsafe(no_mangle)]
unsafe extern "C" fn read(fd: libc::c_int, buffer: *mut libc::c_void, length: usize) -> isize {
    if length > 0 && is_at_end(fd) {
        return 0;
    }
    // SAFETY: the caller's arguments, as they are.
    unsafe { libc::syscall(libc::SYS_read, fd, buffer, length) as isize }
}

/// As the C library's: reads into several buffers.
// SAFETY: the signature is that of the C library's function, and nothing here can unwind.
#[unsafe(no_mangle)]
unsafe extern "C" fn readv(fd: libc::c_int, buffers: *const libc::iovec, count: libc::c_int) -> isize {
    let has_room = || {
        // SAFETY: the caller's array has `count` elements.
        (0..usize::try_from(count).unwrap_or(0)).any(|at| unsafe { (*buffers.add(at)).iov_len } > 0)
    };
    if fd == libc::STDIN_FILENO && !buffers.is_null() && has_room() && is_at_end(fd) {
        return 0;
    }
    // SAFETY: the caller's arguments, as they are.
    unsafe { libc::syscall(libc::SYS_readv, fd, buffers, count) as isize }
}
