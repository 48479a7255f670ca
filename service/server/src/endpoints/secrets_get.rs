//! `GET /api/2.0/secrets/get`: Always refused: values are read in kernel sessions only.

use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/secrets/get",
    action: Action::GetSecret,
    access: Access::User,
    about: "Always refused: values are read in kernel sessions only.",
    input: &[
        Field::optional("scope", Kind::Text, "The scope."),
        Field::optional("key", Kind::Text, "The secret's key."),
    ],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let scope = call.fields.maybe_text("scope").unwrap_or("");
    let key = call.fields.maybe_text("key").unwrap_or("");
    call.vault().refuse_value(&call.caller, scope, key).await?;
    Answer::empty()
}
