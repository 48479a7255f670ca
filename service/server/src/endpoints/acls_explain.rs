//! `GET /api/2.0/secrets/acls/explain`: Says what a principal may do in a scope, and why.

use crate::operation::unaudited;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/secrets/acls/explain",
    action: Action::ExplainAcl,
    access: Access::User,
    about: "Says what a principal may do in a scope, and why.",
    input: &[
        Field::required("scope", Kind::Text, "The scope."),
        Field::required("principal", Kind::Text, "A user or group."),
    ],
    output: &[
        Field::required("scope", Kind::Text, "The scope."),
        Field::required("principal", Kind::Text, "The user or group."),
        Field::optional("permission", Kind::Text, "The strongest grant."),
        Field::required("reasons", Kind::List, "Every grant that applies."),
    ],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let field = |name| call.fields.text(name).map_err(unaudited);
    let explanation = call
        .vault()
        .explain(&call.caller, field("scope")?, field("principal")?)
        .await?;
    Answer::json(&explanation)
}
