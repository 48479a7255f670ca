//! `sealbook users …`: who may be granted something.

use clap::Subcommand;

use crate::failure::Outcome;
use crate::output::{Format, Table};
use crate::service;

/// Verbs of `sealbook users`.
#[derive(Debug, Subcommand)]
pub enum Users {
    /// Show who you are to the service, and your groups
    Me,
    /// Create a user of a shared service (administrators only)
    Create {
        /// The name in ACLs
        #[arg(long)]
        user_name: String,
    },
    /// List the users
    List,
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
            Users::Create { user_name } => {
                let user = client.create_user(&user_name).await.map_err(service::failed)?;
                match format {
                    Format::Json => crate::output::json(&user),
                    Format::Table => Ok(()),
                }
            }
            Users::List => {
                let users = client.list_users().await.map_err(service::failed)?;
                format.print(&users, |users| {
                    let mut table = Table::new(["User", "Active"]);
                    for user in users {
                        table.row([user.user_name.clone(), user.active.to_string()]);
                    }
                    table
                })
            }
        }
    }
}
