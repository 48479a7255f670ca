//! `GET /.well-known/databricks-config`: what the Databricks SDK asks before anything else.

use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/.well-known/databricks-config",
    action: Action::UnknownEndpoint,
    access: Access::Public,
    about: "Tells the Databricks SDK where tokens come from.",
    input: &[],
    output: &[Field::required(
        "oidc_endpoint",
        Kind::Text,
        "Empty: this service issues its own tokens.",
    )],
    run: |call| Box::pin(run(call)),
};

async fn run(_call: Call) -> Result<Answer, Refusal> {
    Answer::json(&serde_json::json!({ "oidc_endpoint": "" }))
}
