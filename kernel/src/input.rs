//! Input for the running cell: requests on stdin, and the one answer that is waited for.

use std::sync::{Mutex, PoisonError};

use sealbook_runtime::InputRefused;
use sealbook_wire::Outbox;
use tokio::sync::oneshot;

/// The stdin channel's state.
pub struct Input {
    /// Sends input requests.
    pub outbox: Outbox,
    /// Who waits for an answer.
    pub answers: Answers,
}

/// The one that waits for an answer, if anyone does.
#[derive(Default)]
pub struct Answers(Mutex<Option<oneshot::Sender<String>>>);

impl Input {
    /// Nobody waits.
    pub fn new(outbox: Outbox) -> Input {
        Input {
            outbox,
            answers: Answers::default(),
        }
    }
}

impl Answers {
    /// Registers who waits for the next answer; an earlier one gives up.
    pub fn expect(&self) -> oneshot::Receiver<String> {
        let (sender, receiver) = oneshot::channel();
        *self.lock() = Some(sender);
        receiver
    }

    /// Gives the answer to who waits for it. An answer that nobody asked for is dropped.
    pub fn come(&self, value: String) {
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_for_who_waits_when_it_comes() {
        let answers = Answers::default();
        // Nobody waits: before the first request, after an answer, and when the wait was ended.
        answers.come("early".to_owned());
        let first = answers.expect();
        answers.come("first".to_owned());
        answers.come("again".to_owned());
        assert_eq!(Answers::wait(first), Ok("first".to_owned()));
        let ended = answers.expect();
        answers.cancel();
        answers.come("late".to_owned());
        assert_eq!(Answers::wait(ended), Err(InputRefused));
        let second = answers.expect();
        answers.come("second".to_owned());
        assert_eq!(Answers::wait(second), Ok("second".to_owned()));
    }
}
