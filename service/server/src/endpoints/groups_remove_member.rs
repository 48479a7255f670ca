//! `POST /api/2.0/groups/remove-member`: Removes a user or group from a group.

use super::groups_add_member::member;
use crate::operation::unaudited;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/groups/remove-member",
    action: Action::RemoveGroupMember,
    access: Access::User,
    about: "Removes a user or group from a group.",
    input: &[
        Field::required("parent_name", Kind::Text, "The group."),
        Field::optional("user_name", Kind::Text, "The member, when it is a user."),
        Field::optional("group_name", Kind::Text, "The member, when it is a group."),
    ],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let member = member(&call.fields).map_err(unaudited)?;
    call.vault()
        .remove_member(
            &call.caller,
            call.fields.text("parent_name").map_err(unaudited)?,
            &member,
        )
        .await?;
    Answer::empty()
}
