//! `PUT /api/2.0/preview/scim/v2/Users/{id}`: Replaces a user (RFC 7644, section 3.5.1).

use sealbook_core::audit::Action;

use super::scim;
use crate::operation::{Access, Answer, Call, Operation, Refusal, Verb, unaudited};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Put,
    path: "/api/2.0/preview/scim/v2/Users/{id}",
    action: Action::UpdateUser,
    access: Access::User,
    about: "Replaces how a user is shown and whether they can authenticate; administrators only.",
    input: scim::USER_INPUT,
    output: scim::USER,
    run: |call| Box::pin(run(call)),
};

async fn run(mut call: Call) -> Result<Answer, Refusal> {
    let change = scim::whole_user(&mut call.fields).map_err(unaudited)?;
    let id = call.segment();
    let directory = call.vault().update_user(&call.caller, id, change).await?;
    Answer::json(&scim::one_user(&directory, id)?)
}
