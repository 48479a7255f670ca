//! `sealbook audit verify` and `audit export --chain`: is the log, here or in a file, what was written?
//!
//! A chained export is JSON Lines: first every row in the order of its chain, then `{"checkpoint": …}` for each chain. The
//! service checks the rows, since only it has the key; the checkpoints show that no row is missing at the end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use sealbook_api::audit::{AuditCheckpoint, ChainPosition, VerifyRows};
use sealbook_api::client::Client;
use serde_json::{Map, Value, json};

use super::json_lines;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Format};
use crate::service;

/// Bytes of rows in one question to the service.
const QUESTION_BYTES: usize = 512 << 10;
/// The field that marks a line as a checkpoint.
const CHECKPOINT: &str = "checkpoint";

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Check this file, which `export --chain` wrote, instead of the database
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Compare with the checkpoints in this file too, which `audit checkpoint` wrote
    #[arg(long, value_name = "FILE")]
    checkpoints: Option<PathBuf>,
}

impl Verify {
    /// Checks, prints what was checked, and fails naming the first record that is wrong.
    pub async fn run(self, client: &Client, format: Format) -> Outcome {
        let kept = match &self.checkpoints {
            Some(path) => lines(path)?
                .map(|line| line.and_then(|(at, text)| checkpoint(path, at, &text)))
                .collect::<Result<Vec<_>, _>>()?,
            None => Vec::new(),
        };
        match &self.file {
            Some(path) => exported(client, path, kept, format).await,
            None => database(client, kept, format).await,
        }
    }
}

async fn database(client: &Client, kept: Vec<AuditCheckpoint>, format: Format) -> Outcome {
    let verification = client.verify_audit(kept).await.map_err(service::failed)?;
    if format == Format::Json {
        output::json(&verification)?;
    } else {
        let mut text = format!(
            "{} records in {} chains checked, against {} checkpoints",
            verification.records, verification.chains, verification.checkpoints
        );
        if verification.unknown_outcomes > 0 {
            text.push_str(&format!(
                "; {} requests have no outcome, because the service stopped before it was known",
                verification.unknown_outcomes
            ));
        }
        output::line(&text)?;
    }
    match verification.first_bad {
        None if verification.intact => Ok(()),
        bad => Err(broken(bad.unwrap_or_else(|| "the service did not say where".into()))),
    }
}

fn broken(what: String) -> Failure {
    Failure::new(format!("the audit log is not intact: {what}")).hint(
        "Somebody, or something, changed the log outside the service. Keep a copy of the data folder or database as it \
         is, and compare with the exported records and checkpoints.",
    )
}

/// Writes every chain up to its newest checkpoint, and the checkpoints, to standard output.
pub async fn export(client: &Client) -> Outcome {
    let checkpoints = client.audit_checkpoints().await.map_err(service::failed)?;
    let covered = |row: &Map<String, Value>| {
        let index = row.get("index").and_then(Value::as_u64);
        checkpoints.iter().any(|one| {
            row.get("replica").and_then(Value::as_str) == Some(one.replica.as_str()) && index <= Some(one.count)
        })
    };
    let mut after = ChainPosition::default();
    loop {
        let page = client.audit_rows(&after).await.map_err(service::failed)?;
        let Some(last) = page.rows.last() else { break };
        after = page.position;
        if !covered(last) {
            // On to the next chain: each question makes records in this one, so it never ends by itself.
            after.index = i64::MAX as u64;
        }
        let rows: Vec<_> = page.rows.iter().filter(|row| covered(row)).collect();
        json_lines(&rows)?;
    }
    let marked: Vec<Value> = checkpoints.iter().map(|one| json!({ CHECKPOINT: one })).collect();
    json_lines(&marked)
}

async fn exported(client: &Client, path: &Path, kept: Vec<AuditCheckpoint>, format: Format) -> Outcome {
    let mut checkpoints = kept;
    for line in lines(path)? {
        let (at, text) = line?;
        if text.starts_with(&format!("{{\"{CHECKPOINT}\"")) {
            checkpoints.push(checkpoint(path, at, &text)?);
        }
    }
    let mut question = VerifyRows {
        checkpoints: checkpoints.clone(),
        ..VerifyRows::default()
    };
    let mut bytes = 0;
    let mut records = 0_u64;
    let mut reached: BTreeMap<String, u64> = BTreeMap::new();
    for line in lines(path)? {
        let (at, text) = line?;
        let row: Map<String, Value> = serde_json::from_str(&text)
            .map_err(|_| broken(format!("line {at} of {} is no JSON object", path.display())))?;
        if row.contains_key(CHECKPOINT) {
            continue;
        }
        if let (Some(replica), Some(index)) = (row.get("replica").and_then(Value::as_str), row.get("index")) {
            reached.insert(replica.to_owned(), index.as_u64().unwrap_or(0));
        }
        question.rows.push(row);
        records += 1;
        bytes += text.len();
        if bytes > QUESTION_BYTES {
            ask(client, &mut question).await?;
            bytes = 0;
        }
    }
    if records == 0 {
        return Err(
            Failure::new(format!("{} holds no record, so nothing was checked", path.display()))
                .hint("Export the log once more: sealbook audit export --chain > FILE"),
        );
    }
    ask(client, &mut question).await?;
    for one in &checkpoints {
        let end = reached.get(&one.replica).copied().unwrap_or(0);
        if end < one.count {
            return Err(broken(format!(
                "record {} of chain {} is missing, and all after it: a checkpoint counts {} records",
                end + 1,
                one.replica,
                one.count
            )));
        }
    }
    if let Some((replica, end)) = reached
        .iter()
        .find(|(replica, _)| !checkpoints.iter().any(|one| one.replica == **replica))
    {
        return Err(broken(format!(
            "no checkpoint of chain {replica} is in the file: it was cut off after record {end} or later"
        )));
    }
    if format == Format::Json {
        return output::json(&json!({ "intact": true, "records": records, "chains": reached.len() }));
    }
    output::line(&format!("{records} records in {} chains checked", reached.len()))
}

async fn ask(client: &Client, question: &mut VerifyRows) -> Outcome {
    let answer = client.verify_rows(question).await.map_err(service::failed)?;
    question.rows.clear();
    question.after = answer.position;
    answer.first_bad.map_or(Ok(()), |what| Err(broken(what)))
}

/// The lines of a file with their numbers, empty ones left out.
fn lines(path: &Path) -> Result<impl Iterator<Item = Result<(usize, String), Failure>>, Failure> {
    let cannot = |error: &std::io::Error| Failure::io(format!("read {}", path.display()), error);
    let file = File::open(path).map_err(|error| cannot(&error))?;
    Ok(BufReader::new(file)
        .lines()
        .enumerate()
        .map(move |(at, line)| line.map(|text| (at + 1, text)).map_err(|error| cannot(&error)))
        .filter(|line| line.as_ref().map_or(true, |(_, text)| !text.trim().is_empty())))
}

/// A checkpoint, alone or under its mark.
fn checkpoint(path: &Path, at: usize, text: &str) -> Result<AuditCheckpoint, Failure> {
    let wrong = || Failure::new(format!("line {at} of {} is no checkpoint", path.display()));
    let mut value: Value = serde_json::from_str(text).map_err(|_| wrong())?;
    let inner = value.get_mut(CHECKPOINT).map(Value::take).unwrap_or(value);
    serde_json::from_value(inner).map_err(|_| wrong())
}
