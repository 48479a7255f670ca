//! The shared server: users by token, over TCP.
//!
//! With a certificate it speaks TLS. Plain HTTP is served on loopback only, unless the settings say otherwise because
//! something in front speaks TLS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sealbook_api::SecretText;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::checkpoints::Checkpoints;
use crate::connection::Connections;
use crate::data_lock::{DataLock, opening};
use crate::embedded::{cannot_wait, open, report};
use crate::error::ServeError;
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::oidc::Oidc;
use crate::peer::Peer;
use crate::service::{Activity, Bounds, IdentitySource, Service, Trusted};
use crate::settings::Settings;
use crate::sinks::Sinks;
use crate::{descriptors, log, tls};

/// How to run the shared server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The data folder.
    pub data: PathBuf,
    /// Everything else.
    pub settings: Settings,
}

/// What the server says when it listens.
#[derive(Debug)]
pub struct Listening {
    /// The address, with the port that was picked.
    pub address: SocketAddr,
    /// It speaks TLS.
    pub tls: bool,
    /// At the first start only: the first administrator's token.
    pub bootstrap_token: Option<SecretText>,
}

/// Runs the shared server until it is told to stop. `ready` is called once, when it listens.
///
/// # Errors
/// Why it could not start.
pub async fn serve(options: Shared, ready: impl FnOnce(Listening)) -> Result<(), ServeError> {
    log::start();
    let settings = options.settings;
    if settings.tls.is_none() && !options.listen.ip().is_loopback() && !settings.allow_plain_http {
        return Err(ServeError::new(format!(
            "{} is not an address of this machine alone, and without TLS tokens would cross the network in clear: give \
             --tls-cert and --tls-key, or listen on 127.0.0.1, or give --allow-plain-http when a proxy in front speaks TLS",
            options.listen
        )));
    }
    let trusted = Trusted {
        oidc: settings.oidc.iter().cloned().map(Oidc::new).collect::<Result<_, _>>()?,
        hub: settings.jupyterhub.clone().map(Hub::new).transpose()?,
    };
    let acceptor = settings.tls.as_ref().map(tls::acceptor).transpose()?;
    descriptors::raise();
    let sinks = settings.audit.sinks.open()?;
    let _lock = DataLock::take(&options.data, settings.replica.as_deref())?;
    let opening = opening(&options.data)?;
    let (vault, recovery) = open(&options.data, None, &settings).await?;
    report(&recovery);
    let cannot = |error: std::io::Error| ServeError::new(format!("cannot listen on {}: {error}", options.listen));
    let listener = TcpListener::bind(options.listen).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let bootstrap_token = vault.bootstrap().await?;
    drop(opening);
    let service = Arc::new(Service {
        vault,
        identity: IdentitySource::Tokens,
        trusted,
        activity: Activity::default(),
        metrics: Metrics::default(),
        bounds: Bounds::new(&settings),
    });
    let checkpoints = Checkpoints::start(&service).await;
    ready(Listening {
        address,
        tls: acceptor.is_some(),
        bootstrap_token,
    });
    let sinks = Sinks::start(sinks, &options.data, &service, &checkpoints.newest());

    let mut connections = Connections::new(&service, &settings);
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot_wait)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot_wait)?;
    loop {
        let permit = connections.room().await;
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    // Small answers must not wait for the acknowledgement of earlier ones; failing costs only time.
                    stream.set_nodelay(true).ok();
                    match acceptor.clone() {
                        Some(acceptor) => {
                            let handshake = async move { acceptor.accept(stream).await.ok() };
                            connections.serve_after(handshake, Peer::Tcp(peer), permit);
                        }
                        None => connections.serve(stream, Peer::Tcp(peer), permit),
                    }
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
    service.vault.close().await?;
    Ok(())
}
