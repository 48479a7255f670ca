//! `cargo xtask bench`: measurements, side by side with the peer where there is one.

use crate::{packages, python, step, workspace};

/// Runs the benchmark named by the first argument.
///
/// # Errors
/// When there is no such benchmark, or it fails.
pub fn run(arguments: &[&str]) -> Result<(), String> {
    match arguments {
        ["kernel", rest @ ..] => kernel(rest),
        ["redact", rest @ ..] => cargo_bench("sealbook-redact", rest),
        ["service", rest @ ..] => service(rest),
        _ => Err("say what to measure: cargo xtask bench kernel | redact | service".to_owned()),
    }
}

/// Ours and evcxr_jupyter in turn, in one run; writes a Markdown table and a plot into docs/.
fn kernel(arguments: &[&str]) -> Result<(), String> {
    packages::install_missing()?;
    python::install()?;
    let peer = install_peer()?;
    succeed(step::run(
        "build sealbook",
        step::cargo().args(["build", "--quiet", "--locked", "--release", "--package", "sealbook"]),
    )?)?;
    let mut command = python::python();
    command
        .arg("tests/python/bench_kernel.py")
        .args(arguments)
        .env("SEALBOOK_BENCH_OURS", workspace::target().join("release/sealbook"))
        .env("SEALBOOK_BENCH_PEER", peer);
    succeed(step::run("bench kernel", &mut command)?)
}

/// Installs evcxr_jupyter into the tools folder, once.
fn install_peer() -> Result<std::path::PathBuf, String> {
    let folder = workspace::tools().join("peer");
    let binary = folder.join("bin/evcxr_jupyter");
    if !binary.is_file() {
        let mut install = step::cargo();
        install
            .args([
                "install",
                "--quiet",
                "evcxr_jupyter",
                "--version",
                "=0.22.0",
                "--locked",
                "--root",
            ])
            .arg(&folder)
            .arg("--target-dir")
            .arg(workspace::tools().join("peer-build"));
        step::quiet("cargo install evcxr_jupyter", &mut install)?;
    }
    Ok(binary)
}

/// The secret service and OpenBao in turn, in one run; writes Markdown tables into docs/.
fn service(arguments: &[&str]) -> Result<(), String> {
    packages::install_missing()?;
    python::install()?;
    let peer = python::install_peers()?;
    succeed(step::run(
        "build sealbook and the load",
        step::cargo().args([
            "build",
            "--quiet",
            "--locked",
            "--release",
            "--package",
            "sealbook",
            "--package",
            "sealbook-server",
            "--bin",
            "sealbook",
            "--example",
            "load",
        ]),
    )?)?;
    let release = workspace::target().join("release");
    let mut command = python::python();
    command
        .arg("tests/python/bench_service.py")
        .args(arguments)
        .env("SEALBOOK_BENCH_OURS", release.join("sealbook"))
        .env("SEALBOOK_BENCH_LOAD", release.join("examples/load"))
        .env("SEALBOOK_BENCH_PEER", peer.join("bao"));
    succeed(step::run("bench service", &mut command)?)
}

fn cargo_bench(package: &str, arguments: &[&str]) -> Result<(), String> {
    succeed(step::run(
        "bench",
        step::cargo()
            .args(["bench", "--locked", "--package", package])
            .args(arguments),
    )?)
}

fn succeed(finished: step::Finished) -> Result<(), String> {
    if finished.success {
        Ok(())
    } else {
        Err("the benchmark failed".to_owned())
    }
}
