//! `dbutils.notebook.run`: another notebook in a kernel of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;

use super::Refusal;
use crate::job::{self, Destination, Ending, Job, Notebook, Parameter};
use crate::redact::Redactor;

/// Notebooks that run each other; deeper is a cycle.
const DEPTH_MAX: u32 = 8;
/// How deep this kernel's notebook is.
pub const DEPTH: &str = "SEALBOOK_RUN_DEPTH";

/// Runs the notebook at `path` and returns its exit value.
pub fn run(arguments: &[&str], redactor: &Redactor, interrupts: watch::Receiver<u64>) -> Result<String, Refusal> {
    let [path, timeout, arguments @ ..] = arguments else {
        return Err(Refusal::new(
            "MALFORMED_REQUEST",
            super::texts::malformed_call("notebook.run"),
        ));
    };
    if depth() >= DEPTH_MAX {
        let message = format!("notebooks run each other more than {DEPTH_MAX} deep; is there a cycle?");
        return Err(Refusal::new("RESOURCE_LIMIT_EXCEEDED", message));
    }
    let parameters: Vec<Parameter> = arguments
        .chunks_exact(2)
        .map(|pair| Parameter::text(pair[0], pair[1]))
        .collect();
    if let Some(pair) = arguments
        .chunks_exact(2)
        .find(|pair| !redactor.find(pair[1].as_bytes()).is_empty())
    {
        let message = format!(
            "parameter {}: its value is a secret, which would be written into the notebook's source; let the notebook \
             fetch it with dbutils.secrets.get",
            pair[0]
        );
        return Err(Refusal::new("INVALID_PARAMETER_VALUE", message));
    }
    let file = find(Path::new(path)).ok_or_else(|| {
        Refusal::new(
            "RESOURCE_DOES_NOT_EXIST",
            format!("Notebook does not exist: {path}; paths start at the working folder"),
        )
    })?;
    let text = std::fs::read(&file).map_err(|error| {
        Refusal::new(
            "RESOURCE_DOES_NOT_EXIST",
            format!("cannot read the notebook {path}: {error}"),
        )
    })?;
    let failed = |error: job::JobError| Refusal::new("BAD_REQUEST", error.to_string());
    let notebook = Notebook::parse(&text, path).map_err(failed)?;
    let mut job = Job::new(Destination::Nowhere, file.to_string_lossy());
    job.parameters = parameters;
    job.timeout = timeout
        .parse()
        .ok()
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs);
    job.cancel = Some(interrupts);
    let report = job::run(notebook, job, &mut |_| {}).map_err(failed)?;
    match report.ending {
        Ending::Completed => Ok(report.exit_value.unwrap_or_default()),
        Ending::CellFailed {
            cell, ename, evalue, ..
        } => Err(Refusal::new(
            "NOTEBOOK_FAILED",
            format!("notebook {path} failed in cell {cell}: {ename}: {evalue}"),
        )),
        Ending::KernelDied { reason, .. } => Err(Refusal::new(
            "NOTEBOOK_FAILED",
            format!("the kernel of notebook {path} ended: {reason}"),
        )),
        Ending::Interrupted { .. } => Err(Refusal::new(
            "NOTEBOOK_FAILED",
            format!("notebook {path} was interrupted"),
        )),
    }
}

/// How deep this kernel's notebook is; 0 for one that no other runs.
pub fn depth() -> u32 {
    std::env::var(DEPTH)
        .ok()
        .and_then(|depth| depth.parse().ok())
        .unwrap_or(0)
}

fn find(path: &Path) -> Option<PathBuf> {
    let mut named = path.as_os_str().to_owned();
    named.push(".ipynb");
    [path.to_owned(), PathBuf::from(named)]
        .into_iter()
        .find(|path| path.is_file())
}
