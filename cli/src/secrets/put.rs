//! `sealbook secrets put`.

use std::path::PathBuf;

use clap::Args;

use crate::failure::Outcome;
use crate::output::Format;
use crate::service;
use crate::value::{Source, StringValue};

/// Arguments of `secrets put`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --string-value, --binary-file or --editor the value is asked for without echo on a terminal, and read from
standard input otherwise, where one line end at its end is left out (`--binary-file -` keeps every byte).
--string-value shows the value to everyone who may list this machine's processes, and keeps it in the shell's history.")]
pub struct Put {
    /// The scope
    #[arg(long)]
    scope: String,
    /// The secret's name in the scope
    #[arg(long)]
    key: String,
    /// The value, as text
    #[arg(long, value_name = "VALUE", conflicts_with_all = ["binary_file", "editor"])]
    string_value: Option<StringValue>,
    /// A file that holds the value, byte for byte; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "editor")]
    binary_file: Option<PathBuf>,
    /// Open $VISUAL or $EDITOR to enter the value
    #[arg(long)]
    editor: bool,
    /// Refuse to read it from then on: a time (2027-01-31T12:00:00Z), a day (2027-01-31) or a duration (12h, 90d); without
    /// this the new value never expires
    #[arg(long, value_name = "TIME", value_parser = crate::moment::future)]
    expires: Option<i64>,
}

impl Put {
    /// Stores the value.
    pub async fn run(self, format: Format) -> Outcome {
        let name = format!("{}/{}", self.scope, self.key);
        let source = Source {
            string_value: self.string_value,
            binary_file: self.binary_file.as_deref(),
            editor: self.editor,
        };
        let value = source.read(&name)?;
        let client = service::client()?;
        client
            .put_expiring_secret(&self.scope, &self.key, &value, self.expires)
            .await
            .map_err(service::failed)?;
        format.done()
    }
}
