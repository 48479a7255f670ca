//! A frozen copy of the worker, made before each cell: when the cell kills the worker, the copy goes on with
//! everything as it was before the cell.
//!
//! ```text
//! worker ── fork ──► copy, waiting on its own socket
//!    │ cell ends        ◄── RELEASE ── supervisor: the copy exits
//!    ✗ cell dies        ◄── TAKE_OVER ─ supervisor: the copy is the worker now, its socket the channel
//! ```
//!
//! What cannot survive: threads (only the one that ran the cells is copied), and connections in use, because the copy
//! shares them with the dead worker: the next query would read the last one's answer. They are shut down and named.

#![expect(unsafe_code, reason = "fork, and a look at inherited descriptors")]

use std::fs;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::sys;

/// The supervisor no longer needs the copy.
pub(crate) const RELEASE: &[u8] = b"x";
/// The worker died: go on in its place.
pub(crate) const TAKE_OVER: &[u8] = b"t";

/// Of the memory that is free, the part that a copy may come to need.
const FREE_PART_MAX: (u64, u64) = (9, 10);

/// What became of a call to [`make`].
pub(crate) enum Made {
    /// A copy waits; this is still the worker. Its process is to be reaped after the cell.
    Waiting { copy: i32 },
    /// No copy, and why.
    Nothing(String),
    /// This process is the copy, and has been told to go on; the channel to use from now on.
    TookOver { channel: OwnedFd, threads: usize },
}

/// Makes the copy, which waits on `socket`.
pub(crate) fn make(socket: OwnedFd, channel: RawFd) -> Made {
    if let Some(reason) = too_large() {
        return Made::Nothing(reason);
    }
    let threads = thread_count().saturating_sub(1);
    // SAFETY: the C library makes its own state consistent in the child; this thread is the only one that runs there.
    let forked = unsafe { libc::fork() };
    match forked {
        -1 => Made::Nothing(format!(
            "the process could not be copied: {}",
            std::io::Error::last_os_error()
        )),
        0 => {
            // The worker's own channel is not for the copy.
            // SAFETY: nothing in the copy uses the descriptor again: a copy that takes over uses `socket`.
            unsafe { libc::close(channel) };
            match sys::receive_packet(socket.as_raw_fd()) {
                Ok((order, _)) if order == TAKE_OVER => Made::TookOver {
                    channel: socket,
                    threads,
                },
                // SAFETY: ends the copy without running anything of it.
                _ => unsafe { libc::_exit(0) },
            }
        }
        copy => Made::Waiting { copy },
    }
}

/// Why a copy would be too dangerous, if it would: a cell that writes all of its memory needs it twice.
fn too_large() -> Option<String> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    // Looking at the free memory costs more than it tells while the process is small.
    let resident = pages * 4096;
    if resident < 256 << 20 {
        return None;
    }
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find(|line| line.starts_with("MemAvailable:"))?;
    let free: u64 = line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024;
    (resident > free / FREE_PART_MAX.1 * FREE_PART_MAX.0).then(|| {
        let (used, free) = (resident >> 20, free >> 20);
        format!("the variables take {used} MiB and {free} MiB are free, too little for a copy")
    })
}

fn thread_count() -> usize {
    fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// Shuts down every connection that the dead worker may have used, and names their peers.
pub(crate) fn shut_down_connections(except: RawFd) -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else {
        return Vec::new();
    };
    let fds: Vec<RawFd> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    let mut peers = Vec::new();
    for fd in fds.into_iter().filter(|fd| *fd != except) {
        if let Some(peer) = peer(fd) {
            // SAFETY: no memory is involved.
            unsafe { libc::shutdown(fd, libc::SHUT_RDWR) };
            peers.push(peer);
        }
    }
    peers.sort();
    peers.dedup();
    peers
}

/// Name of the other end, if `fd` is a connected socket with a named one.
fn peer(fd: RawFd) -> Option<String> {
    // SAFETY: the structure is large enough for every address family and outlives the call; its prefix is read as the
    // family says.
    unsafe {
        let mut address: libc::sockaddr_storage = mem::zeroed();
        let mut length = mem::size_of_val(&address) as libc::socklen_t;
        if libc::getpeername(fd, (&raw mut address).cast(), &mut length) != 0 {
            return None;
        }
        match i32::from(address.ss_family) {
            libc::AF_INET => {
                let v4 = &*(&raw const address).cast::<libc::sockaddr_in>();
                let ip = IpAddr::from(v4.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddr::new(ip, u16::from_be(v4.sin_port)).to_string())
            }
            libc::AF_INET6 => {
                let v6 = &*(&raw const address).cast::<libc::sockaddr_in6>();
                Some(SocketAddr::new(IpAddr::from(v6.sin6_addr.s6_addr), u16::from_be(v6.sin6_port)).to_string())
            }
            libc::AF_UNIX if length as usize > mem::size_of::<libc::sa_family_t>() => {
                let unix = &*(&raw const address).cast::<libc::sockaddr_un>();
                let path: Vec<u8> = unix.sun_path.iter().map(|c| *c as u8).take_while(|c| *c != 0).collect();
                Some(String::from_utf8_lossy(&path).into_owned())
            }
            _ => None,
        }
    }
}
