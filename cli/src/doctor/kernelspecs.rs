//! The kernelspecs that front ends would launch.

use std::path::{Path, PathBuf};

use super::Finding;
use crate::install;

/// Reads the user's kernelspec and that of the active Python environment.
pub fn check() -> Vec<Finding> {
    let folders = install::known_folders(install::NAME);
    let mut findings: Vec<_> = folders
        .iter()
        .filter(|folder| folder.join("kernel.json").exists())
        .map(|folder| examine(folder))
        .collect();
    if findings.is_empty() {
        let looked: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
        findings.push(Finding::wrong(
            "kernelspec",
            format!("not installed (looked at {})", looked.join(", ")),
            "Install it: sealbook install --user",
        ));
    }
    findings
}

fn examine(folder: &Path) -> Finding {
    let reinstall = "Install it again: sealbook install --replace (with the flags that it was installed with)";
    let shown = folder.display();
    let Some(spec) = install::read_kernel_json(folder) else {
        return Finding::wrong(
            "kernelspec",
            format!("{shown}/kernel.json cannot be read as JSON"),
            reinstall,
        );
    };
    let Some(program) = spec["argv"][0].as_str() else {
        return Finding::wrong("kernelspec", format!("{shown}/kernel.json has no argv"), reinstall);
    };
    // The Python package's kernelspec names its binary relative to itself, and is of its version.
    let binary = PathBuf::from(program.replace("{resource_dir}", &shown.to_string()));
    if !install::is_ours(folder) {
        return Finding::wrong("kernelspec", format!("{shown} is another kernel's"), reinstall);
    }
    if !binary.exists() {
        return Finding::wrong(
            "kernelspec",
            format!("{shown} launches {}, which is not there", binary.display()),
            reinstall,
        );
    }
    let packaged = program.starts_with("{resource_dir}");
    let version = match spec["metadata"]["sealbook"]["version"].as_str() {
        Some(version) => version,
        None if packaged => env!("CARGO_PKG_VERSION"),
        None => "unknown",
    };
    let this = std::env::current_exe().and_then(std::fs::canonicalize).ok();
    if version != env!("CARGO_PKG_VERSION") {
        return Finding::warning(
            "kernelspec",
            format!("{shown} is of version {version}, this is {}", env!("CARGO_PKG_VERSION")),
            reinstall,
        );
    }
    if std::fs::canonicalize(&binary).ok() != this {
        return Finding::warning(
            "kernelspec",
            format!("{shown} launches another sealbook, {}", binary.display()),
            "If that is not intended, install it again with this binary: sealbook install --replace",
        );
    }
    Finding::ok("kernelspec", shown.to_string())
}
