//! Checkpoints: how long a chain is and what its last MAC is, signed, and kept outside the database.
//!
//! A chain cannot show by itself that its end was cut off. A checkpoint can: a chain that is shorter than one of its
//! checkpoints, or has another MAC there, was changed. The signature (Ed25519) can be checked without any secret, so a
//! checkpoint is worth something wherever it was copied to.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sealbook_api::audit::AuditCheckpoint;

use super::chain::Chain;
use crate::error::Error;
use crate::keyring::{SigningKey, verify_signature};

/// Lines after which the older half is dropped: a newer checkpoint covers all that an older one of its chain does.
const LINES_MAX: usize = 2_000;

/// What the signature covers.
fn message(checkpoint: &AuditCheckpoint) -> Vec<u8> {
    format!(
        "sealbook audit checkpoint v1\n{}\n{}\n{}\n{}\n{}",
        checkpoint.organisation, checkpoint.replica, checkpoint.count, checkpoint.head, checkpoint.timestamp
    )
    .into_bytes()
}

/// Signs the end of a chain.
pub fn sign(key: &SigningKey, organisation: &str, end: &Chain, at_ms: i64) -> AuditCheckpoint {
    let mut checkpoint = AuditCheckpoint {
        organisation: organisation.to_owned(),
        replica: end.replica().to_owned(),
        count: end.index(),
        head: hex(end.head()),
        timestamp: at_ms,
        public_key: hex(&key.public()),
        signature: String::new(),
    };
    checkpoint.signature = hex(&key.sign(&message(&checkpoint)));
    checkpoint
}

/// `true` when this key made the checkpoint and nothing of it was changed since.
pub fn authentic(public_key: &[u8], organisation: &str, checkpoint: &AuditCheckpoint) -> bool {
    let Some(signature) = unhex(&checkpoint.signature) else {
        return false;
    };
    checkpoint.organisation == organisation && verify_signature(public_key, &message(checkpoint), &signature)
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// Bytes from hexadecimal.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// The file of checkpoints: a line of JSON each.
#[derive(Debug)]
pub struct CheckpointLog {
    path: PathBuf,
    /// One writer at a time.
    lock: Mutex<()>,
}

impl CheckpointLog {
    /// The log in this file, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            lock: Mutex::new(()),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a checkpoint; it is on the disk when this returns.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&self, checkpoint: &AuditCheckpoint) -> Result<(), Error> {
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        // Replicas share the file.
        let others = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.path.with_extension("checkpoints.lock"))
            .and_then(|file| file.lock().map(|()| file));
        let _others = others.map_err(|error| self.cannot(&error))?;
        let lines = self.lines()?;
        let new = serde_json::to_string(checkpoint).map_err(|_| Error::internal("a checkpoint cannot be written"))?;
        let write = |path: &Path, append: bool, text: &str| {
            let mut file = File::options()
                .create(true)
                .write(true)
                .append(append)
                .truncate(!append)
                .mode(0o600)
                .open(path)?;
            file.write_all(text.as_bytes())?;
            file.sync_data()
        };
        let whole = self.ends_with_a_line().map_err(|error| self.cannot(&error))?;
        let written = if lines.len() < LINES_MAX && whole {
            write(&self.path, true, &format!("{new}\n"))
        } else if lines.len() < LINES_MAX {
            // A crash, or a full disk, cut the last line; what is written behind it would be no line either.
            let kept: String = lines[..lines.len().saturating_sub(1)]
                .iter()
                .map(|line| format!("{line}\n"))
                .collect();
            let beside = self.path.with_extension("new");
            write(&beside, false, &format!("{kept}{new}\n")).and_then(|()| std::fs::rename(&beside, &self.path))
        } else {
            let kept = lines[lines.len() / 2..].join("\n");
            let beside = self.path.with_extension("new");
            write(&beside, false, &format!("{kept}\n{new}\n")).and_then(|()| std::fs::rename(&beside, &self.path))
        };
        written.map_err(|error| self.cannot(&error))
    }

    /// Every checkpoint, oldest first.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is no checkpoint: then the text names the line.
    pub fn read(&self) -> Result<Vec<AuditCheckpoint>, Error> {
        let mut checkpoints = Vec::new();
        let lines = self.lines()?;
        for (at, line) in lines.iter().enumerate() {
            match serde_json::from_str(line) {
                Ok(checkpoint) => checkpoints.push(checkpoint),
                // A crash in the middle of a write cuts the last line; nobody was told of that checkpoint.
                Err(_) if at + 1 == lines.len() => {}
                Err(_) => {
                    return Err(Error::tampered(format_args!(
                        "Line {} of {}",
                        at + 1,
                        self.path.display()
                    )));
                }
            }
        }
        Ok(checkpoints)
    }

    fn ends_with_a_line(&self) -> std::io::Result<bool> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        let mut last = [b'\n'];
        if file.metadata()?.len() > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        Ok(last == [b'\n'])
    }

    fn lines(&self) -> Result<Vec<String>, Error> {
        match File::open(&self.path) {
            Ok(file) => BufReader::new(file)
                .lines()
                .collect::<Result<_, _>>()
                .map_err(|error| self.cannot(&error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(self.cannot(&error)),
        }
    }

    fn cannot(&self, error: &std::io::Error) -> Error {
        Error::unavailable(format!(
            "the file of audit checkpoints {} cannot be used: {error}",
            self.path.display()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::Kek;
    use sealbook_api::SecretBytes;

    fn kek(byte: u8) -> Kek {
        Kek::derive(1, &SecretBytes::new(vec![byte; 32])).unwrap()
    }

    fn checkpoint(count: u64) -> AuditCheckpoint {
        sign(kek(1).checkpoint(), "default", &Chain::at("main", count, [7; 32]), 5)
    }

    #[test]
    fn every_field_is_signed() {
        let good = checkpoint(3);
        let public = kek(1).checkpoint().public();
        assert!(authentic(&public, "default", &good));
        assert!(!authentic(&kek(2).checkpoint().public(), "default", &good));
        assert!(!authentic(&public, "other", &good));
        let changes: [fn(&mut AuditCheckpoint); 6] = [
            |c| c.organisation = "other".into(),
            |c| c.replica = "b".into(),
            |c| c.count = 2,
            |c| c.head = hex(&[8; 32]),
            |c| c.timestamp = 6,
            |c| c.signature = "zz".into(),
        ];
        for change in changes {
            let mut bad = good.clone();
            change(&mut bad);
            assert!(!authentic(&public, "default", &bad), "{bad:?}");
        }
    }

    #[test]
    fn hexadecimal_there_and_back() {
        assert_eq!(unhex(&hex(&[0, 0xa5, 255])), Some(vec![0, 0xa5, 255]));
        for bad in ["a", "zz", "é"] {
            assert_eq!(unhex(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_file_is_bounded_and_a_cut_last_line_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let log = CheckpointLog::new(folder.path().join("checkpoints"));
        assert_eq!(log.read().unwrap(), []);
        log.append(&checkpoint(1)).unwrap();
        let line = serde_json::to_string(&checkpoint(2)).unwrap();
        std::fs::write(log.path(), format!("{line}\n").repeat(LINES_MAX)).unwrap();
        log.append(&checkpoint(3)).unwrap();
        let kept = log.read().unwrap();
        assert_eq!((kept.len(), kept.last()), (LINES_MAX / 2 + 1, Some(&checkpoint(3))));

        std::fs::write(log.path(), format!("{line}\n{}", &line[..40])).unwrap();
        assert_eq!(log.read().unwrap(), [checkpoint(2)]);
        // The next one takes the place of the cut line.
        for count in [3, 4] {
            log.append(&checkpoint(count)).unwrap();
        }
        assert_eq!(log.read().unwrap(), [checkpoint(2), checkpoint(3), checkpoint(4)]);
        std::fs::write(log.path(), format!("{}\n{line}\n", &line[..40])).unwrap();
        let error = log.read().unwrap_err();
        assert!(error.message().starts_with("Line 1 of "), "{error}");
    }
}
