//! `cargo xtask fuzz`: coverage-guided fuzzing of everything that reads a stranger's bytes, with libFuzzer.
//!
//! Our own crates are compiled once more, instrumented by `fuzz/instrument`, which cargo runs instead of rustc; dependencies
//! are built as usual, and the stable compiler suffices. An input starts from the committed corpus; what a run finds is kept
//! below the target folder, so that the next run goes on from there. An input that fails is written beside it, and the
//! message says how to repeat it.

use std::path::{Path, PathBuf};

use crate::tally::Tally;
use crate::{step, workspace};

/// A target. It starts from the inputs in its folder of `fuzz/corpus/`, and from what other tests start from.
struct Target {
    name: &'static str,
    /// Inputs that other tests keep.
    shared: Option<&'static str>,
    /// Largest input, in bytes.
    bytes_max: usize,
    /// Inputs in a run of the tests: about twenty seconds.
    runs: u64,
}

const TARGETS: &[Target] = &[
    Target {
        name: "redact_stream",
        shared: Some("kernel/redact/tests/corpus"),
        bytes_max: 2048,
        runs: 1_000,
    },
    Target {
        name: "wire_decoder",
        shared: Some("kernel/wire/corpus"),
        bytes_max: 64 * 1024,
        runs: 200_000,
    },
    Target {
        name: "request_decoder",
        shared: None,
        bytes_max: 4096,
        runs: 4_000,
    },
];

/// Seconds for each target when nothing else is said.
const SECONDS: u64 = 20;

const USAGE: &str = "cargo xtask fuzz [TARGET] [--seconds N] | fuzz TARGET --input FILE";

/// Runs one target, or all of them.
///
/// # Errors
/// When the arguments are wrong, a target cannot be built, or an input fails.
pub fn run(arguments: &[&str]) -> Result<(), String> {
    let (names, rest): (Vec<&str>, &[&str]) = match arguments {
        [name, rest @ ..] if !name.starts_with('-') => (vec![name], rest),
        rest => (TARGETS.iter().map(|target| target.name).collect(), rest),
    };
    if let Some(unknown) = names.iter().find(|name| !TARGETS.iter().any(|t| t.name == **name)) {
        let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        return Err(format!(
            "no fuzz target is called {unknown}; there are: {}",
            known.join(" ")
        ));
    }
    match rest {
        [] => all(&names, SECONDS),
        ["--seconds", seconds] => {
            let seconds = seconds
                .parse()
                .map_err(|_| format!("{seconds} is no number of seconds\n{USAGE}"))?;
            all(&names, seconds)
        }
        ["--input", file] if names.len() == 1 => {
            build()?;
            one(names[0], step::command(binary(names[0])).arg(file))
        }
        _ => Err(USAGE.to_owned()),
    }
}

/// Every target on a number of inputs, as a step of the tests: from the committed corpus alone and with one seed, so that a
/// failure can be repeated and the same code passes again.
///
/// # Errors
/// When a target cannot be built or started.
pub fn check() -> Result<Tally, String> {
    build()?;
    let mut tally = Tally::default();
    for target in TARGETS {
        let corpus = folder(target).join("tests");
        let _ = std::fs::remove_dir_all(&corpus);
        let limits = [
            "-seed=1".to_owned(),
            format!("-runs={}", target.runs),
            "-max_total_time=120".to_owned(),
        ];
        let outcome = fuzz(target, &corpus, &limits);
        if let Err(message) = &outcome {
            eprintln!("xtask: {message}");
        }
        tally.add(Tally::one(outcome.is_ok()));
    }
    Ok(tally)
}

fn all(names: &[&str], seconds: u64) -> Result<(), String> {
    build()?;
    let chosen = TARGETS.iter().filter(|target| names.contains(&target.name));
    let failed: Vec<String> = chosen
        .filter_map(|target| {
            let corpus = folder(target).join("corpus");
            fuzz(target, &corpus, &[format!("-max_total_time={seconds}")]).err()
        })
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join("\n"))
    }
}

fn build() -> Result<(), String> {
    step::quiet(
        "build the fuzz targets",
        step::cargo()
            .args([
                "build",
                "--quiet",
                "--locked",
                "--release",
                "--package",
                "sealbook-fuzz",
            ])
            .env("RUSTC_WORKSPACE_WRAPPER", workspace::root().join("fuzz/instrument")),
    )
}

/// Where inputs that fail are written, and folders of what runs found.
fn folder(target: &Target) -> PathBuf {
    workspace::target().join("fuzz").join(target.name)
}

fn fuzz(target: &Target, found: &Path, limits: &[String]) -> Result<(), String> {
    std::fs::create_dir_all(found).map_err(|error| format!("{}: {error}", found.display()))?;
    let mut command = step::command(binary(target.name));
    command
        .args(limits)
        .arg(format!("-max_len={}", target.bytes_max))
        .args([
            "-timeout=20",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
            "-verbosity=0",
        ])
        .arg(format!("-artifact_prefix={}/", folder(target).display()))
        .arg(found)
        .arg(workspace::root().join("fuzz/corpus").join(target.name))
        .args(target.shared.map(|folder| workspace::root().join(folder)));
    one(target.name, &mut command)
}

fn one(name: &str, command: &mut std::process::Command) -> Result<(), String> {
    if step::run(&format!("fuzz {name}"), command)?.success {
        return Ok(());
    }
    Err(format!(
        "fuzz target {name}: an input failed; \"Test unit written to\" above names it. Repeat it with: cargo xtask fuzz {name} --input FILE"
    ))
}

fn binary(name: &str) -> PathBuf {
    workspace::target().join("release").join(name)
}
