//! The one writer: group commit of data and audit.
//!
//! 1. Wait for a job, or for audit records that nobody else takes along within 50 ms.
//! 2. `BEGIN IMMEDIATE`; the waiting audit records first.
//! 3. Each waiting job inside a savepoint: one that finds what it did not expect is undone alone.
//! 4. `COMMIT` (one sync of the disk for all); then every job gets its answer.
//!
//! If the transaction fails, the audit records go back to the queue and every job is told.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sealbook_core::Error;
use sealbook_core::audit::AuditRow;
use sealbook_core::store::{AuditQueue, Change, CommitError};
use sealbook_core::window::ReplayWindow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};
use tokio::sync::{Notify, mpsc, oneshot};

use super::apply::apply;
use super::cache::Cache;
use crate::error::failed;
use crate::sql;

/// How long an audit record waits for a job to take it along.
const AUDIT_DELAY: Duration = Duration::from_millis(40);
/// Jobs in one transaction: bounds how long the first of them waits.
const BATCH_JOBS_MAX: usize = 256;

/// Audit records in one statement: the largest of these that there are enough for.
const AUDIT_ROWS_AT_ONCE: [usize; 3] = [64, 8, 1];

/// Changes to make; none means: only the audit records.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) changes: Vec<Change>,
    pub(super) reply: oneshot::Sender<Result<(), CommitError>>,
    /// The write-ahead log is folded into the database afterwards, and the writer ends.
    pub(super) last: bool,
}

#[derive(Debug)]
pub(super) struct Writer {
    connection: SqliteConnection,
    queue: Arc<OnceLock<Arc<dyn AuditQueue>>>,
    wake: Arc<Notify>,
    cache: Arc<Cache>,
}

impl Writer {
    pub(super) fn new(
        connection: SqliteConnection,
        queue: Arc<OnceLock<Arc<dyn AuditQueue>>>,
        wake: Arc<Notify>,
        cache: Arc<Cache>,
    ) -> Self {
        Self {
            connection,
            queue,
            wake,
            cache,
        }
    }

    /// Ends when the store is closed or dropped.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut batch = Vec::new();
        loop {
            batch.clear();
            tokio::select! {
                received = jobs.recv_many(&mut batch, BATCH_JOBS_MAX) => if received == 0 { return },
                () = self.wake.notified() => {
                    // A job may come and take the records along; else they go alone.
                    tokio::time::timeout(AUDIT_DELAY, jobs.recv_many(&mut batch, BATCH_JOBS_MAX)).await.ok();
                }
            }
            let last = batch.iter().any(|job| job.last);
            self.commit(&mut batch).await;
            if last {
                // A reader that is still there leaves the log to the next start, which is no fault.
                sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                    .execute(&mut self.connection)
                    .await
                    .ok();
                return;
            }
        }
    }

    async fn commit(&mut self, batch: &mut Vec<Job>) {
        let rows = self.queue.get().map(|queue| queue.take()).unwrap_or_default();
        if rows.is_empty() && batch.is_empty() {
            return;
        }
        let changes: Vec<&[Change]> = batch.iter().map(|job| job.changes.as_slice()).collect();
        let results = self.transaction(&rows, &changes).await;
        if results.is_err() {
            sqlx::query("ROLLBACK").execute(&mut self.connection).await.ok();
        }
        // Whatever became of them: before anybody is told.
        batch.iter().for_each(|job| self.cache.forget(&job.changes));
        if let Some(queue) = self.queue.get() {
            match (&results, rows.last().map(|row| row.index)) {
                (Ok(_), Some(index)) => queue.committed(index),
                (Err(_), Some(_)) => queue.put_back(rows),
                (_, None) => {}
            }
        }
        match results {
            Ok(results) => batch.drain(..).zip(results).for_each(|(job, result)| {
                job.reply.send(result).ok();
            }),
            Err(error) => {
                for job in batch.drain(..) {
                    job.reply.send(Err(CommitError::Failed(error.clone()))).ok();
                }
                // The audit records wait for the next attempt; do not spin while the disk is full.
                tokio::time::sleep(AUDIT_DELAY).await;
                self.wake.notify_one();
            }
        }
    }

    async fn transaction(
        &mut self,
        rows: &[AuditRow],
        jobs: &[&[Change]],
    ) -> Result<Vec<Result<(), CommitError>>, Error> {
        let connection = &mut self.connection;
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        insert_audit(connection, rows).await?;
        super::last_read::note(connection, rows).await?;
        let mut results = Vec::with_capacity(jobs.len());
        for changes in jobs {
            sqlx::query("SAVEPOINT job")
                .execute(&mut *connection)
                .await
                .map_err(failed)?;
            let result = apply_all(connection, changes).await;
            if let Err(CommitError::Failed(error)) = result {
                return Err(error);
            }
            if result.is_err() {
                sqlx::query("ROLLBACK TO job")
                    .execute(&mut *connection)
                    .await
                    .map_err(failed)?;
            }
            sqlx::query("RELEASE job")
                .execute(&mut *connection)
                .await
                .map_err(failed)?;
            results.push(result);
        }
        sqlx::query("COMMIT").execute(&mut *connection).await.map_err(failed)?;
        Ok(results)
    }
}

async fn apply_all(connection: &mut SqliteConnection, changes: &[Change]) -> Result<(), CommitError> {
    for change in changes {
        apply(connection, change).await?;
    }
    Ok(())
}

async fn insert_audit(connection: &mut SqliteConnection, rows: &[AuditRow]) -> Result<(), Error> {
    let mut rest = rows;
    while !rest.is_empty() {
        // Few sizes, so that few statements have to be prepared.
        let size = AUDIT_ROWS_AT_ONCE
            .into_iter()
            .find(|size| *size <= rest.len())
            .unwrap_or(1);
        let (now, later) = rest.split_at(size);
        insert_audit_rows(connection, now).await?;
        rest = later;
    }
    let mut claims: HashMap<&str, Vec<u64>> = HashMap::new();
    for (session, seq) in rows.iter().filter_map(|row| row.claim.as_ref()) {
        claims.entry(session).or_default().push(*seq);
    }
    for (session, numbers) in claims {
        let row = sqlx::query(sql::SESSION_WINDOW)
            .bind(session)
            .fetch_optional(&mut *connection)
            .await
            .map_err(failed)?;
        let Some(row) = row else { continue };
        let mut window = ReplayWindow::from_bytes(&row.try_get::<Vec<u8>, _>(0).map_err(failed)?).unwrap_or_default();
        for seq in numbers {
            // Numbers that were written before (a replayed journal) are claimed already.
            let _ = window.claim(seq);
        }
        sqlx::query(sql::SESSION_SET_WINDOW)
            .bind(window.to_bytes())
            .bind(session)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
    }
    Ok(())
}

async fn insert_audit_rows(connection: &mut SqliteConnection, rows: &[AuditRow]) -> Result<(), Error> {
    let mut insert = sqlx::query(AssertSqlSafe(sql::audit_insert(rows.len())));
    for row in rows {
        let (session, seq) = row
            .claim
            .as_ref()
            .map_or((None, None), |(session, seq)| (Some(session), Some(*seq)));
        insert = insert
            .bind(&row.replica)
            .bind(row.index as i64)
            .bind(i64::from(row.phase == sealbook_core::audit::Phase::Outcome))
            .bind(&row.request_id)
            .bind(row.at_ms)
            .bind(&row.user)
            .bind(&row.action)
            .bind(&row.scope)
            .bind(i64::from(row.failed))
            .bind(session)
            .bind(seq.map(|seq| seq as i64))
            .bind(&row.body)
            .bind(&row.mac);
    }
    insert.execute(connection).await.map(drop).map_err(failed)
}
