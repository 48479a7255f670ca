//! `GET /api/2.0/audit/query`: Shows audit records, oldest first.

use crate::operation::unaudited;
use sealbook_api::audit::AuditQuery;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/audit/query",
    action: Action::QueryAudit,
    access: Access::User,
    about: "Shows audit records, oldest first.",
    input: &[
        Field::optional("user", Kind::Text, "Only of this user."),
        Field::optional("scope", Kind::Text, "Only about this scope."),
        Field::optional("action", Kind::Text, "Only this action."),
        Field::optional("since", Kind::Integer, "Only since then, in milliseconds since 1970."),
        Field::optional("failed", Kind::Boolean, "Only refused requests, or only served ones."),
        Field::optional("limit", Kind::Integer, "At most so many."),
        Field::optional("after", Kind::Integer, "Only after this position."),
    ],
    output: &[
        Field::required("records", Kind::List, "The records."),
        Field::required("position", Kind::Integer, "Where to go on."),
    ],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let text = |name| call.fields.maybe_text(name).map(str::to_owned);
    let query = AuditQuery {
        user: text("user"),
        scope: text("scope"),
        action: text("action"),
        since: call.fields.maybe_integer("since").map_err(unaudited)?,
        failed: call.fields.maybe_boolean("failed").map_err(unaudited)?,
        limit: call
            .fields
            .maybe_integer("limit")
            .map_err(unaudited)?
            .map(|limit| limit.clamp(1, 10_000) as u32),
        after: call.fields.maybe_integer("after").map_err(unaudited)?,
    };
    let page = call.vault().query_audit(&call.caller, &query).await?;
    Answer::json(&page)
}
