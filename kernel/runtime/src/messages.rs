//! What the kernel and the builder process say to each other: a length, then JSON.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::engine::{Completion, Completions, Documentation};

/// Largest message either side accepts: a cell of this size cannot be edited by any front end.
const MESSAGE_BYTES_MAX: usize = 256 << 20;

/// From the kernel.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToBuilder {
    Execute {
        code: String,
        /// How the front end counts the cell, if it does.
        number: Option<u64>,
    },
    Complete {
        code: String,
        cursor: usize,
    },
    Inspect {
        code: String,
        cursor: usize,
    },
    /// Stops the compilation or the shell command that runs now.
    Interrupt,
}

/// From the builder: one answer to each request but `Interrupt`, after one `Ready` or `Failed`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromBuilder {
    Ready,
    /// It cannot start, and why.
    Failed(String),
    Executed(Executed),
    Completed(Vec<Candidate>, usize, usize),
    Inspected(Option<(String, String)>),
}

/// What evcxr made of a cell.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Executed {
    /// Content by MIME type that commands such as `:vars` gave.
    pub(crate) content: BTreeMap<String, String>,
    pub(crate) failure: Option<Failure>,
    /// `:quit` was asked for.
    pub(crate) quit: bool,
}

/// Why a cell did not run to its end, as far as the builder knows: what happened inside is in the runner's reports.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) ename: String,
    pub(crate) evalue: String,
    pub(crate) traceback: Vec<String>,
    /// What to show instead if a cell of which lines are shown changed holds a secret.
    pub(crate) unchanged: Option<Box<Unchanged>>,
}

/// A traceback that shows lines of cells only as they were written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unchanged {
    /// Sources of the cells of which the other one shows lines changed.
    pub(crate) sources: Vec<String>,
    pub(crate) traceback: Vec<String>,
}

impl Failure {
    /// A failure with one text, whose first line is the value.
    pub(crate) fn new(ename: &str, text: &str) -> Failure {
        Failure {
            ename: ename.to_owned(),
            evalue: text.lines().next().unwrap_or_default().to_owned(),
            traceback: text.lines().map(str::to_owned).collect(),
            ..Failure::default()
        }
    }
}

/// A completion between the processes: its text, kind and signature.
pub(crate) type Candidate = (String, String, Option<String>);

pub(crate) fn completions((items, start, end): (Vec<Candidate>, usize, usize)) -> Completions {
    let completion = |(text, kind, signature)| Completion { text, kind, signature };
    Completions {
        start,
        end,
        candidates: items.into_iter().map(completion).collect(),
    }
}

pub(crate) fn documentation((plain, markdown): (String, String)) -> Documentation {
    Documentation {
        plain,
        markdown: Some(markdown),
    }
}

pub(crate) fn send(writer: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let mut frame = Vec::with_capacity(4 + body.len());
    frame.extend_from_slice(&(body.len() as u32).to_be_bytes());
    frame.extend_from_slice(&body);
    writer.write_all(&frame)
}

pub(crate) fn receive<T: DeserializeOwned>(reader: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    reader.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MESSAGE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "message too large"));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}
