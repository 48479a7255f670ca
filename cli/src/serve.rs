//! `sealbook serve`: the secret service.

use clap::Args;

use crate::failure::{Failure, Outcome};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Serve one user over a unix socket in the data folder (what clients start on demand)
    #[arg(long, hide = true)]
    embedded: bool,
}

impl Serve {
    /// Serves until stopped.
    pub fn run(self) -> Outcome {
        Err(Failure::new("not connected"))
    }
}
