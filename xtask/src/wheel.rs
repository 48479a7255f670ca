//! `cargo xtask wheel`: the Python package with the binary, the kernelspec, the papermill plugin and the server
//! extension.

use crate::{packages, python, step, workspace};

/// maturin builds the wheel from `python/`.
const MATURIN: &str = "maturin==1.16.0";

/// Builds the wheel into `TARGET/wheels`.
///
/// # Errors
/// When maturin cannot be installed, or the build fails.
pub fn run(arguments: &[&str]) -> Result<(), String> {
    packages::install_missing()?;
    python::install()?;
    step::quiet(
        "maturin",
        python::python().args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            MATURIN,
        ]),
    )?;
    let finished = step::run(
        "wheel",
        python::python()
            .args(["-m", "maturin", "build", "--release", "--locked", "--out"])
            .arg(workspace::target().join("wheels"))
            .args(arguments)
            .current_dir(workspace::root().join("python")),
    )?;
    if finished.success {
        Ok(())
    } else {
        Err("the wheel could not be built".to_owned())
    }
}
