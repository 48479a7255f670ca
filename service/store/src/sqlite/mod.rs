//! SQLite: WAL, `synchronous=FULL`, one writer, a pool of readers.
//!
//! Where this process is the only one on its database, replay windows live in memory and are written with the audit intents
//! that claimed the numbers; after a crash the replayed journal claims them again before anything is served. And rows that
//! nobody has changed are kept (`cache`).
//!
//! Where several processes share the database, nothing is kept: every row is read from it, and a number is claimed in a
//! transaction of its own before its intent is written. Transactions of the processes follow each other (`BEGIN
//! IMMEDIATE`), so a number is claimed once.

mod apply;
mod cache;
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
    sharing: Sharing,
    cache: Arc<cache::Cache>,
}

/// Who else has the database open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Nobody.
    Alone,
    /// Other processes on this machine.
    Shared,
}

impl SqliteStore {
    /// Opens the database, or makes one, and brings its tables up to date. Two processes must not do that at once.
    ///
    /// # Errors
    /// A file that is damaged or cannot be used; the message names it and what to do.
    pub async fn open(path: &Path, sharing: Sharing) -> Result<Self, Error> {
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
            sharing,
            cache: Arc::new(cache::Cache::new(sharing == Sharing::Alone)),
        };
        let writer = writer::Writer::new(
            connection,
            Arc::clone(&store.queue),
            Arc::clone(&store.wake),
            Arc::clone(&store.cache),
        );
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
