//! `POST /api/2.0/kernel-sessions/{id}/close`: Ends a session from inside.

use crate::operation::unaudited;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/kernel-sessions/{id}/close",
    action: Action::CloseKernelSession,
    access: Access::Kernel,
    about: "Ends a session from inside.",
    input: &[],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    call.vault()
        .close_session(&call.from(), call.signed().map_err(unaudited)?)
        .await?;
    Answer::empty()
}
