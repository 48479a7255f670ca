//! `sealbook groups …`, with the verbs and flags of the original.

use clap::{Args, Subcommand};
use sealbook_api::groups::{CreatedGroup, GroupList, Member, MemberList};

use crate::failure::Outcome;
use crate::output::{Format, Table};
use crate::service;

/// Verbs of `sealbook groups`.
#[derive(Debug, Subcommand)]
pub enum Groups {
    /// Create a group
    Create(Name),
    /// List all groups
    List,
    /// Delete a group; its grants go with it
    Delete(Name),
    /// Add a user or a group to a group
    AddMember(Change),
    /// Remove a user or a group from a group
    RemoveMember(Change),
    /// List a group's direct members
    ListMembers(Name),
    /// List the groups that a user or a group is in
    ListParents(Who),
}

/// Names one group.
#[derive(Debug, Args)]
pub struct Name {
    /// The group
    #[arg(long)]
    group_name: String,
}

/// Names a user or a group.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Who {
    /// The user
    #[arg(long)]
    user_name: Option<String>,
    /// The group
    #[arg(long)]
    group_name: Option<String>,
}

/// Names a group and a member.
#[derive(Debug, Args)]
pub struct Change {
    /// The group that gains or loses the member
    #[arg(long)]
    parent_name: String,
    #[command(flatten)]
    member: Who,
}

impl Who {
    fn member(self) -> Member {
        match (self.user_name, self.group_name) {
            (Some(user), _) => Member::User(user),
            (None, group) => Member::Group(group.unwrap_or_default()),
        }
    }
}

impl Groups {
    /// Runs the command.
    pub async fn run(self, format: Format) -> Outcome {
        let client = service::client()?;
        let failed = service::failed;
        match self {
            Groups::Create(Name { group_name }) => {
                client.create_group(&group_name).await.map_err(failed)?;
                match format {
                    Format::Json => crate::output::json(&CreatedGroup { group_name }),
                    Format::Table => Ok(()),
                }
            }
            Groups::List => {
                let group_names = client.list_groups().await.map_err(failed)?;
                format.print(&GroupList { group_names }, names)
            }
            Groups::Delete(Name { group_name }) => {
                client.delete_group(&group_name).await.map_err(failed)?;
                format.done()
            }
            Groups::AddMember(Change { parent_name, member }) => {
                client
                    .add_member(&parent_name, &member.member())
                    .await
                    .map_err(failed)?;
                format.done()
            }
            Groups::RemoveMember(Change { parent_name, member }) => {
                client
                    .remove_member(&parent_name, &member.member())
                    .await
                    .map_err(failed)?;
                format.done()
            }
            Groups::ListMembers(Name { group_name }) => {
                let members = client.list_members(&group_name).await.map_err(failed)?;
                format.print(&MemberList { members }, |list| {
                    let mut table = Table::new(["Member", "Kind"]);
                    for member in &list.members {
                        let (name, kind) = match member {
                            Member::User(name) => (name, "user"),
                            Member::Group(name) => (name, "group"),
                        };
                        table.row([name.clone(), kind.into()]);
                    }
                    table
                })
            }
            Groups::ListParents(who) => {
                let group_names = client.list_parents(&who.member()).await.map_err(failed)?;
                format.print(&GroupList { group_names }, names)
            }
        }
    }
}

fn names(list: &GroupList) -> Table {
    let mut table = Table::new(["Group"]);
    for group in &list.group_names {
        table.row([group.clone()]);
    }
    table
}
