//! `cargo xtask soak`: thousands of cells in one kernel. Too long for the suite, so a command of its own.

use crate::{packages, python, step, workspace};

/// Runs the soak test with `arguments` (`--cells N`) and the release binary.
///
/// # Errors
/// When a bound is not kept, or the kernel fails.
pub fn run(arguments: &[&str]) -> Result<(), String> {
    packages::install_missing()?;
    python::install()?;
    let built = step::run(
        "build sealbook",
        step::cargo().args(["build", "--quiet", "--locked", "--release", "--package", "sealbook"]),
    )?;
    if !built.success {
        return Err("the build failed".to_owned());
    }
    let mut command = python::python();
    command
        .arg("tests/python/soak_kernel.py")
        .args(arguments)
        .env("SEALBOOK_E2E_BINARY", workspace::target().join("release/sealbook"));
    if step::run("soak", &mut command)?.success {
        Ok(())
    } else {
        Err("something grew, or became slower, beyond its bound".to_owned())
    }
}
