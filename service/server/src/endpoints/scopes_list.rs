//! `GET /api/2.0/secrets/scopes/list`: Lists the scopes.

use sealbook_api::scopes::ScopeList;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/secrets/scopes/list",
    action: Action::ListScopes,
    access: Access::User,
    about: "Lists the scopes.",
    input: &[],
    output: &[Field::required("scopes", Kind::List, "Name and backend type of each.")],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let scopes = call.vault().list_scopes(&call.caller).await?;
    Answer::json(&ScopeList { scopes })
}
