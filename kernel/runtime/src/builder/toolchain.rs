//! Finds the user's cargo and rustc, and puts our shims before them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo_shim::REAL_CARGO;
use crate::engine::EngineError;
use crate::learnt::WRAPPER;
use crate::runner::CARGO;

const MISSING: &str = "there is no Rust toolchain: the kernel needs cargo and rustc to build cells. Install one with \
     rustup (https://rustup.rs), or put cargo on the PATH of the program that starts the kernel";

/// Fills `<folder>/bin`: `cargo` is our own binary, `rustup` answers evcxr's `which`.
pub(super) fn install_shims(folder: &Path) -> Result<(), EngineError> {
    let cargo = find("cargo")?;
    let rustc = find("rustc")?;
    let bin = folder.join("bin");
    let installed = (|| {
        fs::write(bin.join(REAL_CARGO), cargo.to_string_lossy().as_bytes())?;
        for name in [CARGO, WRAPPER] {
            symlink(std::env::current_exe()?, bin.join(name))?;
        }
        let script = bin.join("rustup");
        fs::write(&script, rustup_script(&bin, &rustc))?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o700))
    })();
    installed.map_err(|error| EngineError(format!("cannot fill the build folder {}: {error}", folder.display())))
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
