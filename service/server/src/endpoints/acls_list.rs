//! `GET /api/2.0/secrets/acls/list`: Lists a scope's ACL.

use crate::operation::unaudited;
use sealbook_api::acls::AclList;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/secrets/acls/list",
    action: Action::ListAcls,
    access: Access::User,
    about: "Lists a scope's ACL.",
    input: &[Field::required("scope", Kind::Text, "The scope.")],
    output: &[Field::required(
        "items",
        Kind::List,
        "Principal and permission of each entry.",
    )],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let scope = call.fields.text("scope").map_err(unaudited)?;
    let items = call.vault().list_acls(&call.caller, scope).await?;
    Answer::json(&AclList { items })
}
