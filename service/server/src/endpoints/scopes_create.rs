//! `POST /api/2.0/secrets/scopes/create`: Creates a scope.

use crate::operation::unaudited;
use sealbook_api::ErrorCode;
use sealbook_api::scopes::CreateScope;
use sealbook_core::Error;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/secrets/scopes/create",
    action: Action::CreateScope,
    access: Access::User,
    about: "Creates a scope.",
    input: &[
        Field::required("scope", Kind::Text, "The new scope's name."),
        Field::optional(
            "initial_manage_principal",
            Kind::Text,
            "Only users: then every user manages the scope.",
        ),
        Field::optional("scope_backend_type", Kind::Text, "Only DATABRICKS."),
        Field::optional(
            "backend_azure_keyvault",
            Kind::Object,
            "Never: values are kept by this service.",
        ),
    ],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(mut call: Call) -> Result<Answer, Refusal> {
    if call.fields.json("backend_azure_keyvault").is_some() {
        return Err(unaudited(Error::new(
            ErrorCode::InvalidParameterValue,
            "The field backend_azure_keyvault must be absent: this service keeps values itself, and scope_backend_type can \
             only be DATABRICKS.",
        )));
    }
    let request = CreateScope {
        scope: call.fields.text("scope").map_err(unaudited)?.to_owned(),
        initial_manage_principal: call.fields.maybe_text("initial_manage_principal").map(str::to_owned),
        scope_backend_type: call.fields.maybe_text("scope_backend_type").map(str::to_owned),
    };
    call.vault().create_scope(&call.caller, &request).await?;
    Answer::empty()
}
