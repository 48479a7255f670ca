//! `GET /api/2.0/token/list`: Lists the caller's tokens.

use sealbook_api::tokens::TokenList;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/token/list",
    action: Action::ListTokens,
    access: Access::User,
    about: "Lists the caller's tokens.",
    input: &[],
    output: &[Field::required("token_infos", Kind::List, "What is known of each.")],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let token_infos = call.vault().list_tokens(&call.caller).await?;
    Answer::json(&TokenList { token_infos })
}
