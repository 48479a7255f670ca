//! The redactor as a program: standard input to standard output.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use crate::{Chunk, Lane, Redactor, Secret, Tail};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// What is safe leaves after this time at the latest; bytes that come within it are looked at together.
const DELAY: Duration = Duration::from_millis(20);

/// Why a filter ended early. Holds no text of either side.
#[derive(Debug)]
#[non_exhaustive]
pub enum FilterError {
    /// The input could not be read.
    Read(io::Error),
    /// The output could not be written.
    Write(io::Error),
}

impl std::fmt::Display for FilterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FilterError::Read(error) => write!(f, "cannot read the input: {error}"),
            FilterError::Write(error) => write!(f, "cannot write the output: {error}"),
        }
    }
}

impl std::error::Error for FilterError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            FilterError::Read(error) | FilterError::Write(error) => Some(error),
        }
    }
}

/// Copies `reader` to `writer` with every form of the secrets hidden; what is safe leaves within a few tens of
/// milliseconds, but for a file, which is all there. Returns the notices about values that can be masked only partly or
/// not at all through `notice`, before the first byte is read.
///
/// # Errors
/// Reading or writing failed. Bytes held back at that moment are not written.
pub fn filter(
    mut reader: impl Read + AsFd,
    mut writer: impl Write,
    secrets: Vec<Secret>,
    mut notice: impl FnMut(&str),
) -> Result<(), FilterError> {
    let redactor = Redactor::new();
    for secret in &secrets {
        if let Some(line) = redactor.learn(secret).notice() {
            notice(line);
        }
    }
    drop(secrets);
    let mut stream = redactor.stream(Tail::default());
    // A file is all there: nobody waits for what comes.
    let waits = !is_file(&reader);
    let mut buffer = zeroize::Zeroizing::new(vec![0; READ_BYTES]);
    // When the oldest byte that was not looked at yet must be.
    let mut due: Option<Instant> = None;
    loop {
        if let Some(left) = due.map(|due| due.saturating_duration_since(Instant::now()))
            && !comes_within(&reader, left).map_err(FilterError::Read)?
        {
            write(&mut writer, &stream.advance())?;
            due = None;
        }
        let n = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(FilterError::Read(error)),
        };
        write(&mut writer, &stream.push(Lane::Stdout, &buffer[..n]))?;
        due = due.or_else(|| waits.then(|| Instant::now() + DELAY));
    }
    let (last, _) = stream.finish();
    write(&mut writer, &last)
}

/// Whether this is a file and not a pipe or a terminal.
fn is_file(reader: &impl AsFd) -> bool {
    let file = reader.as_fd().try_clone_to_owned().map(std::fs::File::from);
    file.and_then(|file| file.metadata()).is_ok_and(|data| data.is_file())
}

/// Whether a read of `reader` gives something, an end included, before `time` has passed; never when it is zero.
#[expect(unsafe_code, reason = "poll has no safe form in the standard library")]
fn comes_within(reader: &impl AsFd, time: Duration) -> io::Result<bool> {
    if time.is_zero() {
        return Ok(false);
    }
    let mut poll = libc::pollfd {
        fd: reader.as_fd().as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let milliseconds = libc::c_int::try_from(time.as_millis())
        .unwrap_or(libc::c_int::MAX)
        .max(1);
    // SAFETY: one pollfd, which lives until the call returns; the descriptor is borrowed for as long.
    match unsafe { libc::poll(&raw mut poll, 1, milliseconds) } {
        0 => Ok(false),
        1.. => Ok(true),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            error => Err(error),
        },
    }
}

fn write(writer: &mut impl Write, chunks: &[Chunk]) -> Result<(), FilterError> {
    for chunk in chunks {
        writer.write_all(&chunk.bytes).map_err(FilterError::Write)?;
    }
    writer.flush().map_err(FilterError::Write)
}
