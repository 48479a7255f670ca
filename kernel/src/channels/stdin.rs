//! The stdin channel: answers to input requests.

use sealbook_wire::Inbox;

use crate::requests::{self, InputReply};
use crate::session::Shared;

/// Serves the channel until it closes.
pub async fn serve(session: Shared, mut inbox: Inbox) {
    while let Some(message) = inbox.recv().await {
        if message.msg_type() != "input_reply" {
            tracing::warn!("a message that is no input_reply came on stdin; dropped it");
            continue;
        }
        match requests::content::<InputReply>(&message) {
            Ok(InputReply { value: Some(value) }) => session.input.answers.come(value),
            // The front end could not ask, so the cell does not wait for ever.
            Ok(InputReply { value: None }) => session.input.answers.cancel(),
            Err(error) => tracing::warn!(%error, "dropped a message"),
        }
    }
}
