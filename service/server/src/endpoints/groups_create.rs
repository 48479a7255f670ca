//! `POST /api/2.0/groups/create`: Creates a group.

use crate::operation::unaudited;
use sealbook_api::groups::CreatedGroup;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/groups/create",
    action: Action::CreateGroup,
    access: Access::User,
    about: "Creates a group.",
    input: &[Field::required("group_name", Kind::Text, "The new group's name.")],
    output: &[Field::required("group_name", Kind::Text, "The group's name.")],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let group = call
        .vault()
        .create_group(&call.caller, call.fields.text("group_name").map_err(unaudited)?)
        .await?;
    Answer::json(&CreatedGroup { group_name: group.name })
}
