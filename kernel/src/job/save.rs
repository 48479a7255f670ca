//! Saves a notebook so that a reader, or a crash, never meets half of one.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{JobError, Notebook};

/// Where an output notebook goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A file, replaced by rename at every save.
    File(PathBuf),
    /// Standard output, written once, at the end.
    StandardOutput,
    /// Nowhere: the caller wants the exit value alone.
    Nowhere,
}

impl Destination {
    /// Saves while the job runs.
    pub(super) fn save(&self, notebook: &Notebook) -> Result<(), JobError> {
        match self {
            Destination::File(path) => replace(path, &notebook.to_text()).map_err(|source| JobError::Save {
                path: path.clone(),
                source,
            }),
            Destination::StandardOutput | Destination::Nowhere => Ok(()),
        }
    }

    /// Saves at the end.
    pub(super) fn finish(&self, notebook: &Notebook) -> Result<(), JobError> {
        match self {
            Destination::StandardOutput => {
                let mut out = io::stdout().lock();
                out.write_all(&notebook.to_text())
                    .and_then(|()| out.flush())
                    .map_err(|source| JobError::Save {
                        path: PathBuf::from("-"),
                        source,
                    })
            }
            other => other.save(notebook),
        }
    }
}

/// Writes a new file beside the old one, then renames it over.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    // Through a symbolic link, the file that it names is replaced.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".~sealbook-").tempfile_in(folder)?;
    file.write_all(text)?;
    file.as_file().sync_data()?;
    match path.metadata() {
        Ok(old) => file.as_file().set_permissions(old.permissions())?,
        Err(_) => file.as_file().set_permissions(usual_permissions(folder)?)?,
    }
    file.persist(&path)?;
    Ok(())
}

/// The permissions that a file made in the usual way gets here.
fn usual_permissions(folder: &Path) -> io::Result<std::fs::Permissions> {
    let probe = folder.join(format!(".~sealbook-{}", uuid::Uuid::new_v4().simple()));
    let permissions = File::create_new(&probe)?.metadata()?.permissions();
    std::fs::remove_file(&probe)?;
    Ok(permissions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_whole_files_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.ipynb");
        let text = br#"{"cells": [], "nbformat": 4}"#;
        let notebook = Notebook::parse(text, "n").unwrap();
        for _ in 0..2 {
            Destination::File(path.clone()).save(&notebook).unwrap();
        }
        assert_eq!(std::fs::read(&path).unwrap(), notebook.to_text());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = Destination::File(folder.path().join("no/out.ipynb"))
            .save(&notebook)
            .unwrap_err();
        assert!(error.to_string().contains("no/out.ipynb"), "{error}");
    }
}
