//! What notebook code sees of Sealbook: `dbutils.secrets`, `dbutils.widgets`, `dbutils.notebook`, `dbutils.fs`, `dbutils.comms`, and
//! [`display()`].
//!
//! Why a static: `dbutils` is a path to one value, so no cell can move it, lose it in a crash, or shadow it with `let`.
//! Invariants: std only, so it compiles in well under a second and adds no dependency to a notebook; holds no token:
//! every call goes over the kernel's private socket, and the kernel's broker decides what to answer.
//!
//! ```text
//! cell code ─ dbutils.secrets.get("jdbc", "password") ─► socket ─► kernel: fetch, learn ─► value
//! ```

mod call;
pub mod cell;
mod comms;
mod content;
mod display;
mod fs;
mod help;
mod input;
mod location;
mod notebook;
mod places;
mod print;
pub mod protocol;
mod secrets;
mod table;
pub mod variables;
mod widgets;

pub use call::CallError;
pub use comms::{Comm, CommMessage, Comms};
pub use content::Content;
pub use display::{Basic, DisplayHandle, Fallback, clear_output, display, display_data, display_html, display_table};
pub use fs::{FileInfo, FileList, FileSystem};
pub use help::Help;
pub use input::{input, password};
pub use notebook::Notebook;
pub use print::{debugged, debugged_here, printed};
pub use secrets::{
    Redaction, RedactionList, ScopeList, ScopeMetadata, SecretError, SecretList, SecretMetadata, Secrets,
};
pub use variables::Never;
pub use widgets::Widgets;

/// The utilities of a notebook.
#[derive(Debug)]
#[non_exhaustive]
pub struct DbUtils {
    /// Credentials.
    pub secrets: Secrets,
    /// Parameters.
    pub widgets: Widgets,
    /// Ending a notebook and running others.
    pub notebook: Notebook,
    /// Local files.
    pub fs: FileSystem,
    /// Messages to and from the front end.
    pub comms: Comms,
}

/// The utilities of this notebook.
#[expect(
    non_upper_case_globals,
    reason = "it is read as a variable, spelled as in every other language"
)]
pub static dbutils: DbUtils = DbUtils {
    secrets: Secrets::THE,
    widgets: Widgets::THE,
    notebook: Notebook::THE,
    fs: FileSystem::THE,
    comms: Comms::THE,
};

impl DbUtils {
    /// One line per group of commands.
    pub fn help(&self) -> Help {
        Help::modules()
    }
}
