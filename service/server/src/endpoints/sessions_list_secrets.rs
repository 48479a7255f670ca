//! `POST /api/2.0/kernel-sessions/{id}/list`: Lists the secrets of a scope, or the scopes, in a session.

use crate::operation::unaudited;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/kernel-sessions/{id}/list",
    action: Action::ListSecrets,
    access: Access::Kernel,
    about: "Lists the secrets of a scope, or the scopes, in a session.",
    input: &[Field::optional(
        "scope",
        Kind::Text,
        "The scope; without it the scopes are listed.",
    )],
    output: &[
        Field::required("secrets", Kind::List, "The secrets of the scope."),
        Field::required("scopes", Kind::List, "The scopes."),
    ],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let scope = call.fields.maybe_text("scope");
    let listing = call
        .vault()
        .list_in_session(&call.from(), call.signed().map_err(unaudited)?, scope)
        .await?;
    Answer::json(&listing)
}
