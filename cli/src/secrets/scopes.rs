//! `sealbook secrets create-scope | list-scopes | delete-scope`.

use clap::Args;
use sealbook_api::scopes::ScopeList;

use crate::failure::{Failure, Outcome};
use crate::output::{Format, Table};
use crate::service;

/// Arguments of `create-scope`.
#[derive(Debug, Args)]
pub struct Create {
    /// The new scope's name: letters, digits and _ . - @, at most 128 characters
    #[arg(long)]
    scope: String,
    /// Let every user manage the scope instead of only you; the only value is `users`
    #[arg(long, value_name = "PRINCIPAL")]
    initial_manage_principal: Option<String>,
    /// Kept for scripts written for the original; the only value is `DATABRICKS`
    #[arg(long, value_name = "TYPE", hide = true)]
    scope_backend_type: Option<String>,
}

/// Arguments of `delete-scope`.
#[derive(Debug, Args)]
pub struct Delete {
    /// The scope
    #[arg(long)]
    scope: String,
}

impl Create {
    /// Creates the scope.
    pub async fn run(self, format: Format) -> Outcome {
        if let Some(other) = self
            .scope_backend_type
            .filter(|backend| !backend.eq_ignore_ascii_case("DATABRICKS"))
        {
            return Err(Failure::usage(format!(
                "--scope-backend-type {other} is not supported; no scope was created"
            ))
            .hint("Leave it out: secrets are kept by the service itself (DATABRICKS)."));
        }
        let client = service::client()?;
        client
            .create_scope(&self.scope, self.initial_manage_principal.as_deref())
            .await
            .map_err(service::failed)?;
        format.done()
    }
}

impl Delete {
    /// Deletes the scope.
    pub async fn run(self, format: Format) -> Outcome {
        service::client()?
            .delete_scope(&self.scope)
            .await
            .map_err(service::failed)?;
        format.done()
    }
}

/// Prints the scopes.
pub async fn list(format: Format) -> Outcome {
    let scopes = service::client()?.list_scopes().await.map_err(service::failed)?;
    format.print(&ScopeList { scopes }, |list| {
        let mut table = Table::new(["Scope", "Backend"]);
        for scope in &list.scopes {
            table.row([scope.name.clone(), scope.backend_type.clone()]);
        }
        table
    })
}
