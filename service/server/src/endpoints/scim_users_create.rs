//! `POST /api/2.0/preview/scim/v2/Users`: Creates a user (RFC 7644, section 3.3).

use sealbook_core::audit::Action;

use super::scim;
use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb, unaudited};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/preview/scim/v2/Users",
    action: Action::CreateUser,
    access: Access::User,
    about: "Creates a user; administrators only.",
    input: &[
        Field::required("userName", Kind::Text, "The name in ACLs."),
        Field::optional("schemas", Kind::List, "SCIM's schemas; not used."),
        Field::optional("displayName", Kind::Text, "Not kept: a user is shown by name."),
        Field::optional("emails", Kind::List, "Not kept: the name is the address."),
        Field::optional("active", Kind::Boolean, "Not used: a new user is active."),
    ],
    output: scim::USER,
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let name = call.fields.text("userName").map_err(unaudited)?;
    let user = call.vault().create_user(&call.caller, name).await?;
    let mut answer = Answer::json(&scim::user(&user))?;
    answer.status = 201;
    Ok(answer)
}
