//! `sealbook secrets list | delete`.

use clap::Args;
use sealbook_api::secrets::{SecretDescriptions, SecretList};

use crate::failure::Outcome;
use crate::output::{self, Format, Table};
use crate::service;

/// Arguments of `list`.
#[derive(Debug, Args)]
pub struct List {
    /// The scope
    #[arg(long)]
    scope: String,
    /// Also show versions, when each secret expires, and when a kernel last read it and whose
    #[arg(long, short = 'l')]
    long: bool,
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
        if self.long {
            return self.describe(format).await;
        }
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

    async fn describe(self, format: Format) -> Outcome {
        let secrets = service::client()?
            .describe_secrets(&self.scope)
            .await
            .map_err(service::failed)?;
        format.print(&SecretDescriptions { secrets }, |list| {
            let mut table = Table::new(["Key name", "Version", "Last updated", "Expires", "Last read", "By"]);
            let now = crate::moment::now();
            for secret in &list.secrets {
                let read = secret.last_read_timestamp;
                table.row([
                    secret.key.clone(),
                    secret.version.to_string(),
                    output::time(Some(secret.last_updated_timestamp)),
                    expiry(secret.expires_at, now),
                    read.map_or("never".into(), |at| output::time(Some(at))),
                    secret.last_read_by.clone().unwrap_or_default(),
                ]);
            }
            table
        })
    }
}

fn expiry(at: Option<i64>, now: i64) -> String {
    match at {
        None => "never".into(),
        Some(at) if at <= now => format!("{} (expired)", output::time(Some(at))),
        Some(at) => output::time(Some(at)),
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
