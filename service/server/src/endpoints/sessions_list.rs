//! `GET /api/2.0/kernel-sessions/list`: Lists open kernel sessions.

use sealbook_api::sessions::SessionList;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/kernel-sessions/list",
    action: Action::ListKernelSessions,
    access: Access::User,
    about: "Lists open kernel sessions.",
    input: &[],
    output: &[Field::required(
        "sessions",
        Kind::List,
        "Whose, from where, until when.",
    )],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let sessions = call.vault().list_sessions(&call.caller).await?;
    Answer::json(&SessionList { sessions })
}
