//! Input for the running cell: requests on stdin, and the one answer that is waited for.

use std::sync::{Mutex, PoisonError};

use sealbook_runtime::InputRefused;
use sealbook_wire::Outbox;
use tokio::sync::oneshot;

/// The stdin channel's state.
pub struct Input {
    /// Sends input requests.
    pub outbox: Outbox,
    waiting: Mutex<Option<oneshot::Sender<String>>>,
}

impl Input {
    /// Nobody waits.
    pub fn new(outbox: Outbox) -> Input {
        Input {
            outbox,
            waiting: Mutex::new(None),
        }
    }

    /// Registers who waits for the next answer; an earlier one gives up.
    pub fn expect(&self) -> oneshot::Receiver<String> {
        let (sender, receiver) = oneshot::channel();
        *self.lock() = Some(sender);
        receiver
    }

    /// Gives the answer to who waits for it. An answer that nobody asked for is dropped.
    pub fn answer(&self, value: String) {
        if let Some(waiting) = self.lock().take() {
            let _ = waiting.send(value);
        }
    }

    /// Ends the wait without an answer.
    pub fn cancel(&self) {
        self.lock().take();
    }

    /// Waits on a thread outside the async runtime.
    pub fn wait(answer: oneshot::Receiver<String>) -> Result<String, InputRefused> {
        answer.blocking_recv().map_err(|_| InputRefused)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<oneshot::Sender<String>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
