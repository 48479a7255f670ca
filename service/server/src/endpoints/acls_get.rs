//! `GET /api/2.0/secrets/acls/get`: Shows one entry of a scope's ACL.

use crate::operation::unaudited;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/secrets/acls/get",
    action: Action::GetAcl,
    access: Access::User,
    about: "Shows one entry of a scope's ACL.",
    input: &[
        Field::required("scope", Kind::Text, "The scope."),
        Field::required("principal", Kind::Text, "A user or group."),
    ],
    output: &[
        Field::required("principal", Kind::Text, "The user or group."),
        Field::required("permission", Kind::Text, "READ, WRITE or MANAGE."),
    ],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let field = |name| call.fields.text(name).map_err(unaudited);
    let item = call
        .vault()
        .get_acl(&call.caller, field("scope")?, field("principal")?)
        .await?;
    Answer::json(&item)
}
