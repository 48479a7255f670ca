//! The engine trait and the types that cross it.
//!
//! Nothing here is redacted yet: every [`Event`] goes to the session, whose redactor seals it before a socket sees it.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::over::Over;

/// MIME type to content, as in the Jupyter messaging spec's `data` fields.
pub type MimeBundle = Map<String, Value>;

/// A language engine. Calls block; the session runs them on a thread of its own.
pub trait Engine: Send {
    /// Runs one cell to its end. Events go to `host` while the cell runs, in order.
    fn execute(&mut self, code: &str, host: &mut dyn Host) -> Outcome;
    /// Completions at `cursor` (a byte offset into `code`).
    fn complete(&mut self, code: &str, cursor: usize) -> Completions;
    /// Documentation of what stands at `cursor` (a byte offset); `detail_level` as in `inspect_request`.
    fn inspect(&mut self, code: &str, cursor: usize, detail_level: u8) -> Option<Documentation>;
    /// Whether `code` could be executed as it stands. Never runs anything.
    fn is_complete(&self, code: &str) -> Completeness;
    /// A handle that stops the running cell from another thread.
    fn interrupt(&self) -> Arc<dyn Interrupt>;
    /// Ends the child processes and removes the private build folder.
    fn shutdown(self: Box<Self>);
}

/// Stops the cell that is running now, if any; a no-op otherwise.
pub trait Interrupt: Send + Sync {
    /// Asks the running cell, or its compilation, to stop.
    fn interrupt(&self);
}

/// What the session offers a running cell.
pub trait Host {
    /// Takes an event. Blocks while the front end is slow: this is the back-pressure on the child.
    fn event(&mut self, event: Event);
    /// Asks the front end for a line of input. `over` says when the cell has no more use for an answer, because its process
    /// died: then it is not waited for.
    ///
    /// # Errors
    /// [`InputRefused`] when the front end does not allow input, or the cell is being interrupted, or over.
    fn input(&mut self, request: InputRequest, over: &Over) -> Result<String, InputRefused>;
    /// The cell's `execution_count`, by which errors call it; `None` if the front end does not count it.
    fn number(&self) -> Option<u64> {
        None
    }
    /// Whether a cell's code holds a secret that is known by now: then errors show its lines as they are, and never changed,
    /// which would be a form of the secret that nobody can know. Asked when an error has been drawn, of every cell of which it
    /// shows lines changed.
    fn holds_secret(&self, _code: &str) -> bool {
        false
    }
}

/// A request for a line of input (`input_request`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputRequest {
    /// Text shown before the answer.
    pub prompt: String,
    /// Whether the front end must not echo the answer.
    pub password: bool,
}

/// The front end cannot answer an input request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputRefused;

/// Something a cell produced, in the order it produced it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Raw bytes of standard output; may end inside a UTF-8 sequence.
    Stdout(Vec<u8>),
    /// Raw bytes of standard error; may end inside a UTF-8 sequence.
    Stderr(Vec<u8>),
    /// A display, or with `update` a replacement of an earlier one with the same `display_id`.
    Display {
        /// Content by MIME type.
        data: MimeBundle,
        /// Metadata by MIME type.
        metadata: MimeBundle,
        /// Binary buffers of the message.
        buffers: Vec<Vec<u8>>,
        /// `transient.display_id`.
        display_id: Option<String>,
        /// `update_display_data` rather than `display_data`.
        update: bool,
    },
    /// `clear_output`.
    ClearOutput {
        /// Wait for the next output before clearing.
        wait: bool,
    },
    /// The cell's final expression: `execute_result`.
    Result(MimeBundle),
    /// An open, message or close of a comm that user code (a widget) owns.
    Comm {
        /// `comm_open`, `comm_msg` or `comm_close`.
        msg_type: &'static str,
        /// The message's content.
        content: MimeBundle,
        /// Its metadata.
        metadata: MimeBundle,
        /// Its binary buffers.
        buffers: Vec<Vec<u8>>,
    },
}

/// How a cell ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// Everything ran.
    Ok {
        /// Payload entries of the reply (`set_next_input`, …).
        payload: Vec<Value>,
    },
    /// The cell failed; state is as it was before the cell unless the traceback says otherwise.
    Error {
        /// The kind of error: `panic`, `E0425`, `KeyboardInterrupt`, `SystemExit`, …
        ename: String,
        /// One line.
        evalue: String,
        /// Lines as a front end shows them; may hold ANSI colours.
        traceback: Vec<String>,
    },
    /// The engine itself cannot go on; the kernel should exit.
    Fatal(EngineError),
}

/// Why an engine could not start or go on. Never holds cell source or output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("{0}")]
pub struct EngineError(pub String);

/// Candidates for `complete_reply`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Completions {
    /// Byte offset where the replaced text starts.
    pub start: usize,
    /// Byte offset where it ends.
    pub end: usize,
    /// Candidates, best first.
    pub candidates: Vec<Completion>,
}

/// One candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// Text to insert.
    pub text: String,
    /// What it is: `function`, `struct`, `keyword`, … (`_jupyter_types_experimental`).
    pub kind: String,
    /// Its signature or type, if known.
    pub signature: Option<String>,
}

/// Documentation for `inspect_reply`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documentation {
    /// `text/plain`.
    pub plain: String,
    /// `text/markdown`.
    pub markdown: Option<String>,
}

/// The three states of `is_complete_reply`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// Can be executed.
    Complete,
    /// Needs more lines.
    Incomplete {
        /// Indent for the next line.
        indent: String,
    },
    /// Can never become valid by adding lines.
    Invalid,
}

/// Answers the calls that user code makes through `dbutils`; implemented by the kernel's broker.
///
/// The transport (private socket, check that the peer descends from our runner) belongs to the runtime; what a call
/// means belongs to the broker. Calls may come from several threads at once.
pub trait DbutilsHandler: Send + Sync {
    /// Answers one call. Request and response are the framed types of the `dbutils` crate's `protocol` module.
    fn call(&self, request: dbutils::protocol::Request) -> dbutils::protocol::Response;
}
