//! `GET /api/2.0/preview/scim/v2/Me`: Says who the caller is.

use sealbook_core::audit::Action;

use super::{scim, scim_list};
use crate::operation::{Access, Answer, Call, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/preview/scim/v2/Me",
    action: Action::GetMe,
    access: Access::User,
    about: "Says who the caller is.",
    input: scim_list::INPUT,
    output: scim::USER_IN_PART,
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let (user, directory) = call.vault().me(&call.caller).await?;
    let mut shown = scim::one_user(&directory, &user.id)?;
    shown["groups"] = scim::memberships(&directory, &call.caller.identity);
    Answer::json(&scim_list::projected(shown, &call.fields))
}
