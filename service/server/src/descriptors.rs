//! Open files: as many as the system lets us have, since each connection is one.

/// Raises the soft limit to the hard one. When it cannot, fewer connections are served at once, and more wait.
#[expect(
    unsafe_code,
    reason = "no safe wrapper of getrlimit and setrlimit in the standard library"
)]
pub(crate) fn raise() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a live, writable `rlimit`.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0;
    if known && limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: the pointer is to a live `rlimit`, which is only read.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
            tracing::warn!("the limit of open files could not be raised");
        }
    }
}
