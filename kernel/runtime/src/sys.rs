//! The operating system calls that std does not offer, each wrapped once.
//!
//! Why here: these are the crate's unsafe calls besides the runner's, which forks and loads code.

#![expect(unsafe_code, reason = "thin wrappers around libc")]

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::ptr;
use std::time::{Duration, Instant};

/// Longest packet of a control socket.
pub(crate) const PACKET_BYTES_MAX: usize = 64 * 1024;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn check_size(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// A pipe, close-on-exec: read end, write end.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for the two descriptors, which nobody else owns.
    unsafe {
        check(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC))?;
        Ok((OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])))
    }
}

/// A pipe with a name, for this user only.
pub(crate) fn named_pipe(path: &Path) -> io::Result<()> {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the path is a C string that outlives the call.
    check(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }).map(drop)
}

/// A pair of connected sockets that keep packets whole, close-on-exec.
pub(crate) fn packet_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for the two descriptors, which nobody else owns.
    unsafe {
        let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
        check(libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()))?;
        Ok((OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])))
    }
}

/// A counter that other processes can add to, close-on-exec: reading takes what was added, without waiting.
pub(crate) fn counter() -> io::Result<OwnedFd> {
    // SAFETY: no memory is involved; the new descriptor belongs to nobody else.
    unsafe {
        let fd = check(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Takes over a descriptor that this process inherited.
///
/// # Safety
/// Nothing else in the process owns it.
pub(crate) unsafe fn inherited(fd: RawFd) -> OwnedFd {
    // SAFETY: the caller vouches for it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Lets an executed program inherit the descriptor, or not. Async-signal-safe.
pub(crate) fn set_inherited(fd: RawFd, inherited: bool) -> io::Result<()> {
    let flags = if inherited { 0 } else { libc::FD_CLOEXEC };
    // SAFETY: no memory is involved.
    check(unsafe { libc::fcntl(fd, libc::F_SETFD, flags) }).map(drop)
}

/// Asks for a larger pipe; the kernel's limit may keep it smaller.
pub(crate) fn enlarge_pipe(fd: &impl AsRawFd, bytes: i32) {
    // SAFETY: no memory is involved.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETPIPE_SZ, bytes) };
}

/// How many bytes the pipe holds at most.
pub(crate) fn pipe_bytes(fd: &impl AsRawFd) -> usize {
    // SAFETY: no memory is involved.
    let size = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETPIPE_SZ) };
    usize::try_from(size).unwrap_or(0)
}

/// Writes fail when there is no room, instead of waiting for it.
pub(crate) fn never_wait(fd: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: no memory is involved.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) }).map(drop)
}

/// Whether there is something to read, or its end.
pub(crate) fn is_readable(fd: RawFd) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: the structure outlives the call.
    unsafe { libc::poll(&mut poll, 1, 0) != 0 }
}

/// Whether reads of the descriptor fail when there is nothing, instead of waiting for it.
pub(crate) fn waits_never(fd: RawFd) -> bool {
    // SAFETY: no memory is involved.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    flags >= 0 && flags & libc::O_NONBLOCK != 0
}

/// No program executed from here inherits a descriptor but the standard ones, unless it is let through on purpose.
pub(crate) fn keep_descriptors() {
    // SAFETY: no memory is involved.
    unsafe { libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC as libc::c_int) };
}

/// Waits until this process has no children left, for at most `timeout`.
pub(crate) fn wait_for_children(timeout: Duration) {
    let since = Instant::now();
    // SAFETY: no memory is involved; no status is wanted.
    while unsafe { libc::waitpid(-1, ptr::null_mut(), libc::WNOHANG) } >= 0 && since.elapsed() < timeout {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A copy of the descriptor, close-on-exec, numbered `at_least` or higher.
pub(crate) fn duplicate(fd: RawFd, at_least: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the new descriptor belongs to nobody else.
    unsafe {
        let copy = check(libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, at_least))?;
        Ok(OwnedFd::from_raw_fd(copy))
    }
}

/// Makes `to` another name of `from`, inherited by executed programs. Async-signal-safe.
pub(crate) fn replace(from: RawFd, to: RawFd) -> io::Result<()> {
    // SAFETY: no memory is involved; the caller replaces standard descriptors only.
    check(unsafe { libc::dup2(from, to) }).map(drop)
}

/// Bytes that can be read now without blocking.
pub(crate) fn readable_bytes(fd: &impl AsRawFd) -> usize {
    let mut count: libc::c_int = 0;
    // SAFETY: `count` outlives the call.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONREAD, &mut count) };
    if result < 0 { 0 } else { count.max(0) as usize }
}

/// The end of a pipe once more, to read from without waiting. What shares `fd` still waits.
pub(crate) fn reopen_unwaiting(fd: &impl AsRawFd) -> io::Result<OwnedFd> {
    let mut options = std::fs::File::options();
    options.read(true).custom_flags(libc::O_NONBLOCK);
    Ok(options.open(format!("/proc/self/fd/{}", fd.as_raw_fd()))?.into())
}

/// Reads once; `Ok(0)` at the end.
pub(crate) fn read(fd: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the buffer is writable for its length.
    check_size(unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) })
}

/// Writes once.
pub(crate) fn write(fd: &impl AsRawFd, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the slice is readable for its length.
    check_size(unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) })
}

/// Writes all of `bytes`.
pub(crate) fn write_all(fd: &impl AsRawFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write(fd, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// One descriptor to wait for, and whether it became readable (or its other end closed).
pub(crate) struct Waiting {
    poll: libc::pollfd,
}

impl Waiting {
    /// A place in the list that is never ready.
    pub(crate) fn on_nothing() -> Waiting {
        Waiting {
            poll: libc::pollfd {
                fd: -1,
                events: 0,
                revents: 0,
            },
        }
    }

    pub(crate) fn on(fd: &impl AsRawFd) -> Waiting {
        Waiting {
            poll: libc::pollfd {
                fd: fd.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            },
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.poll.revents != 0
    }
}

/// Waits until one of `fds` is readable, for at most `timeout_ms` (-1: for ever). A signal ends the wait early.
pub(crate) fn wait(fds: &mut [Waiting], timeout_ms: i32) {
    // SAFETY: `Waiting` is a pollfd and nothing else.
    unsafe { libc::poll(fds.as_mut_ptr().cast(), fds.len() as libc::nfds_t, timeout_ms) };
}

const _: () = assert!(mem::size_of::<Waiting>() == mem::size_of::<libc::pollfd>());

/// Sends one packet, with a descriptor if given. Async-signal-safe.
pub(crate) fn send_packet(socket: RawFd, bytes: &[u8], fd: Option<RawFd>) -> io::Result<()> {
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let mut control = [0u64; 4];
    // SAFETY: all pointers in the header outlive the call, and the control buffer is aligned and large enough for
    // one descriptor.
    unsafe {
        let mut header: libc::msghdr = mem::zeroed();
        header.msg_iov = &mut part;
        header.msg_iovlen = 1;
        if let Some(fd) = fd {
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = libc::CMSG_SPACE(mem::size_of::<RawFd>() as u32) as _;
            let message = libc::CMSG_FIRSTHDR(&header);
            (*message).cmsg_level = libc::SOL_SOCKET;
            (*message).cmsg_type = libc::SCM_RIGHTS;
            (*message).cmsg_len = libc::CMSG_LEN(mem::size_of::<RawFd>() as u32) as _;
            ptr::write_unaligned(libc::CMSG_DATA(message).cast::<RawFd>(), fd);
        }
        check_size(libc::sendmsg(socket, &header, libc::MSG_NOSIGNAL)).map(drop)
    }
}

/// Receives one packet, with a descriptor if one came. An empty packet means that the other end is closed.
pub(crate) fn receive_packet(socket: RawFd) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    let mut bytes = vec![0; PACKET_BYTES_MAX];
    let mut control = [0u64; 4];
    // SAFETY: all pointers in the header outlive the call; a received descriptor belongs to nobody else.
    unsafe {
        let mut part = libc::iovec {
            iov_base: bytes.as_mut_ptr().cast(),
            iov_len: bytes.len(),
        };
        let mut header: libc::msghdr = mem::zeroed();
        header.msg_iov = &mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = mem::size_of_val(&control) as _;
        let size = loop {
            match check_size(libc::recvmsg(socket, &mut header, libc::MSG_CMSG_CLOEXEC)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        bytes.truncate(size);
        let message = libc::CMSG_FIRSTHDR(&header);
        let has_fd = !message.is_null() && (*message).cmsg_type == libc::SCM_RIGHTS;
        let fd = has_fd.then(|| OwnedFd::from_raw_fd(ptr::read_unaligned(libc::CMSG_DATA(message).cast::<RawFd>())));
        Ok((bytes, fd))
    }
}

/// No core dumps of this process and its children: they would hold secrets.
pub(crate) fn forbid_core_dumps() {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `none` outlives the call.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
}

/// No other process of this user reads this one's memory or stops it, but one that may do so to any; no core dump is made
/// of it, even where a program takes them. Programs that it executes start without this. There is no way back, not for a
/// moment: who opens the memory in it keeps it.
pub(crate) fn forbid_reading() {
    // SAFETY: no memory is involved.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
}

/// This process is killed when the thread that started it ends. Async-signal-safe.
pub(crate) fn die_with_parent() {
    // SAFETY: no memory is involved.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

/// Orphaned descendants become children of this process.
pub(crate) fn adopt_orphans() {
    // SAFETY: no memory is involved.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
}

/// Sends a signal to a process (or, if negative, to a process group).
pub(crate) fn kill(pid: i32, signal: i32) {
    // SAFETY: no memory is involved.
    unsafe { libc::kill(pid, signal) };
}

/// A process, as its `stat` file in /proc shows it.
pub(crate) struct Status {
    /// `R`, `S`, `Z` (ended, and its parent has not looked), …
    pub(crate) state: char,
    pub(crate) parent: i32,
    /// In clock ticks since boot: tells a process from a later one of the same number.
    pub(crate) started_at: u64,
}

/// `None` if there is no such process.
pub(crate) fn status_of(pid: i32) -> Option<Status> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The fields after the name, which may hold anything.
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
    Some(Status {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        started_at: fields.get(19)?.parse().ok()?,
    })
}

/// Makes this process the leader of a new process group. Async-signal-safe.
pub(crate) fn new_process_group() {
    // SAFETY: no memory is involved.
    unsafe { libc::setpgid(0, 0) };
}

/// Process and user at the other end of a unix socket, when it connected.
pub(crate) fn peer_of(socket: &impl AsRawFd) -> io::Result<(i32, u32)> {
    // SAFETY: the structure and its length outlive the call.
    unsafe {
        let mut peer: libc::ucred = mem::zeroed();
        let mut length = mem::size_of::<libc::ucred>() as libc::socklen_t;
        let level = libc::SOL_SOCKET;
        let into = (&raw mut peer).cast();
        check(libc::getsockopt(
            socket.as_raw_fd(),
            level,
            libc::SO_PEERCRED,
            into,
            &mut length,
        ))?;
        Ok((peer.pid, peer.uid))
    }
}

/// A descriptor that stands for the process, so that its number cannot be reused unnoticed.
pub(crate) fn open_process(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: no memory is involved; the new descriptor belongs to nobody else.
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, pid, 0);
        let fd = RawFd::try_from(fd).map_err(|_| io::Error::other("pidfd out of range"))?;
        Ok(OwnedFd::from_raw_fd(check(fd)?))
    }
}

/// The user this process runs as.
pub(crate) fn user_id() -> u32 {
    // SAFETY: no memory is involved.
    unsafe { libc::geteuid() }
}

/// Free bytes of the file system at `path`, and whether it is memory and lets programs run.
pub(crate) struct FileSystem {
    pub(crate) free_bytes: u64,
    pub(crate) in_memory: bool,
    pub(crate) executable: bool,
}

/// The number by which the system knows the kind of file system at `path`.
pub(crate) fn file_system_kind(path: &Path) -> io::Result<libc::c_long> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the path ends with a zero byte and the structure outlives the call.
    unsafe {
        let mut kind: libc::statfs = mem::zeroed();
        check(libc::statfs(path.as_ptr(), &mut kind))?;
        Ok(kind.f_type as libc::c_long)
    }
}

pub(crate) fn file_system(path: &Path) -> io::Result<FileSystem> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the path ends with a zero byte and both structures outlive the calls.
    unsafe {
        let mut kind: libc::statfs = mem::zeroed();
        check(libc::statfs(path.as_ptr(), &mut kind))?;
        let mut space: libc::statvfs = mem::zeroed();
        check(libc::statvfs(path.as_ptr(), &mut space))?;
        Ok(FileSystem {
            free_bytes: space.f_bavail.saturating_mul(space.f_frsize),
            in_memory: kind.f_type == libc::TMPFS_MAGIC,
            executable: space.f_flag & libc::ST_NOEXEC == 0,
        })
    }
}
