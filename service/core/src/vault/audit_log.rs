//! Reading the audit log. Administrators only.

use sealbook_api::audit::{AuditPage, AuditQuery, AuditRecord};

use super::{Caller, Vault, params};
use crate::audit::{Action, AuditRow};
use crate::error::Error;

/// Records in one page.
const PAGE_RECORDS_MAX: u32 = 10_000;
/// Records in a page when nothing is said.
const PAGE_RECORDS_DEFAULT: u32 = 100;
/// A request that began this recently may still get its outcome, so a follower waits for it, in milliseconds.
const OUTCOME_MS_MAX: i64 = 5_000;

impl Vault {
    /// Records that pass the filters, oldest first.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`.
    pub async fn query_audit(&self, caller: &Caller, query: &AuditQuery) -> Result<AuditPage, Error> {
        let mut named = params(&[]);
        if let Ok(serde_json::Value::Object(filters)) = serde_json::to_value(query) {
            named.extend(
                filters
                    .into_iter()
                    .map(|(name, value)| (format!("filter.{name}"), value)),
            );
        }
        self.audited(caller, Action::QueryAudit, named, async {
            self.admin(caller)?;
            self.store.flush_audit().await?;
            // Without a limit somebody follows the log, and wants each request once, with its outcome.
            let following = query.after.is_some() && query.limit.is_none();
            let limit = query.limit.unwrap_or(PAGE_RECORDS_DEFAULT).clamp(1, PAGE_RECORDS_MAX);
            let query = AuditQuery {
                // One more, because this very request may be among them.
                limit: Some(limit + 1),
                scope: query.scope.as_deref().map(str::to_ascii_lowercase),
                ..query.clone()
            };
            let recent = self.clock.now_ms() - OUTCOME_MS_MAX;
            let mut found = Vec::new();
            for (position, intent, outcome) in self.store.audit_query(&query).await? {
                if intent.request_id == caller.request_id {
                    // It has no outcome yet.
                    continue;
                }
                if following && outcome.is_none() && intent.at_ms > recent {
                    break;
                }
                found.push((position, record(&intent, outcome.as_ref())?));
            }
            let excess = found.len().saturating_sub(limit as usize);
            if query.after.is_none() {
                found.drain(..excess);
            } else {
                found.truncate(limit as usize);
            }
            let position = found.last().map_or(query.after.unwrap_or(0), |(position, _)| *position);
            let page = AuditPage {
                records: found.into_iter().map(|(_, record)| record).collect(),
                position,
            };
            Ok(page)
        })
        .await
    }

    /// Records after a position, up to the first that may still get its outcome: for sinks, whose reading is not recorded.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn finished_records(&self, after: i64, limit: u32) -> Result<AuditPage, Error> {
        let query = AuditQuery {
            after: Some(after),
            limit: Some(limit),
            ..AuditQuery::default()
        };
        let recent = self.clock.now_ms() - OUTCOME_MS_MAX;
        let mut page = AuditPage {
            records: Vec::new(),
            position: after,
        };
        for (position, intent, outcome) in self.store.audit_query(&query).await? {
            if outcome.is_none() && intent.at_ms > recent {
                break;
            }
            page.records.push(record(&intent, outcome.as_ref())?);
            page.position = position;
        }
        Ok(page)
    }
}

fn record(intent: &AuditRow, outcome: Option<&AuditRow>) -> Result<AuditRecord, Error> {
    let broken = || {
        Error::tampered(format_args!(
            "Audit record {} of chain {}",
            intent.index, intent.replica
        ))
    };
    let mut record: AuditRecord = serde_json::from_str(&intent.body).map_err(|_| broken())?;
    record.response = outcome
        .map(|row| serde_json::from_str(&row.body))
        .transpose()
        .map_err(|_| broken())?;
    Ok(record)
}
