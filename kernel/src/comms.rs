//! Open comms, and who gets what the front end sends to each.
//!
//! ```text
//! opened by the kernel (widgets) ── handler ──► an answer, sent at once
//! opened by a cell               ── mailbox ──► the cell that receives next, also while it runs
//! opened by a front end          ── mailbox, if a cell has registered the target; else it is closed again
//! ```
//!
//! Invariant: what waits in a mailbox is bounded in number and bytes; what does not fit is dropped, and the log says so.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sealbook_wire::{Bytes, Message};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::requests;
use crate::session::{Object, object};

/// Open comms kept.
const COMMS_MAX: usize = 10_000;
/// Targets that cells may register.
const TARGETS_MAX: usize = 1_000;
/// Messages that wait for one comm.
const LETTERS_MAX: usize = 10_000;
/// Bytes that wait for one comm.
const MAILBOX_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Largest message that a cell can be given: what one frame of its socket takes, with room for the fields around it.
const LETTER_BYTES_MAX: usize = dbutils::protocol::FRAME_BYTES_MAX - 64 * 1024;

/// Takes the data of the front end's messages to one comm; gives the data of the answer, if there is one.
pub type Handler = Box<dyn Fn(&Object) -> Option<Object> + Send + Sync>;

/// The open comms of one kernel.
#[derive(Default)]
pub struct Comms {
    state: Mutex<State>,
    /// Changes when something comes into a mailbox.
    arrived: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    open: Vec<Comm>,
    /// Targets that cells have registered, and the comms that front ends opened to them since.
    targets: HashMap<String, VecDeque<String>>,
}

struct Comm {
    id: String,
    target: String,
    receiver: Receiver,
    /// The front end has closed it; what came before waits for the cell.
    closed: bool,
}

enum Receiver {
    Nobody,
    Handler(Arc<Handler>),
    Mailbox(Mailbox),
}

#[derive(Default)]
struct Mailbox {
    letters: VecDeque<Letter>,
    bytes: usize,
}

/// What a front end sent to a comm of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// The front end closed the comm with it.
    pub closes: bool,
    pub data: Object,
    pub metadata: Object,
    pub buffers: Vec<Bytes>,
}

/// What a cell that wants a message gets.
#[derive(Debug, PartialEq)]
pub enum Received {
    Letter(Letter),
    /// There is no such comm any more.
    Closed,
    /// Nothing came in time.
    Nothing,
}

impl Comms {
    /// Notes a comm that the kernel opens.
    pub fn opened(&self, id: &str, target: &str, handler: Option<Handler>) {
        let receiver = handler.map_or(Receiver::Nobody, |handler| Receiver::Handler(Arc::new(handler)));
        self.lock().add(id, target, receiver);
    }

    /// Notes a comm that a cell opens; gives its id.
    pub fn opened_by_cell(&self, target: &str) -> String {
        let id = uuid::Uuid::new_v4().simple().to_string();
        self.lock().add(&id, target, Receiver::Mailbox(Mailbox::default()));
        id
    }

    /// Notes the end of a comm.
    pub fn closed(&self, id: &str) {
        self.lock().open.retain(|comm| comm.id != id);
    }

    /// Whether messages can be sent to a comm.
    pub fn is_open(&self, id: &str) -> bool {
        self.lock().open.iter().any(|comm| comm.id == id && !comm.closed)
    }

    /// Lets front ends open comms to `target`; `false` when there are too many targets.
    pub fn register(&self, target: &str) -> bool {
        let mut state = self.lock();
        if state.targets.len() >= TARGETS_MAX && !state.targets.contains_key(target) {
            return false;
        }
        state.targets.entry(target.to_owned()).or_default();
        true
    }

    /// Takes `target` back; comms that are open stay so.
    pub fn unregister(&self, target: &str) {
        self.lock().targets.remove(target);
    }

    /// Content of `comm_info_reply`.
    pub fn info(&self, request: &requests::CommInfo) -> Object {
        let wanted =
            |comm: &&Comm| !comm.closed && request.target_name.as_ref().is_none_or(|target| *target == comm.target);
        let entry = |comm: &Comm| (comm.id.clone(), json!({"target_name": comm.target}));
        let comms: Object = self.lock().open.iter().filter(wanted).map(entry).collect();
        object(json!({"status": "ok", "comms": comms}))
    }

    /// Gives a message of the front end to the cells, if it is for them. Done as soon as it arrives, even while a cell
    /// runs: that cell may be waiting for it.
    pub fn deliver(&self, message: &Message) -> bool {
        let kind = message.msg_type();
        if !matches!(kind, "comm_open" | "comm_msg" | "comm_close") {
            return false;
        }
        let Ok(content) = requests::content::<requests::Comm>(message) else {
            return false;
        };
        let mut state = self.lock();
        if kind == "comm_open" {
            let target = content.target_name.as_deref().unwrap_or_default();
            let known = state.open.iter().any(|comm| comm.id == content.comm_id);
            match state.targets.get_mut(target) {
                Some(opened) if !known && opened.len() < LETTERS_MAX => opened.push_back(content.comm_id.clone()),
                _ => return false,
            }
            state.add(&content.comm_id, target, Receiver::Mailbox(Mailbox::default()));
        }
        let Some(comm) = state
            .open
            .iter_mut()
            .find(|comm| comm.id == content.comm_id && !comm.closed)
        else {
            return false;
        };
        let Receiver::Mailbox(mailbox) = &mut comm.receiver else {
            return false;
        };
        comm.closed = kind == "comm_close";
        mailbox.put(Letter {
            closes: comm.closed,
            data: content.data,
            metadata: message.metadata.clone(),
            buffers: message.buffers.clone(),
        });
        drop(state);
        self.arrived.send_modify(|count| *count += 1);
        true
    }

    /// Delivers a `comm_msg` of the front end to the kernel's own comms; gives the content of the `comm_msg` that
    /// answers it, if there is one.
    pub fn message(&self, message: &requests::Comm) -> Option<Object> {
        let state = self.lock();
        let comm = state.open.iter().find(|comm| comm.id == message.comm_id)?;
        let Receiver::Handler(handler) = &comm.receiver else {
            return None;
        };
        let handler = Arc::clone(handler);
        // Called without the lock, so that a handler may use comms.
        drop(state);
        let data = handler(&message.data)?;
        Some(object(json!({"comm_id": message.comm_id, "data": data})))
    }

    /// Content of the `comm_close` that answers a front end's `comm_open` to a target that nobody has registered.
    pub fn refuse(message: &requests::Comm) -> Object {
        object(json!({"comm_id": message.comm_id, "data": Value::Object(Object::new())}))
    }

    /// The next message to a comm of a cell; waits for it no longer than `limit`, nor beyond an interrupt.
    pub async fn receive(&self, id: &str, limit: Duration, interrupts: watch::Receiver<u64>) -> Received {
        let take = |state: &mut State| {
            let Some(comm) = state.open.iter_mut().find(|comm| comm.id == id) else {
                return Some(Received::Closed);
            };
            let Receiver::Mailbox(mailbox) = &mut comm.receiver else {
                return Some(Received::Closed);
            };
            let letter = mailbox.take()?;
            if letter.closes {
                state.open.retain(|comm| comm.id != id);
            }
            Some(Received::Letter(letter))
        };
        self.wait(limit, interrupts, take).await.unwrap_or(Received::Nothing)
    }

    /// The next comm that a front end opened to `target`, and what it said; waits as [`Comms::receive`] does.
    pub async fn accept(
        &self,
        target: &str,
        limit: Duration,
        interrupts: watch::Receiver<u64>,
    ) -> Option<(String, Letter)> {
        let take = |state: &mut State| {
            let id = state.targets.get_mut(target)?.pop_front()?;
            let comm = state.open.iter_mut().find(|comm| comm.id == id)?;
            match &mut comm.receiver {
                Receiver::Mailbox(mailbox) => mailbox.take().map(|letter| (id, letter)),
                _ => None,
            }
        };
        self.wait(limit, interrupts, take).await
    }

    async fn wait<T>(
        &self,
        limit: Duration,
        mut interrupts: watch::Receiver<u64>,
        take: impl Fn(&mut State) -> Option<T>,
    ) -> Option<T> {
        let deadline = tokio::time::Instant::now() + limit;
        let mut arrived = self.arrived.subscribe();
        interrupts.mark_unchanged();
        loop {
            arrived.mark_unchanged();
            if let Some(taken) = take(&mut self.lock()) {
                return Some(taken);
            }
            tokio::select! {
                Ok(()) = arrived.changed() => {}
                _ = interrupts.changed() => return None,
                () = tokio::time::sleep_until(deadline) => return None,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, id: &str, target: &str, receiver: Receiver) {
        self.open.retain(|comm| comm.id != id);
        if self.open.len() >= COMMS_MAX {
            // Those that nobody can send to any more go first.
            let oldest = self.open.iter().position(|comm| comm.closed).unwrap_or(0);
            self.open.remove(oldest);
        }
        self.open.push(Comm {
            id: id.to_owned(),
            target: target.to_owned(),
            receiver,
            closed: false,
        });
    }
}

impl Mailbox {
    fn put(&mut self, mut letter: Letter) {
        let bytes = letter.bytes();
        let fits =
            bytes <= LETTER_BYTES_MAX && self.letters.len() < LETTERS_MAX && self.bytes + bytes <= MAILBOX_BYTES_MAX;
        if !fits {
            tracing::warn!(
                bytes,
                "a message to a comm was dropped: it is too large, or too many wait to be received"
            );
            if !letter.closes {
                return;
            }
            // That it was closed must be seen all the same.
            (letter.data, letter.metadata, letter.buffers) = Default::default();
        }
        self.bytes += letter.bytes();
        self.letters.push_back(letter);
    }

    fn take(&mut self) -> Option<Letter> {
        let letter = self.letters.pop_front()?;
        self.bytes -= letter.bytes();
        Some(letter)
    }
}

impl Letter {
    fn bytes(&self) -> usize {
        let texts = [&self.data, &self.metadata].map(|part| serde_json::to_string(part).map_or(0, |text| text.len()));
        let buffers: usize = self.buffers.iter().map(|buffer| 4 + buffer.len()).sum();
        texts.iter().sum::<usize>() + buffers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(msg_type: &str, id: &str, content: Value) -> Message {
        let mut fields = object(content);
        fields.insert("comm_id".to_owned(), id.into());
        let mut message = Message::new(msg_type, "front-end", fields);
        message.buffers = vec![Bytes::from_static(b"\xff\x00")];
        message
    }

    fn never() -> watch::Receiver<u64> {
        watch::Sender::new(0).subscribe()
    }

    async fn next(comms: &Comms, id: &str) -> Received {
        comms.receive(id, Duration::ZERO, never()).await
    }

    #[tokio::test]
    async fn a_cell_receives_what_its_comm_is_sent_and_then_that_it_was_closed() {
        let comms = Comms::default();
        let id = comms.opened_by_cell("planted");
        assert!(comms.is_open(&id));
        assert_eq!(next(&comms, &id).await, Received::Nothing);
        for number in 1..=2 {
            assert!(comms.deliver(&message("comm_msg", &id, json!({"data": {"n": number}}))));
        }
        assert!(comms.deliver(&message("comm_close", &id, json!({}))));
        assert!(!comms.is_open(&id));
        assert!(
            !comms.deliver(&message("comm_msg", &id, json!({"data": {"n": 3}}))),
            "closed"
        );
        let info: requests::CommInfo = Default::default();
        assert_eq!(comms.info(&info)["comms"], json!({}));
        for expected in [json!({"n": 1}), json!({"n": 2}), json!({})] {
            let Received::Letter(letter) = next(&comms, &id).await else {
                panic!("{expected} is missing")
            };
            assert_eq!(letter.closes, expected == json!({}));
            assert_eq!(Value::Object(letter.data), expected);
            assert_eq!(letter.buffers, [Bytes::from_static(b"\xff\x00")]);
        }
        assert_eq!(next(&comms, &id).await, Received::Closed);
    }

    #[tokio::test]
    async fn front_ends_open_comms_to_registered_targets_only() {
        let comms = Comms::default();
        let open = message("comm_open", "1", json!({"target_name": "planted", "data": {"a": 1}}));
        assert!(!comms.deliver(&open));
        assert!(comms.register("planted"));
        assert!(comms.deliver(&open));
        assert!(!comms.deliver(&open), "open already");
        let accepted = comms.accept("planted", Duration::ZERO, never()).await;
        let (id, letter) = accepted.unwrap();
        assert_eq!((id.as_str(), Value::Object(letter.data)), ("1", json!({"a": 1})));
        assert_eq!(comms.accept("planted", Duration::ZERO, never()).await, None);
        comms.unregister("planted");
        assert!(!comms.deliver(&message("comm_open", "2", json!({"target_name": "planted"}))));
        assert!(comms.is_open("1"));
    }

    #[tokio::test]
    async fn what_waits_is_bounded() {
        let comms = Comms::default();
        let id = comms.opened_by_cell("planted");
        let mut large = message("comm_msg", &id, json!({}));
        large.buffers = vec![Bytes::from(vec![0; LETTER_BYTES_MAX + 1])];
        assert!(comms.deliver(&large), "taken, and dropped");
        assert_eq!(next(&comms, &id).await, Received::Nothing);
        for _ in 0..LETTERS_MAX + 1 {
            assert!(comms.deliver(&message("comm_msg", &id, json!({}))));
        }
        let mut count = 0;
        while let Received::Letter(_) = next(&comms, &id).await {
            count += 1;
        }
        assert_eq!(count, LETTERS_MAX);
    }

    #[tokio::test]
    async fn a_wait_ends_with_a_message_or_an_interrupt() {
        let comms = Arc::new(Comms::default());
        let id = comms.opened_by_cell("planted");
        let interrupts = watch::Sender::new(0u64);
        let wait = || {
            let (comms, id, interrupts) = (Arc::clone(&comms), id.clone(), interrupts.subscribe());
            tokio::spawn(async move { comms.receive(&id, Duration::from_secs(600), interrupts).await })
        };
        let waiting = wait();
        tokio::task::yield_now().await;
        assert!(comms.deliver(&message("comm_msg", &id, json!({}))));
        assert!(matches!(waiting.await.unwrap(), Received::Letter(_)));
        let waiting = wait();
        tokio::task::yield_now().await;
        interrupts.send_modify(|count| *count += 1);
        assert_eq!(waiting.await.unwrap(), Received::Nothing);
    }
}
