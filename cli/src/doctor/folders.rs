//! Folders: the data folder's owner and mode, and room on the disks that are written to.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Finding;

/// Under this, building a cell or writing a record may fail at any moment.
const FREE_BYTES_MIN: u64 = 100 << 20;
/// Under this, notebooks with dependencies may run out: their build folders take hundreds of megabytes.
const FREE_BYTES_COMFORTABLE: u64 = 1 << 30;

/// Looks at the data folder and the temporary folder.
pub fn check() -> Vec<Finding> {
    let mut findings = Vec::new();
    match sealbook_api::client::Home::from_environment() {
        Err(error) => findings.push(Finding::wrong(
            "data folder",
            error.to_string(),
            "Set SEALBOOK_HOME to a folder of your own.",
        )),
        Ok(home) => {
            findings.push(data_folder(home.path()));
            findings.extend(disk("disk", home.path()));
        }
    }
    findings.extend(disk("disk (temporary)", &std::env::temp_dir()));
    findings
}

fn data_folder(home: &Path) -> Finding {
    let shown = home.display();
    let metadata = match std::fs::metadata(home) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Finding::ok(
                "data folder",
                format!("{shown} does not exist yet; it is made on first use"),
            );
        }
        Err(error) => {
            return Finding::wrong(
                "data folder",
                format!("{shown}: {}", crate::failure::plain(&error)),
                "See that you may read it, or set SEALBOOK_HOME to another folder.",
            );
        }
    };
    if !metadata.is_dir() {
        return Finding::wrong(
            "data folder",
            format!("{shown} is not a folder"),
            "Move it away, or set SEALBOOK_HOME to another folder.",
        );
    }
    #[expect(unsafe_code, reason = "geteuid has no safe wrapper in std")]
    // SAFETY: geteuid takes nothing, touches no memory of ours and cannot fail.
    let me = unsafe { libc::geteuid() };
    if metadata.uid() != me {
        return Finding::wrong(
            "data folder",
            format!("{shown} belongs to uid {}, you are uid {me}", metadata.uid()),
            "Set SEALBOOK_HOME to a folder of your own.",
        );
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Finding::wrong(
            "data folder",
            format!("{shown} is open to others (mode {mode:o})"),
            format!("Close it: chmod 700 {shown}"),
        );
    }
    Finding::ok("data folder", format!("{shown} (mode {mode:o})"))
}

fn disk(check: &'static str, folder: &Path) -> Option<Finding> {
    let existing: PathBuf = folder.ancestors().find(|path| path.exists())?.to_path_buf();
    let free = free_bytes(&existing)?;
    let found = format!("{} free at {}", size(free), existing.display());
    Some(if free < FREE_BYTES_MIN {
        Finding::wrong(
            check,
            found,
            "Make room: secrets and audit records cannot be written to a full disk.",
        )
    } else if free < FREE_BYTES_COMFORTABLE {
        Finding::warning(
            check,
            found,
            "Notebooks that build dependencies need hundreds of megabytes.",
        )
    } else {
        Finding::ok(check, found)
    })
}

fn free_bytes(folder: &Path) -> Option<u64> {
    let path = CString::new(folder.as_os_str().as_bytes()).ok()?;
    let mut facts = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    #[expect(unsafe_code, reason = "statvfs has no safe wrapper in std")]
    // SAFETY: path is a NUL-terminated string and facts is large enough for the structure; it is read only on success,
    // when the call has filled it.
    let facts = unsafe {
        if libc::statvfs(path.as_ptr(), facts.as_mut_ptr()) != 0 {
            return None;
        }
        facts.assume_init()
    };
    // The fields' types differ between systems.
    #[allow(clippy::unnecessary_cast)]
    Some(facts.f_bavail as u64 * facts.f_frsize as u64)
}

fn size(bytes: u64) -> String {
    if bytes >= 1 << 30 {
        format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
    } else {
        format!("{} MiB", bytes >> 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn an_open_data_folder_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(data_folder(folder.path()).state, State::Ok);
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let finding = data_folder(folder.path());
        assert_eq!(finding.state, State::Wrong);
        assert!(finding.found.contains("755"), "{}", finding.found);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(data_folder(&file).state, State::Wrong);
        assert_eq!(data_folder(&folder.path().join("absent")).state, State::Ok);
    }

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(size(3 << 30), "3.0 GiB");
        assert_eq!(size(5 << 20), "5 MiB");
    }
}
