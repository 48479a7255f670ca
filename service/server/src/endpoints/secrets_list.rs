//! `GET /api/2.0/secrets/list`: Lists the secrets of a scope, without values.

use crate::operation::unaudited;
use sealbook_api::secrets::SecretList;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/secrets/list",
    action: Action::ListSecrets,
    access: Access::User,
    about: "Lists the secrets of a scope, without values.",
    input: &[Field::required("scope", Kind::Text, "The scope.")],
    output: &[Field::required(
        "secrets",
        Kind::List,
        "Key and time of last change of each.",
    )],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let scope = call.fields.text("scope").map_err(unaudited)?;
    let secrets = call.vault().list_secrets(&call.caller, scope).await?;
    Answer::json(&SecretList { secrets })
}
