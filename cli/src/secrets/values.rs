//! `sealbook secrets list | delete`.

use clap::Args;
use sealbook_api::secrets::SecretList;

use crate::failure::Outcome;
use crate::output::{self, Format, Table};
use crate::service;

/// Arguments of `list`.
#[derive(Debug, Args)]
pub struct List {
    /// The scope
    #[arg(long)]
    scope: String,
}

/// Arguments of `delete`.
#[derive(Debug, Args)]
pub struct Delete {
    /// The scope
    #[arg(long)]
    scope: String,
    /// The secret's name in the scope
    #[arg(long)]
    key: String,
}

impl List {
    /// Prints keys and when they were last put.
    pub async fn run(self, format: Format) -> Outcome {
        let secrets = service::client()?
            .list_secrets(&self.scope)
            .await
            .map_err(service::failed)?;
        format.print(&SecretList { secrets }, |list| {
            let mut table = Table::new(["Key name", "Last updated"]);
            for secret in &list.secrets {
                table.row([secret.key.clone(), output::time(Some(secret.last_updated_timestamp))]);
            }
            table
        })
    }
}

impl Delete {
    /// Deletes the secret.
    pub async fn run(self, format: Format) -> Outcome {
        service::client()?
            .delete_secret(&self.scope, &self.key)
            .await
            .map_err(service::failed)?;
        format.done()
    }
}
