//! Makes a process safe to hold secrets: no core dumps, memory that other processes of the user cannot read, and no
//! descriptor of whoever started it in the processes that it starts.

/// First descriptor that is no standard stream.
const FIRST_OTHER: libc::c_uint = 3;

/// Turns core dumps off, for this process and its children, and tracing of this process by others; keeps inherited
/// descriptors to this process. Failures are logged only: a kernel without this protection is still better than none.
pub fn protect() {
    keep_descriptors();
    if !no_core_dumps() || !not_dumpable() {
        tracing::warn!("the system did not let the kernel protect its memory from core dumps and tracing");
    }
}

#[expect(unsafe_code, reason = "setrlimit has no safe wrapper in the standard library")]
fn no_core_dumps() -> bool {
    let limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid rlimit for the time of the call.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &limit) == 0 }
}

/// Closes every descriptor that is open now, beyond the standard ones, in programs that this process executes.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "close_range has no safe wrapper in the standard library")]
fn keep_descriptors() {
    // SAFETY: the call changes a flag of descriptors; it closes none and touches no memory. A kernel of the system
    // that does not know it (before 5.11) changes nothing.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            FIRST_OTHER,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
}

#[cfg(not(target_os = "linux"))]
fn keep_descriptors() {}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "prctl has no safe wrapper in the standard library")]
fn not_dumpable() -> bool {
    // SAFETY: this option takes one integer and touches no memory.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn not_dumpable() -> bool {
    true
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "asks the system")]
    fn a_protected_process_says_so() {
        let file = std::fs::File::open("/dev/null").unwrap();
        // SAFETY: the descriptor is open; the call changes a flag.
        assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0) }, 0);
        protect();
        let mut limit = libc::rlimit {
            rlim_cur: 1,
            rlim_max: 1,
        };
        // SAFETY: the structure is valid for the time of the call; the other calls touch no memory.
        let (asked, dumpable, flags) = unsafe {
            (
                libc::getrlimit(libc::RLIMIT_CORE, &mut limit),
                libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0),
                libc::fcntl(file.as_raw_fd(), libc::F_GETFD),
            )
        };
        assert_eq!((asked, limit.rlim_cur, limit.rlim_max), (0, 0, 0));
        assert_eq!(dumpable, 0);
        assert_eq!(flags, libc::FD_CLOEXEC);
    }
}
