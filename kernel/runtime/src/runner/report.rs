//! What the runner tells the kernel, over the control socket.

use std::io;
use std::os::fd::RawFd;

use serde::{Deserialize, Serialize};

use crate::sys;

/// One message from the supervisor, or through it from the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The supervisor lives; all that may call `dbutils` descends from this process.
    Hello { supervisor: i32 },
    /// A cell starts to run.
    Started,
    /// A cell's function returned.
    Ended(CellEnd),
    /// The worker died.
    Died(Death),
}

/// How a cell's function returned, as its wrapper recorded it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CellEnd {
    /// `panic`, `error`, `exit`, `load` (the cell's library could not be loaded), or empty.
    pub(crate) kind: String,
    /// The error's type, for `error`.
    pub(crate) name: String,
    pub(crate) message: String,
    pub(crate) location: String,
    /// Variables whose type was redefined.
    pub(crate) changed: Vec<String>,
}

impl CellEnd {
    /// From the fields that the cell's library hands out, each preceded by its length.
    pub(crate) fn decode(mut bytes: &[u8]) -> CellEnd {
        let mut fields = Vec::new();
        while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
            let length = (u32::from_be_bytes(*length) as usize).min(rest.len());
            let (field, rest) = rest.split_at(length);
            fields.push(String::from_utf8_lossy(field).into_owned());
            bytes = rest;
        }
        let mut fields = fields.into_iter();
        let mut next = || fields.next().unwrap_or_default();
        let (kind, name, message, location) = (next(), next(), next(), next());
        CellEnd {
            kind,
            name,
            message,
            location,
            changed: fields.collect(),
        }
    }
}

/// How the worker died and what of its state is left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Death {
    /// The signal that killed it, if one did.
    pub(crate) signal: Option<i32>,
    /// The code it exited with, if it exited.
    pub(crate) exit_code: Option<i32>,
    /// The panic that could not unwind, and so made the process abort: its message and place.
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) location: String,
    /// Whether the system killed it because memory had ended.
    #[serde(default)]
    pub(crate) out_of_memory: bool,
    /// Whether the signal came from the end of the stack.
    pub(crate) stack_overflow: bool,
    /// Whether the kernel asked for it.
    pub(crate) interrupted: bool,
    /// Whether a cell was running.
    pub(crate) in_cell: bool,
    /// Whether the frozen copy took over.
    pub(crate) restored: bool,
    /// Threads that ended with the worker.
    pub(crate) threads: usize,
    /// Peers of the connections that were shut down.
    pub(crate) connections: Vec<String>,
    /// Why there was no copy, if there was none on purpose.
    pub(crate) no_copy: Option<String>,
}

impl Report {
    pub(crate) fn send(&self, control: RawFd) -> io::Result<()> {
        sys::send_packet(control, &serde_json::to_vec(self)?, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_decoded() {
        let mut bytes = Vec::new();
        for field in ["panic", "", "boom", "src/lib.rs:1:2", "a", "b"] {
            bytes.extend((field.len() as u32).to_be_bytes());
            bytes.extend(field.as_bytes());
        }
        let end = CellEnd::decode(&bytes);
        let expected = CellEnd {
            kind: "panic".into(),
            name: String::new(),
            message: "boom".into(),
            location: "src/lib.rs:1:2".into(),
            changed: vec!["a".into(), "b".into()],
        };
        assert_eq!(end, expected);
        assert_eq!(CellEnd::decode(&bytes[..3]), CellEnd::default());
    }
}
