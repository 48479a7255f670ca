//! `sealbook audit …`: who did what, from where, and how it ended.

mod verify;

use clap::{Args, Subcommand};
use sealbook_api::audit::{AuditQuery, AuditRecord};
use sealbook_api::client::Client;

use crate::failure::{Failure, Outcome};
use crate::output::{self, Format, Table};
use crate::service;

/// Records in one page of an export; the service's maximum.
const EXPORT_RECORDS: u32 = 10_000;
/// Records that the service gives when no limit is named.
const QUERY_RECORDS_DEFAULT: usize = 100;
/// How often `tail --follow` asks for new records.
const FOLLOW_INTERVAL: std::time::Duration = std::time::Duration::from_secs(1);

/// Verbs of `sealbook audit`.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Show the newest records
    Tail(Tail),
    /// Find records
    Query(Query),
    /// Write records to standard output as JSON Lines, oldest first
    Export(Export),
    /// Check that no record was edited, reordered or removed
    Verify(verify::Verify),
    /// Sign where the log ends now; keep the lines elsewhere, for `verify --checkpoints`
    Checkpoint,
}

/// Arguments of `tail`.
#[derive(Debug, Args)]
pub struct Tail {
    /// How many records
    #[arg(long, short = 'n', default_value_t = 20, value_name = "COUNT")]
    lines: u32,
    /// Go on showing records as they are written
    #[arg(long, short = 'f')]
    follow: bool,
}

/// Filters of `query` and `export`; all that are given must hold.
#[derive(Debug, Args)]
pub struct Query {
    /// Requests of this user
    #[arg(long)]
    user: Option<String>,
    /// Requests about this scope
    #[arg(long)]
    scope: Option<String>,
    /// This action, for example getSecret
    #[arg(long)]
    action: Option<String>,
    /// Since this time (2026-01-31, 2026-01-31T12:00:00Z) or this long ago (90s, 15m, 2h, 7d)
    #[arg(long, value_name = "TIME", value_parser = crate::moment::past)]
    since: Option<i64>,
    /// Only what was refused or failed
    #[arg(long)]
    failed: bool,
    /// At most this many records, the newest; `query` shows 100 when nothing is said, `export` all
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    query: Query,
    /// Everything, as it is chained and with signed checkpoints, so that `verify --file` can check it later
    #[arg(long, conflicts_with_all = ["user", "scope", "action", "since", "failed", "limit"])]
    chain: bool,
}

impl Audit {
    /// Runs the command.
    pub async fn run(self, format: Format) -> Outcome {
        let client = service::client()?;
        match self {
            Audit::Tail(tail) => tail.run(&client, format).await,
            Audit::Query(query) => {
                let limit = query.limit;
                let page = client.query_audit(&query.request()).await.map_err(service::failed)?;
                print(&page.records, format)?;
                if limit.is_none() && page.records.len() >= QUERY_RECORDS_DEFAULT {
                    output::note(&format!(
                        "these are the newest {QUERY_RECORDS_DEFAULT}; there may be more: --limit COUNT, or `sealbook audit export` for all"
                    ));
                }
                Ok(())
            }
            Audit::Export(export) if export.chain => verify::export(&client).await,
            Audit::Export(export) => all(&client, export.query.request()).await,
            Audit::Verify(command) => command.run(&client, format).await,
            Audit::Checkpoint => json_lines(&client.audit_checkpoints().await.map_err(service::failed)?),
        }
    }
}

impl Tail {
    async fn run(self, client: &Client, format: Format) -> Outcome {
        let request = AuditQuery {
            limit: Some(self.lines),
            ..AuditQuery::default()
        };
        let mut page = client.query_audit(&request).await.map_err(service::failed)?;
        if !self.follow {
            return print(&page.records, format);
        }
        // Following has no last record, so JSON is a document per line, and a table has its header once.
        if format == Format::Table {
            output::text(&table(&page.records).to_string())?;
        } else {
            json_lines(&page.records)?;
        }
        loop {
            tokio::time::sleep(FOLLOW_INTERVAL).await;
            let request = AuditQuery {
                after: Some(page.position),
                ..AuditQuery::default()
            };
            page = client.query_audit(&request).await.map_err(service::failed)?;
            if format == Format::Json {
                json_lines(&page.records)?;
            } else {
                let rows = table(&page.records).to_string();
                output::text(rows.split_once('\n').map_or("", |(_, rows)| rows))?;
            }
        }
    }
}

impl Query {
    fn request(self) -> AuditQuery {
        AuditQuery {
            user: self.user,
            scope: self.scope,
            action: self.action,
            since: self.since,
            failed: self.failed.then_some(true),
            limit: self.limit,
            after: None,
        }
    }
}

/// Every record that passes the filters, page by page; with a limit, the newest so many.
async fn all(client: &Client, mut request: AuditQuery) -> Outcome {
    if request.limit.is_some() {
        let page = client.query_audit(&request).await.map_err(service::failed)?;
        return json_lines(&page.records);
    }
    // What this command itself adds to the log is not part of the export.
    let until = crate::moment::now();
    request.limit = Some(EXPORT_RECORDS);
    request.after = Some(0);
    loop {
        let page = client.query_audit(&request).await.map_err(service::failed)?;
        json_lines(&page.records)?;
        let last = page.records.last().map_or(i64::MAX, |record| record.timestamp);
        if page.records.len() < EXPORT_RECORDS as usize || last > until {
            return Ok(());
        }
        request.after = Some(page.position);
    }
}

fn print(records: &[AuditRecord], format: Format) -> Outcome {
    match format {
        Format::Json => output::json(&records),
        Format::Table => output::text(&table(records).to_string()),
    }
}

fn json_lines<T: serde::Serialize>(records: &[T]) -> Outcome {
    let mut text = String::new();
    for record in records {
        match serde_json::to_string(record) {
            Ok(line) => text.extend([line.as_str(), "\n"]),
            Err(error) => return Err(Failure::new(format!("cannot write a record as JSON: {error}"))),
        }
    }
    output::text(&text)
}

fn table(records: &[AuditRecord]) -> Table {
    let mut table = Table::new(["Time", "User", "Action", "On", "From", "Outcome"]);
    for record in records {
        let outcome = match &record.response {
            None => "unknown".to_string(),
            Some(response) => match &response.error_message {
                None => response.status_code.to_string(),
                Some(message) => format!("{} {message}", response.status_code),
            },
        };
        table.row([
            output::time(Some(record.timestamp)),
            record.user_identity.email.clone(),
            record.action_name.clone(),
            subject(record),
            origin(record),
            outcome,
        ]);
    }
    table
}

/// `scope/key principal`, or the group, user, token or session, as far as the request named them.
fn subject(record: &AuditRecord) -> String {
    let text = |name: &str| record.request_params.get(name).and_then(|value| value.as_str());
    let mut subject = text("scope").unwrap_or_default().to_string();
    if let Some(key) = text("key") {
        subject.extend(["/", key]);
    }
    for name in [
        "principal",
        "group",
        "member",
        "user",
        "kind",
        "tokenId",
        "kernelSession",
        "because",
        "runId",
        "path",
    ] {
        if let Some(value) = text(name) {
            if !subject.is_empty() {
                subject.push(' ');
            }
            subject.push_str(value);
        }
    }
    subject
}

/// The run or notebook, or else the caller's address.
fn origin(record: &AuditRecord) -> String {
    let Some(kernel) = &record.kernel else {
        return record.source_ip_address.clone();
    };
    match (&kernel.run_id, &kernel.asserted_notebook_path) {
        (Some(run), _) => format!("run {run}"),
        (None, Some(path)) => path.clone(),
        (None, None) => format!("kernel {}", kernel.kernel_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_a_request_was_about() {
        for (params, subject) in [
            (r#"{"scope":"jdbc","key":"password"}"#, "jdbc/password"),
            (r#"{"scope":"jdbc","principal":"bob","permission":"READ"}"#, "jdbc bob"),
            (r#"{"group":"admins","member":"bob"}"#, "admins bob"),
            (r#"{"user":"bob","kind":"kernel"}"#, "bob kernel"),
            (
                r#"{"kernelSession":"s","user":"bob","because":"tokenRevoked"}"#,
                "bob s tokenRevoked",
            ),
            (r#"{"filter.limit":1}"#, ""),
        ] {
            let record = serde_json::json!({
                "version": "2.0", "timestamp": 0, "workspaceId": "default", "sourceIPAddress": "", "userAgent": "",
                "userIdentity": { "email": "admin" }, "serviceName": "secrets", "actionName": "x", "requestId": "r",
                "requestParams": serde_json::from_str::<serde_json::Value>(params).unwrap(),
            });
            let record: AuditRecord = serde_json::from_value(record).unwrap();
            assert_eq!(super::subject(&record), subject);
        }
    }
}
