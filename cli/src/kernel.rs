//! `sealbook kernel`: what the kernelspec launches.

use std::path::PathBuf;

use clap::Args;
use sealbook_kernel::{ConnectionFile, Options};

use crate::failure::{Failure, Outcome};

/// Arguments of `kernel`.
#[derive(Debug, Args)]
pub struct Kernel {
    /// The connection file that the front end wrote
    #[arg(long, short = 'f', value_name = "FILE")]
    connection_file: PathBuf,
}

impl Kernel {
    /// Serves until the front end shuts the kernel down.
    pub fn run(self) -> Outcome {
        let connection = ConnectionFile::read(&self.connection_file).map_err(|error| {
            Failure::new(format!("cannot use the connection file {}: {error}", self.connection_file.display()))
                .hint("A Jupyter front end writes this file and starts the kernel itself. To run a notebook: sealbook run IN OUT")
        })?;
        sealbook_kernel::run(connection, Options::default())
            .map_err(|error| Failure::new(format!("the kernel ended: {error}")))
    }
}
