//! `POST /api/2.0/token/create`: Creates a token and shows it once.

use crate::operation::unaudited;
use sealbook_api::ErrorCode;
use sealbook_api::tokens::{CreateToken, TokenKind};
use sealbook_core::Error;
use sealbook_core::audit::Action;
use serde_json::json;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/token/create",
    action: Action::CreateToken,
    access: Access::User,
    about: "Creates a token and shows it once.",
    input: &[
        Field::optional("comment", Kind::Text, "What it is for."),
        Field::optional("lifetime_seconds", Kind::Integer, "How long it lives."),
        Field::optional("kind", Kind::Text, "api or kernel."),
        Field::optional(
            "user_name",
            Kind::Text,
            "Whose it is; for another user only by an administrator.",
        ),
    ],
    output: &[
        Field::required("token_value", Kind::Secret, "The token, shown only here."),
        Field::required("token_info", Kind::Object, "What is known of it."),
    ],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let kind = match call.fields.maybe_text("kind") {
        None | Some("api") => TokenKind::Api,
        Some("kernel") => TokenKind::Kernel,
        Some(_) => {
            let message = "The field kind must be api or kernel.";
            return Err(unaudited(Error::new(ErrorCode::InvalidParameterValue, message)));
        }
    };
    let request = CreateToken {
        comment: call.fields.maybe_text("comment").map(str::to_owned),
        lifetime_seconds: call.fields.maybe_integer("lifetime_seconds").map_err(unaudited)?,
        kind: Some(kind),
        user_name: call.fields.maybe_text("user_name").map(str::to_owned),
    };
    let (token, info) = call.vault().create_token(&call.caller, &request).await?;
    // A token cannot be serialised by a derive: this is the one place that writes it.
    Answer::json(&json!({ "token_value": token.expose(), "token_info": info }))
}
