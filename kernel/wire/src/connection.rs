//! The connection file: where a kernel's sockets are and which key signs its messages.
//!
//! Source: the Jupyter client documentation, "Connection files". Read once. A kernel writes one only after a handshake
//! (see `registration.rs`), for which this file names a port of the launcher instead of the kernel's own.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::WireError;

/// A parsed connection file. `Debug` and errors never show the key.
#[derive(Clone, Serialize, Deserialize)]
pub struct ConnectionFile {
    /// Kind of socket.
    #[serde(default)]
    pub transport: Transport,
    /// Address to bind for tcp, prefix of the sockets' paths for ipc.
    pub ip: String,
    /// Port of the shell channel (for ipc, the suffix of its path).
    pub shell_port: u32,
    /// Port of the iopub channel.
    pub iopub_port: u32,
    /// Port of the stdin channel.
    pub stdin_port: u32,
    /// Port of the control channel.
    pub control_port: u32,
    /// Port of the heartbeat.
    pub hb_port: u32,
    /// Key of the signatures; empty means unsigned.
    #[serde(default)]
    pub key: String,
    /// `hmac-sha256`, the only scheme known here.
    #[serde(default = "hmac_sha256")]
    pub signature_scheme: String,
    /// Name of the kernelspec, where the front end says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_name: Option<String>,
    /// Whom to tell which ports the kernel has bound; then the ports of the file are 0.
    #[serde(skip)]
    pub registration: Option<Registration>,
}

/// The launcher that a kernel registers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its port.
    pub port: u32,
    /// Its address, where it is not that of the kernel.
    pub ip: Option<String>,
    /// What it calls the kernel.
    pub kernel_id: Option<String>,
    /// Where the connection file for other clients goes.
    pub folder: PathBuf,
}

/// The fields of a connection file that asks for a handshake.
#[derive(Deserialize)]
struct HandshakeFile {
    registration_port: Port,
    #[serde(default)]
    registration_ip: Option<String>,
    #[serde(default)]
    kernel_id: Option<String>,
    #[serde(default)]
    transport: Transport,
    ip: String,
    #[serde(default)]
    key: String,
    #[serde(default = "hmac_sha256")]
    signature_scheme: String,
    #[serde(default)]
    kernel_name: Option<String>,
}

/// A port, which some launchers write as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u32),
    Text(String),
}

/// Whether a file asks for a handshake.
#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    registration_port: Option<serde::de::IgnoredAny>,
}

/// Transport of a kernel's sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP.
    #[default]
    Tcp,
    /// Unix sockets.
    Ipc,
}

/// The five sockets of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Requests, in order.
    Shell,
    /// Broadcasts.
    Iopub,
    /// Input requests.
    Stdin,
    /// Requests that overtake the shell's.
    Control,
    /// Heartbeat.
    Heartbeat,
}

impl Channel {
    /// Name as in the protocol.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Channel::Shell => "shell",
            Channel::Iopub => "iopub",
            Channel::Stdin => "stdin",
            Channel::Control => "control",
            Channel::Heartbeat => "heartbeat",
        }
    }
}

fn hmac_sha256() -> String {
    "hmac-sha256".to_owned()
}

impl ConnectionFile {
    /// Reads and checks a connection file.
    ///
    /// # Errors
    /// [`WireError::ConnectionFileUnreadable`] and [`WireError::ConnectionFileInvalid`].
    pub fn read(path: &Path) -> Result<ConnectionFile, WireError> {
        let text = std::fs::read(path).map_err(|source| WireError::ConnectionFileUnreadable {
            path: path.to_owned(),
            source,
        })?;
        let invalid = |reason: String| WireError::ConnectionFileInvalid {
            path: path.to_owned(),
            reason,
        };
        // The parser's own message may quote a value, so only its kind and its position are kept.
        let explain = |error: serde_json::Error| {
            let kind = if error.is_data() {
                "a field is missing or has the wrong type"
            } else {
                "it is not JSON"
            };
            invalid(format!("{kind} (line {}, column {})", error.line(), error.column()))
        };
        let kind: Kind = serde_json::from_slice(&text).map_err(explain)?;
        let file = if kind.registration_port.is_some() {
            let asked = serde_json::from_slice(&text).map_err(explain)?;
            ConnectionFile::to_be_bound(asked, path).map_err(|reason| invalid(reason.to_owned()))?
        } else {
            serde_json::from_slice(&text).map_err(explain)?
        };
        file.check().map_err(|reason| invalid(reason.to_owned()))?;
        Ok(file)
    }

    /// With free ports, which [`crate::Server::bind`] takes and tells the launcher.
    fn to_be_bound(asked: HandshakeFile, path: &Path) -> Result<ConnectionFile, &'static str> {
        let port = match asked.registration_port {
            Port::Number(port) => Some(port),
            Port::Text(text) => text.parse().ok(),
        };
        let port = port.filter(|port| (1..=u32::from(u16::MAX)).contains(port));
        let port = port.ok_or("registration_port must be 1 to 65535")?;
        // A unix socket has no free number to be given; these are the launcher's for this kernel alone.
        let own = |number: u32| {
            if asked.transport == Transport::Ipc {
                port + number
            } else {
                0
            }
        };
        Ok(ConnectionFile {
            transport: asked.transport,
            ip: asked.ip,
            shell_port: own(1),
            iopub_port: own(2),
            stdin_port: own(3),
            control_port: own(4),
            hb_port: own(5),
            key: asked.key,
            signature_scheme: asked.signature_scheme,
            kernel_name: asked.kernel_name,
            registration: Some(Registration {
                port,
                ip: asked.registration_ip.filter(|ip| !ip.is_empty()),
                kernel_id: asked.kernel_id,
                folder: path.parent().unwrap_or(Path::new(".")).to_owned(),
            }),
        })
    }

    fn check(&self) -> Result<(), &'static str> {
        if !self.key.is_empty() && self.signature_scheme != "hmac-sha256" {
            return Err("signature_scheme must be hmac-sha256 (or the key empty)");
        }
        let ports = [
            self.shell_port,
            self.iopub_port,
            self.stdin_port,
            self.control_port,
            self.hb_port,
        ];
        if self.transport == Transport::Tcp && ports.iter().any(|port| *port > u32::from(u16::MAX)) {
            return Err("a port is larger than 65535");
        }
        if self.ip.is_empty() {
            return Err("ip is empty");
        }
        Ok(())
    }

    /// Port of `channel`.
    #[must_use]
    pub fn port(&self, channel: Channel) -> u32 {
        match channel {
            Channel::Shell => self.shell_port,
            Channel::Iopub => self.iopub_port,
            Channel::Stdin => self.stdin_port,
            Channel::Control => self.control_port,
            Channel::Heartbeat => self.hb_port,
        }
    }

    /// Sets the port of `channel`, after a free one was taken.
    pub(crate) fn set_port(&mut self, channel: Channel, port: u32) {
        match channel {
            Channel::Shell => self.shell_port = port,
            Channel::Iopub => self.iopub_port = port,
            Channel::Stdin => self.stdin_port = port,
            Channel::Control => self.control_port = port,
            Channel::Heartbeat => self.hb_port = port,
        }
    }

    /// Endpoint of `channel` in ZeroMQ's notation: `tcp://127.0.0.1:5555` or `ipc:///run/kernel-1`.
    #[must_use]
    pub fn endpoint(&self, channel: Channel) -> String {
        let port = self.port(channel);
        match self.transport {
            Transport::Tcp => format!("tcp://{}:{port}", self.ip),
            Transport::Ipc => format!("ipc://{}-{port}", self.ip),
        }
    }
}

impl fmt::Debug for ConnectionFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionFile")
            .field("transport", &self.transport)
            .field("ip", &self.ip)
            .field("shell_port", &self.shell_port)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ConnectionFile, WireError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernel.json");
        std::fs::write(&path, text).unwrap();
        ConnectionFile::read(&path)
    }

    const GOOD: &str = r#"{"shell_port":1,"iopub_port":2,"stdin_port":3,"control_port":4,"hb_port":5,"ip":"127.0.0.1",
        "key":"planted-key","transport":"tcp","signature_scheme":"hmac-sha256","kernel_name":"sealbook","extra":1}"#;

    #[test]
    fn reads_what_jupyter_writes() {
        let file = read(GOOD).unwrap();
        assert_eq!(file.endpoint(Channel::Iopub), "tcp://127.0.0.1:2");
        assert_eq!(file.key, "planted-key");
        assert!(!format!("{file:?}").contains("planted-key"));
        let ipc = read(&GOOD.replace("tcp", "ipc").replace("127.0.0.1", "/tmp/k")).unwrap();
        assert_eq!(ipc.endpoint(Channel::Control), "ipc:///tmp/k-4");
    }

    #[test]
    fn a_file_may_ask_for_a_handshake() {
        let text = r#"{"registration_port":9,"ip":"127.0.0.1","key":"planted-key","transport":"tcp"}"#;
        let file = read(text).unwrap();
        let registration = file.registration.clone().unwrap();
        assert_eq!((file.shell_port, registration.port, registration.ip), (0, 9, None));
        let text = r#"{"registration_port":"9","registration_ip":"127.0.0.2","kernel_id":"k","ip":"127.0.0.1"}"#;
        let registration = read(text).unwrap().registration.unwrap();
        let expected = (9, Some("127.0.0.2".to_owned()), Some("k".to_owned()));
        assert_eq!((registration.port, registration.ip, registration.kernel_id), expected);
        for port in ["0", "70000", "\"planted-key\"", "[]"] {
            let text = format!(r#"{{"registration_port":{port},"ip":"127.0.0.1"}}"#);
            let message = read(&text).unwrap_err().to_string();
            assert!(!message.contains("planted-key"), "{message}");
        }
        assert_eq!(read(GOOD).unwrap().registration, None);
    }

    #[test]
    fn says_what_is_wrong_without_quoting() {
        let bad = [
            (GOOD.replace("hmac-sha256", "hmac-md5"), "signature_scheme"),
            (GOOD.replace("\"shell_port\":1", "\"shell_port\":70000"), "65535"),
            (
                GOOD.replace("\"shell_port\":1", "\"shell_port\":\"planted-key\""),
                "wrong type",
            ),
            (GOOD.replace("\"shell_port\":1,", ""), "missing"),
            (GOOD.replace("127.0.0.1", ""), "ip is empty"),
            ("planted-key".to_owned(), "not JSON"),
        ];
        for (text, expected) in bad {
            let message = read(&text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
            assert!(!message.contains("planted-key"), "{message}");
        }
        let message = ConnectionFile::read(Path::new("/nowhere/k.json"))
            .unwrap_err()
            .to_string();
        assert!(message.contains("/nowhere/k.json"), "{message}");
    }
}
