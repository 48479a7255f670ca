//! `POST /api/2.0/kernel-sessions/{id}/match-literals`: Says which literals are values that the user may read.

use crate::operation::unaudited;
use sealbook_api::sessions::LiteralMatches;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/kernel-sessions/{id}/match-literals",
    action: Action::MatchLiteral,
    access: Access::Kernel,
    about: "Says which literals are values that the user may read.",
    input: &[Field::required(
        "literals",
        Kind::SecretList,
        "Literals of 12 characters and more, at most 64.",
    )],
    output: &[Field::required(
        "matches",
        Kind::List,
        "Index, scope and key of each match.",
    )],
    run: |call| Box::pin(run(call)),
};

async fn run(mut call: Call) -> Result<Answer, Refusal> {
    let literals = call.fields.secrets("literals");
    let signed = call.signed().map_err(unaudited)?;
    let matches = call.vault().match_literals(&call.from(), signed, &literals).await?;
    Answer::json(&LiteralMatches { matches })
}
