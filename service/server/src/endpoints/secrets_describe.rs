//! `GET /api/2.0/secrets/describe`: Says when each secret of a scope was put, when it expires, and when it was last read.

use sealbook_api::secrets::SecretDescriptions;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb, unaudited};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/secrets/describe",
    action: Action::DescribeSecrets,
    access: Access::User,
    about: "Says when each secret of a scope was put, when it expires, and when it was last read.",
    input: &[Field::required("scope", Kind::Text, "The scope.")],
    output: &[Field::required(
        "secrets",
        Kind::List,
        "Key, version, and when each was put, expires and was last read.",
    )],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let scope = call.fields.text("scope").map_err(unaudited)?;
    let secrets = call.vault().describe_secrets(&call.caller, scope).await?;
    Answer::json(&SecretDescriptions { secrets })
}
