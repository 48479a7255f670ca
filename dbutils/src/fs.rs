//! `dbutils.fs`: local files.

use std::fmt;
use std::fs;
use std::io::Read;
use std::ops::Deref;
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::help::Help;
use crate::table;

/// Bytes that [`FileSystem::head`] reads by default in the original.
const HEAD_BYTES_DEFAULT: usize = 65_536;

/// The commands of `dbutils.fs`. Paths may be written with `file:` in front.
#[derive(Debug)]
pub struct FileSystem {
    _private: (),
}

impl FileSystem {
    pub(crate) const THE: FileSystem = FileSystem { _private: () };

    /// Lists a folder, sorted by name.
    ///
    /// # Panics
    /// With the path and the reason when it cannot be read.
    #[track_caller]
    pub fn ls(&self, dir: impl AsRef<str>) -> FileList {
        let dir = local(dir.as_ref());
        let listed = fs::read_dir(dir).and_then(|entries| {
            let mut files = Vec::new();
            for entry in entries {
                let entry = entry?;
                let metadata = entry.metadata()?;
                let modified = metadata
                    .modified()
                    .ok()
                    .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
                files.push(FileInfo {
                    path: entry.path().to_string_lossy().into_owned(),
                    name: entry.file_name().to_string_lossy().into_owned() + if metadata.is_dir() { "/" } else { "" },
                    size: if metadata.is_dir() { 0 } else { metadata.len() },
                    modification_time: modified.map_or(0, |since| since.as_millis() as i64),
                });
            }
            files.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(FileList(files))
        });
        or_panic("list", dir, listed)
    }

    /// The first `max_bytes` bytes of a file, as text (0: the first 65,536).
    ///
    /// # Panics
    /// With the path and the reason when it cannot be read.
    #[track_caller]
    pub fn head(&self, file: impl AsRef<str>, max_bytes: usize) -> String {
        let file = local(file.as_ref());
        let limit = if max_bytes == 0 { HEAD_BYTES_DEFAULT } else { max_bytes };
        let mut bytes = Vec::new();
        let read = fs::File::open(file).and_then(|opened| opened.take(limit as u64).read_to_end(&mut bytes));
        or_panic("read", file, read);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Writes text to a file.
    ///
    /// # Panics
    /// When it exists and `overwrite` is false, or cannot be written.
    #[track_caller]
    pub fn put(&self, file: impl AsRef<str>, contents: impl AsRef<str>, overwrite: bool) -> bool {
        let file = local(file.as_ref());
        if !overwrite && Path::new(file).exists() {
            panic!("cannot write {file}: it exists; pass overwrite = true to replace it");
        }
        or_panic("write", file, fs::write(file, contents.as_ref()));
        true
    }

    /// Removes a file, or with `recurse` a folder and what is in it. False if there was nothing.
    ///
    /// # Panics
    /// With the path and the reason when it cannot be removed.
    #[track_caller]
    pub fn rm(&self, path: impl AsRef<str>, recurse: bool) -> bool {
        let path = local(path.as_ref());
        match fs::symlink_metadata(path) {
            Err(_) => return false,
            Ok(metadata) if metadata.is_dir() && recurse => or_panic("remove", path, fs::remove_dir_all(path)),
            Ok(metadata) if metadata.is_dir() => or_panic("remove", path, fs::remove_dir(path)),
            Ok(_) => or_panic("remove", path, fs::remove_file(path)),
        }
        true
    }

    /// Makes a folder and those above it.
    ///
    /// # Panics
    /// With the path and the reason when it cannot be made.
    #[track_caller]
    pub fn mkdirs(&self, dir: impl AsRef<str>) -> bool {
        let dir = local(dir.as_ref());
        or_panic("make", dir, fs::create_dir_all(dir));
        true
    }

    /// One line per command.
    pub fn help(&self) -> Help {
        Help::group("fs")
    }
}

fn local(path: &str) -> &str {
    match path.strip_prefix("file:") {
        Some(rest) if rest.starts_with("//") => &rest[2..],
        Some(rest) => rest,
        None => path,
    }
}

#[track_caller]
fn or_panic<T>(what: &str, path: &str, result: std::io::Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("cannot {what} {path}: {error}"),
    }
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileInfo {
    /// Its path.
    pub path: String,
    /// Its name; a folder's ends with `/`.
    pub name: String,
    /// Its size in bytes; 0 for a folder.
    pub size: u64,
    /// When it was last changed, in milliseconds since the epoch.
    pub modification_time: i64,
}

/// Entries of a folder; prints as a table.
#[derive(Clone, PartialEq, Eq)]
pub struct FileList(Vec<FileInfo>);

impl FileList {
    fn rows(&self) -> Vec<[String; 4]> {
        let row = |file: &FileInfo| {
            [
                file.path.clone(),
                file.name.clone(),
                file.size.to_string(),
                file.modification_time.to_string(),
            ]
        };
        self.0.iter().map(row).collect()
    }
}

table::prints_as_table!(FileList, FileInfo, ["path", "name", "size", "modification_time"]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_listed_read_and_removed() {
        let dir = std::env::temp_dir().join(format!("dbutils-fs-{}", std::process::id()));
        let (dir, fs) = (dir.to_string_lossy().into_owned(), FileSystem::THE);
        fs.mkdirs(format!("{dir}/inner"));
        fs.put(format!("file:{dir}/a.txt"), "hello", false);
        let names: Vec<String> = fs.ls(&dir).into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["a.txt", "inner/"]);
        assert_eq!(fs.head(format!("{dir}/a.txt"), 4), "hell");
        assert!(fs.rm(&dir, true));
        assert!(!fs.rm(&dir, true));
    }
}
