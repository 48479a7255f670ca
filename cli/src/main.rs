//! `sealbook`: the one binary. It parses, calls a crate, prints.
//!
//! Order in `main`: the cell runner's hook comes first, because the kernel starts its runner by executing this binary
//! again, and a runner must not see an argument parser; then arguments; then the command; then its exit status.

mod audit;
mod command;
mod doctor;
mod failure;
mod groups;
#[cfg(feature = "kernel")]
mod install;
#[cfg(feature = "kernel")]
mod kernel;
mod moment;
mod output;
#[cfg(feature = "kernel")]
mod quickstart;
#[cfg(feature = "kernel")]
mod redact;
#[cfg(feature = "kernel")]
mod run;
mod secrets;
#[cfg(feature = "server")]
mod serve;
#[cfg(feature = "server")]
mod serve_options;
mod service;
mod sessions;
mod shell;
mod tokens;
mod users;
mod value;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    #[cfg(feature = "kernel")]
    {
        sealbook_kernel::runner_hook();
        sealbook_kernel::holder_hook();
    }
    // A wrong command line ends here, with status 2 and clap's explanation.
    let sealbook = command::Sealbook::parse();
    match sealbook.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(failure.report()),
    }
}
