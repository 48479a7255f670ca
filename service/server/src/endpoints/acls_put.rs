//! `POST /api/2.0/secrets/acls/put`: Grants a permission, or replaces what was granted.

use crate::operation::unaudited;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/secrets/acls/put",
    action: Action::PutAcl,
    access: Access::User,
    about: "Grants a permission, or replaces what was granted.",
    input: &[
        Field::required("scope", Kind::Text, "The scope."),
        Field::required("principal", Kind::Text, "A user or group."),
        Field::required("permission", Kind::Text, "READ, WRITE or MANAGE."),
    ],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let field = |name| call.fields.text(name).map_err(unaudited);
    call.vault()
        .put_acl(&call.caller, field("scope")?, field("principal")?, field("permission")?)
        .await?;
    Answer::empty()
}
