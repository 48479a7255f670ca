//! `GET /api/2.0/groups/list-members`: Lists the direct members of a group.

use crate::operation::unaudited;
use sealbook_api::groups::MemberList;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/groups/list-members",
    action: Action::ListGroupMembers,
    access: Access::User,
    about: "Lists the direct members of a group.",
    input: &[Field::required("group_name", Kind::Text, "The group.")],
    output: &[Field::required("members", Kind::List, "Users and groups.")],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let members = call
        .vault()
        .list_members(&call.caller, call.fields.text("group_name").map_err(unaudited)?)
        .await?;
    Answer::json(&MemberList { members })
}
