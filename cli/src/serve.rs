//! `sealbook serve`: the secret service.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use sealbook_api::client::Home;

use crate::failure::{Failure, Outcome};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Serve one user over a unix socket in the data folder (what clients start on demand)
    #[arg(long, hide = true)]
    embedded: bool,
    /// The data folder of the embedded service
    #[arg(long, hide = true, requires = "embedded")]
    home: Option<PathBuf>,
}

impl Serve {
    /// Serves until stopped.
    pub fn run(self) -> Outcome {
        if !self.embedded {
            return Err(Failure::new("this version serves one user only, on demand; there is nothing to start by hand"));
        }
        let home = self.home.map_or_else(Home::from_environment, Home::at).map_err(crate::service::failed)?;
        home.prepare().map_err(crate::service::failed)?;
        let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::io("start", &error))?;
        let service = sealbook_server::Embedded::new(home.path());
        let served = runtime.block_on(sealbook_server::embedded(service, || say("ready")));
        served.map_err(|error| {
            // Whoever started the service reads this line; `service.log` gets the failure itself.
            say(&format!("error: {error}"));
            Failure::new(error.to_string())
        })
    }
}

/// One line on standard output. The client that started the service may be gone by now, which is no fault.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).ok();
}
