//! `sealbook completions` and `sealbook man`: what shells and `man` need, generated from the command line itself.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::command::Sealbook;
use crate::failure::{Failure, Outcome};
use crate::output;

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
bash:  sealbook completions bash > ~/.local/share/bash-completion/completions/sealbook
zsh:   sealbook completions zsh > \"${fpath[1]}/_sealbook\"
fish:  sealbook completions fish > ~/.config/fish/completions/sealbook.fish")]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints the script.
    pub fn run(self) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Sealbook::command(), "sealbook", &mut script);
        output::bytes(&script)
    }
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct Man {
    /// The folder to write the pages to, for example ~/.local/share/man/man1
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Man {
    /// Writes one page per command.
    pub fn run(self) -> Outcome {
        let shown = self.folder.display();
        std::fs::create_dir_all(&self.folder)
            .map_err(|error| Failure::io(format!("make the folder {shown}"), &error))?;
        clap_mangen::generate_to(Sealbook::command(), &self.folder)
            .map_err(|error| Failure::io(format!("write the manual pages to {shown}"), &error))?;
        output::line(&format!(
            "wrote the manual pages to {shown}; read them with: man {shown}/sealbook.1"
        ))
    }
}
