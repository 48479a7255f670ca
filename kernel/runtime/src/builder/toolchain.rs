//! Finds the user's cargo and rustc, and puts our shims before them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::cargo_shim::REAL_CARGO;
use crate::engine::EngineError;
use crate::learnt::WRAPPER;
use crate::runner::CARGO;

/// Names of the tools that rust-analyzer is told to run, in `<folder>/bin`.
pub(crate) const ANALYSIS_CARGO: &str = "analysis-cargo";
pub(crate) const ANALYSIS_RUSTC: &str = "analysis-rustc";
/// Exists while rust-analyzer is to know nothing but the cell: what it is told of the package then.
const EARLY: &str = "early.json";

const MISSING: &str = "there is no Rust toolchain: the kernel needs cargo and rustc to build cells. Install one with \
     rustup (https://rustup.rs), or put cargo on the PATH of the program that starts the kernel";

/// Fills `<folder>/bin`: `cargo` is our own binary, `rustup` answers evcxr's `which`, and two scripts answer
/// rust-analyzer. Gives the compiler.
pub(super) fn install_shims(folder: &Path) -> Result<PathBuf, EngineError> {
    let rustc = find("rustc")?;
    let beside = rustc.with_file_name("cargo");
    let cargo = if beside.is_file() { beside } else { find("cargo")? };
    let bin = folder.join("bin");
    let installed = (|| {
        fs::write(bin.join(REAL_CARGO), cargo.to_string_lossy().as_bytes())?;
        for name in [CARGO, WRAPPER] {
            symlink(std::env::current_exe()?, bin.join(name))?;
        }
        fs::write(folder.join(EARLY), early_metadata(folder).to_string())?;
        let scripts = [
            ("rustup", rustup_script(&bin, &rustc)),
            (ANALYSIS_CARGO, analysis_script(folder, &cargo)),
            (ANALYSIS_RUSTC, analysis_script(folder, &rustc)),
        ];
        for (name, text) in scripts {
            fs::write(bin.join(name), text)?;
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o700))?;
        }
        Ok(())
    })();
    installed.map(|()| rustc).map_err(|error: std::io::Error| {
        EngineError(format!("cannot fill the build folder {}: {error}", folder.display()))
    })
}

/// The file that `tool` really is: what rustup would run, else what is on the PATH.
fn find(tool: &str) -> Result<PathBuf, EngineError> {
    let on_path = search_path(tool).ok_or_else(|| EngineError(MISSING.to_owned()))?;
    let asked = Command::new("rustup").args(["which", tool]).output();
    match asked {
        Ok(output) if output.status.success() => {
            let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            Ok(PathBuf::from(path))
        }
        // rustup's proxy without a toolchain behind it.
        Ok(output) if is_proxy(&on_path) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(EngineError(format!("{MISSING} (rustup says: {said})")))
        }
        _ => Ok(on_path),
    }
}

fn is_proxy(tool: &Path) -> bool {
    let rustup = search_path("rustup").and_then(|path| path.canonicalize().ok());
    let tool = tool.canonicalize().ok();
    rustup.is_some() && (tool == rustup || tool.is_some_and(|tool| tool.ends_with("rustup")))
}

fn search_path(program: &str) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    if let Some(home) = std::env::var_os("CARGO_HOME").map(PathBuf::from) {
        folders.push(home.join("bin"));
    } else if let Some(home) = std::env::var_os("HOME").map(PathBuf::from) {
        folders.push(home.join(".cargo/bin"));
    }
    folders
        .into_iter()
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Makes rust-analyzer read everything when it sees the next manifest: the standard library, and the dependencies.
pub(super) fn end_early_analysis(folder: &Path) {
    let _ = fs::remove_file(folder.join(EARLY));
}

/// A tool as rust-analyzer sees it. It asks a dozen questions, each a process; until the standard library is wanted, one
/// answer is enough: which file the cell is in.
fn analysis_script(folder: &Path, tool: &Path) -> String {
    let early = folder.join(EARLY);
    format!(
        "#!/bin/sh\n\
         [ -f '{early}' ] || exec '{tool}' \"$@\"\n\
         case \" $* \" in *' --no-deps '*) exec cat '{early}';; esac\n\
         exit 1\n",
        early = early.display(),
        tool = tool.display(),
    )
}

/// What `cargo metadata --no-deps` would say, without the dependency on `dbutils`.
fn early_metadata(folder: &Path) -> Value {
    let home = folder.join("home");
    let id = format!("path+file://{}#ctx@1.0.0", home.display());
    json!({
        "packages": [{
            "name": "ctx", "version": "1.0.0", "id": id, "source": null, "dependencies": [], "features": {},
            "targets": [{
                "kind": ["cdylib"], "crate_types": ["cdylib"], "name": "ctx", "src_path": home.join("src/lib.rs"),
                "edition": "2024", "doc": true, "doctest": false, "test": true,
            }],
            "manifest_path": home.join("Cargo.toml"), "metadata": null, "publish": null, "authors": [],
            "categories": [], "keywords": [], "edition": "2024", "links": null, "license": null,
            "license_file": null, "description": null, "readme": null, "repository": null, "homepage": null,
            "documentation": null, "default_run": null, "rust_version": null,
        }],
        "workspace_members": [id], "workspace_default_members": [id], "resolve": null,
        "target_directory": home.join("target"), "build_directory": home.join("target"), "version": 1,
        "workspace_root": home, "metadata": null,
    })
}

/// evcxr asks `rustup [+toolchain] which cargo`, then the same for rustc.
fn rustup_script(bin: &Path, rustc: &Path) -> String {
    let (bin, rustc) = (bin.display(), rustc.display());
    format!(
        "#!/bin/sh\n\
         if [ \"$*\" = \"which cargo\" ]; then echo '{bin}/cargo'; exit; fi\n\
         if [ \"$*\" = \"which rustc\" ]; then echo '{rustc}'; exit; fi\n\
         PATH=\"${{PATH#{bin}:}}\"\n\
         exec rustup \"$@\"\n"
    )
}
