//! The private build folder: source of every cell, build output, the `dbutils` socket.
//!
//! Invariants: mode 0700; in memory where there is a file system for it that lets programs run; removed when dropped;
//! folders that dead kernels left are removed when another starts. Life is shown by a lock on a file in the folder,
//! which the system releases whatever way the kernel ends.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::engine::EngineError;
use crate::sys;

const PREFIX: &str = "sealbook-build-";
const LOCK: &str = "lock";

/// Least free memory that makes a file system in memory worth using: dependencies of a notebook take hundreds of MB.
const FREE_BYTES_MIN: u64 = 2 << 30;

/// The folder, for as long as this lives.
pub(crate) struct BuildFolder {
    path: PathBuf,
    _lock: File,
}

impl BuildFolder {
    /// Removes stale folders and makes a new one.
    pub(crate) fn create() -> Result<BuildFolder, EngineError> {
        let bases = bases();
        for base in &bases {
            sweep(base);
        }
        let mut last = None;
        for base in &bases {
            match create_in(base) {
                Ok(folder) => return Ok(folder),
                Err(error) => last = Some((base, error)),
            }
        }
        let (base, error) = match &last {
            Some((base, error)) => (base.display().to_string(), error.to_string()),
            None => (String::new(), "no temporary folder".to_owned()),
        };
        Err(EngineError(format!(
            "cannot make the private build folder in {base}: {error}; set TMPDIR to a folder that you can write to"
        )))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for BuildFolder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Where to make the folder, best first.
fn bases() -> Vec<PathBuf> {
    let in_memory = |path: &PathBuf| {
        sys::file_system(path).is_ok_and(|fs| fs.in_memory && fs.executable && fs.free_bytes >= FREE_BYTES_MIN)
    };
    let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let mut bases: Vec<PathBuf> = runtime_dir
        .into_iter()
        .chain([PathBuf::from("/dev/shm")])
        .filter(in_memory)
        .collect();
    bases.push(std::env::temp_dir());
    bases.retain(|base| base.is_absolute() && !base.to_string_lossy().contains(char::is_whitespace));
    bases
}

fn create_in(base: &Path) -> io::Result<BuildFolder> {
    let path = tempfile::Builder::new().prefix(PREFIX).tempdir_in(base)?.keep();
    let made = (|| {
        // tempfile makes folders with mode 0700 already; a base with a default ACL could say otherwise.
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        let mut lock = File::create_new(path.join(LOCK))?;
        lock.try_lock()?;
        write!(lock, "{}", std::process::id())?;
        for name in ["bin", "config", "home"] {
            DirBuilder::new().mode(0o700).create(path.join(name))?;
        }
        Ok(lock)
    })();
    match made {
        Ok(lock) => Ok(BuildFolder { path, _lock: lock }),
        Err(error) => {
            remove(&path);
            Err(error)
        }
    }
}

/// Removes the folders of dead kernels of this user.
fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry
                .metadata()
                .is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == sys::user_id());
        if is_ours && is_stale(&entry.path()) {
            remove(&entry.path());
        }
    }
}

fn is_stale(path: &Path) -> bool {
    match File::open(path.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        // Without a lock it is being made right now, or was left half made: old enough means the latter.
        Err(_) => fs::metadata(path)
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|at| at.elapsed().is_ok_and(|age| age.as_secs() > 60)),
    }
}

/// Removes a folder; a process that still writes into it may need a second round.
pub(crate) fn remove(path: &Path) {
    for _ in 0..3 {
        if fs::remove_dir_all(path).is_ok() || !path.exists() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_private_and_removed() {
        let base = tempfile::tempdir().unwrap();
        let folder = create_in(base.path()).unwrap();
        let path = folder.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        sweep(base.path());
        assert!(path.exists(), "a living kernel's folder must stay");
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_dead_kernels_folder_is_swept() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("sealbook-build-dead");
        fs::create_dir_all(path.join("home")).unwrap();
        File::create(path.join(LOCK)).unwrap();
        sweep(base.path());
        assert!(!path.exists());
    }
}
