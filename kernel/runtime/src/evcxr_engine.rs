//! [`EvcxrEngine`]: Rust cells, analysed and built by evcxr, run by our own cell runner.

use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::{
    Completeness, Completions, DbutilsHandler, Documentation, Engine, EngineError, Event, Host, Interrupt, Outcome,
};

/// How to start an [`EvcxrEngine`].
#[non_exhaustive]
pub struct Options {
    /// Answers the calls of user code.
    pub dbutils: Arc<dyn DbutilsHandler>,
    /// Takes what background threads produce while no cell runs (it belongs to the last cell). Without it, such
    /// output is kept, up to a bound, and comes at the start of the next cell.
    pub late_output: Option<Arc<dyn Fn(Event) + Send + Sync>>,
    /// Names of environment variables that cells get besides the allow list.
    pub pass_env: Vec<String>,
    /// Where cells run; the kernel's own working folder if not given.
    pub working_dir: Option<PathBuf>,
}

impl Options {
    /// The usual options.
    pub fn new(dbutils: Arc<dyn DbutilsHandler>) -> Options {
        Options {
            dbutils,
            late_output: None,
            pass_env: Vec::new(),
            working_dir: None,
        }
    }
}

/// The engine. Dropping it ends the child processes and removes the build folder, as [`Engine::shutdown`] does.
pub struct EvcxrEngine {
    _options: Options,
}

impl EvcxrEngine {
    /// Starts the child processes and waits until the first cell could run (seconds: call it on a thread of its own).
    ///
    /// The calling binary must call [`crate::runner::hook`] first thing in `main`.
    ///
    /// # Errors
    /// [`EngineError`] when there is no Rust toolchain, or the build folder or a child process cannot be made.
    pub fn start(options: Options) -> Result<EvcxrEngine, EngineError> {
        let _ = options;
        Err(EngineError("the evcxr engine is not part of this build".into()))
    }
}

impl Engine for EvcxrEngine {
    fn execute(&mut self, _code: &str, _host: &mut dyn Host) -> Outcome {
        Outcome::Ok { payload: Vec::new() }
    }

    fn complete(&mut self, _code: &str, cursor: usize) -> Completions {
        Completions {
            start: cursor,
            end: cursor,
            candidates: Vec::new(),
        }
    }

    fn inspect(&mut self, _code: &str, _cursor: usize, _detail_level: u8) -> Option<Documentation> {
        None
    }

    fn is_complete(&self, _code: &str) -> Completeness {
        Completeness::Complete
    }

    fn interrupt(&self) -> Arc<dyn Interrupt> {
        struct Nothing;
        impl Interrupt for Nothing {
            fn interrupt(&self) {}
        }
        Arc::new(Nothing)
    }

    fn shutdown(self: Box<Self>) {}
}
