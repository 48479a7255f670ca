//! A file of JSON Lines that is rotated: `audit.jsonl`, `audit.jsonl.1` (the newest before it), `audit.jsonl.2`, …

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{Line, json_lines};

const BYTES_MAX: u64 = 64 << 20;
const FILES_KEPT: usize = 10;

/// The file that is being written.
#[derive(Debug)]
pub(crate) struct Rotating {
    path: PathBuf,
    file: File,
    length: u64,
    bytes_max: u64,
    files_kept: usize,
}

impl Rotating {
    pub(crate) fn open(path: &Path, bytes_max: Option<u64>, files_kept: Option<usize>) -> std::io::Result<Self> {
        let file = append(path)?;
        let length = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            length,
            bytes_max: bytes_max.unwrap_or(BYTES_MAX),
            files_kept: files_kept.unwrap_or(FILES_KEPT),
        })
    }

    /// The lines are on the disk when this returns.
    pub(crate) fn write(&mut self, lines: &[Line]) -> std::io::Result<()> {
        let text = json_lines(lines);
        if self.length > 0 && self.length + text.len() as u64 > self.bytes_max {
            self.rotate()?;
        }
        if let Err(error) = self
            .file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_data())
        {
            // Half a line must not stay before the next attempt's.
            self.file.set_len(self.length).ok();
            return Err(error);
        }
        self.length += text.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> std::io::Result<()> {
        for number in (1..self.files_kept).rev() {
            let older = self.numbered(number);
            if older.exists() {
                std::fs::rename(older, self.numbered(number + 1))?;
            }
        }
        if self.files_kept > 0 {
            std::fs::rename(&self.path, self.numbered(1))?;
        } else {
            std::fs::remove_file(&self.path)?;
        }
        self.file = append(&self.path)?;
        self.length = 0;
        Ok(())
    }

    fn numbered(&self, number: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

fn append(path: &Path) -> std::io::Result<File> {
    File::options().create(true).append(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line {
            json: text.into(),
            at_ms: 0,
            failed: false,
        }
    }

    #[test]
    fn rotates_by_size_and_keeps_so_many() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut file = Rotating::open(&path, Some(10), Some(2)).unwrap();
        for text in ["first", "second", "third", "fourth"] {
            file.write(&[line(text)]).unwrap();
        }
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        assert_eq!(read("audit.jsonl"), "fourth\n");
        assert_eq!(read("audit.jsonl.1"), "third\n");
        assert_eq!(read("audit.jsonl.2"), "second\n");
        assert!(!folder.path().join("audit.jsonl.3").exists());
        // After a restart it goes on in the same file.
        Rotating::open(&path, Some(100), None)
            .unwrap()
            .write(&[line("fifth")])
            .unwrap();
        assert_eq!(read("audit.jsonl"), "fourth\nfifth\n");
    }
}
