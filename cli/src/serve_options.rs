//! Flags of `sealbook serve` that say who is trusted and where audit records go.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sealbook_server::{HubOptions, OidcOptions, Settings};

/// `--audit-fsync`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Fsync {
    /// When the operating system has it: it survives the service's death
    System,
    /// When the disk has it: every answer waits for that, and the record survives the machine's death
    Always,
}

/// See each flag.
#[derive(Debug, Args)]
#[group(skip)]
pub struct ServeOptions {
    /// Believe tokens (JWT) of this OpenID Connect issuer
    #[arg(long, value_name = "URL", requires = "oidc_audience", conflicts_with = "embedded")]
    oidc_issuer: Option<String>,
    /// The audience that such tokens must carry
    #[arg(long, value_name = "NAME", requires = "oidc_issuer")]
    oidc_audience: Option<String>,
    /// The claim of such tokens that is the user's name
    #[arg(long, value_name = "CLAIM", default_value = "email")]
    oidc_user_claim: String,
    /// Believe the tokens that this JupyterHub gives to its users' servers, for example http://127.0.0.1:8081/hub/api
    #[arg(long, value_name = "URL", conflicts_with = "embedded")]
    jupyterhub_api: Option<String>,
    /// The scope that a JupyterHub token must hold (default: access to a server of its own user)
    #[arg(long, value_name = "SCOPE", requires = "jupyterhub_api")]
    jupyterhub_scope: Option<String>,
    /// When an audit record counts as written
    #[arg(long, value_enum, value_name = "WHEN", conflicts_with = "embedded")]
    audit_fsync: Option<Fsync>,
    /// Also write audit records to this file as JSON Lines; it is rotated
    #[arg(long, value_name = "FILE", conflicts_with = "embedded")]
    audit_file: Option<PathBuf>,
    /// Rotate that file when it is this large
    #[arg(long, value_name = "BYTES", requires = "audit_file")]
    audit_file_bytes: Option<u64>,
    /// Keep this many rotated files
    #[arg(long, value_name = "COUNT", requires = "audit_file")]
    audit_files_kept: Option<usize>,
    /// Also write audit records to standard output
    #[arg(long, conflicts_with = "embedded")]
    audit_stdout: bool,
    /// Also send audit records to this syslog socket (/dev/log) or server (udp://HOST:PORT)
    #[arg(long, value_name = "ADDRESS", conflicts_with = "embedded")]
    audit_syslog: Option<String>,
    /// Also post audit records to this address as JSON Lines
    #[arg(long, value_name = "URL", conflicts_with = "embedded")]
    audit_webhook: Option<String>,
    /// Also send audit records to this OTLP/HTTP collector, for example http://127.0.0.1:4318
    #[arg(long, value_name = "URL", conflicts_with = "embedded")]
    audit_otlp: Option<String>,
}

impl ServeOptions {
    /// Writes over the configuration what is said here.
    pub(crate) fn apply(&self, settings: &mut Settings) {
        if let (Some(issuer), Some(audience)) = (self.oidc_issuer.clone(), self.oidc_audience.clone()) {
            settings.oidc = vec![OidcOptions {
                issuer,
                audience,
                user_claim: self.oidc_user_claim.clone(),
            }];
        }
        if let Some(api) = self.jupyterhub_api.clone() {
            settings.jupyterhub = Some(HubOptions {
                api,
                scope: self.jupyterhub_scope.clone(),
            });
        }
        if let Some(fsync) = self.audit_fsync {
            settings.audit.fsync = match fsync {
                Fsync::System => sealbook_server::settings::Fsync::System,
                Fsync::Always => sealbook_server::settings::Fsync::Always,
            };
        }
        let sinks = &mut settings.audit.sinks;
        let over = |given: &Option<String>, kept: &mut Option<String>| {
            if given.is_some() {
                kept.clone_from(given);
            }
        };
        over(&self.audit_syslog, &mut sinks.syslog);
        over(&self.audit_webhook, &mut sinks.webhook);
        over(&self.audit_otlp, &mut sinks.otlp);
        sinks.stdout |= self.audit_stdout;
        sinks.file = self.audit_file.clone().or(sinks.file.take());
        sinks.file_bytes_max = self.audit_file_bytes.or(sinks.file_bytes_max);
        sinks.files_kept = self.audit_files_kept.or(sinks.files_kept);
    }
}
