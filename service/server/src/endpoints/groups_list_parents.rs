//! `GET /api/2.0/groups/list-parents`: Lists the groups that a user or group is in.

use super::groups_add_member::member;
use crate::operation::unaudited;
use sealbook_api::groups::GroupList;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/groups/list-parents",
    action: Action::ListGroupParents,
    access: Access::User,
    about: "Lists the groups that a user or group is in.",
    input: &[
        Field::optional("user_name", Kind::Text, "The member, when it is a user."),
        Field::optional("group_name", Kind::Text, "The member, when it is a group."),
    ],
    output: &[Field::required("group_names", Kind::List, "Their names.")],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let member = member(&call.fields).map_err(unaudited)?;
    let group_names = call.vault().list_parents(&call.caller, &member).await?;
    Answer::json(&GroupList { group_names })
}
