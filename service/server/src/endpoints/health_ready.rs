//! `GET /health/ready`: Answers when requests can be served.

use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/health/ready",
    action: Action::StartService,
    access: Access::Public,
    about: "Answers when requests can be served.",
    input: &[],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    // Not a use-case: a probe every second would drown the audit log.
    call.vault().ready().await.map_err(Refusal::Audited)?;
    Answer::empty()
}
