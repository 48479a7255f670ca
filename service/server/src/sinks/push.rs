//! Sinks that are sent to: standard output, syslog (RFC 5424), a webhook, an OTLP collector.

use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::AsyncWriteExt;

use super::{Line, json_lines};
use crate::error::ServeError;
use crate::outward;

/// Syslog's facility for audit logs, and the severities of what was served and what was refused.
const FACILITY: u8 = 13;
const INFORMATIONAL: u8 = 6;
const WARNING: u8 = 4;
/// How long a daemon may leave a message unread.
const SYSLOG_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(2);

pub(super) async fn stdout(lines: &[Line]) -> Result<(), String> {
    let text = json_lines(lines);
    let mut out = tokio::io::stdout();
    let written = async {
        out.write_all(text.as_bytes()).await?;
        out.flush().await
    };
    written.await.map_err(|error| error.to_string())
}

/// A syslog daemon's address.
#[derive(Debug, Clone)]
pub(crate) enum Syslog {
    Unix(std::path::PathBuf),
    Udp(String),
}

impl Syslog {
    pub(super) fn new(address: &str) -> Result<Self, ServeError> {
        if address.starts_with('/') {
            return Ok(Syslog::Unix(address.into()));
        }
        match address.strip_prefix("udp://") {
            Some(to) if to.contains(':') => Ok(Syslog::Udp(to.to_owned())),
            _ => Err(ServeError::new(format!(
                "the syslog address {address:?} must be a socket's path, for example /dev/log, or udp://HOST:PORT"
            ))),
        }
    }

    /// A daemon that does not read must not hold up anything else.
    pub(super) async fn write(&self, lines: &[Line]) -> Result<(), String> {
        let (to, messages) = (self.clone(), lines.iter().map(message).collect::<Vec<_>>());
        let sent = tokio::task::spawn_blocking(move || to.send(&messages)).await;
        sent.map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())
    }

    /// A socket per batch: a daemon that was restarted is found again.
    fn send(&self, messages: &[String]) -> std::io::Result<()> {
        match self {
            Syslog::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(SYSLOG_TIMEOUT))?;
                messages
                    .iter()
                    .try_for_each(|text| socket.send(text.as_bytes()).map(drop))
            }
            Syslog::Udp(to) => {
                let socket = UdpSocket::bind("0.0.0.0:0")?;
                socket.connect(to.as_str())?;
                messages
                    .iter()
                    .try_for_each(|text| socket.send(text.as_bytes()).map(drop))
            }
        }
    }
}

fn message(line: &Line) -> String {
    let severity = if line.failed { WARNING } else { INFORMATIONAL };
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(line.at_ms) * 1_000_000)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| "-".into());
    format!(
        "<{}>1 {at} - sealbook {} audit - {}",
        FACILITY * 8 + severity,
        std::process::id(),
        line.json
    )
}

/// A receiver that is posted to.
#[derive(Debug)]
pub(crate) struct Http {
    client: reqwest::Client,
    address: String,
}

impl Http {
    pub(super) fn new(what: &str, address: &str) -> Result<Self, ServeError> {
        outward::check(what, address)?;
        Ok(Self {
            client: outward::client()?,
            address: address.to_owned(),
        })
    }

    /// JSON Lines.
    pub(super) async fn lines(&self, lines: &[Line]) -> Result<(), String> {
        self.post("application/x-ndjson", json_lines(lines)).await
    }

    /// OTLP log records in their JSON encoding.
    pub(super) async fn otlp(&self, lines: &[Line]) -> Result<(), String> {
        self.post("application/json", otlp(lines).to_string()).await
    }

    async fn post(&self, content_type: &str, body: String) -> Result<(), String> {
        let request = self
            .client
            .post(&self.address)
            .header("content-type", content_type)
            .body(body);
        match outward::answer(request).await?.0 {
            200..300 => Ok(()),
            status => Err(format!("it answers HTTP {status}")),
        }
    }
}

fn otlp(lines: &[Line]) -> serde_json::Value {
    let records: Vec<_> = lines
        .iter()
        .map(|line| {
            let (number, text) = if line.failed { (13, "WARN") } else { (9, "INFO") };
            json!({
                "timeUnixNano": (i128::from(line.at_ms) * 1_000_000).to_string(),
                "severityNumber": number,
                "severityText": text,
                "body": { "stringValue": line.json },
            })
        })
        .collect();
    json!({ "resourceLogs": [{
        "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "sealbook" } }] },
        "scopeLogs": [{ "scope": { "name": "sealbook.audit" }, "logRecords": records }],
    }] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(failed: bool) -> Line {
        Line {
            json: "{}".into(),
            at_ms: 1_700_000_000_123,
            failed,
        }
    }

    #[test]
    fn syslog_messages_have_the_form_of_rfc_5424() {
        let text = message(&line(false));
        assert!(
            text.starts_with("<110>1 2023-11-14T22:13:20.123Z - sealbook ") && text.ends_with(" audit - {}"),
            "{text}"
        );
        assert!(message(&line(true)).starts_with("<108>1 "));
        for bad in ["", "log", "udp://", "udp://host", "tcp://host:1"] {
            assert!(Syslog::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_unix_daemon_gets_a_datagram_per_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let sink = Syslog::new(path.to_str().unwrap()).unwrap();
        let messages = [message(&line(false)), message(&line(true))];
        assert!(sink.send(&messages).is_err(), "nobody listens");
        let daemon = UnixDatagram::bind(&path).unwrap();
        sink.send(&messages).unwrap();
        let mut buffer = [0; 256];
        let length = daemon.recv(&mut buffer).unwrap();
        assert!(buffer.starts_with(b"<110>1 ") && buffer[..length].ends_with(b"{}"));
        daemon.recv(&mut buffer).unwrap();
        assert!(buffer.starts_with(b"<108>1 "));
    }

    #[test]
    fn otlp_has_a_record_per_line() {
        let value = otlp(&[line(false), line(true)]);
        let records = &value["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
        assert_eq!(records[0]["timeUnixNano"], "1700000000123000000");
        assert_eq!(records[1]["severityText"], "WARN");
        assert_eq!(records[1]["body"]["stringValue"], "{}");
    }
}
