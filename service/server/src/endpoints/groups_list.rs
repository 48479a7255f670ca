//! `GET /api/2.0/groups/list`: Lists the groups.

use sealbook_api::groups::GroupList;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/groups/list",
    action: Action::ListGroups,
    access: Access::User,
    about: "Lists the groups.",
    input: &[],
    output: &[Field::required("group_names", Kind::List, "Their names.")],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let groups = call.vault().list_groups(&call.caller).await?;
    Answer::json(&GroupList {
        group_names: groups.into_iter().map(|group| group.name).collect(),
    })
}
