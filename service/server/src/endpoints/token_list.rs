//! `GET /api/2.0/token/list`: Lists the caller's tokens.

use sealbook_api::ErrorCode;
use sealbook_api::tokens::TokenList;
use sealbook_core::Error;
use sealbook_core::audit::Action;
use sealbook_core::vault::Whose;

use crate::operation::unaudited;
use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/token/list",
    action: Action::ListTokens,
    access: Access::User,
    about: "Lists the caller's tokens.",
    input: &[
        Field::optional("user_name", Kind::Text, "Another user, for administrators."),
        Field::optional("all", Kind::Boolean, "Everybody's, for administrators."),
    ],
    output: &[Field::required("token_infos", Kind::List, "What is known of each.")],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let all = call.fields.maybe_boolean("all").map_err(unaudited)?.unwrap_or(false);
    let whose = match (call.fields.maybe_text("user_name"), all) {
        (Some(_), true) => {
            return Err(unaudited(Error::new(
                ErrorCode::InvalidParameterValue,
                "Only one of the fields user_name and all may be given.",
            )));
        }
        (Some(user), false) => Whose::User(user),
        (None, true) => Whose::Everybody,
        (None, false) => Whose::Own,
    };
    let token_infos = call.vault().list_tokens(&call.caller, whose).await?;
    Answer::json(&TokenList { token_infos })
}
