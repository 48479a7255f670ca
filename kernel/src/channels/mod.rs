//! One task per channel; each knows the requests of its channel and nothing of the others'.

pub mod control;
pub mod shell;
pub mod stdin;
