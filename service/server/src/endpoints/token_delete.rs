//! `POST /api/2.0/token/delete`: Revokes a token.

use crate::operation::unaudited;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/token/delete",
    action: Action::DeleteToken,
    access: Access::User,
    about: "Revokes a token.",
    input: &[Field::required("token_id", Kind::Text, "Which.")],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    call.vault()
        .delete_token(&call.caller, call.fields.text("token_id").map_err(unaudited)?)
        .await?;
    Answer::empty()
}
