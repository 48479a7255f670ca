//! `sealbook secrets put-acl | get-acl | list-acls | delete-acl`.

use clap::{Args, ValueEnum};
use sealbook_api::Permission;
use sealbook_api::acls::{AclItem, AclList};

use crate::failure::Outcome;
use crate::output::{self, Format, Table};
use crate::service;

/// `--permission`; each holds those before it.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "UPPER")]
enum Grant {
    /// Use the secrets in notebooks and jobs, and list their names
    Read,
    /// Also put and delete secrets
    Write,
    /// Also change the access control list and delete the scope
    Manage,
}

/// Arguments of `put-acl`.
#[derive(Debug, Args)]
pub struct Put {
    /// The scope
    #[arg(long)]
    scope: String,
    /// The user or group
    #[arg(long)]
    principal: String,
    /// What they may do; replaces what they were granted before
    #[arg(long, value_enum, ignore_case = true)]
    permission: Grant,
}

/// Arguments of `get-acl`.
#[derive(Debug, Args)]
pub struct Get {
    /// The scope
    #[arg(long)]
    scope: String,
    /// The user or group
    #[arg(long)]
    principal: String,
}

/// Arguments of `list-acls`.
#[derive(Debug, Args)]
pub struct List {
    /// The scope
    #[arg(long)]
    scope: String,
}

/// Arguments of `delete-acl`.
#[derive(Debug, Args)]
pub struct Delete {
    /// The scope
    #[arg(long)]
    scope: String,
    /// The user or group
    #[arg(long)]
    principal: String,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The scope
    #[arg(long)]
    scope: String,
    /// The user or group
    #[arg(long)]
    principal: String,
}

impl Explain {
    /// Prints every grant that applies, strongest first.
    pub async fn run(self, format: Format) -> Outcome {
        let explanation = service::client()?
            .explain(&self.scope, &self.principal)
            .await
            .map_err(service::failed)?;
        if format == Format::Json {
            return output::json(&explanation);
        }
        output::line(&match explanation.permission {
            Some(permission) => format!("{} may {permission} in {}:", explanation.principal, explanation.scope),
            None => format!("{} may do nothing in {}", explanation.principal, explanation.scope),
        })?;
        if explanation.reasons.is_empty() {
            return Ok(());
        }
        let mut table = Table::new(["Permission", "Because of"]);
        for reason in &explanation.reasons {
            table.row([reason.permission.to_string(), reason.because.clone()]);
        }
        output::text(&table.to_string())
    }
}

impl Put {
    /// Grants the permission.
    pub async fn run(self, format: Format) -> Outcome {
        let permission = match self.permission {
            Grant::Read => Permission::Read,
            Grant::Write => Permission::Write,
            Grant::Manage => Permission::Manage,
        };
        let client = service::client()?;
        client
            .put_acl(&self.scope, &self.principal, permission)
            .await
            .map_err(service::failed)?;
        format.done()
    }
}

impl Get {
    /// Prints the grant.
    pub async fn run(self, format: Format) -> Outcome {
        let acl = service::client()?
            .get_acl(&self.scope, &self.principal)
            .await
            .map_err(service::failed)?;
        format.print(&acl, |acl| table(std::slice::from_ref(acl)))
    }
}

impl List {
    /// Prints every grant.
    pub async fn run(self, format: Format) -> Outcome {
        let items = service::client()?
            .list_acls(&self.scope)
            .await
            .map_err(service::failed)?;
        format.print(&AclList { items }, |list| table(&list.items))
    }
}

impl Delete {
    /// Withdraws the grant.
    pub async fn run(self, format: Format) -> Outcome {
        service::client()?
            .delete_acl(&self.scope, &self.principal)
            .await
            .map_err(service::failed)?;
        format.done()
    }
}

fn table(acls: &[AclItem]) -> Table {
    let mut table = Table::new(["Principal", "Permission"]);
    for acl in acls {
        table.row([acl.principal.clone(), acl.permission.to_string()]);
    }
    table
}
