//! `sealbook sessions …`: the kernels that can read values now, and how to stop one.

use clap::{Args, Subcommand};
use sealbook_api::sessions::{JobRun, MintTicket, SessionList};

use crate::failure::Outcome;
use crate::output::{self, Format, Table};
use crate::service;

/// Verbs of `sealbook sessions`.
#[derive(Debug, Subcommand)]
pub enum Sessions {
    /// List open kernel sessions: yours, or as an administrator everybody's
    List,
    /// End a session, or all of a user, at once: the kernel reads nothing more
    Revoke(Revoke),
    /// Make a ticket that opens one session within a minute; it is shown this once (administrators and members of
    /// job-launcher only)
    Ticket(Ticket),
}

/// Arguments of `revoke`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Revoke {
    /// The session's id, as `sessions list` shows it
    #[arg(long)]
    session_id: Option<String>,
    /// Instead: every session of this user
    #[arg(long)]
    user_name: Option<String>,
}

/// Arguments of `ticket`.
#[derive(Debug, Args)]
pub struct Ticket {
    /// Make it for this user instead of yourself
    #[arg(long)]
    user_name: Option<String>,
    /// Bind it to a job
    #[arg(long, requires = "run_id")]
    job_id: Option<String>,
    /// Bind it to this run of the job
    #[arg(long, requires = "job_id")]
    run_id: Option<String>,
}

impl Sessions {
    /// Runs the command.
    pub async fn run(self, format: Format) -> Outcome {
        let client = service::client()?;
        match self {
            Sessions::List => {
                let sessions = client.list_sessions().await.map_err(service::failed)?;
                format.print(&SessionList { sessions }, |list| {
                    let mut table = Table::new([
                        "Session id",
                        "User",
                        "Notebook or run",
                        "Opened with",
                        "Opened",
                        "Expires",
                    ]);
                    for session in &list.sessions {
                        let run = session.run_id.as_ref().map(|run| format!("run {run}"));
                        let notebook = run.or_else(|| session.notebook_path.clone());
                        table.row([
                            session.session_id.clone(),
                            session.user.clone(),
                            notebook.unwrap_or_else(|| format!("kernel {}", session.kernel_id)),
                            format!("{} {}", session.attestation, session.attestation_id),
                            output::time(Some(session.opened_at)),
                            output::time(Some(session.expires_at)),
                        ]);
                    }
                    table
                })
            }
            Sessions::Revoke(Revoke {
                session_id: Some(id), ..
            }) => {
                client.revoke_session(&id).await.map_err(service::failed)?;
                format.done()
            }
            Sessions::Revoke(Revoke { user_name, .. }) => {
                let user = user_name.unwrap_or_default();
                let revoked = client.revoke_sessions_of(&user).await.map_err(service::failed)?;
                match format {
                    Format::Json => output::json(&revoked),
                    Format::Table => output::line(&format!("{} sessions of {user} ended", revoked.revoked)),
                }
            }
            Sessions::Ticket(ticket) => {
                let request = MintTicket {
                    user_name: ticket.user_name,
                    job: ticket
                        .job_id
                        .zip(ticket.run_id)
                        .map(|(id, run_id)| JobRun { id, run_id }),
                };
                let minted = client.mint_ticket(&request).await.map_err(service::failed)?;
                match format {
                    Format::Json => output::json(
                        &serde_json::json!({ "ticket": minted.ticket.expose(), "expires_at": minted.expires_at }),
                    ),
                    Format::Table => output::line(minted.ticket.expose()),
                }
            }
        }
    }
}
