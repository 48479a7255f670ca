//! `POST /api/2.0/secrets/scopes/delete`: Deletes a scope with its secrets.

use crate::operation::unaudited;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/secrets/scopes/delete",
    action: Action::DeleteScope,
    access: Access::User,
    about: "Deletes a scope with its secrets.",
    input: &[Field::required("scope", Kind::Text, "The scope.")],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    call.vault()
        .delete_scope(&call.caller, call.fields.text("scope").map_err(unaudited)?)
        .await?;
    Answer::empty()
}
