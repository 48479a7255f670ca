//! `sealbook users …`.

use clap::Subcommand;

use crate::failure::Outcome;
use crate::output::{Format, Table};
use crate::service;

/// Verbs of `sealbook users`.
#[derive(Debug, Subcommand)]
pub enum Users {
    /// Show who you are to the service, and your groups
    Me,
}

impl Users {
    /// Runs the command.
    pub async fn run(self, format: Format) -> Outcome {
        let client = service::client()?;
        match self {
            Users::Me => {
                let me = client.me().await.map_err(service::failed)?;
                format.print(&me, |me| {
                    let mut table = Table::new(["User", "Groups"]);
                    let groups: Vec<_> = me.groups.iter().map(|group| group.display.as_str()).collect();
                    table.row([me.user_name.clone(), groups.join(", ")]);
                    table
                })
            }
        }
    }
}
