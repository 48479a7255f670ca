//! What cells produce, on its way to iopub: redacted as a stream, batched, in order.
//!
//! ```text
//! event ─► stream redactor ─► pending ─┬─ 64 KiB, a display, or the cell's end: sent by whoever brings it
//!          (holds suffixes back)       └─ 20 ms after the first byte: sent by the flusher thread
//! ```
//!
//! Output that comes faster than that leaves the stream redactor in its steps of 256 KiB, each a message.
//!
//! Invariants: events of all threads leave in the order in which they came in; whoever brings more than front ends
//! take waits here, holding the lock, so that everybody else waits too (the back-pressure on the child); pending
//! output never exceeds a batch and one event. Output between cells belongs to the last cell.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sealbook_redact::{Chunk, Lane, Redaction, StreamRedactor, Tail};
use sealbook_runtime::{Event, MimeBundle};
use sealbook_wire::{Bytes, Header};
use serde_json::{Value, json};

use crate::session::{Object, Shared, object};

/// Longest time that output waits for more to join it: below what an eye sees, and 50 messages a second.
const BATCH_TIME: Duration = Duration::from_millis(20);
/// Bytes that are sent at once, without waiting for more.
const BATCH_BYTES: usize = 64 * 1024;

/// The way out for events. Clones share it.
#[derive(Clone)]
pub struct Output(Arc<Inner>);

struct Inner {
    session: Shared,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Request that output belongs to; `None` before the first cell.
    parent: Option<Header>,
    /// Number of the running cell, for its result.
    count: u64,
    /// Nothing is sent.
    silent: bool,
    stream: Option<StreamRedactor>,
    pending: Vec<Chunk>,
    pending_bytes: usize,
    /// When the oldest pending or held byte came; `None` when there is nothing for the flusher to do.
    due: Option<Instant>,
    /// Plain text of the result, for the history.
    result: Option<String>,
    ended: bool,
}

impl Output {
    /// An output, with its flusher thread.
    pub fn new(session: Shared) -> std::io::Result<Output> {
        let state = State {
            parent: None,
            count: 0,
            silent: false,
            stream: Some(session.redactor.stream(Tail::default())),
            pending: Vec::new(),
            pending_bytes: 0,
            due: None,
            result: None,
            ended: false,
        };
        let inner = Arc::new(Inner {
            session,
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let flusher = Arc::clone(&inner);
        thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || flusher.flush_in_time())?;
        Ok(Output(inner))
    }

    /// A cell begins: what comes from now on belongs to `parent`.
    pub fn begin(&self, parent: &Header, count: u64, silent: bool) {
        let mut state = self.0.lock();
        self.0.end_stream(&mut state);
        state.parent = Some(parent.clone());
        state.count = count;
        state.silent = silent;
        state.result = None;
    }

    /// The cell ends: everything held or pending is sent. Returns the plain text of its result.
    pub fn end(&self) -> Option<String> {
        let mut state = self.0.lock();
        self.0.end_stream(&mut state);
        state.silent = false;
        state.result.take()
    }

    /// Sends everything now, because the cell waits for input.
    pub fn settle(&self) {
        let mut state = self.0.lock();
        if let Some(stream) = state.stream.as_mut() {
            let chunks = stream.settle();
            state.take(chunks);
        }
        self.0.send_pending(&mut state);
    }

    /// Takes an event. Waits while front ends are slow.
    pub fn event(&self, event: Event) {
        let mut state = self.0.lock();
        let state = &mut *state;
        match event {
            Event::Stdout(bytes) => self.0.push(state, Lane::Stdout, &bytes),
            Event::Stderr(bytes) => self.0.push(state, Lane::Stderr, &bytes),
            Event::Display {
                data,
                metadata,
                buffers,
                display_id,
                update,
            } => {
                let msg_type = if update { "update_display_data" } else { "display_data" };
                let transient = display_id.map_or_else(|| json!({}), |id| json!({"display_id": id}));
                let content = object(json!({"data": data, "metadata": metadata, "transient": transient}));
                self.0.between(state, msg_type, content, (Object::new(), buffers));
            }
            Event::ClearOutput { wait } => {
                let content = object(json!({"wait": wait}));
                self.0
                    .between(state, "clear_output", content, (Object::new(), Vec::new()))
            }
            Event::Result(data) => {
                state.result = plain(&data);
                let content = object(json!({"execution_count": state.count, "data": data, "metadata": {}}));
                self.0
                    .between(state, "execute_result", content, (Object::new(), Vec::new()));
            }
            Event::Comm {
                msg_type,
                content,
                metadata,
                buffers,
            } => self.0.comm(state, msg_type, content, (metadata, buffers)),
            // A kind of event that this session does not know yet has no message.
            _ => tracing::warn!("an event of an unknown kind was dropped"),
        }
    }

    /// Sends a message in its place among the output.
    pub fn message(&self, msg_type: &str, content: Object, metadata: Object) {
        let mut state = self.0.lock();
        self.0.between(&mut state, msg_type, content, (metadata, Vec::new()));
    }

    /// Ends the flusher thread, after sending what is left.
    pub fn close(&self) {
        let mut state = self.0.lock();
        self.0.end_stream(&mut state);
        state.ended = true;
        self.0.changed.notify_all();
    }
}

impl Inner {
    fn push(&self, state: &mut State, lane: Lane, bytes: &[u8]) {
        if state.silent {
            return;
        }
        // In batches, so that one huge event is never held twice.
        for part in bytes.chunks(BATCH_BYTES) {
            if let Some(stream) = state.stream.as_mut() {
                let chunks = stream.push(lane, part);
                state.take(chunks);
            }
            if state.pending_bytes >= BATCH_BYTES {
                self.send_pending(state);
            }
        }
        let held = state.stream.as_ref().is_some_and(StreamRedactor::is_holding);
        if state.due.is_none() && (held || !state.pending.is_empty()) {
            state.due = Some(Instant::now() + BATCH_TIME);
            self.changed.notify_one();
        }
    }

    /// Sends what is pending, then a message that is no stream.
    fn between(&self, state: &mut State, msg_type: &str, content: Object, (metadata, buffers): (Object, Vec<Vec<u8>>)) {
        if let Some(stream) = state.stream.as_mut() {
            // What was written before the message stands before it, unless it may be the first half of a secret.
            let chunks = stream.tick();
            stream.boundary();
            state.take(chunks);
        }
        self.send_pending(state);
        if let (false, Some(parent)) = (state.silent, &state.parent) {
            let buffers = buffers.into_iter().map(Bytes::from).collect();
            self.session
                .publish_blocking(parent, msg_type, content, metadata, buffers);
        }
    }

    /// User code's own comms; the content is cut down to what the protocol knows.
    fn comm(&self, state: &mut State, msg_type: &'static str, content: MimeBundle, around: (MimeBundle, Vec<Vec<u8>>)) {
        let Some(id) = content.get("comm_id").and_then(Value::as_str) else {
            return;
        };
        let comms = &self.session.comms;
        match msg_type {
            // Those that `dbutils` opens are known already, with their mailbox.
            "comm_open" if !comms.is_open(id) => {
                let target = content.get("target_name").and_then(Value::as_str).unwrap_or_default();
                comms.opened(id, target, None);
            }
            "comm_close" => comms.closed(id),
            "comm_open" | "comm_msg" => {}
            _ => return,
        }
        let known = ["comm_id", "target_name", "target_module", "data"];
        let content = content
            .into_iter()
            .filter(|(key, _)| known.contains(&key.as_str()))
            .collect();
        self.between(state, msg_type, content, around);
    }

    fn end_stream(&self, state: &mut State) {
        if let Some(stream) = state.stream.take() {
            let (chunks, tail) = stream.finish();
            state.take(chunks);
            state.stream = Some(self.session.redactor.stream(tail));
        }
        self.send_pending(state);
        state.due = None;
    }

    /// One message per run of one lane.
    fn send_pending(&self, state: &mut State) {
        let pending = std::mem::take(&mut state.pending);
        state.pending_bytes = 0;
        state.due = None;
        let Some(parent) = state.parent.as_ref().filter(|_| !state.silent) else {
            return;
        };
        for chunk in pending {
            self.session.publish_output(parent, chunk);
        }
    }

    fn flush_in_time(&self) {
        let mut state = self.lock();
        while !state.ended {
            let now = Instant::now();
            match state.due {
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(due) if due > now => {
                    state = self
                        .changed
                        .wait_timeout(state, due - now)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                }
                Some(_) => {
                    // What the stream still holds after its tick waits for more output or the cell's end.
                    if let Some(stream) = state.stream.as_mut() {
                        let chunks = stream.tick();
                        state.take(chunks);
                    }
                    self.send_pending(&mut state);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds to the pending chunks, joining neighbours of one lane.
    fn take(&mut self, chunks: Vec<Chunk>) {
        for chunk in chunks {
            self.pending_bytes += chunk.bytes.len();
            match self.pending.last_mut() {
                Some(last) if last.lane == chunk.lane => {
                    last.bytes.append(chunk.bytes);
                    join(&mut last.redactions, chunk.redactions);
                }
                _ => self.pending.push(chunk),
            }
        }
    }
}

fn join(all: &mut Vec<Redaction>, more: Vec<Redaction>) {
    for new in more {
        match all
            .iter_mut()
            .find(|old| (&old.scope, &old.key, old.form) == (&new.scope, &new.key, new.form))
        {
            Some(old) => old.count += new.count,
            None => all.push(new),
        }
    }
}

fn plain(data: &MimeBundle) -> Option<String> {
    data.get("text/plain").and_then(Value::as_str).map(str::to_owned)
}
