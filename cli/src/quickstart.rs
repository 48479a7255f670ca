//! `sealbook quickstart`: from nothing to a notebook that used two credentials and shows neither.
//!
//! Plan: 1. install the kernelspec for the user; 2. reach the service (the embedded one is started on demand);
//! 3. create scope `jdbc`, with `username` and `password`, where they are missing; 4. run the bundled notebook; 5. show
//! what it printed, where it is, and how to open it.
//!
//! Invariants: can be run any number of times; never replaces a secret or a kernelspec that is not ours; needs no network.

use clap::Args;

use crate::failure::{Failure, Outcome};

/// The notebook that is run.
const NOTEBOOK: &str = include_str!("../../examples/quickstart.ipynb");
const SCOPE: &str = "jdbc";

/// Arguments of `quickstart`.
#[derive(Debug, Args)]
pub struct Quickstart {}

impl Quickstart {
    /// Does the whole job.
    pub fn run(self) -> Outcome {
        let _ = (NOTEBOOK, SCOPE);
        Err(Failure::new("not connected"))
    }
}
