//! The engine seam and its evcxr implementation.
//!
//! What: [`Engine`] is all that the session loop knows of a language: execute a cell (events out), complete, inspect,
//! say whether a cell is complete, interrupt, shut down.
//! Why: a second engine must fit later, so nothing above this trait is specific to Rust or to evcxr.
//! Invariants: no dependency on the wire, so an engine cannot reach a socket; events are unsealed types, which only
//! the session's redactor can turn into something that may be sent.

pub mod engine;
mod evcxr_engine;
pub mod runner;

pub use engine::{
    Completeness, Completion, Completions, DbutilsHandler, Documentation, Engine, EngineError, Event, Host,
    InputRefused, InputRequest, Interrupt, MimeBundle, Outcome,
};
pub use evcxr_engine::{EvcxrEngine, Options};
