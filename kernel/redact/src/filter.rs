//! The redactor as a program: standard input to standard output.

use std::io::{self, Read, Write};

use crate::{Chunk, Lane, Redactor, Secret, Tail};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

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

/// Copies `reader` to `writer` with every form of the secrets hidden; what is safe leaves at once. Returns the notices
/// about values that can be masked only partly or not at all through `notice`, before the first byte is read.
///
/// # Errors
/// Reading or writing failed. Bytes held back at that moment are not written.
pub fn filter(
    mut reader: impl Read,
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
    let mut buffer = zeroize::Zeroizing::new(vec![0; READ_BYTES]);
    loop {
        let n = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(FilterError::Read(error)),
        };
        write(&mut writer, &stream.push(Lane::Stdout, &buffer[..n]))?;
    }
    let (last, _) = stream.finish();
    write(&mut writer, &last)
}

fn write(writer: &mut impl Write, chunks: &[Chunk]) -> Result<(), FilterError> {
    for chunk in chunks {
        writer.write_all(&chunk.bytes).map_err(FilterError::Write)?;
    }
    writer.flush().map_err(FilterError::Write)
}
