//! What a shared server can be told: a TOML file, every part of which may be absent.
//!
//! ```toml
//! listen = "0.0.0.0:8443"
//! data = "/var/lib/sealbook"
//! allow_plain_http = false
//! api_tokens_open_sessions = false
//!
//! [tls]
//! certificate = "cert.pem"       # beside this file, unless absolute
//! key = "key.pem"
//!
//! [limits]                       # downwards only; requests_per_second is per user, 0 for no limit
//! scopes = 1000
//! secrets_per_scope = 1000
//! value_bytes = 131072
//! body_bytes = 1048576
//! connections = 8192
//! requests_per_second = 0
//! failed_authentications_per_second = 50   # per address, after a burst of ten times as many
//!
//! [timeouts]                     # seconds
//! handshake = 10
//! headers = 30
//! body = 30
//! drain = 10
//!
//! [audit]
//! fsync = "system"               # or "always": every answer waits for the disk
//! ```

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sealbook_api::names;
use sealbook_core::audit::Sync;
use sealbook_core::vault;
use serde::Deserialize;

use crate::error::ServeError;

/// Everything in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where to listen, unless the command line says it.
    pub listen: Option<SocketAddr>,
    /// The data folder, unless the command line says it.
    pub data: Option<PathBuf>,
    /// Serves plain HTTP on addresses that other machines reach.
    pub allow_plain_http: bool,
    /// Lets API tokens open kernel sessions.
    pub api_tokens_open_sessions: bool,
    /// Certificate and key.
    pub tls: Option<TlsFiles>,
    /// Maxima.
    pub limits: Limits,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// The audit log.
    pub audit: Audit,
}

/// Certificate and key, in PEM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Maxima; none can be above what the API documents.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Scopes in all.
    pub scopes: usize,
    /// Secrets in one scope.
    pub secrets_per_scope: usize,
    /// Bytes of a value.
    pub value_bytes: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Connections at once; more wait in the system's queue.
    pub connections: usize,
    /// Requests of one user in a second, after a burst of twice as many; 0 for no limit.
    pub requests_per_second: u32,
    /// Failed authentications from one address in a second, after a burst of ten times as many; 0 for no limit.
    pub failed_authentications_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            scopes: names::SCOPES_MAX,
            secrets_per_scope: names::SECRETS_PER_SCOPE_MAX,
            value_bytes: names::VALUE_BYTES_MAX,
            body_bytes: names::BODY_BYTES_MAX,
            connections: 8_192,
            requests_per_second: 0,
            failed_authentications_per_second: 50,
        }
    }
}

/// How long things may take, in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// The TLS handshake.
    pub handshake: u64,
    /// Request line and headers; and how long an idle connection stays.
    pub headers: u64,
    /// A request's body.
    pub body: u64,
    /// Requests under way at shutdown.
    pub drain: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: 10,
            headers: 30,
            body: 30,
            drain: 10,
        }
    }
}

impl Timeouts {
    pub(crate) fn handshake(&self) -> Duration {
        Duration::from_secs(self.handshake)
    }

    pub(crate) fn headers(&self) -> Duration {
        Duration::from_secs(self.headers)
    }

    pub(crate) fn body(&self) -> Duration {
        Duration::from_secs(self.body)
    }

    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain)
    }
}

/// The audit log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// When an audit record counts as written.
    pub fsync: Fsync,
}

/// When an audit record counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fsync {
    /// When the operating system has it: it survives the service's death.
    #[default]
    System,
    /// When the disk has it: it survives the machine's death.
    Always,
}

impl Settings {
    /// Reads a file. Relative paths in it are beside it.
    ///
    /// # Errors
    /// A file that cannot be read or is not as documented; the message names the line.
    pub fn read(path: &Path) -> Result<Self, ServeError> {
        let wrong = |what: &dyn std::fmt::Display| {
            ServeError::new(format!("the configuration {} is not valid: {what}", path.display()))
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| ServeError::new(format!("cannot read the configuration {}: {error}", path.display())))?;
        let mut settings: Settings = toml::from_str(&text).map_err(|error| wrong(&error.to_string().trim_end()))?;
        settings.check().map_err(|what| wrong(&what))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for file in settings
            .tls
            .iter_mut()
            .flat_map(|tls| [&mut tls.certificate, &mut tls.key])
            .chain(settings.data.iter_mut())
        {
            *file = folder.join(&*file);
        }
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        let documented = Limits::default();
        let limits = &self.limits;
        for (name, given, max) in [
            ("scopes", limits.scopes, documented.scopes),
            (
                "secrets_per_scope",
                limits.secrets_per_scope,
                documented.secrets_per_scope,
            ),
            ("value_bytes", limits.value_bytes, documented.value_bytes),
            ("body_bytes", limits.body_bytes, documented.body_bytes),
            ("connections", limits.connections, 1 << 20),
        ] {
            if given == 0 || given > max {
                return Err(format!("limits.{name} must be between 1 and {max}, not {given}"));
            }
        }
        let timeouts = &self.timeouts;
        for (name, given) in [
            ("handshake", timeouts.handshake),
            ("headers", timeouts.headers),
            ("body", timeouts.body),
            ("drain", timeouts.drain),
        ] {
            if given == 0 || given > 3_600 {
                return Err(format!(
                    "timeouts.{name} must be between 1 and 3600 seconds, not {given}"
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn vault_limits(&self) -> vault::Limits {
        vault::Limits {
            scopes_max: self.limits.scopes,
            secrets_per_scope_max: self.limits.secrets_per_scope,
            value_bytes_max: self.limits.value_bytes,
            ..vault::Limits::default()
        }
    }

    pub(crate) fn journal_sync(&self) -> Sync {
        match self.audit.fsync {
            Fsync::System => Sync::System,
            Fsync::Always => Sync::Always,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sealbook.toml");
        std::fs::write(&file, text).unwrap();
        Settings::read(&file).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_means_the_defaults() {
        assert_eq!(read("").unwrap(), Settings::default());
    }

    #[test]
    fn the_documented_example_is_the_default_but_for_places() {
        let source = include_str!("settings.rs");
        let example = source.split("//! ```").nth(1).unwrap().trim_start_matches("toml");
        let example: String = example
            .lines()
            .map(|line| format!("{}\n", line.trim_start_matches("//!").trim()))
            .collect();
        let settings = read(&example).unwrap();
        assert_eq!(settings.listen, Some("0.0.0.0:8443".parse().unwrap()));
        let tls = settings.tls.clone().unwrap();
        assert!(tls.certificate.is_absolute() && tls.key.ends_with("key.pem"), "{tls:?}");
        assert_eq!(
            Settings {
                listen: None,
                data: None,
                tls: None,
                ..settings
            },
            Settings::default()
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, named) in [
            ("lissten = \"127.0.0.1:1\"", "lissten"),
            ("listen = \"here\"", "socket address"),
            (
                "[limits]\nscopes = 1001",
                "limits.scopes must be between 1 and 1000, not 1001",
            ),
            ("[limits]\nvalue_bytes = 0", "limits.value_bytes"),
            ("[timeouts]\nbody = 0", "timeouts.body"),
            ("[audit]\nfsync = \"never\"", "never"),
            ("[tls]\ncertificate = \"c\"", "key"),
            ("[", "line 1"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
        let error = Settings::read(Path::new("no-such-file.toml")).unwrap_err().to_string();
        assert!(error.contains("no-such-file.toml"), "{error}");
    }
}
