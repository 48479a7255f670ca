//! `GET /api/2.0/preview/scim/v2/Me`: Says who the caller is.

use sealbook_core::audit::Action;
use serde_json::{Value, json};

use super::scim;
use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/preview/scim/v2/Me",
    action: Action::GetMe,
    access: Access::User,
    about: "Says who the caller is.",
    input: &[],
    output: &[
        Field::required("id", Kind::Text, "The immutable id."),
        Field::required("userName", Kind::Text, "The name in ACLs."),
        Field::required("groups", Kind::List, "The groups."),
        Field::required("active", Kind::Boolean, "Can authenticate."),
    ],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let user = call.vault().me(&call.caller).await?;
    let groups = call.caller.identity.groups.iter();
    let groups: Vec<Value> = groups
        .map(|group| json!({ "display": group, "value": group, "type": "direct" }))
        .collect();
    let mut answer = scim::user(&user);
    answer["groups"] = groups.into();
    Answer::json(&answer)
}
