//! `sealbook serve`: the secret service.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use sealbook_api::client::Home;

use crate::failure::{Failure, Outcome};
use crate::serve_options::ServeOptions;

/// Requests that can wait for one sync of the disk.
const THREADS_THAT_WAIT_FOR_THE_DISK: usize = 64;

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
        required_unless_present_any = ["embedded", "config"],
        conflicts_with = "embedded"
    )]
    listen: Option<SocketAddr>,
    /// The data folder of the shared server (default: SEALBOOK_HOME)
    #[arg(long, value_name = "FOLDER", conflicts_with = "embedded")]
    data: Option<PathBuf>,
    /// The name of this server among several that share the data folder
    #[arg(long, value_name = "NAME", conflicts_with = "embedded")]
    replica: Option<String>,
    #[command(flatten)]
    options: ServeOptions,
    /// The certificate chain in PEM: the server speaks TLS
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "embedded")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A TOML file with everything that can be said here, and limits and timeouts; what is said here wins. docs/server.md has
    /// a complete example
    #[arg(long, value_name = "FILE", conflicts_with = "embedded")]
    config: Option<PathBuf>,
    /// Serve plain HTTP to other machines too, for a proxy in front that speaks TLS
    #[arg(long, conflicts_with = "embedded")]
    allow_plain_http: bool,
}

impl Serve {
    /// Serves until stopped.
    pub fn run(self) -> Outcome {
        let settings = self.settings()?;
        let folder = self.home.or(self.data).or_else(|| settings.data.clone());
        let home = folder
            .map_or_else(Home::from_environment, Home::at)
            .map_err(crate::service::failed)?;
        home.prepare().map_err(crate::service::failed)?;
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        if settings.audit.fsync == sealbook_server::settings::Fsync::Always {
            // Requests wait for the disk in their threads, and one sync serves all that wait.
            runtime.worker_threads(THREADS_THAT_WAIT_FOR_THE_DISK);
        }
        let runtime = runtime
            .enable_all()
            .build()
            .map_err(|error| Failure::io("start", &error))?;
        if self.embedded {
            return embedded(&runtime, &home);
        }
        let listen = self.listen.or(settings.listen).ok_or_else(|| {
            Failure::new("there is no address to listen on: give --listen ADDRESS, or listen in the configuration")
        })?;
        let options = sealbook_server::Shared {
            listen,
            data: home.path().to_owned(),
            settings,
        };
        let served = runtime.block_on(sealbook_server::serve(options, |listening| {
            let scheme = if listening.tls { "https" } else { "http" };
            say(&format!("listening on {scheme}://{}", listening.address));
            if let Some(token) = &listening.bootstrap_token {
                say(&format!("bootstrap token: {}", token.expose()));
            }
        }));
        served.map_err(|error| Failure::new(error.to_string()))
    }

    /// The configuration, and over it what the command line says.
    fn settings(&self) -> Result<sealbook_server::Settings, Failure> {
        let mut settings = match &self.config {
            Some(file) => sealbook_server::Settings::read(file).map_err(|error| Failure::new(error.to_string()))?,
            None => sealbook_server::Settings::default(),
        };
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            settings.tls = Some(sealbook_server::TlsFiles {
                certificate: certificate.clone(),
                key: key.clone(),
            });
        }
        settings.allow_plain_http |= self.allow_plain_http;
        self.options.apply(&mut settings);
        settings.replica = self.replica.clone().or(settings.replica);
        Ok(settings)
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
