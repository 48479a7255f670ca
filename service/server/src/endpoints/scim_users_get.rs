//! `GET /api/2.0/preview/scim/v2/Users/{id}`: Shows one user (RFC 7644, section 3.4.1).

use sealbook_core::audit::Action;

use super::{scim, scim_list};
use crate::operation::{Access, Answer, Call, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/preview/scim/v2/Users/{id}",
    action: Action::GetUser,
    access: Access::User,
    about: "Shows one user.",
    input: scim_list::INPUT,
    output: scim::USER_IN_PART,
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let id = call.segment();
    let directory = call.vault().get_user(&call.caller, id).await?;
    let shown = scim::one_user(&directory, id)?;
    Answer::json(&scim_list::projected(shown, &call.fields))
}
