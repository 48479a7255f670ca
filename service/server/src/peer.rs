//! Who is at the other end of a connection.
//!
//! The embedded service serves one user: the socket's peer must have the service's own uid, and must not descend from a
//! cell runner. The latter is a guard against accidents, not a wall: code of the same user can reach what the user can.

use std::fs;
use std::net::SocketAddr;

use sealbook_core::Error;

/// The first argument of the process that runs cells; the kernel gives it when it executes our binary again.
const RUNNER: &[u8] = b"cell-runner";
/// Processes between a peer and the first process, at most.
const ANCESTORS_MAX: usize = 128;

/// The other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A unix socket's, as the kernel says.
    Unix { uid: u32, pid: Option<i32> },
    /// A network address.
    Tcp(SocketAddr),
}

impl Peer {
    /// For audit records.
    pub(crate) fn describe(&self) -> String {
        match self {
            Peer::Unix { uid, pid: Some(pid) } => format!("unix:uid={uid},pid={pid}"),
            Peer::Unix { uid, pid: None } => format!("unix:uid={uid}"),
            Peer::Tcp(address) => address.ip().to_string(),
        }
    }
}

/// The embedded service's user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) name: String,
}

impl Owner {
    /// The user that this process runs as; without an entry in the user database, `uid-N`.
    #[expect(
        unsafe_code,
        reason = "no safe wrapper of geteuid and getpwuid_r in the standard library"
    )]
    pub(crate) fn of_this_process() -> Self {
        // SAFETY: geteuid has no preconditions and cannot fail.
        let uid = unsafe { libc::geteuid() };
        let mut buffer = vec![0_u8; 16 << 10];
        // SAFETY: an all-zero `passwd` is a valid value of that plain C struct.
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        // SAFETY: the pointers are to live, writable memory of the given sizes; `entry.pw_name` points into `buffer`,
        // which lives until the name has been copied.
        let status = unsafe {
            libc::getpwuid_r(
                uid,
                &raw mut entry,
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                &raw mut found,
            )
        };
        let name = if status == 0 && !found.is_null() && !entry.pw_name.is_null() {
            // SAFETY: on success `pw_name` is a zero-terminated string inside `buffer`.
            unsafe { std::ffi::CStr::from_ptr(entry.pw_name) }
                .to_str()
                .ok()
                .map(str::to_owned)
        } else {
            None
        };
        Self {
            uid,
            name: name
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| format!("uid-{uid}")),
        }
    }

    /// The peer is this user, and no code of a cell.
    pub(crate) fn admit(&self, peer: &Peer) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::new(sealbook_api::ErrorCode::Unauthenticated, message));
        let Peer::Unix { uid, pid } = peer else {
            return refuse("The embedded service serves its unix socket only.".into());
        };
        if *uid != self.uid {
            return refuse(format!(
                "This is the service of uid {}; you are uid {uid}. Set SEALBOOK_HOME to your own folder.",
                self.uid
            ));
        }
        if pid.is_some_and(descends_from_runner) {
            return refuse("Code of a cell cannot call the secret service; use dbutils.secrets.".into());
        }
        Ok(())
    }
}

/// A process or one of its ancestors is marked as a cell runner. A process that cannot be looked at is not.
fn descends_from_runner(pid: i32) -> bool {
    let mut pid = pid;
    for _ in 0..ANCESTORS_MAX {
        if pid <= 1 {
            return false;
        }
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if arguments.split(|byte| *byte == 0).nth(1) == Some(RUNNER) {
            return true;
        }
        match parent(pid) {
            Some(parent) => pid = parent,
            None => return false,
        }
    }
    false
}

fn parent(pid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:"))?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn owner() -> Owner {
        Owner::of_this_process()
    }

    #[test]
    fn another_uid_and_the_network_are_refused() {
        let owner = owner();
        assert!(!owner.name.is_empty());
        let own_pid = Some(std::process::id() as i32);
        assert!(
            owner
                .admit(&Peer::Unix {
                    uid: owner.uid,
                    pid: own_pid
                })
                .is_ok()
        );
        assert!(
            owner
                .admit(&Peer::Unix {
                    uid: owner.uid + 1,
                    pid: own_pid
                })
                .is_err()
        );
        assert!(owner.admit(&Peer::Tcp("127.0.0.1:1".parse().unwrap())).is_err());
    }

    #[test]
    fn descendants_of_a_cell_runner_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let child = |marked: bool| {
            let script = if marked { "cell-runner" } else { "something-else" };
            // Says the id of a child of its own, so that the peer itself is not the marked process.
            fs::write(folder.path().join(script), "sleep 60 & echo $!; read _; kill $!").unwrap();
            let mut command = Command::new("sh");
            command
                .arg(script)
                .current_dir(folder.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped());
            command.spawn().unwrap()
        };
        for marked in [false, true] {
            let mut child = child(marked);
            let mut line = String::new();
            let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
            std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
            assert_eq!(descends_from_runner(line.trim().parse().unwrap()), marked);
            drop(child.stdin.take());
            child.wait().unwrap();
        }
    }
}
