//! `POST /api/2.0/secrets/delete`: Deletes a secret.

use crate::operation::unaudited;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/secrets/delete",
    action: Action::DeleteSecret,
    access: Access::User,
    about: "Deletes a secret.",
    input: &[
        Field::required("scope", Kind::Text, "The scope."),
        Field::required("key", Kind::Text, "The secret's key."),
    ],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let scope = call.fields.text("scope").map_err(unaudited)?;
    let key = call.fields.text("key").map_err(unaudited)?;
    call.vault().delete_secret(&call.caller, scope, key).await?;
    Answer::empty()
}
