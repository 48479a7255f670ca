//! What a shared server can be told: a TOML file, every part of which may be absent. `docs/server.md` has the whole of it
//! with the defaults, and a test here reads that.
//!
//! An error names the file, the line, the key, and what is allowed there. Keys that are not known are errors.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sealbook_api::names;
use sealbook_core::audit::Sync;
use sealbook_core::vault;
use serde::Deserialize;

use crate::error::ServeError;
use crate::hub::HubOptions;
use crate::oidc::OidcOptions;
use crate::sinks::SinkOptions;
use crate::{data_lock, outward, place};

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
    /// The name of this server among several on one data folder; without one it is the only one.
    pub replica: Option<String>,
    /// Certificate and key.
    pub tls: Option<TlsFiles>,
    /// Maxima.
    pub limits: Limits,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// The audit log.
    pub audit: Audit,
    /// Issuers whose tokens say who somebody is.
    pub oidc: Vec<OidcOptions>,
    /// A JupyterHub whose servers' tokens say who somebody is.
    pub jupyterhub: Option<HubOptions>,
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
    /// Where records go besides journal and database.
    pub sinks: SinkOptions,
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
    /// A file that cannot be read or is not as documented; the message names the file, the line and the key.
    pub fn read(path: &Path) -> Result<Self, ServeError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ServeError::new(format!("cannot read the configuration {}: {error}", path.display())))?;
        let wrong = |line: Option<usize>, key: &str, what: &str| {
            let line = line.map_or_else(String::new, |line| format!(":{line}"));
            let key = if key.is_empty() {
                String::new()
            } else {
                format!("{key}: ")
            };
            ServeError::new(format!(
                "{}{line}: {key}{what}. docs/server.md describes the configuration",
                path.display()
            ))
        };
        let mut settings: Settings = toml::from_str(&text).map_err(|error| {
            let place = error.span().map(|span| place::at(&text, span.start));
            let key = place.as_ref().map_or("", |place| place.key.as_str());
            wrong(place.as_ref().map(|place| place.line), key, error.message().trim_end())
        })?;
        settings
            .check()
            .map_err(|(key, what)| wrong(place::of(&text, &key), &key, &what))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for file in settings
            .tls
            .iter_mut()
            .flat_map(|tls| [&mut tls.certificate, &mut tls.key])
            .chain(settings.data.iter_mut())
            .chain(settings.audit.sinks.file.iter_mut())
        {
            *file = folder.join(&*file);
        }
        Ok(settings)
    }

    /// The key that is wrong, and how.
    fn check(&self) -> Result<(), (String, String)> {
        if let Some(name) = &self.replica {
            data_lock::check_name(name).map_err(|what| ("replica".to_owned(), what))?;
        }
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
                let what = format!("it must be between 1 and {max}, not {given}");
                return Err((format!("limits.{name}"), what));
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
                let what = format!("it must be between 1 and 3600 seconds, not {given}");
                return Err((format!("timeouts.{name}"), what));
            }
        }
        let sinks = &self.audit.sinks;
        let issuers = self.oidc.iter().map(|oidc| ("oidc.issuer", Some(&oidc.issuer)));
        let addresses = [
            ("jupyterhub.api", self.jupyterhub.as_ref().map(|hub| &hub.api)),
            ("audit.sinks.webhook", sinks.webhook.as_ref()),
            ("audit.sinks.otlp", sinks.otlp.as_ref()),
        ];
        for (key, address) in issuers.chain(addresses) {
            if let Some(address) = address {
                outward::check("the address", address).map_err(|error| (key.to_owned(), error.to_string()))?;
            }
        }
        for (at, oidc) in self.oidc.iter().enumerate() {
            if self.oidc[..at].iter().any(|other| other.issuer == oidc.issuer) {
                let what = format!("the issuer {:?} is named twice", oidc.issuer);
                return Err(("oidc".into(), what));
            }
        }
        if sinks.file.is_none() && (sinks.file_bytes_max.is_some() || sinks.files_kept.is_some()) {
            let what = "file_bytes_max and files_kept say something about a file, and no file is named";
            return Err(("audit.sinks".into(), what.into()));
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

    /// The first block of TOML in the documentation.
    fn documented() -> String {
        let text = include_str!("../../../docs/server.md");
        text.split("```toml\n")
            .nth(1)
            .unwrap()
            .split("```")
            .next()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn the_documented_example_is_the_default_but_for_what_has_none() {
        let settings = read(&documented()).unwrap();
        assert_eq!(settings.listen, Some("0.0.0.0:8443".parse().unwrap()));
        assert_eq!(settings.data, Some("/var/lib/sealbook".into()));
        let tls = settings.tls.clone().unwrap();
        assert!(tls.certificate.is_absolute() && tls.key.ends_with("key.pem"), "{tls:?}");
        let [first, second] = settings.oidc.as_slice() else {
            panic!("two issuers: {:?}", settings.oidc)
        };
        assert_eq!(
            (first.user_claim.as_str(), second.user_claim.as_str()),
            ("email", "preferred_username")
        );
        assert_eq!(
            settings.jupyterhub.as_ref().unwrap().scope.as_deref(),
            Some("custom:sealbook:kernel")
        );
        let sinks = &settings.audit.sinks;
        assert!(sinks.file.as_ref().unwrap().is_absolute() && sinks.syslog.is_some() && sinks.webhook.is_some());
        assert!(sinks.otlp.is_some() && !sinks.stdout && sinks.files_kept == Some(10));
        assert_eq!(settings.replica.as_deref(), Some("a"));
        assert_eq!(
            Settings {
                listen: None,
                data: None,
                replica: None,
                tls: None,
                oidc: Vec::new(),
                jupyterhub: None,
                audit: Audit::default(),
                ..settings
            },
            Settings::default()
        );
        assert_eq!(settings.audit.fsync, Fsync::default());
    }

    #[test]
    fn the_documented_example_names_every_key() {
        // An unknown key's refusal lists those that are known, table by table.
        let known: std::collections::BTreeSet<String> = [
            "",
            "[tls]\n",
            "[limits]\n",
            "[timeouts]\n",
            "[audit]\n",
            "[audit.sinks]\n",
            "[[oidc]]\n",
            "[jupyterhub]\n",
        ]
        .iter()
        .flat_map(|table| {
            let error = read(&format!("{table}no_such_key = 1")).unwrap_err();
            assert!(error.contains("no_such_key"), "{error}");
            let names = error.split("expected").nth(1).unwrap().to_owned();
            names
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
        let example = documented();
        for key in &known {
            let said = example.contains(&format!("{key} = "))
                || example.contains(&format!("[{key}"))
                || example.contains(&format!(".{key}]"));
            assert!(said, "{key} is not in the example");
        }
        assert!(known.len() > 30, "{known:?}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_key() {
        for (text, named) in [
            (
                "lissten = \"127.0.0.1:1\"",
                "sealbook.toml:1: lissten: unknown field `lissten`, expected one of `listen`",
            ),
            ("\nlisten = \"here\"", "sealbook.toml:2: listen: invalid socket address"),
            (
                "[limits]\nsecrets_per_scope = 5\nscopes = 1001",
                "sealbook.toml:3: limits.scopes: it must be between 1 and 1000, not 1001",
            ),
            ("[limits]\nvalue_bytes = 0", ":2: limits.value_bytes: it must be"),
            (
                "[limits]\nvalue_bytes = \"1\"",
                ":2: limits.value_bytes: invalid type: string",
            ),
            ("[limits]\nvalue_bites = 1", ":2: limits.value_bites: unknown field"),
            ("[timeouts]\nbody = 0", ":2: timeouts.body: it must be"),
            ("replica = \"../a\"", ":1: replica: it must be"),
            ("replica = \"main\"", ":1: replica: it must be"),
            ("[audit]\nfsync = \"never\"", ":2: audit.fsync: unknown variant `never`"),
            ("[audit.sinks]\nkafka = \"x\"", ":2: audit.sinks.kafka: unknown field"),
            (
                "[audit.sinks]\nfiles_kept = 3",
                "audit.sinks: file_bytes_max and files_kept",
            ),
            (
                "[audit.sinks]\nwebhook = \"http://example.com\"",
                ":2: audit.sinks.webhook: the address",
            ),
            ("[tls]\ncertificate = \"c\"", "missing field `key`"),
            ("[[oidc]]\nissuer = \"https://a\"", "missing field `audience`"),
            (
                "[[oidc]]\naudience = \"s\"\nissuer = \"http://example.com\"",
                ":3: oidc.issuer: the address",
            ),
            (
                "[[oidc]]\nissuer = \"https://a\"\naudience = \"s\"\n[[oidc]]\nissuer = \"https://a\"\naudience = \"t\"",
                "is named twice",
            ),
            ("[jupyterhub]\napi = \"nothing\"", ":2: jupyterhub.api: the address"),
            ("[", ":1: "),
            ("data = \"a\"\ndata = \"b\"", ":2: data: duplicate key"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
        let error = Settings::read(Path::new("no-such-file.toml")).unwrap_err().to_string();
        assert!(error.contains("no-such-file.toml"), "{error}");
    }
}
