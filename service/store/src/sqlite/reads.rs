//! The `Store` trait: reads from the pool, writes through the writer.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

use sealbook_core::api::audit::AuditQuery;
use sealbook_core::audit::AuditRow;
use sealbook_core::proof::{Audited, Read};
use sealbook_core::rows::{
    GroupRow, HeadRow, KekRow, LastReadRow, MemberKind, MembershipRow, ScopeRow, SecretRow, SessionRow, TicketRow,
    TokenRow, UserRow,
};
use sealbook_core::store::{AuditQueue, Change, CommitError, Store};
use sealbook_core::window::ReplayWindow;
use sealbook_core::{Error, Pending};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Sqlite};
use tokio::sync::oneshot;

use super::cache::Key;
use super::writer::Job;
use super::{Sharing, SqliteStore};
use crate::error::failed;
use crate::map::{self, Columns};
use crate::sql;

/// Replay windows in memory from which on those of sessions that are gone are looked for.
const WINDOWS_SWEPT: usize = 1_024;
/// Bytes of the largest record that is kept in memory.
const KEPT_RECORD_BYTES_MAX: usize = 4_096;

type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

impl SqliteStore {
    async fn one<T>(
        &self,
        statement: Statement<'_>,
        map: impl Fn(&SqliteRow) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        statement
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?
            .as_ref()
            .map(map)
            .transpose()
    }

    async fn all<T>(
        &self,
        statement: Statement<'_>,
        map: impl Fn(&SqliteRow) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        statement
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?
            .iter()
            .map(map)
            .collect()
    }

    /// Forgets the windows of sessions that are gone. One that is opened meanwhile was not among those looked at.
    async fn sweep_windows(&self) -> Result<(), Error> {
        let looked_at: Vec<String> = {
            let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
            windows.keys().cloned().collect()
        };
        let there = self.all(sqlx::query(sql::SESSION_IDS), |row| row.text("id")).await?;
        let there: HashSet<String> = there.into_iter().collect();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        for id in looked_at.iter().filter(|id| !there.contains(*id)) {
            windows.remove(id);
        }
        Ok(())
    }

    async fn write(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        self.send(changes, false).await
    }

    async fn send(&self, changes: Vec<Change>, last: bool) -> Result<(), CommitError> {
        let (reply, answer) = oneshot::channel();
        let stopped = || CommitError::Failed(Error::unavailable("The database is being closed."));
        self.jobs
            .send(Job { changes, reply, last })
            .await
            .map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Store for SqliteStore {
    fn scope<'a>(&'a self, name: &'a str) -> Pending<'a, Result<Option<ScopeRow>, Error>> {
        Box::pin(async move {
            let folded = name.to_ascii_lowercase();
            let load = self.one(sqlx::query(sql::SCOPE).bind(folded.clone()), map::scope);
            self.cache.get(Key::Scope(folded), load, Option::is_some).await
        })
    }

    fn scopes(&self) -> Pending<'_, Result<Vec<ScopeRow>, Error>> {
        Box::pin(self.all(sqlx::query(sql::SCOPES), map::scope))
    }

    fn secrets<'a>(&'a self, scope_id: &'a str) -> Pending<'a, Result<Vec<HeadRow>, Error>> {
        Box::pin(self.all(sqlx::query(sql::SECRETS).bind(scope_id), map::head))
    }

    fn last_reads<'a>(&'a self, scope: &'a str) -> Pending<'a, Result<Vec<LastReadRow>, Error>> {
        let statement = sqlx::query(sql::LAST_READS).bind(scope.to_ascii_lowercase());
        Box::pin(self.all(statement, map::last_read))
    }

    fn head<'a>(&'a self, scope_id: &'a str, key: &'a str) -> Pending<'a, Result<Option<(HeadRow, bool)>, Error>> {
        let statement = sqlx::query(sql::HEAD).bind(scope_id).bind(key);
        Box::pin(self.one(statement, |row| {
            Ok((map::head(row)?, row.maybe_number("deleted_at")?.is_some()))
        }))
    }

    fn record<'a>(&'a self, proof: &'a Audited<Read>, key: &'a str) -> Pending<'a, Result<Option<SecretRow>, Error>> {
        let scope_id = &proof.scope().id;
        let load = self.one(sqlx::query(sql::RECORD).bind(scope_id).bind(key), map::secret);
        let small = |row: &Option<SecretRow>| {
            row.as_ref()
                .is_some_and(|row| row.record.len() <= KEPT_RECORD_BYTES_MAX)
        };
        Box::pin(
            self.cache
                .get(Key::Record(scope_id.clone(), key.to_owned()), load, small),
        )
    }

    fn blind_matches<'a>(
        &'a self,
        indexes: &'a [(String, Vec<u8>)],
    ) -> Pending<'a, Result<Vec<(String, String, Vec<u8>)>, Error>> {
        Box::pin(async move {
            let mut found = Vec::new();
            for (scope_id, blind) in indexes {
                let rows = self
                    .all(sqlx::query(sql::BLIND).bind(blind), |row| {
                        Ok((row.text("scope_id")?, row.text("key")?, row.bytes("blind")?))
                    })
                    .await?;
                found.extend(rows.into_iter().filter(|(scope, ..)| scope == scope_id));
            }
            Ok(found)
        })
    }

    fn user<'a>(&'a self, name: &'a str) -> Pending<'a, Result<Option<UserRow>, Error>> {
        let load = self.one(sqlx::query(sql::USER).bind(name), map::user);
        Box::pin(self.cache.get(Key::User(name.to_owned()), load, Option::is_some))
    }

    fn users(&self) -> Pending<'_, Result<Vec<UserRow>, Error>> {
        Box::pin(self.all(sqlx::query(sql::USERS), map::user))
    }

    fn group<'a>(&'a self, name: &'a str) -> Pending<'a, Result<Option<GroupRow>, Error>> {
        Box::pin(self.one(sqlx::query(sql::GROUP).bind(name), map::group))
    }

    fn groups(&self) -> Pending<'_, Result<Vec<GroupRow>, Error>> {
        Box::pin(self.all(sqlx::query(sql::GROUPS), map::group))
    }

    fn members<'a>(&'a self, group: &'a str) -> Pending<'a, Result<Vec<MembershipRow>, Error>> {
        Box::pin(self.all(sqlx::query(sql::MEMBERS).bind(group), map::membership))
    }

    fn memberships<'a>(&'a self, kind: MemberKind, member: &'a str) -> Pending<'a, Result<Vec<MembershipRow>, Error>> {
        let load = self.all(
            sqlx::query(sql::MEMBERSHIPS).bind(kind.as_str()).bind(member),
            map::membership,
        );
        Box::pin(self.cache.get(Key::memberships(kind, member), load, |_| true))
    }

    fn token<'a>(&'a self, hash: &'a [u8]) -> Pending<'a, Result<Option<TokenRow>, Error>> {
        let load = self.one(sqlx::query(sql::TOKEN).bind(hash), map::token);
        Box::pin(self.cache.get(Key::Token(hash.to_vec()), load, Option::is_some))
    }

    fn tokens<'a>(&'a self, user: Option<&'a str>) -> Pending<'a, Result<Vec<TokenRow>, Error>> {
        let statement = user.map_or_else(
            || sqlx::query(sql::TOKENS),
            |user| sqlx::query(sql::TOKENS_OF).bind(user),
        );
        Box::pin(self.all(statement, map::token))
    }

    fn session<'a>(&'a self, id: &'a str) -> Pending<'a, Result<Option<SessionRow>, Error>> {
        let load = self.one(sqlx::query(sql::SESSION).bind(id), map::session);
        // One that was revoked is asked for only to be refused, and goes when it has expired.
        let worth = |row: &Option<SessionRow>| row.as_ref().is_some_and(|row| !row.revoked());
        Box::pin(self.cache.get(Key::Session(id.to_owned()), load, worth))
    }

    fn sessions<'a>(&'a self, user: Option<&'a str>) -> Pending<'a, Result<Vec<SessionRow>, Error>> {
        let statement = user.map_or_else(
            || sqlx::query(sql::SESSIONS),
            |user| sqlx::query(sql::SESSIONS_OF).bind(user),
        );
        Box::pin(self.all(statement, map::session))
    }

    fn claim<'a>(&'a self, session: &'a str, seq: u64) -> Pending<'a, Result<bool, Error>> {
        Box::pin(async move {
            if self.sharing == Sharing::Shared {
                let claim = Change::ClaimNumber {
                    session: session.to_owned(),
                    seq,
                };
                return match self.write(vec![claim]).await {
                    Ok(()) => Ok(true),
                    Err(CommitError::Failed(error)) => Err(error),
                    // Used before, or the session has ended meanwhile.
                    Err(_) => Ok(false),
                };
            }
            let known = |claim: &dyn Fn(&mut ReplayWindow) -> bool| {
                self.windows
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_mut(session)
                    .map(claim)
            };
            if let Some(claimed) = known(&|window| window.claim(seq)) {
                return Ok(claimed);
            }
            let stored = self
                .one(sqlx::query(sql::SESSION_WINDOW).bind(session), |row| {
                    row.bytes("replay_window")
                })
                .await?;
            let stored = stored
                .and_then(|bytes| ReplayWindow::from_bytes(&bytes))
                .unwrap_or_default();
            let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(windows.entry(session.to_owned()).or_insert(stored).claim(seq))
        })
    }

    fn ticket<'a>(&'a self, hash: &'a [u8]) -> Pending<'a, Result<Option<TicketRow>, Error>> {
        Box::pin(self.one(sqlx::query(sql::TICKET).bind(hash), map::ticket))
    }

    fn keks(&self) -> Pending<'_, Result<Vec<KekRow>, Error>> {
        Box::pin(self.all(sqlx::query(sql::KEKS), map::kek))
    }

    fn commit(&self, changes: Vec<Change>) -> Pending<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let closed: Vec<String> = changes
                .iter()
                .filter_map(|change| match change {
                    Change::CloseSession { id } => Some(id.clone()),
                    _ => None,
                })
                .collect();
            let expired = changes.iter().any(|change| matches!(change, Change::Expire { .. }));
            self.write(changes).await?;
            let many = {
                let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
                for id in closed {
                    windows.remove(&id);
                }
                windows.len() > WINDOWS_SWEPT
            };
            if expired && many {
                self.sweep_windows().await.map_err(CommitError::Failed)?;
            }
            Ok(())
        })
    }

    fn attach_audit(&self, queue: Arc<dyn AuditQueue>) {
        let wake = Arc::clone(&self.wake);
        queue.on_append(Box::new(move || wake.notify_one()));
        // A second vault on one store would be a defect; the first stays.
        self.queue.set(queue).ok();
    }

    fn flush_audit(&self) -> Pending<'_, Result<(), Error>> {
        Box::pin(async move {
            self.write(Vec::new()).await.map_err(|error| match error {
                CommitError::Failed(error) => error,
                _ => Error::internal("an empty commit was refused"),
            })
        })
    }

    fn close(&self) -> Pending<'_, Result<(), Error>> {
        Box::pin(async move {
            // A reader's open snapshot would keep the write-ahead log.
            self.readers.close().await;
            self.send(Vec::new(), true).await.map_err(|error| match error {
                CommitError::Failed(error) => error,
                _ => Error::internal("an empty commit was refused"),
            })?;
            self.jobs.closed().await;
            Ok(())
        })
    }

    fn audit_tail<'a>(&'a self, replica: &'a str) -> Pending<'a, Result<Option<(u64, Vec<u8>)>, Error>> {
        let statement = sqlx::query(sql::AUDIT_TAIL).bind(replica);
        Box::pin(self.one(statement, |row| Ok((row.unsigned("idx")?, row.bytes("mac")?))))
    }

    fn audit_unfinished<'a>(&'a self, replica: &'a str, after: u64) -> Pending<'a, Result<Vec<String>, Error>> {
        let statement = sqlx::query(sql::AUDIT_UNFINISHED).bind(replica).bind(after as i64);
        Box::pin(self.all(statement, |row| row.text("request_id")))
    }

    fn audit_misplaced(&self) -> Pending<'_, Result<Option<(String, u64)>, Error>> {
        Box::pin(self.one(sqlx::query(sql::AUDIT_MISPLACED), |row| {
            Ok((row.text("replica")?, row.unsigned("idx")?))
        }))
    }

    fn audit_query<'a>(
        &'a self,
        query: &'a AuditQuery,
    ) -> Pending<'a, Result<Vec<(i64, AuditRow, Option<AuditRow>)>, Error>> {
        Box::pin(async move {
            let text = if query.after.is_some() {
                sql::audit_after()
            } else {
                sql::audit_newest()
            };
            let mut statement = sqlx::query(AssertSqlSafe(text))
                .bind(&query.user)
                .bind(&query.scope)
                .bind(&query.action)
                .bind(query.since)
                .bind(query.failed.map(i64::from))
                .bind(i64::from(query.limit.unwrap_or(100)));
            if let Some(after) = query.after {
                statement = statement.bind(after);
            }
            let mut rows = self
                .all(statement, |row| {
                    let intent = map::audit(row)?;
                    let outcome = map::joined_outcome(row, &intent)?;
                    Ok((row.number("id")?, intent, outcome))
                })
                .await?;
            if query.after.is_none() {
                rows.reverse();
            }
            Ok(rows)
        })
    }

    fn audit_rows<'a>(&'a self, after: (&'a str, u64), limit: u32) -> Pending<'a, Result<Vec<AuditRow>, Error>> {
        let statement = sqlx::query(sql::AUDIT_ROWS)
            .bind(after.0)
            .bind(after.1 as i64)
            .bind(i64::from(limit));
        Box::pin(self.all(statement, map::audit))
    }

    fn ping(&self) -> Pending<'_, Result<(), Error>> {
        Box::pin(async move {
            sqlx::query("SELECT 1")
                .execute(&self.readers)
                .await
                .map(drop)
                .map_err(failed)
        })
    }
}
