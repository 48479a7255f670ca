//! `sealbook secrets …`: scopes, secrets and their access control lists, with the verbs and flags of the original.

mod acls;
mod apply;
mod put;
mod scopes;
mod values;

use clap::Subcommand;

use crate::failure::Outcome;
use crate::output::Format;

/// Verbs of `sealbook secrets`.
#[derive(Debug, Subcommand)]
pub enum Secrets {
    /// Create a scope; you get MANAGE on it
    CreateScope(scopes::Create),
    /// List all scopes
    ListScopes,
    /// Delete a scope with its secrets and its access control list
    DeleteScope(scopes::Delete),
    /// Store a secret's value: asked for without echo on a terminal, read from standard input otherwise
    #[command(alias = "put-secret")]
    Put(put::Put),
    /// List the keys in a scope (values are never shown)
    #[command(alias = "list-secrets")]
    List(values::List),
    /// Delete a secret
    #[command(alias = "delete-secret")]
    Delete(values::Delete),
    /// Grant a user or a group READ, WRITE or MANAGE on a scope
    PutAcl(acls::Put),
    /// Show what a user or a group was granted on a scope
    GetAcl(acls::Get),
    /// List a scope's access control list
    ListAcls(acls::List),
    /// Withdraw what a user or a group was granted on a scope
    DeleteAcl(acls::Delete),
    /// Say what a user or a group may do in a scope, and why
    Explain(acls::Explain),
    /// Make scopes, groups' and users' grants and secrets as a file declares them; a second time it changes nothing
    Apply(apply::Apply),
}

impl Secrets {
    /// Runs the command.
    pub async fn run(self, format: Format) -> Outcome {
        match self {
            Secrets::CreateScope(command) => command.run(format).await,
            Secrets::ListScopes => scopes::list(format).await,
            Secrets::DeleteScope(command) => command.run(format).await,
            Secrets::Put(command) => command.run(format).await,
            Secrets::List(command) => command.run(format).await,
            Secrets::Delete(command) => command.run(format).await,
            Secrets::PutAcl(command) => command.run(format).await,
            Secrets::GetAcl(command) => command.run(format).await,
            Secrets::ListAcls(command) => command.run(format).await,
            Secrets::DeleteAcl(command) => command.run(format).await,
            Secrets::Explain(command) => command.run(format).await,
            Secrets::Apply(command) => command.run(format).await,
        }
    }
}
