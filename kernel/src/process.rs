//! Makes a process safe to hold secrets: no core dumps, memory that other processes of the user cannot read.

/// Turns core dumps off, for this process and its children, and tracing of this process by others. Failures are
/// logged only: a kernel without this protection is still better than none.
pub fn protect() {
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
