//! `POST /api/2.0/kernel-sessions/{id}/read`: Reads a value, sealed to the session.

use crate::operation::unaudited;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/kernel-sessions/{id}/read",
    action: Action::GetSecret,
    access: Access::Kernel,
    about: "Reads a value, sealed to the session.",
    input: &[
        Field::required("scope", Kind::Text, "The scope."),
        Field::required("key", Kind::Text, "The secret's key."),
    ],
    output: &[
        Field::required("seq", Kind::Integer, "The request's number."),
        Field::required("organisation", Kind::Text, "The organisation."),
        Field::required("scope", Kind::Text, "The scope."),
        Field::required("key", Kind::Text, "The key."),
        Field::required("version", Kind::Integer, "The secret's version."),
        Field::required("kind", Kind::Text, "string or bytes."),
        Field::required("nonce", Kind::Text, "For the answer's key."),
        Field::required("ciphertext", Kind::Text, "Only the session's key opens it."),
    ],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let scope = call.fields.text("scope").map_err(unaudited)?;
    let key = call.fields.text("key").map_err(unaudited)?;
    let answer = call
        .vault()
        .read_secret(&call.from(), call.signed().map_err(unaudited)?, scope, key)
        .await?;
    Answer::json(&answer)
}
