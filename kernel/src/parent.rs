//! Ends the kernel when the process that started it has gone, where it asked for that with `JPY_PARENT_PID`.

use crate::session::{Ending, Shared};

/// Between two looks at the parent, where the system cannot tell of its end.
#[cfg(not(target_os = "linux"))]
const LOOK: std::time::Duration = std::time::Duration::from_secs(2);

/// Waits for the end of the parent, then ends the kernel. Returns at once if that was not asked for.
pub async fn watch(session: Shared) {
    let asked = std::env::var("JPY_PARENT_PID")
        .ok()
        .and_then(|pid| pid.parse::<i32>().ok());
    let parent = std::os::unix::process::parent_id() as i32;
    // Behind a shell, a container or a gateway the number means another process, or none.
    if asked != Some(parent) {
        return;
    }
    gone(parent).await;
    tracing::info!("the process that started this kernel has gone");
    session.end(Ending::Asked);
}

#[cfg(target_os = "linux")]
async fn gone(parent: i32) {
    match pidfd(parent) {
        // Readable once the process has ended.
        Ok(fd) => drop(fd.readable().await),
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
        Err(error) => {
            tracing::warn!(%error, "cannot watch the process that started this kernel");
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "pidfd_open has no safe wrapper in the standard library")]
fn pidfd(pid: i32) -> std::io::Result<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>> {
    use std::os::fd::{FromRawFd, OwnedFd};
    use tokio::io::{Interest, unix::AsyncFd};
    // SAFETY: the call takes two integers and touches no memory.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: the call has just made this descriptor, and nothing else owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    // SAFETY: an `OwnedFd` names the same open descriptor until it is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
}

#[cfg(not(target_os = "linux"))]
async fn gone(parent: i32) {
    while std::os::unix::process::parent_id() as i32 == parent {
        tokio::time::sleep(LOOK).await;
    }
}
