//! `POST /api/2.0/preview/scim/v2/Groups`: Creates a group (RFC 7644, section 3.3).

use sealbook_core::audit::Action;

use super::scim;
use crate::operation::{Access, Answer, Call, Operation, Refusal, Verb, unaudited};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/preview/scim/v2/Groups",
    action: Action::CreateGroup,
    access: Access::User,
    about: "Creates a group with its members; administrators only.",
    input: scim::GROUP_INPUT,
    output: scim::GROUP,
    run: |call| Box::pin(run(call)),
};

async fn run(mut call: Call) -> Result<Answer, Refusal> {
    let mut change = scim::whole_group(&mut call.fields).map_err(unaudited)?;
    let name = change.name.take().unwrap_or_default();
    let (group, directory) = call.vault().create_directory_group(&call.caller, &name, change).await?;
    let mut answer = Answer::json(&scim::one_group(&directory, &group.id)?)?;
    answer.status = 201;
    Ok(answer)
}
