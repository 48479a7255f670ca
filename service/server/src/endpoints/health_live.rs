//! `GET /health/live`: Answers when the process runs.

use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/health/live",
    action: Action::StartService,
    access: Access::Public,
    about: "Answers when the process runs.",
    input: &[],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(_call: Call) -> Result<Answer, Refusal> {
    Answer::empty()
}
