//! `sealbook users …`: who may be granted something.

use clap::{Args, Subcommand};
use sealbook_api::client::Client;

use crate::failure::{Failure, Outcome};
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
    /// Delete a user with grants, memberships, tokens and sessions (administrators only)
    Delete(Name),
    /// Keep a user from authenticating; grants stay (administrators only)
    Deactivate(Name),
    /// Let a deactivated user authenticate again (administrators only)
    Activate(Name),
}

/// Names one user.
#[derive(Debug, Args)]
pub struct Name {
    /// The user
    #[arg(long)]
    user_name: String,
}

impl Name {
    /// The user's immutable id, which requests about one user need.
    async fn id(&self, client: &Client) -> Result<String, Failure> {
        let users = client.list_users().await.map_err(service::failed)?;
        let found = users.into_iter().find(|user| user.user_name == self.user_name);
        found.map(|user| user.id).ok_or_else(|| {
            Failure::new(format!(
                "RESOURCE_DOES_NOT_EXIST: User {} does not exist.",
                self.user_name
            ))
            .hint("To see the users: sealbook users list")
        })
    }
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
            Users::Delete(name) => {
                let id = name.id(&client).await?;
                client.delete_user(&id).await.map_err(service::failed)?;
                format.done()
            }
            Users::Deactivate(name) => set_active(&client, &name, false, format).await,
            Users::Activate(name) => set_active(&client, &name, true, format).await,
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

async fn set_active(client: &Client, name: &Name, active: bool, format: Format) -> Outcome {
    let id = name.id(client).await?;
    let user = client.set_user_active(&id, active).await.map_err(service::failed)?;
    match format {
        Format::Json => crate::output::json(&user),
        Format::Table => Ok(()),
    }
}
