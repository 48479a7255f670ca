//! Reading and verifying the audit log. Administrators only.

use sealbook_api::audit::{AuditPage, AuditQuery, AuditRecord, AuditVerification};

use super::{Caller, Vault, params};
use crate::audit::{Action, AuditRow, Chain, ChainCheck, GENESIS, Phase};
use crate::error::Error;

/// Records in one page.
const PAGE_RECORDS_MAX: u32 = 10_000;
/// Records in a page when nothing is said.
const PAGE_RECORDS_DEFAULT: u32 = 100;
/// Rows read at a time while verifying.
const VERIFY_ROWS: u32 = 5_000;
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
            let limit = query.limit.unwrap_or(PAGE_RECORDS_DEFAULT).clamp(1, PAGE_RECORDS_MAX);
            let query = AuditQuery {
                limit: Some(limit),
                scope: query.scope.as_deref().map(str::to_ascii_lowercase),
                ..query.clone()
            };
            let mut page = AuditPage {
                records: Vec::new(),
                position: query.after.unwrap_or(0),
            };
            let recent = self.clock.now_ms() - OUTCOME_MS_MAX;
            for (position, intent, outcome) in self.store.audit_query(&query).await? {
                if intent.request_id == caller.request_id {
                    // This very request has no outcome yet.
                    continue;
                }
                if query.after.is_some() && outcome.is_none() && intent.at_ms > recent {
                    break;
                }
                page.records.push(record(&intent, outcome.as_ref())?);
                page.position = page.position.max(position);
            }
            Ok(page)
        })
        .await
    }

    /// Checks every chain from its first record.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`.
    pub async fn verify_audit(&self, caller: &Caller) -> Result<AuditVerification, Error> {
        self.audited(caller, Action::VerifyAudit, params(&[]), async {
            self.admin(caller)?;
            self.store.flush_audit().await?;
            self.verified(&caller.request_id).await
        })
        .await
    }

    async fn verified(&self, own_request: &str) -> Result<AuditVerification, Error> {
        let key = self.keyring.first().audit_mac();
        let mut found = AuditVerification {
            intact: true,
            records: 0,
            chains: 0,
            first_bad: None,
            unknown_outcomes: 0,
        };
        let mut check: Option<ChainCheck<'_>> = None;
        let mut open = std::collections::HashSet::new();
        let mut after = (String::new(), 0);
        let expected_end = self.journal.durable_end();
        loop {
            let rows = self.store.audit_rows((&after.0, after.1), VERIFY_ROWS).await?;
            let Some(last) = rows.last() else { break };
            after = (last.replica.clone(), last.index);
            for row in rows {
                if check
                    .as_ref()
                    .is_none_or(|check| check.chain().replica() != row.replica)
                {
                    found.chains += 1;
                    check = Some(ChainCheck::from(key, Chain::at(&row.replica, 0, GENESIS)));
                }
                let result = check.as_mut().map_or(Ok(()), |check| check.next(&row));
                if let Err(what) = result.and_then(|()| consistent(&row)) {
                    found.intact = false;
                    found.first_bad = Some(what);
                    return Ok(found);
                }
                found.records += 1;
                match row.phase {
                    Phase::Intent => open.insert(row.request_id),
                    Phase::Outcome => open.remove(&row.request_id),
                };
            }
        }
        // A chain that ends early was cut: our own is known to be at least this long.
        let end = check.map(|check| check.chain().clone());
        let reached = end
            .filter(|end| end.replica() == self.journal.end().replica())
            .map_or(0, |end| end.index());
        if reached < expected_end {
            found.intact = false;
            found.first_bad = Some(format!(
                "record {} of chain {} is missing: the log ends at {reached}, and {expected_end} records were made durable",
                reached + 1,
                self.journal.end().replica()
            ));
        }
        // This very request has no outcome yet.
        open.remove(own_request);
        found.unknown_outcomes = open.len() as u64;
        Ok(found)
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

/// The columns for searching say what the authenticated body says.
fn consistent(row: &AuditRow) -> Result<(), String> {
    if row.phase == Phase::Outcome {
        return Ok(());
    }
    let agrees = serde_json::from_str::<AuditRecord>(&row.body).is_ok_and(|record| {
        record.user_identity.email == row.user
            && record.action_name == row.action
            && record.request_id == row.request_id
            && record.timestamp == row.at_ms
    });
    if agrees {
        Ok(())
    } else {
        Err(format!(
            "record {} of chain {} contradicts itself",
            row.index, row.replica
        ))
    }
}
