//! `dbutils.comms`: messages between cells and what runs in the front end, beside the cell's output.
//!
//! ```text
//! open ──► comm_open ──► front end         front end ── comm_open ──► accept, if the target is registered
//! send ──► comm_msg  ──► front end         front end ── comm_msg  ──► receive, also while the cell runs
//! close ─► comm_close ─► front end         front end ── comm_close ─► receive gives its message, then nothing more
//! ```
//!
//! Data and metadata are JSON objects as text, because this crate has no JSON of its own; buffers are bytes. The kernel
//! redacts all of them on their way out.

use std::time::{Duration, Instant};

use crate::call::{CallError, call, call_text};
use crate::display;
use crate::help::Help;

/// How long one call waits in the kernel; a cell that waits longer asks again.
const WAIT: Duration = Duration::from_secs(1);

/// The commands of `dbutils.comms`.
#[derive(Debug)]
pub struct Comms {
    _private: (),
}

/// One open comm. Clones are the same comm; dropping it does not close it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comm {
    id: String,
    target: String,
}

/// A message of a comm.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommMessage {
    /// A JSON object; empty text is one without fields.
    pub data: String,
    /// A JSON object; empty text is one without fields.
    pub metadata: String,
    /// Binary parts.
    pub buffers: Vec<Vec<u8>>,
}

impl Comms {
    pub(crate) const THE: Comms = Comms { _private: () };

    /// Opens a comm to `target` at the front end. `message` is a JSON object as text, or a [`CommMessage`].
    ///
    /// # Panics
    /// When the message is no JSON object, or the kernel does not answer.
    #[track_caller]
    pub fn open(&self, target: impl AsRef<str>, message: impl Into<CommMessage>) -> Comm {
        let target = target.as_ref();
        let id = or_panic(call_text("comms.open", &[target])).into_iter().next();
        let comm = Comm {
            id: id.unwrap_or_default(),
            target: target.to_owned(),
        };
        if let Err(error) = comm.say("comm_open", &message.into()) {
            let _ = call_text("comms.close", &[&comm.id]);
            panic!("{error}");
        }
        comm
    }

    /// Lets the front end open comms to `target`; [`Comms::accept`] gives them.
    ///
    /// # Panics
    /// When there are too many targets, or the kernel does not answer.
    #[track_caller]
    pub fn register(&self, target: impl AsRef<str>) {
        or_panic(call_text("comms.register", &[target.as_ref()]));
    }

    /// Takes a target back: from now on comms that the front end opens to it are closed again.
    ///
    /// # Panics
    /// When the kernel does not answer.
    #[track_caller]
    pub fn unregister(&self, target: impl AsRef<str>) {
        or_panic(call_text("comms.unregister", &[target.as_ref()]));
    }

    /// The next comm that the front end opened to `target`, and the message that it opened it with. Waits no longer than
    /// `timeout`.
    ///
    /// # Panics
    /// When the kernel does not answer.
    #[track_caller]
    pub fn accept(&self, target: impl AsRef<str>, timeout: Duration) -> Option<(Comm, CommMessage)> {
        let target = target.as_ref();
        let fields = or_panic(wait("comms.accept", target, timeout));
        let (id, message) = split(fields)?;
        let target = target.to_owned();
        Some((Comm { id, target }, message))
    }

    /// One line per command.
    pub fn help(&self) -> Help {
        Help::group("comms")
    }
}

impl Comm {
    /// The comm's id, as the front end sees it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it was opened to.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Whether neither side has closed it.
    ///
    /// # Panics
    /// When the kernel does not answer.
    #[track_caller]
    pub fn is_open(&self) -> bool {
        or_panic(call("comms.is_open", &[self.id.as_bytes()])) == [b"1"]
    }

    /// Sends a JSON object as text, or a [`CommMessage`].
    ///
    /// # Panics
    /// When the comm is closed, the message is no JSON object, or the kernel does not answer.
    #[track_caller]
    pub fn send(&self, message: impl Into<CommMessage>) {
        assert!(self.is_open(), "the comm to {} is closed; open another", self.target);
        or_panic(self.say("comm_msg", &message.into()));
    }

    /// The next message of the front end; waits for it no longer than `timeout`. `None` when none came or the comm is
    /// closed, which [`Comm::is_open`] tells apart.
    ///
    /// # Panics
    /// When the kernel does not answer.
    #[track_caller]
    pub fn receive(&self, timeout: Duration) -> Option<CommMessage> {
        let fields = or_panic(wait("comms.receive", &self.id, timeout));
        split(fields).map(|(_, message)| message)
    }

    /// Closes the comm, with a last message. Of one that is closed already nothing happens.
    ///
    /// # Panics
    /// When the message is no JSON object, or the kernel does not answer.
    #[track_caller]
    pub fn close(&self, message: impl Into<CommMessage>) {
        if self.is_open() {
            or_panic(self.say("comm_close", &message.into()));
        }
        or_panic(call_text("comms.close", &[&self.id]));
    }

    fn say(&self, msg_type: &str, message: &CommMessage) -> Result<(), CallError> {
        // In its place among what the cell prints.
        display::flush();
        let texts = [msg_type, &self.id, &self.target, &message.data, &message.metadata];
        let mut args: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
        args.extend(message.buffers.iter().map(Vec::as_slice));
        call("cell.comm", &args).map(drop)
    }
}

impl CommMessage {
    /// A message of `data`, a JSON object as text.
    pub fn new(data: impl Into<String>) -> CommMessage {
        CommMessage {
            data: data.into(),
            ..CommMessage::default()
        }
    }

    /// With metadata, a JSON object as text.
    #[must_use]
    pub fn metadata(self, metadata: impl Into<String>) -> CommMessage {
        CommMessage {
            metadata: metadata.into(),
            ..self
        }
    }

    /// With one more buffer.
    #[must_use]
    pub fn buffer(mut self, bytes: impl Into<Vec<u8>>) -> CommMessage {
        self.buffers.push(bytes.into());
        self
    }
}

impl From<&str> for CommMessage {
    fn from(data: &str) -> CommMessage {
        CommMessage::new(data)
    }
}

impl From<String> for CommMessage {
    fn from(data: String) -> CommMessage {
        CommMessage::new(data)
    }
}

/// Asks until there is an answer or `timeout` is over.
fn wait(method: &str, of: &str, timeout: Duration) -> Result<Vec<Vec<u8>>, CallError> {
    let started = Instant::now();
    loop {
        let left = timeout.saturating_sub(started.elapsed());
        let milliseconds = left.min(WAIT).as_millis().to_string();
        let fields = call(method, &[of.as_bytes(), milliseconds.as_bytes()])?;
        if !fields.is_empty() || left <= WAIT {
            return Ok(fields);
        }
    }
}

/// The first field, and the message behind it, if there is one.
fn split(fields: Vec<Vec<u8>>) -> Option<(String, CommMessage)> {
    let mut fields = fields.into_iter();
    let mut text = || Some(String::from_utf8_lossy(&fields.next()?).into_owned());
    let (first, data, metadata) = (text()?, text()?, text()?);
    let message = CommMessage {
        data,
        metadata,
        buffers: fields.collect(),
    };
    Some((first, message))
}

#[track_caller]
fn or_panic<T>(result: Result<T, CallError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_the_kernel_are_taken_apart() {
        let fields = |parts: &[&str]| parts.iter().map(|part| part.as_bytes().to_vec()).collect();
        assert_eq!(split(fields(&[])), None);
        assert_eq!(split(fields(&["closed"])), None);
        let message = CommMessage::new("{}").metadata("{\"a\":1}").buffer("b").buffer("");
        let expected = ("message".to_owned(), message);
        assert_eq!(split(fields(&["message", "{}", "{\"a\":1}", "b", ""])), Some(expected));
    }
}
