//! JupyterHub's proxy, a program for Node.js: pinned, under the target folder, installed once.

use crate::{step, workspace};

/// The package and its version.
const PROXY: &str = "configurable-http-proxy@5.3.0";

/// Installs the proxy, or brings it up to date when the pinned version changed.
///
/// # Errors
/// When npm cannot install it.
pub fn install() -> Result<(), String> {
    let folder = workspace::tools().join("node");
    let stamp = folder.join("installed.txt");
    let works = folder.join("node_modules/.bin/configurable-http-proxy").exists();
    if works && std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == PROXY) {
        println!("── JupyterHub's proxy: up to date");
        return Ok(());
    }
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    step::quiet(
        "JupyterHub's proxy",
        step::command("npm")
            .args([
                "install",
                "--no-audit",
                "--no-fund",
                "--no-save",
                "--silent",
                "--prefix",
            ])
            .arg(&folder)
            .arg(PROXY),
    )?;
    std::fs::write(&stamp, PROXY).map_err(|error| format!("{}: {error}", stamp.display()))
}
