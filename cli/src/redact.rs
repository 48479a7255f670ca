//! `sealbook redact`: a filter with the kernel's own redactor.
//!
//! Plan: 1. read every secret (any that cannot be read, or is empty, stops before a byte is output); 2. hand standard
//! input, standard output and the secrets to the redactor, which lets out at once what is safe.

use std::path::{Path, PathBuf};

use clap::Args;
use sealbook_kernel::redact::{FilterError, Secret, filter};

use crate::failure::{Failure, Outcome, Status, plain};
use crate::output;

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
        let secrets = self
            .files()?
            .iter()
            .map(|path| read_secret(path))
            .collect::<Result<Vec<_>, _>>()?;
        match filter(std::io::stdin().lock(), std::io::stdout().lock(), secrets, output::note) {
            Ok(()) => Ok(()),
            Err(FilterError::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                Err(Failure::silent(Status::Failed))
            }
            Err(FilterError::Write(error)) => Err(Failure::io("write to standard output", &error)),
            Err(FilterError::Read(error)) => Err(Failure::io("read standard input", &error)),
            Err(other) => Err(Failure::new(other.to_string())),
        }
    }

    fn files(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut files = self.secret_file.clone();
        for folder in &self.secret_dir {
            let unreadable = |error: &std::io::Error| {
                Failure::io(format!("read the secret folder {}", folder.display()), error)
                    .hint("Nothing was passed on.")
            };
            let before = files.len();
            for entry in std::fs::read_dir(folder).map_err(|error| unreadable(&error))? {
                let entry = entry.map_err(|error| unreadable(&error))?;
                // Follows links: mounted secret volumes are made of them.
                let is_file = std::fs::metadata(entry.path())
                    .map_err(|error| unreadable(&error))?
                    .is_file();
                if is_file && !entry.file_name().as_encoded_bytes().starts_with(b".") {
                    files.push(entry.path());
                }
            }
            if files.len() == before {
                return Err(
                    Failure::new(format!("the secret folder {} holds no file", folder.display()))
                        .hint("Nothing was passed on. Name a folder with one secret per file, or use --secret-file."),
                );
            }
        }
        Ok(files)
    }
}

fn read_secret(path: &Path) -> Result<Secret, Failure> {
    let value = std::fs::read(path).map_err(|error| {
        Failure::new(format!(
            "cannot read the secret file {}: {}",
            path.display(),
            plain(&error)
        ))
        .hint("Nothing was passed on.")
    })?;
    if value.is_empty() {
        return Err(Failure::new(format!("the secret file {} is empty", path.display())).hint("Nothing was passed on."));
    }
    Ok(Secret::new("file", path.display().to_string(), value))
}
