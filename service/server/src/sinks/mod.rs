//! Audit records for the world outside: a file with rotation, standard output, syslog, a webhook, an OTLP collector.
//!
//! The journal and the database decide whether a request is served; a sink gets every finished record after that, in
//! order, at least once. Each has a cursor in the data folder, so nothing is lost while a sink is away or over a restart,
//! and nothing waits in memory. Each line is a record in the audit schema, or `{"checkpoint": …}`.

mod file;
mod push;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sealbook_api::audit::{AuditCheckpoint, AuditRecord};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::ServeError;
use crate::service::Service;

/// How long after a record was written a sink gets it, at most, when nothing is wrong.
const INTERVAL: Duration = Duration::from_millis(250);
/// How long a sink that fails is left alone, at most.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Records in one delivery.
const BATCH_RECORDS: u32 = 500;
/// How long the last records may take at the end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Which sinks there are besides journal and database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SinkOptions {
    /// A file of JSON Lines.
    pub file: Option<PathBuf>,
    /// Bytes after which the file is rotated; 64 MiB when not said.
    pub file_bytes_max: Option<u64>,
    /// Rotated files that stay; 10 when not said.
    pub files_kept: Option<usize>,
    /// Standard output, a line each.
    pub stdout: bool,
    /// A syslog socket, for example `/dev/log`, or `udp://HOST:PORT`.
    pub syslog: Option<String>,
    /// An address that takes JSON Lines by POST.
    pub webhook: Option<String>,
    /// An OTLP/HTTP collector, for example `http://127.0.0.1:4318`.
    pub otlp: Option<String>,
}

/// One line for a sink.
#[derive(Debug)]
pub(crate) struct Line {
    /// JSON without a line end.
    pub(crate) json: String,
    /// Milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// A refusal, or an outcome that is not known.
    pub(crate) failed: bool,
}

impl Line {
    fn of(record: &AuditRecord) -> Option<Self> {
        Some(Self {
            json: serde_json::to_string(record).ok()?,
            at_ms: record.timestamp,
            failed: record
                .response
                .as_ref()
                .is_none_or(|response| response.status_code >= 400),
        })
    }

    fn of_checkpoint(checkpoint: &AuditCheckpoint) -> Self {
        Self {
            json: serde_json::json!({ "checkpoint": checkpoint }).to_string(),
            at_ms: checkpoint.timestamp,
            failed: false,
        }
    }
}

/// Where lines go.
#[derive(Debug)]
pub(crate) enum Sink {
    File(file::Rotating),
    Stdout,
    Syslog(push::Syslog),
    Webhook(push::Http),
    Otlp(push::Http),
}

impl Sink {
    fn name(&self) -> &'static str {
        match self {
            Sink::File(_) => "file",
            Sink::Stdout => "stdout",
            Sink::Syslog(_) => "syslog",
            Sink::Webhook(_) => "webhook",
            Sink::Otlp(_) => "otlp",
        }
    }

    /// All of the lines, or in words why not.
    async fn write(&mut self, lines: &[Line]) -> Result<(), String> {
        match self {
            Sink::File(file) => file.write(lines).map_err(|error| error.to_string()),
            Sink::Stdout => push::stdout(lines).await,
            Sink::Syslog(socket) => socket.write(lines).await,
            Sink::Webhook(http) => http.lines(lines).await,
            Sink::Otlp(http) => http.otlp(lines).await,
        }
    }
}

/// As JSON Lines.
fn json_lines(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(&line.json);
        text.push('\n');
    }
    text
}

impl SinkOptions {
    /// Every sink that is asked for, or why one cannot be.
    pub(crate) fn open(&self) -> Result<Vec<Sink>, ServeError> {
        let mut sinks = Vec::new();
        if let Some(path) = &self.file {
            let file = file::Rotating::open(path, self.file_bytes_max, self.files_kept)
                .map_err(|error| ServeError::new(format!("the audit file {}: {error}", path.display())))?;
            sinks.push(Sink::File(file));
        }
        if self.stdout {
            sinks.push(Sink::Stdout);
        }
        if let Some(address) = &self.syslog {
            sinks.push(Sink::Syslog(push::Syslog::new(address)?));
        }
        if let Some(address) = &self.webhook {
            sinks.push(Sink::Webhook(push::Http::new("the audit webhook", address)?));
        }
        if let Some(address) = &self.otlp {
            let address = format!("{}/v1/logs", address.trim_end_matches('/'));
            sinks.push(Sink::Otlp(push::Http::new("the OTLP collector", &address)?));
        }
        Ok(sinks)
    }
}

/// The tasks that deliver.
#[derive(Debug)]
pub(crate) struct Sinks {
    tasks: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

impl Sinks {
    pub(crate) fn start(
        sinks: Vec<Sink>,
        data: &Path,
        service: &Arc<Service>,
        checkpoints: &watch::Receiver<Option<AuditCheckpoint>>,
    ) -> Self {
        let stop = watch::Sender::new(false);
        let tasks = sinks
            .into_iter()
            .map(|sink| {
                let delivery = Delivery {
                    cursor: Cursor::open(data, sink.name()),
                    sink,
                    service: Arc::clone(service),
                    checkpoints: checkpoints.clone(),
                };
                tokio::spawn(delivery.run(stop.subscribe()))
            })
            .collect();
        Self { tasks, stop }
    }

    /// Delivers what there is, for a while.
    pub(crate) async fn stop(self) {
        self.stop.send(true).ok();
        for task in self.tasks {
            if tokio::time::timeout(DRAIN_TIMEOUT, task).await.is_err() {
                tracing::warn!("an audit sink did not take the last records; it gets them after the next start");
            }
        }
    }
}

/// How far a sink has come, kept in a small file.
#[derive(Debug)]
struct Cursor {
    path: PathBuf,
    position: i64,
}

impl Cursor {
    fn open(data: &Path, name: &str) -> Self {
        let path = data.join(format!("audit.sink.{name}"));
        let position = std::fs::read_to_string(&path)
            .ok()
            .and_then(|text| text.trim().parse().ok());
        Self {
            path,
            position: position.unwrap_or(0),
        }
    }

    /// A crash before this is on the disk makes the sink get some records twice.
    fn advance(&mut self, position: i64) {
        self.position = position;
        let beside = self.path.with_extension("new");
        let written =
            std::fs::write(&beside, format!("{position}\n")).and_then(|()| std::fs::rename(&beside, &self.path));
        if let Err(error) = written {
            tracing::warn!(%error, "the cursor of an audit sink cannot be written");
        }
    }
}

struct Delivery {
    sink: Sink,
    cursor: Cursor,
    service: Arc<Service>,
    checkpoints: watch::Receiver<Option<AuditCheckpoint>>,
}

impl Delivery {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut seen = None;
        let mut backoff = INTERVAL;
        loop {
            let last = *stop.borrow();
            let end = self.service.vault.journal().durable_end();
            let due = last || seen != Some(end) || self.checkpoints.has_changed().unwrap_or(false);
            match if due { self.deliver().await } else { Ok(true) } {
                Ok(done) => {
                    backoff = INTERVAL;
                    if !done {
                        continue;
                    }
                    seen = Some(end);
                }
                Err(reason) => {
                    tracing::warn!(
                        sink = self.sink.name(),
                        reason,
                        "an audit sink fails; it is tried again"
                    );
                    backoff = (backoff * 2).min(BACKOFF_MAX);
                }
            }
            if last {
                return;
            }
            tokio::time::timeout(backoff, stop.wait_for(|stop| *stop)).await.ok();
        }
    }

    /// One batch; `true` when there is nothing more.
    async fn deliver(&mut self) -> Result<bool, String> {
        let page = self
            .service
            .vault
            .finished_records(self.cursor.position, BATCH_RECORDS)
            .await
            .map_err(|error| error.to_string())?;
        let mut lines: Vec<Line> = page.records.iter().filter_map(Line::of).collect();
        let done = page.records.len() < BATCH_RECORDS as usize;
        if done && self.checkpoints.has_changed().unwrap_or(false) {
            lines.extend(self.checkpoints.borrow().as_ref().map(Line::of_checkpoint));
        }
        if !lines.is_empty() {
            self.sink.write(&lines).await?;
        }
        if done {
            self.checkpoints.mark_unchanged();
        }
        if page.position != self.cursor.position {
            self.cursor.advance(page.position);
        }
        Ok(done)
    }
}
