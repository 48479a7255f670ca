//! Flags of `sealbook serve` that say who is trusted and where audit records go.

use std::path::PathBuf;

use clap::Args;
use sealbook_server::{HubOptions, OidcOptions, SinkOptions};

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
    pub(crate) fn oidc(&self) -> Option<OidcOptions> {
        Some(OidcOptions {
            issuer: self.oidc_issuer.clone()?,
            audience: self.oidc_audience.clone()?,
            user_claim: self.oidc_user_claim.clone(),
        })
    }

    pub(crate) fn hub(&self) -> Option<HubOptions> {
        Some(HubOptions {
            api: self.jupyterhub_api.clone()?,
            scope: self.jupyterhub_scope.clone(),
        })
    }

    pub(crate) fn sinks(&self) -> SinkOptions {
        SinkOptions {
            file: self.audit_file.clone(),
            file_bytes_max: self.audit_file_bytes,
            files_kept: self.audit_files_kept,
            stdout: self.audit_stdout,
            syslog: self.audit_syslog.clone(),
            webhook: self.audit_webhook.clone(),
            otlp: self.audit_otlp.clone(),
        }
    }
}
