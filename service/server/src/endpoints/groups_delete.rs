//! `POST /api/2.0/groups/delete`: Deletes a group and what was granted to it.

use crate::operation::unaudited;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/groups/delete",
    action: Action::DeleteGroup,
    access: Access::User,
    about: "Deletes a group and what was granted to it.",
    input: &[Field::required("group_name", Kind::Text, "The group.")],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    call.vault()
        .delete_group(&call.caller, call.fields.text("group_name").map_err(unaudited)?)
        .await?;
    Answer::empty()
}
