//! `PUT /api/2.0/preview/scim/v2/Groups/{id}`: Replaces a group (RFC 7644, section 3.5.1).

use sealbook_core::audit::Action;

use super::scim;
use crate::operation::{Access, Answer, Call, Operation, Refusal, Verb, unaudited};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Put,
    path: "/api/2.0/preview/scim/v2/Groups/{id}",
    action: Action::UpdateGroup,
    access: Access::User,
    about: "Replaces a group and its members; administrators only.",
    input: scim::GROUP_INPUT,
    output: scim::GROUP,
    run: |call| Box::pin(run(call)),
};

async fn run(mut call: Call) -> Result<Answer, Refusal> {
    let change = scim::whole_group(&mut call.fields).map_err(unaudited)?;
    let id = call.segment();
    let directory = call.vault().update_group(&call.caller, id, change).await?;
    Answer::json(&scim::one_group(&directory, id)?)
}
