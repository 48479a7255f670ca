//! Serves the private socket on which user code calls `dbutils`.
//!
//! Invariants: the socket is in the private folder; a caller runs as this user and descends from the runner's
//! supervisor, so neither another process of the user nor a build script can ask; one call per connection, each on a
//! thread of its own, because a call may wait for the front end.

use std::fs;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dbutils::protocol::{Request, Response};

use crate::engine::DbutilsHandler;
use crate::sys::{self, Waiting};

/// How long a caller may take to send its request, once connected.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);

/// How long a new supervisor may take to become known.
const HELLO_TIME_MAX: Duration = Duration::from_secs(2);

/// Calls served at the same time; more wait in the socket's queue.
const CALLS_MAX: usize = 64;

/// What the server asks of the engine.
pub(crate) trait Calls: Send + Sync {
    /// The supervisor that runs now.
    fn supervisor(&self) -> i32;
    /// Nobody is to be served any more: looked at when somebody connects.
    fn ended(&self) -> bool;
    /// Answers a call that is for the runtime (`cell.*`), or `None` if it is not.
    fn own_call(&self, request: &Request) -> Option<Response>;
}

/// Serves the socket at `path` on a thread, until [`Calls::ended`].
pub(crate) fn serve(path: &Path, calls: Arc<dyn Calls>, handler: Arc<dyn DbutilsHandler>) -> io::Result<()> {
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let running = Arc::new(());
    std::thread::Builder::new().name("dbutils".into()).spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            if calls.ended() {
                return;
            }
            // Each call holds a reference while it runs.
            while Arc::strong_count(&running) > CALLS_MAX {
                std::thread::sleep(Duration::from_millis(5));
            }
            let (calls, handler, guard) = (Arc::clone(&calls), Arc::clone(&handler), Arc::clone(&running));
            let spawned = std::thread::Builder::new().name("dbutils-call".into()).spawn(move || {
                let _guard = guard;
                if let Err(error) = answer(stream, calls.as_ref(), handler.as_ref()) {
                    tracing::debug!(%error, "dbutils call");
                }
            });
            if spawned.is_err() {
                tracing::warn!("no thread for a dbutils call");
            }
        }
    })?;
    Ok(())
}

fn answer(mut stream: UnixStream, calls: &dyn Calls, handler: &dyn DbutilsHandler) -> io::Result<()> {
    if !is_trusted(&stream, calls) {
        tracing::warn!("a process outside the notebook tried to call dbutils");
        let refusal = Response::Err {
            code: "PERMISSION_DENIED".into(),
            message: "dbutils answers only to the cells of its notebook".into(),
        };
        return refusal.write_to(&mut stream);
    }
    stream.set_read_timeout(Some(REQUEST_TIME_MAX))?;
    let request = Request::read_from(&mut stream)?;
    let response = calls.own_call(&request).unwrap_or_else(|| handler.call(request));
    response.write_to(&mut stream)
}

/// Whether the other end runs as this user and descends from the supervisor.
fn is_trusted(stream: &UnixStream, calls: &dyn Calls) -> bool {
    let Ok((pid, user)) = sys::peer_of(stream) else {
        return false;
    };
    let Ok(process) = sys::open_process(pid) else {
        return false;
    };
    if user != sys::user_id() {
        return false;
    }
    let since = Instant::now();
    loop {
        let descends = descends_from(pid, calls.supervisor());
        // A number that was reused while we looked belongs to another process: then ours has ended.
        let mut ended = [Waiting::on(&process)];
        sys::wait(&mut ended, 0);
        if descends || ended[0].is_ready() {
            return descends && !ended[0].is_ready();
        }
        if since.elapsed() > HELLO_TIME_MAX {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn descends_from(pid: i32, ancestor: i32) -> bool {
    let mut pid = pid;
    while pid > 1 && ancestor > 1 {
        if pid == ancestor {
            return true;
        }
        let Some(parent) = parent(pid) else { return false };
        pid = parent;
    }
    false
}

fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat[stat.rfind(')')? + 1..].split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descent_is_seen() {
        let this = std::process::id() as i32;
        let parent = parent(this).unwrap();
        assert!(descends_from(this, this));
        assert!(descends_from(this, parent));
        assert!(!descends_from(parent, this));
        assert!(!descends_from(this, 0));
    }
}
