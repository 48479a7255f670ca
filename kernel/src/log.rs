//! The kernel's log and standard error. Front ends show both, and other code in this process (the engine's) prints to
//! standard error, so the descriptor itself becomes a pipe whose other end is redacted.
//!
//! ```text
//! tracing, panics, the engine ─► descriptor 2 ─► pipe ─► stream redactor ─► the original standard error
//! ```

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use sealbook_redact::{Chunk, Lane, Redactor, Tail};
use tracing_subscriber::EnvFilter;

/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;
/// Time for the last lines at the end of the process.
const FINISH: Duration = Duration::from_millis(100);

/// The running log. Ends with [`Log::finish`].
#[must_use = "finish it, or the last lines are lost"]
pub struct Log {
    original: OwnedFd,
    done: mpsc::Receiver<()>,
}

/// Redirects standard error through `redactor` and starts the log (`SEALBOOK_LOG` chooses what it holds).
pub fn start(redactor: &Redactor) -> io::Result<Log> {
    let (mut reader, writer) = io::pipe()?;
    let original = io::stderr().as_fd().try_clone_to_owned()?;
    let mut out = std::fs::File::from(original.try_clone()?);
    replace_stderr(&writer)?;
    drop(writer);
    let mut stream = redactor.stream(Tail::default());
    let (sender, done) = mpsc::channel();
    thread::Builder::new().name("log".to_owned()).spawn(move || {
        let mut buffer = [0; READ_BYTES];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => {
                    write(&mut out, stream.push(Lane::Stderr, &buffer[..n]));
                    write(&mut out, stream.advance());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        write(&mut out, stream.finish().0);
        let _ = sender.send(());
    })?;
    let filter = EnvFilter::try_from_env("SEALBOOK_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    // A second kernel in one process (tests) keeps the first one's subscriber.
    let _ = tracing_subscriber::fmt()
        // A log on a full disk is no reason to panic, which telling of it on standard error would be.
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(io::stderr)
        .try_init();
    Ok(Log { original, done })
}

impl Log {
    /// Puts the original standard error back and waits for the last lines.
    pub fn finish(self) {
        // The pipe's only writer is descriptor 2, unless a child process still holds it; hence the limit.
        if replace_stderr(&self.original).is_ok() {
            let _ = self.done.recv_timeout(FINISH);
        }
    }
}

fn write(out: &mut impl Write, chunks: Vec<Chunk>) {
    for chunk in chunks {
        // There is nobody to tell when standard error is closed.
        let _ = out.write_all(&chunk.bytes);
    }
}

#[expect(
    unsafe_code,
    reason = "replacing a descriptor has no safe wrapper in the standard library"
)]
fn replace_stderr(by: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: both descriptors are open, and standard error is never owned by anything in this process.
    match unsafe { libc::dup2(by.as_raw_fd(), libc::STDERR_FILENO) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
