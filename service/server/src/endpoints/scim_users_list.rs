//! `GET /api/2.0/preview/scim/v2/Users`: Lists the users (RFC 7644, section 3.4.2).

use sealbook_core::audit::Action;

use super::{scim, scim_list};
use crate::operation::{Access, Answer, Call, Operation, Refusal, Verb, unaudited};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/preview/scim/v2/Users",
    action: Action::ListUsers,
    access: Access::User,
    about: "Lists the users.",
    input: scim_list::INPUT,
    output: scim_list::OUTPUT,
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let directory = call.vault().list_users(&call.caller).await?;
    let page = scim_list::page(scim::users(&directory), &scim::USER_ATTRIBUTES, &call.fields).map_err(unaudited)?;
    Answer::json(&page)
}
