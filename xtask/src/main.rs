//! `cargo xtask test | bench | fuzz | sanitize | soak | wheel`: the commands of the people who work on Sealbook.
//!
//! What: `test` installs what the tests need and runs every check that has to pass before a change lands; `bench` measures the
//! kernel beside its peer; `wheel` builds the Python package.
//! Why: one command, the same for people and for continuous integration, on a machine that has only Rust.
//! Invariants: depends on no crate of the product, so it builds in seconds; never touches files outside the target
//! folder, except system packages, which it installs by their names.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks on its standard streams"
)]

mod bench;
mod fuzz;
mod gate;
mod node;
mod packages;
mod python;
mod sanitize;
mod soak;
mod step;
mod tally;
mod wheel;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <COMMAND>

Commands:
  test [STEP…] [-- PYTEST ARGUMENTS]   install what the tests need, run every check
                                       steps: setup fmt clippy doc product unit doctest fuzz e2e wheel
  bench kernel [--runs N]              measure the kernel beside evcxr_jupyter
  bench redact|service                 run the benchmarks of that part
  fuzz [TARGET] [--seconds N]          feed mutated input to what reads strangers' bytes
  sanitize                             look for data races in the redactor
  soak [--cells N]                     run thousands of cells in one kernel, say what grows
  wheel                                build the Python package into the target folder
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["test", rest @ ..] => gate::run(rest),
        ["bench", rest @ ..] => bench::run(rest),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        ["sanitize"] => sanitize::run(),
        ["soak", rest @ ..] => soak::run(rest),
        ["wheel", rest @ ..] => wheel::run(rest),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
