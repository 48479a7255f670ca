//! The data folder of one user and what lies where in it.
//!
//! ```text
//! SEALBOOK_HOME (default $XDG_DATA_HOME/sealbook or ~/.local/share/sealbook)   0700
//!   run/service.sock  run/service.lock  run/start.lock                        run/ is 0700
//!   service.log       the embedded service's log
//!   secrets.db  root.key  audit/                                             the service's own
//! ```

use std::path::{Path, PathBuf};

use super::error::ClientError;

/// A data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// A data folder at this path, which is made absolute.
    ///
    /// # Errors
    /// [`ClientError::Configuration`]: the working folder is gone.
    pub fn at(path: impl AsRef<Path>) -> Result<Self, ClientError> {
        std::path::absolute(path.as_ref())
            .map(Self)
            .map_err(|error| ClientError::Configuration(format!("SEALBOOK_HOME: {error}")))
    }

    /// `SEALBOOK_HOME`, or the user's default.
    ///
    /// # Errors
    /// [`ClientError::Configuration`]: neither `SEALBOOK_HOME` nor `HOME` is set.
    pub fn from_environment() -> Result<Self, ClientError> {
        let variable = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let path = variable("SEALBOOK_HOME")
            .or_else(|| {
                variable("XDG_DATA_HOME")
                    .filter(|path| path.is_absolute())
                    .map(|path| path.join("sealbook"))
            })
            .or_else(|| variable("HOME").map(|path| path.join(".local/share/sealbook")));
        match path {
            Some(path) => Self::at(path),
            None => Err(ClientError::Configuration(
                "no data folder: set SEALBOOK_HOME to the folder that shall hold the secrets, or HOME".into(),
            )),
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The folder of sockets and lock files.
    pub fn run_folder(&self) -> PathBuf {
        self.0.join("run")
    }

    /// The embedded service's socket.
    pub fn socket(&self) -> PathBuf {
        self.run_folder().join("service.sock")
    }

    /// Held by the client that starts the service.
    pub fn start_lock(&self) -> PathBuf {
        self.run_folder().join("start.lock")
    }

    /// Held by the running service.
    pub fn service_lock(&self) -> PathBuf {
        self.run_folder().join("service.lock")
    }

    /// The embedded service's log.
    pub fn service_log(&self) -> PathBuf {
        self.0.join("service.log")
    }

    /// Makes the folders, private, and refuses folders that others can write to.
    ///
    /// # Errors
    /// [`ClientError::Configuration`], saying which folder and which command repairs it.
    pub fn prepare(&self) -> Result<(), ClientError> {
        use std::os::unix::fs::{DirBuilderExt, MetadataExt};

        for folder in [self.0.clone(), self.run_folder()] {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .map_err(|error| {
                    ClientError::Configuration(format!(
                        "cannot make the folder {}: {error}; set SEALBOOK_HOME to a folder that you can write to",
                        folder.display()
                    ))
                })?;
            let metadata = std::fs::metadata(&folder)
                .map_err(|error| ClientError::Configuration(format!("cannot read {}: {error}", folder.display())))?;
            if metadata.uid() != effective_uid() {
                return Err(ClientError::Configuration(format!(
                    "the folder {} belongs to uid {}, not to you (uid {}): set SEALBOOK_HOME to a folder of your own",
                    folder.display(),
                    metadata.uid(),
                    effective_uid()
                )));
            }
            if metadata.mode() & 0o022 != 0 {
                return Err(ClientError::Configuration(format!(
                    "other users can write to the folder {0}: run `chmod 700 {0}`",
                    folder.display()
                )));
            }
        }
        Ok(())
    }
}

/// This process's effective user id.
#[expect(unsafe_code, reason = "no safe wrapper of geteuid in the standard library")]
fn effective_uid() -> u32 {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn folders_are_private_and_open_ones_are_refused() {
        let outer = tempfile::tempdir().unwrap();
        let home = Home::at(outer.path().join("a/b")).unwrap();
        home.prepare().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(home.path()), mode(&home.run_folder())), (0o700, 0o700));

        std::fs::set_permissions(home.run_folder(), std::fs::Permissions::from_mode(0o770)).unwrap();
        let error = home.prepare().unwrap_err().to_string();
        assert!(error.contains("chmod 700"), "{error}");
    }
}
