//! `POST /api/2.0/preview/scim/v2/Users`: Creates a user (RFC 7644, section 3.3).

use sealbook_core::audit::Action;

use super::scim;
use crate::operation::{Access, Answer, Call, Operation, Refusal, Verb, unaudited};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/preview/scim/v2/Users",
    action: Action::CreateUser,
    access: Access::User,
    about: "Creates a user; administrators only.",
    input: scim::USER_INPUT,
    output: scim::USER,
    run: |call| Box::pin(run(call)),
};

async fn run(mut call: Call) -> Result<Answer, Refusal> {
    let mut change = scim::whole_user(&mut call.fields).map_err(unaudited)?;
    let name = change.name.take().unwrap_or_default();
    let (user, directory) = call.vault().create_user(&call.caller, &name, change).await?;
    let mut answer = Answer::json(&scim::one_user(&directory, &user.id)?)?;
    answer.status = 201;
    Ok(answer)
}
