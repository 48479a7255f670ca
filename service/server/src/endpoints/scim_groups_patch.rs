//! `PATCH /api/2.0/preview/scim/v2/Groups/{id}`: Changes a group in parts (RFC 7644, section 3.5.2).

use sealbook_core::audit::Action;

use super::{scim, scim_patch};
use crate::operation::{Access, Answer, Call, Operation, Refusal, Verb, unaudited};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Patch,
    path: "/api/2.0/preview/scim/v2/Groups/{id}",
    action: Action::UpdateGroup,
    access: Access::User,
    about: "Changes a group in parts; administrators only.",
    input: scim_patch::INPUT,
    output: scim::GROUP,
    run: |call| Box::pin(run(call)),
};

async fn run(mut call: Call) -> Result<Answer, Refusal> {
    let change = scim_patch::of_group(&mut call.fields).map_err(unaudited)?;
    let id = call.segment();
    let directory = call.vault().update_group(&call.caller, id, change).await?;
    Answer::json(&scim::one_group(&directory, id)?)
}
