//! `sealbook run`: a notebook as a job.

use std::path::PathBuf;

use clap::Args;

use crate::failure::{Failure, Outcome};

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The notebook to run; `-` is standard input
    input: PathBuf,
    /// Where to write it with its outputs; `-` is standard output
    output: PathBuf,
}

impl Run {
    /// Runs every cell, in order, until one fails.
    pub fn run(self) -> Outcome {
        Err(Failure::new("not connected"))
    }
}
