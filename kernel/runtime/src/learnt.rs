//! Building a cell without cargo: the arguments of rustc are learnt from one build by cargo, and used until anything
//! that cargo would look at changes.
//!
//! ```text
//! evcxr ── cargo build ──► shim ── key unchanged ──────────────► rustc
//!                           └──── key changed ──► cargo ──► wrapper: notes arguments and environment ──► rustc
//! ```
//!
//! The key holds the manifest, cargo's configuration, the arguments and the environment. A notebook with a dependency
//! on a folder always goes through cargo, which alone can tell whether the folder changed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::builder::input_crate;
use crate::cargo_shim;
use crate::places::Build;
use crate::prebuilt;
use crate::sys;

/// Name under which cargo runs us in front of rustc.
pub(crate) const WRAPPER: &str = "sealbook-rustc";
/// The crate that evcxr makes of a cell.
const CELL_CRATE: &str = "ctx";
/// What was learnt, in the build folder.
const FILE: &str = "learnt.json";
/// Passes the key of the build that runs now to the wrapper.
const KEY_VARIABLE: &str = "SEALBOOK_BUILD_KEY";
/// Passes the build folder to the wrapper.
const FOLDER_VARIABLE: &str = "SEALBOOK_BUILD_FOLDER";

/// Passes the number of the process that starts the wrapper, for what would not notice itself that it is gone.
pub(crate) const PARENT_VARIABLE: &str = "SEALBOOK_PARENT";

/// A cell's library stays mapped for as long as the notebook lives, and is copied with the process before each cell: so
/// it is two mappings, with one page that is its own, instead of five with two.
const SMALL_LIBRARY: &[&str] = &[
    "-Crelro-level=off",
    "-Clink-arg=--no-rosegment",
    "-Clink-arg=--hash-style=gnu",
];

/// Begins the argument that names the linker.
pub(crate) const LINKER: &str = "-Clinker=";

/// Variables that differ from call to call and do not change what is built.
const NOT_IN_KEY: &[&str] = &["EVCXR_EXECUTION_SO_PATH", "_", "OLDPWD"];
/// Variables by which cargo hands its children a place in its queue; the queue is gone when they are used.
const NOT_LEARNT: &[&str] = &[
    "CARGO_MAKEFLAGS",
    "MAKEFLAGS",
    "MFLAGS",
    "RUSTC_WRAPPER",
    KEY_VARIABLE,
    FOLDER_VARIABLE,
];

/// How cargo ran rustc for a cell.
#[derive(Serialize, Deserialize)]
pub(crate) struct Learnt {
    pub(crate) key: String,
    rustc: String,
    pub(crate) args: Vec<String>,
    folder: String,
    environment: BTreeMap<String, String>,
    /// Arguments that make rustc run the linker itself, if that is the same.
    #[serde(default)]
    linker: Vec<String>,
}

/// What decides about a build, as text. `None` if cargo must decide: there is a dependency on a folder, or another
/// wrapper around rustc.
pub(crate) fn key(home: &Path, args: &[OsString]) -> Option<String> {
    if std::env::var_os("RUSTC_WRAPPER").is_some() {
        return None;
    }
    let manifest = fs::read_to_string(home.join("Cargo.toml")).ok()?;
    let lines = manifest.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let manifest: Vec<&str> = lines.collect();
    // The manifest's own paths have lines of their own.
    // Nor does anybody change our own crate.
    let own = home.parent().map(|folder| format!("{:?}", input_crate::at(folder)));
    let names_folder = |line: &str| {
        line.contains("path")
            && !line.starts_with("path")
            && !line.starts_with("rpath")
            && !own.as_ref().is_some_and(|own| line.contains(own))
    };
    if manifest.iter().any(|line| names_folder(line)) {
        return None;
    }
    let config = fs::read_to_string(home.join(".cargo/config.toml")).unwrap_or_default();
    let environment: BTreeMap<OsString, OsString> = std::env::vars_os()
        .filter(|(name, _)| !NOT_IN_KEY.iter().any(|other| name == other))
        .collect();
    let options: Vec<&OsString> = args.iter().filter(|arg| *arg != "build" && *arg != "check").collect();
    Some(format!(
        "{}\n{config}\n{options:?}\n{environment:?}",
        manifest.join("\n")
    ))
}

impl Learnt {
    /// What was learnt from the last build by cargo, if it is of this key.
    pub(crate) fn load(folder: &Path, key: &str) -> Option<Learnt> {
        Learnt::last(folder).filter(|learnt| learnt.key == key)
    }

    /// What was learnt from the last build by cargo.
    pub(crate) fn last(folder: &Path) -> Option<Learnt> {
        serde_json::from_slice(&fs::read(folder.join(FILE)).ok()?).ok()
    }

    /// rustc as cargo would run it, with other arguments, and with `wrapper` in front if given.
    pub(crate) fn command(&self, args: impl IntoIterator<Item = String>, wrapper: Option<&Path>) -> Command {
        let mut command = match wrapper {
            Some(wrapper) => {
                let mut command = Command::new(wrapper);
                command.arg(&self.rustc);
                command
            }
            None => Command::new(&self.rustc),
        };
        command
            .args(args)
            .current_dir(&self.folder)
            .env_clear()
            .envs(&self.environment);
        command
    }

    /// The library that rustc makes of a cell.
    pub(crate) fn library(&self) -> Option<PathBuf> {
        let at = self.args.iter().position(|arg| arg == "--out-dir")?;
        Some(Path::new(self.args.get(at + 1)?).join(format!("lib{CELL_CRATE}.so")))
    }

    /// The linker that rustc runs itself, if it does.
    pub(crate) fn lld(&self) -> Option<&str> {
        self.linker.iter().find_map(|arg| arg.strip_prefix(LINKER))
    }

    /// The arguments for a whole build. The list of source files is for cargo only.
    pub(crate) fn build_args(&self) -> impl Iterator<Item = String> + '_ {
        let without_list = |arg: &String| match arg.as_str() {
            "--emit=dep-info,link" => "--emit=link".to_owned(),
            _ => arg.clone(),
        };
        self.args.iter().map(without_list).chain(self.linker.iter().cloned())
    }
}

/// More arguments for a build that does not optimise. The compiler's cache of earlier work is of another level, and would be
/// thrown away.
pub(crate) fn plain_args(folder: &Path) -> [String; 2] {
    let cache = folder.join("home/plain");
    ["-Copt-level=0".to_owned(), format!("-Cincremental={}", cache.display())]
}

/// More arguments for a build of a cell apart from the functions it uses, which are in this cache only.
pub(crate) fn apart_args(folder: &Path) -> [String; 1] {
    [format!("-Cincremental={}", folder.join("home/apart").display())]
}

/// Lets cargo run our wrapper in front of rustc, to learn.
pub(crate) fn listen(command: &mut Command, folder: &Path, key: &str) {
    command
        .env("RUSTC_WRAPPER", folder.join("bin").join(WRAPPER))
        .env(FOLDER_VARIABLE, folder)
        .env(KEY_VARIABLE, key);
}

/// Our binary under the name [`WRAPPER`]: `args` are rustc and its arguments. Never returns.
pub(crate) fn wrap(args: Vec<OsString>) -> ! {
    sys::die_with_parent();
    // It may have ended before.
    let parent = std::env::var(PARENT_VARIABLE).ok();
    if parent.is_some_and(|pid| pid != std::os::unix::process::parent_id().to_string()) {
        std::process::exit(1);
    }
    let words: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let crate_name = words
        .windows(2)
        .find(|pair| pair[0] == "--crate-name")
        .map(|pair| pair[1]);
    let folder = std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from).unwrap_or_default();
    let is_whole = words.len() == args.len();
    let is_cell = crate_name == Some(CELL_CRATE) && is_whole && !folder.as_os_str().is_empty();
    if is_cell {
        note(&folder, &words);
    }
    if crate_name == Some(prebuilt::CRATE) && is_whole && prebuilt::provide(&folder, &words) {
        std::process::exit(0);
    }
    let Some((rustc, args)) = args.split_first() else {
        std::process::exit(2)
    };
    let mut command = Command::new(rustc);
    command.args(args);
    if is_cell && Build::load(&folder).is_plain {
        command.args(plain_args(&folder));
    }
    let generated = folder.join(cargo_shim::SOURCE);
    if is_cell && let Ok(code) = fs::read_to_string(generated) {
        // Where later builds are, so that they find what this one leaves of use.
        if put_source(&folder, &code).is_ok() {
            command.current_dir(place(&folder));
        }
    }
    let error = command.exec();
    cargo_shim::fail("rustc", &error)
}

/// Where cells are compiled.
fn place(folder: &Path) -> PathBuf {
    folder.join("home/cell")
}

/// The source as rustc reads it, under the same name as in the package.
pub(crate) fn source(folder: &Path) -> PathBuf {
    place(folder).join("src/lib.rs")
}

/// Writes the source for a build that starts now.
pub(crate) fn put_source(folder: &Path, code: &str) -> std::io::Result<()> {
    let source = source(folder);
    fs::create_dir_all(place(folder).join("src"))?;
    // It may be a link, for a compiler that waited.
    let _ = fs::remove_file(&source);
    fs::write(source, code)
}

fn note(folder: &Path, words: &[&str]) {
    let (Some((rustc, args)), Ok(key)) = (words.split_first(), std::env::var(KEY_VARIABLE)) else {
        return;
    };
    let environment = std::env::vars().filter(|(name, _)| !NOT_LEARNT.contains(&name.as_str()));
    let mut learnt = Learnt {
        key,
        rustc: (*rustc).to_owned(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        folder: place(folder).to_string_lossy().into_owned(),
        environment: environment.collect(),
        linker: Vec::new(),
    };
    learnt.linker = direct_linker(&learnt).unwrap_or_default();
    if let Ok(text) = serde_json::to_vec(&learnt) {
        // A reader sees the old file or the new one.
        let new = folder.join("learnt.new");
        let _ = fs::write(&new, text).and_then(|()| fs::rename(&new, folder.join(FILE)));
    }
}

/// rustc has cells linked by the toolchain's own lld, but by way of the C compiler: three more processes. The C compiler
/// says where it looks for libraries; the rest of what it adds serves C programs. So this is for notebooks without
/// dependencies, which may be such programs, and without settings of the user's about linking.
fn direct_linker(learnt: &Learnt) -> Option<Vec<String>> {
    let args = &learnt.args;
    let after = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    let has_dependencies = args
        .windows(2)
        .any(|pair| pair[0] == "--extern" && !pair[1].starts_with(prebuilt::CRATE));
    let has_settings = args
        .iter()
        .any(|arg| arg.starts_with("link") || arg.starts_with("-Clink"));
    if has_dependencies || has_settings {
        return None;
    }
    let sysroot = Path::new(&learnt.rustc).parent()?.parent()?;
    let lld = sysroot
        .join("lib/rustlib")
        .join(after("--target")?)
        .join("bin/rust-lld");
    if !lld.is_file() {
        return None;
    }
    let said = Command::new("cc").arg("-print-search-dirs").output().ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    let folders = said.lines().find_map(|line| line.strip_prefix("libraries: ="))?;
    let mut folders: Vec<PathBuf> = std::env::split_paths(folders)
        .filter_map(|folder| folder.canonicalize().ok())
        .collect();
    let mut known = std::collections::BTreeSet::new();
    folders.retain(|folder| known.insert(folder.clone()));
    let mut linker = vec![
        format!("{LINKER}{}", lld.display()),
        "-Clinker-flavor=ld.lld".to_owned(),
    ];
    linker.extend(SMALL_LIBRARY.iter().map(|arg| (*arg).to_owned()));
    linker.extend(folders.iter().map(|folder| format!("-Lnative={}", folder.display())));
    Some(linker)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(manifest: &str) -> Option<String> {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("Cargo.toml"), manifest).unwrap();
        key(home.path(), &["build".into(), "--target".into(), "x".into()])
    }

    #[test]
    fn comments_do_not_change_the_key() {
        let one = key_of("[dependencies.dbutils]\npath = \"/x\"\n[dependencies]\nserde = \"1\"\n");
        let other = key_of("[dependencies.dbutils]\npath = \"/x\"\n# full\n[dependencies]\nserde = \"1\"\n");
        assert!(one.is_some());
        assert_eq!(one, other);
    }

    #[test]
    fn a_dependency_on_a_folder_is_for_cargo() {
        assert_eq!(key_of("[dependencies]\nmine = { path = \"../mine\" }\n"), None);
    }
}
