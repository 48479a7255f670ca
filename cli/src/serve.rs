//! `sealbook serve`: the secret service.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use sealbook_api::client::Home;

use crate::failure::{Failure, Outcome};
use crate::serve_options::ServeOptions;

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Serve one user over a unix socket in the data folder (what clients start on demand)
    #[arg(long, hide = true)]
    embedded: bool,
    /// The data folder of the embedded service
    #[arg(long, hide = true, requires = "embedded")]
    home: Option<PathBuf>,
    /// Serve many users, by token, at this address; port 0 picks a free one
    #[arg(
        long,
        value_name = "ADDRESS",
        required_unless_present = "embedded",
        conflicts_with = "embedded"
    )]
    listen: Option<SocketAddr>,
    /// The data folder of the shared server (default: SEALBOOK_HOME)
    #[arg(long, value_name = "FOLDER", conflicts_with = "embedded")]
    data: Option<PathBuf>,
    #[command(flatten)]
    options: ServeOptions,
}

impl Serve {
    /// Serves until stopped.
    pub fn run(self) -> Outcome {
        let folder = self.home.or(self.data);
        let home = folder
            .map_or_else(Home::from_environment, Home::at)
            .map_err(crate::service::failed)?;
        home.prepare().map_err(crate::service::failed)?;
        let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::io("start", &error))?;
        let Some(listen) = self.listen else {
            return embedded(&runtime, &home);
        };
        let options = sealbook_server::Shared {
            listen,
            data: home.path().to_owned(),
            oidc: self.options.oidc(),
            hub: self.options.hub(),
            sinks: self.options.sinks(),
        };
        let served = runtime.block_on(sealbook_server::serve(options, |listening| {
            say(&format!("listening on http://{}", listening.address));
            if let Some(token) = &listening.bootstrap_token {
                say(&format!("bootstrap token: {}", token.expose()));
            }
        }));
        served.map_err(|error| Failure::new(error.to_string()))
    }
}

fn embedded(runtime: &tokio::runtime::Runtime, home: &Home) -> Outcome {
    let service = sealbook_server::Embedded::new(home.path());
    let served = runtime.block_on(sealbook_server::embedded(service, || say("ready")));
    served.map_err(|error| {
        // Whoever started the service reads this line; `service.log` gets the failure itself.
        say(&format!("error: {error}"));
        Failure::new(error.to_string())
    })
}

/// One line on standard output. The client that started the service may be gone by now, which is no fault.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).ok();
}
