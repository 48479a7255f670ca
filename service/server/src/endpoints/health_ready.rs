//! `GET /health/ready`: Answers when requests can be served.

use std::time::{SystemTime, UNIX_EPOCH};

use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/health/ready",
    action: Action::StartService,
    access: Access::Public,
    about: "Answers when requests can be served.",
    input: &[],
    output: &[
        Field::required(
            "time",
            Kind::Integer,
            "The service's clock, in milliseconds since 1970.",
        ),
        Field::required("version", Kind::Text, "The service's version."),
    ],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    // Not a use-case: a probe every second would drown the audit log.
    call.vault().ready().await.map_err(Refusal::Audited)?;
    let time = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_millis() as i64);
    // A client whose clock is off learns it here, before its sessions are refused.
    Answer::json(&serde_json::json!({"time": time, "version": env!("CARGO_PKG_VERSION")}))
}
