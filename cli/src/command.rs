//! The whole command line: one enum from which parsing, help, completions and man pages come.

use clap::{Parser, Subcommand};

use crate::failure::{EXIT_STATUSES, Outcome};
use crate::output::Format;

/// Notebooks that use credentials without showing them: a Rust Jupyter kernel and the secret service behind it.
#[derive(Debug, Parser)]
#[command(name = "sealbook", version, after_help = EXIT_STATUSES, max_term_width = 120, subcommand_required = true)]
pub struct Sealbook {
    /// How results are printed
    #[arg(
        long,
        global = true,
        value_enum,
        ignore_case = true,
        default_value_t,
        value_name = "FORMAT"
    )]
    output: Format,
    #[command(subcommand)]
    command: Command,
}

/// The command groups.
#[derive(Debug, Subcommand)]
enum Command {
    /// Install the kernel, store two example credentials, run an example notebook and show what it printed
    #[cfg(feature = "kernel")]
    Quickstart(crate::quickstart::Quickstart),
    /// Run a notebook and save it with its outputs after each cell
    #[cfg(feature = "kernel")]
    Run(Box<crate::run::Run>),
    /// Run as a Jupyter kernel (what the kernelspec launches)
    #[cfg(feature = "kernel")]
    Kernel(crate::kernel::Kernel),
    /// Install the Jupyter kernelspec
    #[cfg(feature = "kernel")]
    Install(crate::install::Install),
    /// Remove an installed kernelspec
    #[cfg(feature = "kernel")]
    Uninstall(crate::install::Uninstall),
    /// Manage scopes, secrets and who may use them
    #[command(subcommand)]
    Secrets(crate::secrets::Secrets),
    /// Run the secret service
    #[cfg(feature = "server")]
    Serve(Box<crate::serve::Serve>),
    /// Manage groups and their members
    #[command(subcommand)]
    Groups(crate::groups::Groups),
    /// Manage users
    #[command(subcommand)]
    Users(crate::users::Users),
    /// Manage your tokens for a shared service
    #[command(subcommand)]
    Tokens(crate::tokens::Tokens),
    /// List and end kernel sessions
    #[command(subcommand)]
    Sessions(crate::sessions::Sessions),
    /// Read and check the audit log
    #[command(subcommand)]
    Audit(crate::audit::Audit),
    /// Filter standard input to standard output, rewriting the given secrets to `[REDACTED]`
    #[cfg(feature = "kernel")]
    Redact(crate::redact::Redact),
    /// Check this installation: what is wrong, and what to do about it
    Doctor(crate::doctor::Doctor),
    /// Print a completion script for your shell
    Completions(crate::shell::Completions),
    /// Write the manual pages
    Man(crate::shell::Man),
}

impl Sealbook {
    /// Runs the command to its end.
    pub fn run(self) -> Outcome {
        let format = self.output;
        match self.command {
            #[cfg(feature = "kernel")]
            Command::Quickstart(command) => command.run(),
            #[cfg(feature = "kernel")]
            Command::Run(command) => command.run(),
            #[cfg(feature = "kernel")]
            Command::Kernel(command) => command.run(),
            #[cfg(feature = "kernel")]
            Command::Install(command) => command.run(),
            #[cfg(feature = "kernel")]
            Command::Uninstall(command) => command.run(),
            Command::Secrets(command) => block_on(command.run(format)),
            Command::Groups(command) => block_on(command.run(format)),
            Command::Users(command) => block_on(command.run(format)),
            Command::Tokens(command) => block_on(command.run(format)),
            Command::Sessions(command) => block_on(command.run(format)),
            Command::Audit(command) => block_on(command.run(format)),
            #[cfg(feature = "server")]
            Command::Serve(command) => command.run(),
            #[cfg(feature = "kernel")]
            Command::Redact(command) => command.run(),
            Command::Doctor(command) => command.run(format),
            Command::Completions(command) => command.run(),
            Command::Man(command) => command.run(),
        }
    }
}

/// Drives a client command: one thread is plenty for one request.
fn block_on(command: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| crate::failure::Failure::io("start", &error))?
        .block_on(command)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Sealbook::command().debug_assert();
    }

    #[test]
    fn the_originals_commands_parse_verbatim() {
        use clap::Parser;
        for line in [
            "secrets create-scope --scope jdbc",
            "secrets create-scope --scope jdbc --initial-manage-principal users",
            "secrets list-scopes --output JSON",
            "secrets put --scope jdbc --key username",
            "secrets put --scope jdbc --key password --string-value planted",
            "secrets put --scope jdbc --key password --binary-file f",
            "secrets list --scope jdbc --output json",
            "secrets delete --scope jdbc --key password",
            "secrets put-acl --scope jdbc --principal datascience --permission READ",
            "secrets get-acl --scope jdbc --principal datascience",
            "secrets list-acls --scope jdbc",
            "secrets delete-acl --scope jdbc --principal datascience",
            "secrets delete-scope --scope jdbc",
            "groups create --group-name datascience",
            "groups add-member --parent-name datascience --user-name bob",
            "groups list-members --group-name datascience",
            "groups list-parents --user-name bob",
            "groups remove-member --parent-name datascience --user-name bob",
            "groups delete --group-name datascience",
            "tokens create --lifetime-seconds 60 --comment test",
            "tokens list",
            "tokens revoke --token-id abc",
            "run in.ipynb out.ipynb -p alpha 0.1 -r text 1 -y {a:1} -f f.yaml --cwd d --autosave-cell-every 5 --log-output",
            "run - - --execution-timeout 60 -k sealbook --output json",
        ] {
            let words = std::iter::once("sealbook").chain(line.split(' '));
            assert!(super::Sealbook::try_parse_from(words).is_ok(), "{line}");
        }
    }
}
