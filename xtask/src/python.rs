//! The Python environment of the end-to-end tests: pinned, under the target folder, made once.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{step, workspace};

/// The environment's folder.
pub fn environment() -> PathBuf {
    workspace::tools().join("python")
}

/// Makes the environment, or brings it up to date when the pinned versions changed.
///
/// # Errors
/// When Python or one of its packages cannot be installed.
pub fn install() -> Result<(), String> {
    install_into(&environment(), "tests/python/requirements.txt", "jupyter")
}

/// Makes the environment of the servers that benchmarks compare with; the folder of their programs.
///
/// # Errors
/// When Python or one of its packages cannot be installed.
pub fn install_peers() -> Result<PathBuf, String> {
    let folder = workspace::tools().join("peers");
    install_into(&folder, "tests/python/requirements-bench.txt", "bao")?;
    Ok(folder.join("bin"))
}

fn install_into(folder: &Path, requirements: &str, probe: &str) -> Result<(), String> {
    let pinned = workspace::root().join(requirements);
    let wanted = std::fs::read(&pinned).map_err(|error| format!("{}: {error}", pinned.display()))?;
    let stamp = folder.join("installed-requirements.txt");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) && works(folder, probe) {
        println!("── Python environment: up to date");
        return Ok(());
    }
    let _ = std::fs::remove_dir_all(folder);
    step::quiet(
        "Python environment",
        step::command("python3").args(["-m", "venv"]).arg(folder),
    )?;
    step::quiet(
        "Python packages",
        step::command(folder.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
            ])
            .arg(&pinned),
    )?;
    std::fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))
}

/// A Python of the environment, with its programs first on PATH.
pub fn python() -> Command {
    let bin = environment().join("bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(bin.clone()).chain(std::env::split_paths(&path));
    let mut command = step::command(bin.join("python"));
    if let Ok(joined) = std::env::join_paths(paths) {
        command.env("PATH", joined);
    }
    command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("VIRTUAL_ENV");
    command
}

/// An environment that was moved with its target folder no longer works: its scripts hold absolute paths.
fn works(folder: &Path, probe: &str) -> bool {
    step::command(folder.join("bin").join(probe))
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}
