//! `cargo xtask test`: everything that has to pass.
//!
//! ```text
//! setup → fmt → clippy → doc → product (release binaries) → unit (nextest) → doctest → fuzz (a bounded time)
//! → e2e (real clients) → wheel (the Python package, installed)
//! ```
//!
//! Everything is built in the release profile: the evaluation engine and the database drivers are large, and one
//! profile means that they are built once. A step that fails does not stop the later ones, except where they need it.

use crate::tally::Tally;
use crate::{fuzz, node, packages, python, step, wheel, workspace};

/// Crates with few dependencies, whose documentation examples are compiled (the proofs' `compile_fail` examples are
/// among them). The others' examples would link the engine once each.
const DOCTESTED: &[&str] = &[
    "dbutils",
    "sealbook-redact",
    "sealbook-wire",
    "sealbook-api",
    "sealbook-core",
];

const STEPS: &[&str] = &[
    "setup", "fmt", "clippy", "doc", "product", "unit", "doctest", "fuzz", "e2e", "wheel",
];

/// Runs the steps named in `arguments`, or all of them; what follows `--` goes to pytest.
///
/// # Errors
/// When a step fails, or a name is none of a step.
pub fn run(arguments: &[&str]) -> Result<(), String> {
    let (names, pytest) = match arguments.iter().position(|argument| *argument == "--") {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &[][..]),
    };
    if let Some(unknown) = names.iter().find(|name| !STEPS.contains(name)) {
        return Err(format!("no step is called {unknown}; there are: {}", STEPS.join(" ")));
    }
    let wanted = |step: &str| names.is_empty() || names.contains(&step);

    let started = std::time::Instant::now();
    let mut total = Tally::default();
    let mut failures: Vec<String> = Vec::new();
    let mut record = |step: &str, outcome: Result<Tally, String>| {
        let tally = outcome.unwrap_or_else(|message| {
            eprintln!("xtask: {step}: {message}");
            Tally::one(false)
        });
        if tally.failed > 0 {
            failures.push(step.to_owned());
        }
        total.add(tally);
        tally.failed == 0
    };

    let mut ready = true;
    for step in STEPS.iter().filter(|step| wanted(step)) {
        match *step {
            "setup" => ready = record(step, setup()),
            "fmt" => drop(record(
                step,
                check("fmt", step::cargo().args(["fmt", "--all", "--check"])),
            )),
            "clippy" => drop(record(step, clippy())),
            "doc" => drop(record(step, doc())),
            "unit" => drop(record(step, unit())),
            "doctest" => drop(record(step, doctest())),
            "fuzz" => drop(record(step, fuzz::check())),
            "product" => ready &= record(step, product()),
            "e2e" if ready => drop(record(step, e2e(pytest))),
            "wheel" if ready => drop(record(step, python_package())),
            _ => drop(record(step, Err("not run: a step that it needs failed".to_owned()))),
        }
    }

    println!("── {:.0} s in all", started.elapsed().as_secs_f64());
    if !failures.is_empty() {
        println!("── failed: {}", failures.join(", "));
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    if failures.is_empty() {
        Ok(())
    } else {
        Err("the tests failed".to_owned())
    }
}

fn setup() -> Result<Tally, String> {
    packages::install_missing()?;
    packages::install_nextest()?;
    packages::fetch_notebook_crates()?;
    python::install()?;
    node::install()?;
    Ok(Tally::one(true))
}

fn check(title: &str, command: &mut std::process::Command) -> Result<Tally, String> {
    step::run(title, command).map(|finished| Tally::one(finished.success))
}

fn clippy() -> Result<Tally, String> {
    check(
        "clippy",
        step::cargo().args([
            "clippy",
            "--quiet",
            "--locked",
            "--release",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]),
    )
}

fn doc() -> Result<Tally, String> {
    check(
        "doc",
        step::cargo().env("RUSTDOCFLAGS", "-D warnings").args([
            "doc",
            "--quiet",
            "--locked",
            "--release",
            "--workspace",
            "--no-deps",
            "--document-private-items",
        ]),
    )
}

fn unit() -> Result<Tally, String> {
    let mut nextest = step::cargo();
    nextest.args([
        "nextest",
        "run",
        "--locked",
        "--cargo-profile",
        "release",
        "--workspace",
        "--no-fail-fast",
    ]);
    nextest.args(["--status-level", "fail", "--final-status-level", "fail"]);
    let finished = step::run_captured("unit", &mut nextest)?;
    Ok(Tally::of_runner(&finished.output, finished.success))
}

fn doctest() -> Result<Tally, String> {
    let mut test = step::cargo();
    test.args(["test", "--quiet", "--locked", "--release", "--doc"]);
    for name in DOCTESTED {
        test.args(["-p", name]);
    }
    let finished = step::run_captured("doctest", &mut test)?;
    Ok(Tally::of_runner(&finished.output, finished.success))
}

/// Builds the binary that users get, and one with masking turned off, which the search for planted secrets must catch.
fn product() -> Result<Tally, String> {
    let bin = workspace::e2e().join("bin");
    std::fs::create_dir_all(&bin).map_err(|error| format!("{}: {error}", bin.display()))?;
    // The leaking one first, so that what stays in the target folder is the real one.
    for (features, name) in [
        (&["--features", "leak-for-tests"][..], "sealbook-leaking"),
        (&[][..], "sealbook"),
    ] {
        let mut build = step::cargo();
        build
            .args(["build", "--quiet", "--locked", "--release", "--package", "sealbook"])
            .args(features);
        if !step::run(&format!("build {name}"), &mut build)?.success {
            return Ok(Tally::one(false));
        }
        let (from, to) = (workspace::target().join("release/sealbook"), bin.join(name));
        // A running copy of an earlier run must not be written into.
        let _ = std::fs::remove_file(&to);
        std::fs::copy(&from, &to).map_err(|error| format!("{} → {}: {error}", from.display(), to.display()))?;
    }
    Ok(Tally::one(true))
}

fn e2e(pytest: &[&str]) -> Result<Tally, String> {
    let mut command = python::python();
    command
        .args([
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "--color=no",
            "--rootdir=tests/python",
            "--config-file=tests/python/pytest.ini",
            // A file's tests share a kernel; two files at a time keep the processor busy while kernels start.
            "--numprocesses=2",
            "--dist=loadfile",
        ])
        .args(pytest)
        .args(if pytest.iter().any(|argument| argument.starts_with("tests/")) {
            None
        } else {
            Some("tests/python")
        })
        .env("SEALBOOK_E2E_FOLDER", workspace::e2e())
        .env("SEALBOOK_E2E_TOOLS", workspace::tools());
    let finished = step::run_captured("e2e", &mut command)?;
    Ok(Tally::of_runner(&finished.output, finished.success))
}

/// The package's own tests; they install the wheel into a fresh environment.
fn python_package() -> Result<Tally, String> {
    wheel::run(&[])?;
    let mut command = python::python();
    command
        .args(["-m", "pytest", "-p", "no:cacheprovider", "--color=no", "python/tests"])
        .env("CARGO_TARGET_DIR", workspace::target());
    let finished = step::run_captured("wheel tests", &mut command)?;
    Ok(Tally::of_runner(&finished.output, finished.success))
}
