//! When each secret was last read: noted with the audit records that say so, in their transaction. So it costs a row per
//! secret and batch, is as durable as the log, and is taken over from a journal after a crash.

use std::collections::HashMap;

use sealbook_core::Error;
use sealbook_core::api::audit::AuditRecord;
use sealbook_core::audit::{Action, AuditRow, Phase};
use sqlx::{Row, SqliteConnection};

use crate::error::failed;
use crate::sql;

/// A successful read: scope in lower case, key, when it began, by whom.
type Found = (String, String, i64, String);

/// Notes the successful reads whose outcome is among these rows, which are in the database already.
pub(super) async fn note(connection: &mut SqliteConnection, rows: &[AuditRow]) -> Result<(), Error> {
    let is_read = |row: &&AuditRow| row.action == Action::GetSecret.name();
    let intents: HashMap<&str, &AuditRow> = rows
        .iter()
        .filter(|row| row.phase == Phase::Intent)
        .filter(is_read)
        .map(|row| (row.request_id.as_str(), row))
        .collect();
    let mut newest: HashMap<(String, String), (i64, String)> = HashMap::new();
    for outcome in rows.iter().filter(|row| row.phase == Phase::Outcome && !row.failed) {
        if !is_read(&outcome) {
            continue;
        }
        let found = match intents.get(outcome.request_id.as_str()) {
            Some(row) => found(row.scope.clone(), &row.body, row.at_ms, row.user.clone()),
            // It went with an earlier batch.
            None => earlier(connection, &outcome.request_id).await?,
        };
        if let Some((scope, key, at_ms, user)) = found {
            let entry = newest.entry((scope, key)).or_default();
            if at_ms >= entry.0 {
                *entry = (at_ms, user);
            }
        }
    }
    for ((scope, key), (at_ms, user)) in newest {
        sqlx::query(sql::LAST_READ_NOTE)
            .bind(scope)
            .bind(key)
            .bind(at_ms)
            .bind(user)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
    }
    Ok(())
}

async fn earlier(connection: &mut SqliteConnection, request_id: &str) -> Result<Option<Found>, Error> {
    let row = sqlx::query(sql::AUDIT_INTENT)
        .bind(request_id)
        .fetch_optional(connection)
        .await
        .map_err(failed)?;
    let Some(row) = row else { return Ok(None) };
    let scope = row.try_get("scope").map_err(failed)?;
    let body: String = row.try_get("body").map_err(failed)?;
    let at_ms = row.try_get("at_ms").map_err(failed)?;
    let user = row.try_get("user_name").map_err(failed)?;
    Ok(found(scope, &body, at_ms, user))
}

fn found(scope: Option<String>, body: &str, at_ms: i64, user: String) -> Option<Found> {
    let record: AuditRecord = serde_json::from_str(body).ok()?;
    let key = record.request_params.get("key")?.as_str()?.to_owned();
    Some((scope?, key, at_ms, user))
}
