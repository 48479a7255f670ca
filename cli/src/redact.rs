//! `sealbook redact`: a filter with the kernel's own redactor.
//!
//! Plan: 1. read every secret (any that cannot be read, or is empty, stops before a byte is output); 2. learn them;
//! 3. pass standard input through, letting out at once what is safe; 4. let out what was held back at the end.

use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use sealbook_kernel::redact::{Lane, Redactor, Secret, StreamRedactor};
use zeroize::Zeroizing;

use crate::failure::{Failure, Outcome, Status};
use crate::output;

/// How much is read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Arguments of `redact`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("secrets").required(true).multiple(true))]
pub struct Redact {
    /// A file that holds one secret, byte for byte; may be given several times
    #[arg(long, value_name = "FILE", group = "secrets")]
    secret_file: Vec<PathBuf>,
    /// A folder whose files hold one secret each; hidden files and subfolders are left out
    #[arg(long, value_name = "DIR", group = "secrets")]
    secret_dir: Vec<PathBuf>,
}

impl Redact {
    /// Filters until standard input ends.
    pub fn run(self) -> Outcome {
        let redactor = Redactor::new();
        for path in self.files()? {
            let value = read_secret(&path)?;
            let learned = redactor.learn(&Secret::new("file", &path.display().to_string(), &value));
            if let Some(notice) = learned.notice() {
                output::note(&format!("sealbook: {}: {notice}", path.display()));
            }
        }
        filter(StreamRedactor::new(&redactor))
    }

    fn files(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut files = self.secret_file.clone();
        for folder in &self.secret_dir {
            let unreadable = |error: &std::io::Error| {
                Failure::io(format!("read the secret folder {}", folder.display()), error).hint("Nothing was passed on.")
            };
            let before = files.len();
            for entry in std::fs::read_dir(folder).map_err(|error| unreadable(&error))? {
                let entry = entry.map_err(|error| unreadable(&error))?;
                // Follows links: mounted secret volumes are made of them.
                let is_file = std::fs::metadata(entry.path()).map_err(|error| unreadable(&error))?.is_file();
                if is_file && !entry.file_name().as_encoded_bytes().starts_with(b".") {
                    files.push(entry.path());
                }
            }
            if files.len() == before {
                return Err(Failure::new(format!("the secret folder {} holds no file", folder.display()))
                    .hint("Nothing was passed on. Name a folder with one secret per file, or use --secret-file."));
            }
        }
        Ok(files)
    }
}

fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let value = std::fs::read(path).map(Zeroizing::new).map_err(|error| {
        Failure::io(format!("read the secret file {}", path.display()), &error).hint("Nothing was passed on.")
    })?;
    if value.is_empty() {
        return Err(Failure::new(format!("the secret file {} is empty", path.display())).hint("Nothing was passed on."));
    }
    Ok(value)
}

fn filter(mut stream: StreamRedactor) -> Outcome {
    let mut input = std::io::stdin().lock();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = match input.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::io("read standard input", &error)),
        };
        pass_on(&stream.push(Lane::Stdout, &chunk[..length]))?;
    }
    pass_on(&stream.finish())
}

fn pass_on(bytes: &[u8]) -> Outcome {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::silent(Status::Failed)),
        Err(error) => Err(Failure::io("write to standard output", &error)),
    }
}
