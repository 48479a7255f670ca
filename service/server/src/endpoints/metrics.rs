//! `GET /metrics`: what Prometheus reads.

use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/metrics",
    action: Action::StartService,
    access: Access::Public,
    about: "Counts and times of requests, for Prometheus.",
    input: &[],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let records = call.vault().journal().end().index();
    Ok(Answer {
        status: 200,
        content_type: "text/plain; version=0.0.4",
        body: call.service.metrics.text(records).into_bytes(),
    })
}
