//! `sealbook tokens …`: your tokens for a shared service.

use clap::{Args, Subcommand, ValueEnum};
use sealbook_api::tokens::{CreateToken, TokenKind, TokenList};
use serde_json::json;

use crate::failure::Outcome;
use crate::output::{self, Format, Table};
use crate::service;

/// Verbs of `sealbook tokens`.
#[derive(Debug, Subcommand)]
pub enum Tokens {
    /// Create a token; it is shown this once
    Create(Create),
    /// List your tokens
    List(List),
    /// Revoke a token; kernel sessions that it opened end with it
    #[command(visible_alias = "delete")]
    Revoke(Revoke),
}

/// `--kind`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Calls the REST API, and cannot read a value
    Api,
    /// Opens kernel sessions, and can call nothing else (made by administrators)
    Kernel,
}

/// Arguments of `create`.
#[derive(Debug, Args)]
pub struct Create {
    /// Seconds until it expires
    #[arg(long, value_name = "SECONDS")]
    lifetime_seconds: Option<i64>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// What it is good for
    #[arg(long, value_enum, default_value = "api")]
    kind: Kind,
    /// Make it for this user (administrators only)
    #[arg(long)]
    user_name: Option<String>,
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub struct List {
    /// List this user's tokens instead (administrators only)
    #[arg(long)]
    user_name: Option<String>,
    /// List everybody's tokens (administrators only)
    #[arg(long, conflicts_with = "user_name")]
    all: bool,
}

/// Arguments of `revoke`.
#[derive(Debug, Args)]
pub struct Revoke {
    /// The token's id, as `tokens list` shows it
    #[arg(long)]
    token_id: String,
}

impl Tokens {
    /// Runs the command.
    pub async fn run(self, format: Format) -> Outcome {
        let client = service::client()?;
        let failed = service::failed;
        match self {
            Tokens::Create(create) => {
                let request = CreateToken {
                    comment: create.comment,
                    lifetime_seconds: create.lifetime_seconds,
                    kind: Some(match create.kind {
                        Kind::Api => TokenKind::Api,
                        Kind::Kernel => TokenKind::Kernel,
                    }),
                    user_name: create.user_name,
                };
                let created = client.create_token(&request).await.map_err(failed)?;
                // The one place where a credential is printed: it was asked for, and cannot be shown again.
                match format {
                    Format::Json => output::json(
                        &json!({ "token_value": created.token_value.expose(), "token_info": created.token_info }),
                    ),
                    Format::Table => output::line(created.token_value.expose()),
                }
            }
            Tokens::List(list) => {
                let token_infos = if list.all || list.user_name.is_some() {
                    client.list_tokens_of(list.user_name.as_deref()).await
                } else {
                    client.list_tokens().await
                }
                .map_err(failed)?;
                format.print(&TokenList { token_infos }, |list| {
                    let mut table =
                        Table::new(["Token id", "User", "Kind", "Created", "Expires", "Last used", "Comment"]);
                    for token in &list.token_infos {
                        let kind = match token.kind {
                            TokenKind::Api => "api",
                            TokenKind::Kernel => "kernel",
                        };
                        let expires = Some(token.expiry_time).filter(|time| *time >= 0);
                        table.row([
                            token.token_id.clone(),
                            token.user_name.clone().unwrap_or_else(|| "you".into()),
                            kind.into(),
                            output::time(Some(token.creation_time)),
                            expires.map_or("never".into(), |time| output::time(Some(time))),
                            output::time(token.last_used_time),
                            token.comment.clone(),
                        ]);
                    }
                    table
                })
            }
            Tokens::Revoke(Revoke { token_id }) => {
                client.delete_token(&token_id).await.map_err(failed)?;
                format.done()
            }
        }
    }
}
