//! Runs a notebook as a job, through a kernel process of its own and the same sockets as every front end's.
//!
//! ```text
//! notebook ─ parameters ─► cells ─ execute_request ─► kernel process
//!                            ▲─ outputs ◄─ iopub ───────┘
//!                            └─ saved after each cell, by rename
//! ```
//!
//! Invariants: every output comes from a kernel's sealed messages; what has run is on disk before the next cell runs;
//! whatever ends the job (an error, a dead kernel, a time limit, Ctrl-C), the output notebook says so and is saved.

mod kernel_process;
mod notebook;
mod outputs;
mod parameters;
mod runner;
mod save;

use std::path::PathBuf;
use std::time::Duration;

pub use notebook::Notebook;
pub use parameters::Parameter;
pub use save::Destination;

/// What to run, and how.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Job {
    /// Where the output notebook goes.
    pub destination: Destination,
    /// Name of the input, for the audit log and the output's metadata.
    pub input_name: String,
    /// Parameters, in the order given.
    pub parameters: Vec<Parameter>,
    /// Working folder of the cells; the caller's if not given.
    pub working_dir: Option<PathBuf>,
    /// Longest time for one cell.
    pub cell_timeout: Option<Duration>,
    /// Longest time for all cells.
    pub timeout: Option<Duration>,
    /// Saves also while a cell runs, at this interval.
    pub autosave: Option<Duration>,
    /// Command that starts the kernel, with `{connection_file}` in it; this program's own kernel if not given.
    pub kernel_command: Option<Vec<String>>,
    /// Id of the run in the audit log; a fresh one if not given.
    pub run_id: Option<String>,
    /// A change interrupts the job, like Ctrl-C.
    pub(crate) cancel: Option<tokio::sync::watch::Receiver<u64>>,
}

impl Job {
    /// A job with the usual settings.
    #[must_use]
    pub fn new(destination: Destination, input_name: impl Into<String>) -> Job {
        Job {
            destination,
            input_name: input_name.into(),
            parameters: Vec::new(),
            working_dir: None,
            cell_timeout: None,
            timeout: None,
            cancel: None,
            autosave: None,
            kernel_command: None,
            run_id: None,
        }
    }
}

/// What happens while a job runs.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The job begins.
    Started {
        /// Number of code cells that will run.
        cells: usize,
        /// Id of the run, as in the audit log.
        run_id: &'a str,
    },
    /// A cell begins.
    CellStarted {
        /// Number of the code cell among those that run, from 0.
        index: usize,
        /// Its name: the first heading above it or its first line; redacted.
        name: &'a str,
    },
    /// A cell wrote a piece of text.
    Output {
        /// Whether it went to standard error.
        stderr: bool,
        /// The text, redacted.
        text: &'a str,
    },
    /// A cell ended.
    CellFinished {
        /// Its number.
        index: usize,
        /// Whether it ran to its end.
        ok: bool,
    },
}

/// How a job ended. The output notebook has been saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Id of the run, as in the audit log.
    pub run_id: String,
    /// The end.
    pub ending: Ending,
    /// The value of `dbutils.notebook.exit`, redacted.
    pub exit_value: Option<String>,
}

/// Why a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// All cells ran, or `dbutils.notebook.exit` ended the notebook.
    Completed,
    /// A cell failed.
    CellFailed {
        /// Number of the cell in the notebook, from 1.
        cell: usize,
        /// Kind of the error.
        ename: String,
        /// One line.
        evalue: String,
        /// Lines as a terminal shows them.
        traceback: Vec<String>,
    },
    /// The kernel process ended while it was needed.
    KernelDied {
        /// Number of the cell that ran, from 1, if one did.
        cell: Option<usize>,
        /// What is known.
        reason: String,
    },
    /// Somebody pressed Ctrl-C, or the process was told to end.
    Interrupted {
        /// Number of the cell that ran, from 1, if one did.
        cell: Option<usize>,
    },
}

impl Ending {
    /// Exit status of a program that runs this job: 0, 1 for a failed cell, 138 for a dead kernel, 130 for Ctrl-C.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Ending::Completed => 0,
            Ending::CellFailed { .. } => 1,
            Ending::Interrupted { .. } => 130,
            Ending::KernelDied { .. } => 138,
        }
    }
}

/// Why a job could not be run at all, or its output not be saved. Holds no content of a cell and no parameter's value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The input is no notebook.
    #[error("{name} is not a notebook: {reason}")]
    NotANotebook {
        /// Name of the input.
        name: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// A parameter does not fit.
    #[error("parameter {name}: {reason}")]
    Parameter {
        /// Its name.
        name: String,
        /// What it should be.
        reason: String,
    },
    /// The output could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Save {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The kernel could not be started.
    #[error("cannot start the kernel: {0}")]
    KernelStart(String),
}

impl JobError {
    /// Whether the caller asked for something impossible (exit status 2), rather than the system failing (1).
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, JobError::NotANotebook { .. } | JobError::Parameter { .. })
    }
}

/// Runs `notebook`. Blocks until the job has ended; Ctrl-C and SIGTERM end it in order.
///
/// # Errors
/// [`JobError`]. A cell that fails is no error of this function: see [`Report::ending`].
pub fn run(notebook: Notebook, job: Job, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Report, JobError> {
    runner::run(notebook, job, progress)
}
