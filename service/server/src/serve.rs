//! The shared server: users by token, over TCP.
//!
//! Plain HTTP is served on loopback only; another address needs a reverse proxy in front that speaks TLS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sealbook_api::SecretText;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::checkpoints::Checkpoints;
use crate::connection::Connections;
use crate::embedded::{cannot_wait, lock, open, report};
use crate::error::ServeError;
use crate::hub::{Hub, HubOptions};
use crate::oidc::{Oidc, OidcOptions};
use crate::peer::Peer;
use crate::service::{Activity, IdentitySource, Service, Trusted};
use crate::sinks::{SinkOptions, Sinks};
use crate::{dispatch, log};

/// How to run the shared server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The data folder.
    pub data: PathBuf,
    /// An issuer whose tokens say who somebody is.
    pub oidc: Option<OidcOptions>,
    /// A JupyterHub whose servers' tokens say who somebody is.
    pub hub: Option<HubOptions>,
    /// Where audit records go besides journal and database.
    pub sinks: SinkOptions,
}

/// What the server says when it listens.
#[derive(Debug)]
pub struct Listening {
    /// The address, with the port that was picked.
    pub address: SocketAddr,
    /// At the first start only: the first administrator's token.
    pub bootstrap_token: Option<SecretText>,
}

/// Runs the shared server until it is told to stop. `ready` is called once, when it listens.
///
/// # Errors
/// Why it could not start.
pub async fn serve(options: Shared, ready: impl FnOnce(Listening)) -> Result<(), ServeError> {
    log::start();
    if !options.listen.ip().is_loopback() {
        return Err(ServeError::new(format!(
            "{} is not an address of this machine alone, and without TLS tokens would cross the network in clear: listen \
             on 127.0.0.1 and put a TLS proxy in front",
            options.listen
        )));
    }
    let trusted = Trusted {
        oidc: options.oidc.map(Oidc::new).transpose()?,
        hub: options.hub.map(Hub::new).transpose()?,
    };
    let _lock = lock(&options.data)?;
    let (vault, recovery) = open(&options.data, None).await?;
    report(&recovery);
    let cannot = |error: std::io::Error| ServeError::new(format!("cannot listen on {}: {error}", options.listen));
    let listener = TcpListener::bind(options.listen).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let bootstrap_token = vault.bootstrap().await?;
    let service = Arc::new(Service {
        vault,
        identity: IdentitySource::Tokens,
        trusted,
        activity: Activity::default(),
    });
    let checkpoints = Checkpoints::start(&service).await;
    ready(Listening {
        address,
        bootstrap_token,
    });
    let sinks = Sinks::start(&options.sinks, &options.data, &service, &checkpoints.newest())?;

    let mut connections = Connections::new(dispatch::router(&service));
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot_wait)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot_wait)?;
    loop {
        let permit = connections.room().await;
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    // Small answers must not wait for the acknowledgement of earlier ones; failing costs only time.
                    stream.set_nodelay(true).ok();
                    connections.serve(stream, Peer::Tcp(peer), permit);
                }
                Err(error) => {
                    // Out of descriptors: wait for some to be closed instead of spinning.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    drop(listener);
    connections.drain().await;
    checkpoints.stop().await?;
    sinks.stop().await;
    Ok(())
}
