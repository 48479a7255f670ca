//! What all channels of one kernel share: its identity, its redactor, and the way to iopub.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use sealbook_redact::{Chunk, Lane, Redactor, Seal};
use sealbook_wire::{Bytes, Header, Message, Outbox, Publisher};
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::comms::Comms;
use crate::history::History;
use crate::input::Input;

/// A JSON object.
pub type Object = Map<String, Value>;

/// One kernel's session, from launch to shutdown.
pub struct Session {
    /// Id of this process, in the header of everything it sends.
    pub id: String,
    /// Everything learnt; seals what is sent.
    pub redactor: Redactor,
    /// Broadcasts.
    pub iopub: Publisher,
    /// Replies of the shell channel.
    pub shell: Outbox,
    /// Replies of the control channel.
    pub control: Outbox,
    /// Input requests, and who waits for their answers.
    pub input: Input,
    /// Open comms.
    pub comms: Arc<Comms>,
    /// Content of `connect_reply`: the port of each channel.
    pub ports: Object,
    /// Inputs and outputs of this session.
    pub history: Mutex<History>,
    /// Number of the last cell that was counted.
    pub execution_count: AtomicU64,
    /// Counts interrupts, for those who wait for something else than the engine.
    pub interrupts: watch::Sender<u64>,
    /// Set once, when the kernel should end.
    pub ending: watch::Sender<Option<Ending>>,
    /// For threads outside the async runtime.
    pub runtime: Handle,
}

/// Why the kernel ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A front end asked for it, the parent process has gone, or a signal came.
    Asked,
    /// The engine cannot go on.
    EngineFailed,
}

impl Session {
    /// A message of type `msg_type` for iopub.
    fn message(&self, parent: Option<&Header>, msg_type: &str, content: Object) -> Message {
        let mut message = match parent {
            Some(parent) => Message::child(msg_type, &self.id, parent, content),
            None => Message::new(msg_type, &self.id, content),
        };
        message.identities = vec![topic(&self.id, msg_type)];
        message
    }

    /// Broadcasts on iopub; waits while front ends are slow.
    pub async fn publish(&self, parent: Option<&Header>, msg_type: &str, content: Object) {
        let message = self.message(parent, msg_type, content);
        self.iopub.send(self.redactor.seal(message)).await;
    }

    /// Broadcasts text of a stream from a thread outside the async runtime.
    pub fn publish_output(&self, parent: &Header, chunk: Chunk) {
        let name = match chunk.lane {
            Lane::Stdout => "stdout",
            Lane::Stderr => "stderr",
        };
        let mut message = self.message(Some(parent), "stream", object(json!({"name": name, "text": ""})));
        if !chunk.redactions.is_empty() {
            message.explain(&chunk.redactions);
        }
        let sealed = self.redactor.seal_with(message, chunk.bytes);
        self.runtime.block_on(self.iopub.send(sealed));
    }

    /// Broadcasts from a thread outside the async runtime.
    pub fn publish_blocking(
        &self,
        parent: &Header,
        msg_type: &str,
        content: Object,
        metadata: Object,
        buffers: Vec<Bytes>,
    ) {
        let message = Message {
            metadata,
            buffers,
            ..self.message(Some(parent), msg_type, content)
        };
        let sealed = self.redactor.seal(message);
        self.runtime.block_on(self.iopub.send(sealed));
    }

    /// Broadcasts a short message without waiting for slow front ends.
    pub fn publish_now(&self, parent: Option<&Header>, msg_type: &str, content: Object) {
        let message = self.message(parent, msg_type, content);
        self.iopub.send_now(self.redactor.seal(message));
    }

    /// Sends the reply to `request` through `outbox`. A front end that has gone needs none.
    pub async fn reply(&self, outbox: &Outbox, request: &Message, msg_type: &str, content: Object) {
        self.reply_with(outbox, request, msg_type, content, Object::new()).await;
    }

    /// As [`Session::reply`], with metadata.
    pub async fn reply_with(
        &self,
        outbox: &Outbox,
        request: &Message,
        msg_type: &str,
        content: Object,
        metadata: Object,
    ) {
        let message = Message {
            metadata,
            ..request.reply(msg_type, &self.id, content)
        };
        if let Err(error) = outbox.send(self.redactor.seal(message)).await {
            tracing::debug!(msg_type, %error, "a reply was not sent");
        }
    }

    /// Asks the kernel to end.
    pub fn end(&self, ending: Ending) {
        self.ending.send_if_modified(|current| {
            let first = current.is_none();
            current.get_or_insert(ending);
            first
        });
    }
}

/// The topic of a broadcast; front ends subscribe to all.
pub fn topic(session: &str, msg_type: &str) -> Bytes {
    Bytes::from(format!("kernel.{session}.{msg_type}"))
}

/// An object from a `json!` literal.
pub fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

/// The content of an error reply and of an `error` broadcast.
pub fn error_content(ename: &str, evalue: &str, traceback: &[String]) -> Object {
    object(serde_json::json!({"ename": ename, "evalue": evalue, "traceback": traceback}))
}

/// A session shared by all tasks.
pub type Shared = Arc<Session>;
