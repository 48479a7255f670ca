//! The compiled `dbutils` crate, kept beside cargo's own caches: the same for every notebook, so only the first kernel
//! after an update of Sealbook or of the toolchain compiles it.
//!
//! Invariants: the folder belongs to this user and to nobody else; its contents are those of one finished build, because
//! it appears under its name by one rename.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, DirBuilder, File};
use std::hash::{Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::sys;

/// Name of the crate.
pub(crate) const CRATE: &str = "dbutils";

const LIBRARY: &str = "libdbutils.so";
/// cargo's list of the crate's source files. It names the build folder, which is another one in each kernel.
const SOURCES: &str = "dbutils.d";
const KEY: &str = "key";
const FOLDER: &str = "@BUILD-FOLDER@";

/// Where the compiled crate waits for cargo, in the build folder.
const READY: &str = "prebuilt";
/// Held while it is being compiled, in the build folder.
const LOCK: &str = "prebuilt.lock";

/// Starts to compile the crate, unless it is kept, while the caller does something else.
pub(crate) fn prepare(folder: &Path, rustc: &Path) -> io::Result<()> {
    let ready = folder.join(READY);
    fs::create_dir_all(&ready)?;
    let lock = File::create(folder.join(LOCK))?;
    lock.lock()?;
    let (folder, rustc) = (folder.to_owned(), rustc.to_owned());
    std::thread::Builder::new().name("prebuilt".into()).spawn(move || {
        let args = args(&folder);
        let kept = key(&folder, &rustc, &args).and_then(|key| Some((kept_at(&key)?, key)));
        let restored = kept
            .as_ref()
            .is_some_and(|(kept, key)| restore(kept, key, &folder, &ready).is_ok());
        if !restored
            && compile(&rustc, &args)
            && let Some((kept, key)) = kept
        {
            // That it cannot be kept is no failure of the build, which is done.
            let _ = keep(&kept, &key, &folder, &ready);
        }
        drop(lock);
    })?;
    Ok(())
}

/// Puts the compiled crate where rustc would, called as in `words`. False: let rustc do it.
pub(crate) fn provide(folder: &Path, words: &[&str]) -> bool {
    let Some(out) = words.windows(2).find(|pair| pair[0] == "--out-dir").map(|pair| pair[1]) else {
        return false;
    };
    let Ok(lock) = File::open(folder.join(LOCK)) else {
        return false;
    };
    if lock.lock().is_err() {
        return false;
    }
    let (ready, out) = (folder.join(READY), Path::new(out));
    let copied = [LIBRARY, SOURCES].map(|name| fs::copy(ready.join(name), out.join(name)).is_ok());
    copied == [true, true]
}

/// As cargo would call rustc for it.
fn args(folder: &Path) -> Vec<String> {
    let source = folder.join("dbutils/src/lib.rs");
    let mut args: Vec<String> =
        "--crate-name dbutils --edition=2024 --crate-type dylib --emit=dep-info,link -Cprefer-dynamic \
         -Copt-level=0 -Ccodegen-units=16 -Cdebug-assertions=on -Crpath -Cmetadata=sealbook --cap-lints=allow --out-dir"
            .split_whitespace()
            .map(str::to_owned)
            .collect();
    args.extend([folder.join(READY), source].map(|path| path.display().to_string()));
    args
}

/// All that the compiled crate depends on: the compiler, its arguments, the sources.
fn key(folder: &Path, rustc: &Path, args: &[String]) -> Option<String> {
    let compiler = fs::metadata(rustc).ok()?;
    let args = args.join(" ").replace(folder.to_str()?, FOLDER);
    let mut key = format!("{rustc:?} {} {}\n{args}\n", compiler.len(), compiler.mtime());
    let sources = folder.join("dbutils/src");
    let mut names: Vec<PathBuf> = fs::read_dir(sources)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    names.sort();
    for name in names {
        key.push_str(&fs::read_to_string(name).ok()?);
    }
    Some(key)
}

fn kept_at(key: &str) -> Option<PathBuf> {
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    if !cargo_home.is_absolute() || !cargo_home.is_dir() {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let base = cargo_home.join("sealbook");
    DirBuilder::new().mode(0o700).recursive(true).create(&base).ok()?;
    let metadata = fs::symlink_metadata(&base).ok()?;
    let is_private = metadata.is_dir() && metadata.uid() == sys::user_id() && metadata.mode() & 0o022 == 0;
    is_private.then(|| base.join(format!("dbutils-{:016x}", hasher.finish())))
}

fn restore(kept: &Path, key: &str, folder: &Path, out: &Path) -> io::Result<()> {
    if fs::read_to_string(kept.join(KEY))? != key {
        return Err(io::ErrorKind::NotFound.into());
    }
    fs::copy(kept.join(LIBRARY), out.join(LIBRARY))?;
    let list = fs::read_to_string(kept.join(SOURCES))?;
    fs::write(out.join(SOURCES), list.replace(FOLDER, &folder.to_string_lossy()))
}

fn compile(rustc: &Path, args: &[String]) -> bool {
    let mut command = Command::new(rustc);
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Keeps what was just compiled.
fn keep(kept: &Path, key: &str, folder: &Path, out: &Path) -> io::Result<()> {
    let base = kept.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let new = tempfile::tempdir_in(base)?;
    let list = fs::read_to_string(out.join(SOURCES))?;
    fs::write(
        new.path().join(SOURCES),
        list.replace(&*folder.to_string_lossy(), FOLDER),
    )?;
    fs::copy(out.join(LIBRARY), new.path().join(LIBRARY))?;
    fs::write(new.path().join(KEY), key)?;
    for entry in fs::read_dir(base)?.flatten() {
        // Those of earlier versions.
        if entry.file_name().to_string_lossy().starts_with("dbutils-") {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    fs::rename(new.path(), kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_comes_back_for_another_folder() {
        let base = tempfile::tempdir().unwrap();
        let folders = ["one", "two"].map(|name| base.path().join(name));
        for folder in &folders {
            fs::create_dir(folder).unwrap();
        }
        let kept = base.path().join("dbutils-1");
        let [one, two] = &folders;
        fs::write(one.join(LIBRARY), "library").unwrap();
        fs::write(one.join(SOURCES), format!("{}/lib.rs", one.display())).unwrap();
        keep(&kept, "key", one, one).unwrap();
        assert!(restore(&kept, "another key", two, two).is_err());
        restore(&kept, "key", two, two).unwrap();
        assert_eq!(fs::read_to_string(two.join(LIBRARY)).unwrap(), "library");
        assert_eq!(
            fs::read_to_string(two.join(SOURCES)).unwrap(),
            format!("{}/lib.rs", two.display())
        );
    }
}
