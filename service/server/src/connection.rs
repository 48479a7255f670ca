//! Connections: how many, how long, and HTTP/1.1 on each.
//!
//! A connection that sends no request line or headers in time is closed (slow-loris); bodies have their own limit in
//! `dispatch`. Past the maximum, new connections wait in the system's queue.

use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::dispatch;
use crate::peer::Peer;
use crate::service::Service;
use crate::settings::{Settings, Timeouts};

/// Bytes of request line and headers.
const HEADER_BYTES_MAX: usize = 32 << 10;

/// Accepted connections, until they end or the service stops.
#[derive(Debug)]
pub(crate) struct Connections {
    router: axum::Router,
    service: Arc<Service>,
    timeouts: Timeouts,
    permits: Arc<Semaphore>,
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Connections {
    pub(crate) fn new(service: &Arc<Service>, settings: &Settings) -> Self {
        Self {
            router: dispatch::router(service),
            service: Arc::clone(service),
            timeouts: settings.timeouts.clone(),
            permits: Arc::new(Semaphore::new(settings.limits.connections)),
            tasks: JoinSet::new(),
            stop: watch::Sender::new(false),
        }
    }

    /// Waits for room for one more connection.
    pub(crate) async fn room(&mut self) -> tokio::sync::OwnedSemaphorePermit {
        while self.tasks.try_join_next().is_some() {}
        #[expect(clippy::expect_used, reason = "the semaphore is never closed")]
        Arc::clone(&self.permits).acquire_owned().await.expect("open semaphore")
    }

    /// Serves a connection that is made.
    pub(crate) fn serve(
        &mut self,
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
        permit: tokio::sync::OwnedSemaphorePermit,
    ) {
        self.serve_after(async move { Some(io) }, peer, permit);
    }

    /// Serves a connection once its handshake is done.
    pub(crate) fn serve_after<I>(
        &mut self,
        handshake: impl Future<Output = Option<I>> + Send + 'static,
        peer: Peer,
        permit: tokio::sync::OwnedSemaphorePermit,
    ) where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router.clone().layer(axum::Extension(peer));
        let mut stop = self.stop.subscribe();
        let open = Open::new(&self.service);
        let (handshake_timeout, headers_timeout) = (self.timeouts.handshake(), self.timeouts.headers());
        self.tasks.spawn(async move {
            let _held = (permit, open);
            let Ok(Some(io)) = tokio::time::timeout(handshake_timeout, handshake).await else {
                return;
            };
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(headers_timeout)
                .max_buf_size(HEADER_BYTES_MAX)
                .serve_connection(TokioIo::new(io), TowerToHyperService::new(router));
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                // A peer that went away, or sent what is not HTTP: nothing was asked, so nothing is to be recorded.
                _ = connection.as_mut() => {}
                () = async { stop.wait_for(|stop| *stop).await.map(drop).unwrap_or_default() } => {
                    connection.as_mut().graceful_shutdown();
                    connection.await.ok();
                }
            }
        });
    }

    /// Lets requests under way finish, for a while.
    pub(crate) async fn drain(mut self) {
        self.stop.send(true).ok();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(self.timeouts.drain(), all).await.is_err() {
            tracing::warn!("requests were still under way at shutdown");
        }
    }
}

/// A connection that counts as open.
struct Open(Arc<Service>);

impl Open {
    fn new(service: &Arc<Service>) -> Self {
        service.metrics.connections.up();
        Self(Arc::clone(service))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.metrics.connections.down();
    }
}
