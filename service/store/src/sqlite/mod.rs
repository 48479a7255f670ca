//! SQLite: WAL, `synchronous=FULL`, one writer, a pool of readers.
//!
//! Replay windows live in memory, because this process is the only one on its database, and are written with the audit
//! intents that claimed the numbers. After a crash the replayed journal claims them again before anything is served.

mod apply;
mod last_read;
mod reads;
mod writer;

use std::collections::HashMap;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use sealbook_core::Error;
use sealbook_core::store::AuditQueue;
use sealbook_core::window::ReplayWindow;
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::{Notify, mpsc};

use crate::error::cannot_open;

/// Connections that read at once.
const READERS_MAX: u32 = 4;
/// Databases up to this size are checked whole when they are opened; checking takes about a second per gigabyte.
const QUICK_CHECK_BYTES_MAX: u64 = 64 << 20;
/// Writes that may wait for the writer; more wait at the door.
const JOBS_MAX: usize = 1_024;

/// The embedded default.
#[derive(Debug)]
pub struct SqliteStore {
    readers: SqlitePool,
    jobs: mpsc::Sender<writer::Job>,
    queue: Arc<OnceLock<Arc<dyn AuditQueue>>>,
    wake: Arc<Notify>,
    windows: Mutex<HashMap<String, ReplayWindow>>,
}

impl SqliteStore {
    /// Opens the database, or makes one, and brings its tables up to date.
    ///
    /// # Errors
    /// A file that is damaged or cannot be used; the message names it and what to do.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let failed = |error: sqlx::Error| cannot_open(path, error);
        // Made here, so that it is private from its first byte.
        std::fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| failed(sqlx::Error::Io(error)))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(failed)?;
        check(path, &mut connection).await?;
        sqlx::migrate!("migrations/sqlite")
            .run(&mut connection)
            .await
            .map_err(|error| {
                let hint = "it was made by a newer version, or is not a Sealbook database";
                match error {
                    sqlx::migrate::MigrateError::Execute(error) => failed(error),
                    other => Error::unavailable(format!(
                        "the database {} cannot be brought up to date ({other}): {hint}",
                        path.display()
                    )),
                }
            })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .connect_with(options.read_only(true))
            .await
            .map_err(failed)?;
        let (jobs, receiver) = mpsc::channel(JOBS_MAX);
        let store = Self {
            readers,
            jobs,
            queue: Arc::new(OnceLock::new()),
            wake: Arc::new(Notify::new()),
            windows: Mutex::new(HashMap::new()),
        };
        let writer = writer::Writer::new(connection, Arc::clone(&store.queue), Arc::clone(&store.wake));
        tokio::spawn(writer.run(receiver));
        Ok(store)
    }
}

async fn check(path: &Path, connection: &mut sqlx::SqliteConnection) -> Result<(), Error> {
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if size > QUICK_CHECK_BYTES_MAX {
        return Ok(());
    }
    let verdict: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(connection)
        .await
        .map_err(|error| cannot_open(path, error))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(cannot_open(
        path,
        sqlx::Error::Io(std::io::Error::other("it is corrupt")),
    ))
}
