//! The embedded service: one user, a unix socket in a private folder, started on demand.
//!
//! 1. Hold `run/service.lock`: one service per data folder.
//! 2. Open root key, database and journal.
//! 3. Listen on `run/service.sock` (0600), and say `ready` on standard output to whoever started us.
//! 4. When idle for long enough, or told to stop: unlink the socket, so that no new client comes; serve whoever is in the
//!    system's queue already; then end. A client that comes later starts the next service.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sealbook_core::audit::{Journal, Recovery};
use sealbook_core::kms::FileKms;
use sealbook_core::store::Store;
use sealbook_core::vault::Parts;
use sealbook_core::{SystemClock, SystemEntropy, Vault};
use sealbook_store::{Sharing, SqliteStore};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::checkpoints::Checkpoints;
use crate::connection::Connections;
use crate::data_lock::{ALONE, DataLock, opening};
use crate::error::ServeError;
use crate::log;
use crate::peer::{Owner, Peer};
use crate::service::Service;
use crate::settings::Settings;
use crate::status::status_of;

/// How long nobody may ask anything before the service ends.
const IDLE_DEFAULT: Duration = Duration::from_secs(15 * 60);
/// Bytes of the longest path that a unix socket address holds on Linux, without its final zero.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// How to run the embedded service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    /// The data folder; its `run` folder must be private.
    pub home: PathBuf,
    /// End after this long without a request.
    pub idle: Duration,
}

impl Embedded {
    /// With the default idle time, or `SEALBOOK_IDLE_SECONDS`.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        let seconds = std::env::var("SEALBOOK_IDLE_SECONDS")
            .ok()
            .and_then(|text| text.parse().ok());
        Self {
            home: home.into(),
            idle: seconds.map_or(IDLE_DEFAULT, Duration::from_secs),
        }
    }
}

/// Runs the embedded service until it is idle or told to stop. `ready` is called once, when it listens.
///
/// # Errors
/// Why it could not start; the caller tells whoever started it.
pub async fn embedded(options: Embedded, ready: impl FnOnce()) -> Result<(), ServeError> {
    log::start();
    let _lock = DataLock::take(&options.home, None)?;
    let owner = Owner::of_this_process();
    let settings = Settings::default();
    let (vault, recovery) = {
        let _opening = opening(&options.home)?;
        open(&options.home, Some(&owner), &settings).await?
    };
    report(&recovery);
    let service = Arc::new(Service::of_owner(vault, owner, &settings));
    let checkpoints = Checkpoints::start(&service).await;
    let socket = options.home.join("run/service.sock");
    let listener = listen(&socket)?;
    ready();
    tracing::info!("the embedded service listens");

    let mut connections = Connections::new(&service, &settings);
    // A closed terminal must not end the service: it outlives the command that started it.
    let mut hangup = signal(SignalKind::hangup()).map_err(cannot_wait)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot_wait)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot_wait)?;
    let idle = service.activity.idle(options.idle);
    let mut idle = std::pin::pin!(idle);
    loop {
        let permit = connections.room().await;
        tokio::select! {
            accepted = listener.accept() => accept(&mut connections, accepted, permit).await,
            () = &mut idle => break,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => {}
        }
    }
    std::fs::remove_file(&socket).ok();
    while let Ok(accepted) = tokio::time::timeout(Duration::ZERO, listener.accept()).await {
        let permit = connections.room().await;
        accept(&mut connections, accepted, permit).await;
    }
    connections.drain().await;
    checkpoints.stop().await?;
    service.vault.close().await?;
    tracing::info!("the embedded service ends");
    Ok(())
}

async fn accept(
    connections: &mut Connections,
    accepted: std::io::Result<(tokio::net::UnixStream, tokio::net::unix::SocketAddr)>,
    permit: tokio::sync::OwnedSemaphorePermit,
) {
    let peer = accepted.and_then(|(stream, _)| stream.peer_cred().map(|credential| (stream, credential)));
    match peer {
        Ok((stream, credential)) => {
            connections.serve(
                stream,
                Peer::Unix {
                    uid: credential.uid(),
                    pid: credential.pid(),
                },
                permit,
            );
        }
        Err(error) => {
            // Out of descriptors: wait for some to be closed instead of spinning.
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

pub(crate) async fn open(
    home: &Path,
    owner: Option<&Owner>,
    settings: &Settings,
) -> Result<(Vault, Recovery), ServeError> {
    let database = home.join("secrets.db");
    let key = home.join("root.key");
    if database.exists() && !key.exists() {
        return Err(ServeError::new(format!(
            "the key file {} is missing, and without it the database {} cannot be opened: put it back from a backup",
            key.display(),
            database.display()
        )));
    }
    let entropy = Arc::new(SystemEntropy);
    let kms = FileKms::open_or_create(&key, entropy.clone())?;
    let alone = home.join("audit.journal");
    let (sharing, replica, journal_path) = match &settings.replica {
        None => (Sharing::Alone, ALONE.to_owned(), alone.clone()),
        Some(name) => (
            Sharing::Shared,
            name.clone(),
            home.join(format!("audit-{name}.journal")),
        ),
    };
    let store = SqliteStore::open(&database, sharing).await?;
    if sharing == Sharing::Shared {
        let tail = store.audit_tail(ALONE).await?.map_or(0, |(index, _)| index);
        if Journal::last_index(&alone)? > tail {
            return Err(ServeError::new(format!(
                "{} has audit records that the database lacks, because a server without --replica did not end in good \
                 order: start and stop it so once more, which takes them over",
                alone.display()
            )));
        }
    }
    let parts = Parts {
        store: Arc::new(store),
        kms: Arc::new(kms),
        clock: Arc::new(SystemClock),
        entropy,
        limits: settings.vault_limits(),
        organisation: "default".into(),
        replica,
        journal_path,
        checkpoints_path: home.join("audit.checkpoints"),
        journal_sync: settings.journal_sync(),
        owner: owner.map(|owner| owner.name.clone()),
        api_tokens_open_sessions: settings.api_tokens_open_sessions,
        status_of,
    };
    Ok(Vault::open(parts).await?)
}

/// What an earlier crash left.
pub(crate) fn report(recovery: &Recovery) {
    if let Some(first) = recovery.restored_from {
        tracing::error!(
            first,
            "audit records were missing in the database that had been there: run `sealbook audit verify`"
        );
    }
    if !recovery.unknown.is_empty() {
        tracing::warn!(
            requests = recovery.unknown.len(),
            "requests were cut off by a crash: their outcome is unknown"
        );
    }
    if recovery.replayed > 0 {
        tracing::info!(
            records = recovery.replayed,
            "audit records were taken over from the journal"
        );
    }
}

fn listen(socket: &Path) -> Result<UnixListener, ServeError> {
    let cannot = |error: std::io::Error| ServeError::new(format!("cannot listen on {}: {error}", socket.display()));
    match std::fs::remove_file(socket) {
        // The lock is ours, so it is a dead service's.
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(cannot(error)),
    }
    let listener = if socket.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        UnixListener::bind(socket).map_err(cannot)?
    } else {
        // The address has no room for the path, but for an alias of its folder.
        let folder = File::open(socket.parent().unwrap_or(Path::new("/"))).map_err(cannot)?;
        UnixListener::bind(format!("/proc/self/fd/{}/service.sock", folder.as_raw_fd())).map_err(cannot)?
    };
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).map_err(cannot)?;
    Ok(listener)
}

pub(crate) fn cannot_wait(error: std::io::Error) -> ServeError {
    ServeError::new(format!("cannot wait for signals: {error}"))
}
