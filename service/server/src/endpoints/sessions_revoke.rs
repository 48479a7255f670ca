//! `POST /api/2.0/kernel-sessions/revoke`: Ends a session at once, from outside.

use crate::operation::unaudited;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/kernel-sessions/revoke",
    action: Action::RevokeKernelSession,
    access: Access::User,
    about: "Ends a session at once, from outside.",
    input: &[Field::required("session_id", Kind::Text, "Which.")],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    call.vault()
        .revoke_session(&call.caller, call.fields.text("session_id").map_err(unaudited)?)
        .await?;
    Answer::empty()
}
