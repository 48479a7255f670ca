//! Who may use a data folder: one process, or several replicas with a name each.

use std::fs::{File, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::ServeError;

/// Characters of a replica's name.
const NAME_CHARS_MAX: usize = 32;
/// What a server without others calls its audit chain.
pub(crate) const ALONE: &str = "main";

/// What is wrong with a replica's name.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(legal) || name == ALONE {
        return Err(format!(
            "it must be 1 to {NAME_CHARS_MAX} of the characters a-z, 0-9 and -, and not {ALONE:?}, which is the name of a \
             server without others"
        ));
    }
    Ok(())
}

/// The right to use a data folder, until it is dropped.
#[derive(Debug)]
pub(crate) struct DataLock {
    _folder: File,
    _replica: Option<File>,
}

impl DataLock {
    /// Takes the folder alone, or with other replicas under this name.
    pub(crate) fn take(home: &Path, replica: Option<&str>) -> Result<Self, ServeError> {
        let run = home.join("run");
        let cannot = |error: std::io::Error| ServeError::new(format!("cannot lock {}: {error}", run.display()));
        std::fs::create_dir_all(&run).map_err(cannot)?;
        let mode = std::fs::metadata(&run).map_err(cannot)?.permissions().mode();
        if mode & 0o022 != 0 {
            return Err(ServeError::new(format!(
                "other users can write to the folder {0}: run `chmod 700 {0}`",
                run.display()
            )));
        }
        let refused = |error: TryLockError, who: &str, what: &str| match error {
            TryLockError::WouldBlock => ServeError::new(format!(
                "{who} runs already on the data folder {}; stop it first{what}",
                home.display()
            )),
            TryLockError::Error(error) => cannot(error),
        };
        let folder = file(&run, "service.lock").map_err(cannot)?;
        let Some(name) = replica else {
            folder.try_lock().map_err(|error| {
                refused(
                    error,
                    "a service",
                    ", or give each of several servers a name with --replica",
                )
            })?;
            return Ok(Self {
                _folder: folder,
                _replica: None,
            });
        };
        folder
            .try_lock_shared()
            .map_err(|error| refused(error, "a service without --replica", ""))?;
        check_name(name).map_err(|what| ServeError::new(format!("replica: {what}")))?;
        let own = file(&run, &format!("replica-{name}.lock")).map_err(cannot)?;
        own.try_lock()
            .map_err(|error| refused(error, &format!("a replica called {name}"), ", or choose another name"))?;
        Ok(Self {
            _folder: folder,
            _replica: Some(own),
        })
    }
}

/// Waits until no other process is opening the folder, which includes making tables, keys and the first token.
pub(crate) fn opening(home: &Path) -> Result<File, ServeError> {
    let lock = file(&home.join("run"), "opening.lock").and_then(|file| file.lock().map(|()| file));
    lock.map_err(|error| {
        ServeError::new(format!(
            "cannot lock {}: {error}",
            home.join("run/opening.lock").display()
        ))
    })
}

fn file(run: &Path, name: &str) -> std::io::Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(run.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alone_or_with_a_name_each() {
        let folder = tempfile::tempdir().unwrap();
        let take = |replica| DataLock::take(folder.path(), replica);
        let alone = take(None).unwrap();
        assert!(take(None).unwrap_err().to_string().contains("runs already"));
        assert!(take(Some("a")).unwrap_err().to_string().contains("without --replica"));
        drop(alone);
        let (a, _b) = (take(Some("a")).unwrap(), take(Some("b")).unwrap());
        assert!(take(Some("a")).unwrap_err().to_string().contains("called a"));
        assert!(take(None).unwrap_err().to_string().contains("--replica"));
        drop(a);
        take(Some("a")).unwrap();
    }
}
