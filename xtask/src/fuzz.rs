//! `cargo xtask fuzz`: coverage-guided fuzzing of everything that reads a stranger's bytes, with libFuzzer.
//!
//! Our own crates are compiled once more, instrumented by `fuzz/instrument`, which cargo runs instead of rustc; dependencies
//! are built as usual, and the stable compiler suffices. An input starts from the committed corpus; what a run finds is kept
//! below the target folder, so that the next run goes on from there. An input that fails is written beside it, and the
//! message says how to repeat it.

use crate::tally::Tally;
use crate::{step, workspace};

/// A target, and a folder of inputs to start from besides its own in `fuzz/corpus/`.
struct Target {
    name: &'static str,
    seeds: &'static str,
    /// Largest input, in bytes.
    bytes_max: usize,
}

const TARGETS: &[Target] = &[
    Target {
        name: "redact_stream",
        seeds: "kernel/redact/tests/corpus",
        bytes_max: 2048,
    },
    Target {
        name: "wire_decoder",
        seeds: "kernel/wire/corpus",
        bytes_max: 64 * 1024,
    },
    Target {
        name: "request_decoder",
        seeds: "fuzz/corpus/request_decoder",
        bytes_max: 4096,
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

/// Every target for the usual time, as a step of the tests.
///
/// # Errors
/// When a target cannot be built or started.
pub fn check() -> Result<Tally, String> {
    build()?;
    let mut tally = Tally::default();
    for target in TARGETS {
        let outcome = fuzz(target, SECONDS);
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
    let failed: Vec<String> = chosen.filter_map(|target| fuzz(target, seconds).err()).collect();
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

fn fuzz(target: &Target, seconds: u64) -> Result<(), String> {
    let folder = workspace::target().join("fuzz").join(target.name);
    let found = folder.join("corpus");
    std::fs::create_dir_all(&found).map_err(|error| format!("{}: {error}", found.display()))?;
    let mut command = step::command(binary(target.name));
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={}", target.bytes_max))
        .args([
            "-timeout=20",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
            "-verbosity=0",
        ])
        .arg(format!("-artifact_prefix={}/", folder.display()))
        .arg(&found)
        .arg(workspace::root().join("fuzz/corpus").join(target.name));
    let seeds = workspace::root().join(target.seeds);
    if !command.get_args().any(|argument| argument == seeds.as_os_str()) {
        command.arg(seeds);
    }
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

fn binary(name: &str) -> std::path::PathBuf {
    workspace::target().join("release").join(name)
}
