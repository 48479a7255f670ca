//! Checking the audit log, in the database and as exported, and signing where its chains end. Administrators only.

use std::collections::{BTreeMap, HashSet};

use sealbook_api::audit::{
    AuditCheckpoint, AuditRecord, AuditVerification, ChainPosition, ChainRows, RowsVerified, VerifyRows,
};
use serde_json::Value;

use super::{Caller, Vault, params};
use crate::audit::checkpoint::{self, hex};
use crate::audit::{Action, AuditRow, Chain, ChainCheck, GENESIS, Phase};
use crate::error::Error;

/// Rows read at a time while verifying.
const VERIFY_ROWS: u32 = 5_000;
/// Rows in one answer of an export.
const EXPORT_ROWS: u32 = 1_000;
/// The parameter of a `startService` record that says which rows the database had lost.
pub(super) const RESTORED_FROM: &str = "restoredFrom";

/// The parameter of a `startService` record that says that nothing showed how many records there had been.
pub(super) const CHECKPOINTS_MISSING: &str = "checkpointsMissing";

/// What signed checkpoints say of each chain: MACs by record number.
type Expected = BTreeMap<String, BTreeMap<u64, String>>;

impl Vault {
    /// Checks every chain from its first record to its end, against the checkpoints kept here and those given.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`.
    pub async fn verify_audit(&self, caller: &Caller, given: &[AuditCheckpoint]) -> Result<AuditVerification, Error> {
        self.audited(caller, Action::VerifyAudit, params(&[]), async {
            self.admin(caller)?;
            self.store.flush_audit().await?;
            self.verified(&caller.request_id, given).await
        })
        .await
    }

    async fn verified(&self, own_request: &str, given: &[AuditCheckpoint]) -> Result<AuditVerification, Error> {
        let mut found = AuditVerification {
            intact: true,
            records: 0,
            chains: 0,
            first_bad: None,
            unknown_outcomes: 0,
            checkpoints: 0,
        };
        let bad = |mut found: AuditVerification, what: String, restored: Option<String>| {
            found.intact = false;
            // Records that were lost once come before whatever is wrong now.
            found.first_bad = Some(restored.unwrap_or(what));
            Ok(found)
        };
        let mut checkpoints = match self.checkpoints.read() {
            Ok(checkpoints) => checkpoints,
            Err(error) => return bad(found, error.message().to_owned(), None),
        };
        checkpoints.extend_from_slice(given);
        found.checkpoints = checkpoints.len() as u64;
        let mut expected = match self.expected(&checkpoints) {
            Ok(expected) => expected,
            Err(what) => return bad(found, what, None),
        };
        // Our own chain is known to be at least this long.
        let own = self.journal.end().replica().to_owned();
        let own_end = self.journal.durable_end();
        let mut reached = 0;

        let mut check: Option<ChainCheck<'_>> = None;
        let mut open = HashSet::new();
        let mut after = (String::new(), 0);
        let mut restored = None;
        loop {
            let rows = self.store.audit_rows((&after.0, after.1), VERIFY_ROWS).await?;
            let Some(last) = rows.last() else { break };
            after = (last.replica.clone(), last.index);
            for row in rows {
                if check
                    .as_ref()
                    .is_none_or(|check| check.chain().replica() != row.replica)
                {
                    if let Err(what) = check
                        .as_ref()
                        .map_or(Ok(()), |check| ends(check.chain(), &mut expected))
                    {
                        return bad(found, what, restored);
                    }
                    found.chains += 1;
                    check = Some(self.check_from(Chain::at(&row.replica, 0, GENESIS)));
                }
                let result = check
                    .as_mut()
                    .map_or(Ok(()), |check| check.next(&row))
                    .and_then(|()| consistent(&row))
                    .and_then(|()| as_signed(&row, &expected));
                if let Err(what) = result {
                    return bad(found, what, restored);
                }
                found.records += 1;
                if row.replica == own {
                    reached = row.index;
                }
                restored = restored.or_else(|| restoration(&row));
                match row.phase {
                    Phase::Intent => open.insert(row.request_id),
                    Phase::Outcome => open.remove(&row.request_id),
                };
            }
        }
        let end = check.map(|check| check.chain().clone());
        if let Err(what) = end.as_ref().map_or(Ok(()), |end| ends(end, &mut expected)) {
            return bad(found, what, restored);
        }
        if reached < own_end {
            let what = missing_from(
                &own,
                reached + 1,
                &format!("{own_end} records were written to the database"),
            );
            return bad(found, what, restored);
        }
        // What remains are checkpoints of chains that are gone as a whole.
        if let Some((replica, heads)) = expected.first_key_value() {
            let count = heads.last_key_value().map_or(0, |(count, _)| *count);
            let what = missing_from(replica, 1, &format!("a checkpoint counts {count} records"));
            return bad(found, what, restored);
        }
        if let Some(what) = restored {
            return bad(found, what, None);
        }
        if let Some((replica, index)) = self.store.audit_misplaced().await? {
            let what = format!("record {index} of chain {replica} was moved before one that is older");
            return bad(found, what, None);
        }
        // This very request has no outcome yet.
        open.remove(own_request);
        found.unknown_outcomes = open.len() as u64;
        Ok(found)
    }

    /// Rows as they are chained, for an export that can be verified.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`.
    pub async fn audit_rows(&self, caller: &Caller, replica: &str, index: u64) -> Result<ChainRows, Error> {
        let mut named = params(&[("replica", replica)]);
        named.insert("index".into(), index.into());
        self.audited(caller, Action::ExportAudit, named, async {
            self.admin(caller)?;
            self.store.flush_audit().await?;
            let rows = self.store.audit_rows((replica, index), EXPORT_ROWS).await?;
            let position = rows.last().map_or_else(
                || ChainPosition {
                    replica: replica.to_owned(),
                    index,
                    head: String::new(),
                },
                |row| ChainPosition {
                    replica: row.replica.clone(),
                    index: row.index,
                    head: hex(&row.mac),
                },
            );
            let rows = rows.iter().map(as_object).collect::<Result<_, _>>()?;
            Ok(ChainRows { rows, position })
        })
        .await
    }

    /// Checks exported rows, which follow on `after`.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, `INVALID_PARAMETER_VALUE`.
    pub async fn verify_rows(&self, caller: &Caller, request: VerifyRows) -> Result<RowsVerified, Error> {
        self.audited(caller, Action::VerifyAudit, params(&[]), async {
            self.admin(caller)?;
            let head = match request.after.index {
                0 => Some(GENESIS.to_vec()),
                _ => checkpoint::unhex(&request.after.head),
            };
            let head = head.ok_or_else(|| Error::invalid("after.head is not hexadecimal"))?;
            let mut first_bad = self.expected(&request.checkpoints).err();
            let expected = self.expected(&request.checkpoints).unwrap_or_default();
            let mut check = self.check_from(Chain::at(&request.after.replica, request.after.index, head));
            for row in request.rows {
                if first_bad.is_some() {
                    break;
                }
                let after = check.chain().index();
                let Ok(row) = serde_json::from_value::<AuditRow>(Value::Object(row)) else {
                    first_bad = Some(format!(
                        "what follows record {after} of chain {} is not an audit record",
                        check.chain().replica()
                    ));
                    break;
                };
                if row.replica != check.chain().replica() {
                    check = self.check_from(Chain::at(&row.replica, 0, GENESIS));
                }
                first_bad = check
                    .next(&row)
                    .and_then(|()| consistent(&row))
                    .and_then(|()| as_signed(&row, &expected))
                    .err();
            }
            let end = check.chain();
            let position = ChainPosition {
                replica: end.replica().to_owned(),
                index: end.index(),
                head: hex(end.head()),
            };
            Ok(RowsVerified { position, first_bad })
        })
        .await
    }

    /// Signs the end of our chain now and gives the newest checkpoint of every chain.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`; the file of checkpoints cannot be written.
    pub async fn newest_checkpoints(&self, caller: &Caller) -> Result<Vec<AuditCheckpoint>, Error> {
        self.audited(caller, Action::CheckpointAudit, params(&[]), async {
            self.admin(caller)?;
            self.checkpoint().await?;
            let newest: BTreeMap<String, AuditCheckpoint> = self
                .checkpoints
                .read()?
                .into_iter()
                .map(|checkpoint| (checkpoint.replica.clone(), checkpoint))
                .collect();
            Ok(newest.into_values().collect())
        })
        .await
    }

    /// Signs the end of our chain and keeps that outside the database, unless the last checkpoint says the same.
    ///
    /// # Errors
    /// The database does not answer, or the file cannot be written.
    pub async fn checkpoint(&self) -> Result<Option<AuditCheckpoint>, Error> {
        let end = self.journal.end();
        self.store.flush_audit().await?;
        if end.index() == 0 || self.journal.durable_end() < end.index() {
            return Ok(None);
        }
        let last = self.checkpoints.read()?;
        if last
            .iter()
            .any(|last| last.replica == end.replica() && last.count >= end.index())
        {
            return Ok(None);
        }
        let key = self.keyring.first().checkpoint();
        let checkpoint = checkpoint::sign(key, &self.organisation, &end, self.clock.now_ms());
        self.checkpoints.append(&checkpoint)?;
        Ok(Some(checkpoint))
    }

    fn check_from(&self, chain: Chain) -> ChainCheck<'_> {
        ChainCheck::from(self.keyring.first().audit_mac(), chain)
    }

    fn expected(&self, checkpoints: &[AuditCheckpoint]) -> Result<Expected, String> {
        let public = self.keyring.first().checkpoint().public();
        let mut expected = Expected::new();
        for one in checkpoints {
            if !checkpoint::authentic(&public, &self.organisation, one) {
                return Err(format!(
                    "the checkpoint at record {} of chain {} was not signed by this service, or was altered",
                    one.count, one.replica
                ));
            }
            expected
                .entry(one.replica.clone())
                .or_default()
                .insert(one.count, one.head.clone());
        }
        Ok(expected)
    }
}

/// The chain is as long as its last checkpoint says; that chain is done with then.
fn ends(end: &Chain, expected: &mut Expected) -> Result<(), String> {
    match expected.remove(end.replica()).and_then(|mut heads| heads.pop_last()) {
        Some((count, _)) if count > end.index() => Err(missing_from(
            end.replica(),
            end.index() + 1,
            &format!("a checkpoint counts {count} records"),
        )),
        _ => Ok(()),
    }
}

fn missing_from(replica: &str, index: u64, why: &str) -> String {
    format!("record {index} of chain {replica} is missing, and all after it: {why}")
}

/// A checkpoint at this record has its MAC.
fn as_signed(row: &AuditRow, expected: &Expected) -> Result<(), String> {
    match expected.get(&row.replica).and_then(|heads| heads.get(&row.index)) {
        Some(head) if *head != hex(&row.mac) => Err(format!(
            "record {} of chain {} is not the one that a checkpoint signed",
            row.index, row.replica
        )),
        _ => Ok(()),
    }
}

/// A start at which the database had lost records that were known to be in it.
fn restoration(row: &AuditRow) -> Option<String> {
    if row.phase != Phase::Intent || row.action != Action::StartService.name() {
        return None;
    }
    let record: AuditRecord = serde_json::from_str(&row.body).ok()?;
    if record.request_params.contains_key(CHECKPOINTS_MISSING) {
        return Some(format!(
            "the checkpoints of chain {} were missing when the service started (record {}): nothing shows that all records \
             before it are there",
            row.replica, row.index
        ));
    }
    let from = record.request_params.get(RESTORED_FROM)?.as_u64()?;
    Some(format!(
        "record {from} of chain {}, and all after it, were missing in the database when the service started (record {}); \
         what the journal had of them was put back",
        row.replica, row.index
    ))
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

fn as_object(row: &AuditRow) -> Result<serde_json::Map<String, Value>, Error> {
    match serde_json::to_value(row) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(Error::internal("an audit row cannot be written as JSON")),
    }
}
