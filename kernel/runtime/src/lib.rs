//! The engine seam and its evcxr implementation.
//!
//! What: [`Engine`] is all that the session loop knows of a language: execute a cell (events out), complete, inspect,
//! say whether a cell is complete, interrupt, shut down.
//! Why: a second engine must fit later, so nothing above this trait is specific to Rust or to evcxr.
//! Invariants: no dependency on the wire, so an engine cannot reach a socket; events are unsealed types, which only
//! the session's redactor can turn into something that may be sent.

mod alarm;
mod builder;
mod cargo_shim;
mod completeness;
mod dbutils_server;
pub mod engine;
pub mod environment;
mod evcxr_engine;
mod folder;
mod learnt;
mod linker;
mod messages;
mod named_arguments;
mod outcome;
mod output;
mod over;
mod places;
mod prebuilt;
mod probe;
mod pump;
mod rewrite;
pub mod runner;
mod standard_input;
mod sys;
mod warm;

pub use engine::{
    Completeness, Completion, Completions, DbutilsHandler, Documentation, Engine, EngineError, Event, Host,
    InputRefused, InputRequest, Interrupt, MimeBundle, Outcome,
};
pub use evcxr_engine::{EvcxrEngine, Options};
pub use over::Over;
