//! `POST /api/2.0/secrets/acls/delete`: Takes a permission back.

use crate::operation::unaudited;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/secrets/acls/delete",
    action: Action::DeleteAcl,
    access: Access::User,
    about: "Takes a permission back.",
    input: &[
        Field::required("scope", Kind::Text, "The scope."),
        Field::required("principal", Kind::Text, "A user or group."),
    ],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let field = |name| call.fields.text(name).map_err(unaudited);
    call.vault()
        .delete_acl(&call.caller, field("scope")?, field("principal")?)
        .await?;
    Answer::empty()
}
