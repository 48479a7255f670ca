//! `GET /api/2.0/preview/scim/v2/Users`: Lists the users (RFC 7644, section 3.4.2).

use sealbook_core::audit::Action;
use serde_json::json;

use super::scim;
use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/preview/scim/v2/Users",
    action: Action::ListUsers,
    access: Access::User,
    about: "Lists the users.",
    input: &[],
    output: &[
        Field::required("totalResults", Kind::Integer, "How many there are."),
        Field::required("Resources", Kind::List, "The users."),
    ],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let users = call.vault().list_users(&call.caller).await?;
    let resources: Vec<_> = users.iter().map(scim::user).collect();
    Answer::json(&json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    }))
}
