//! `GET /api/2.0/audit/rows`: Shows audit rows as they are chained, for an export that can be verified.

use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb, unaudited};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/audit/rows",
    action: Action::ExportAudit,
    access: Access::User,
    about: "Shows audit rows as they are chained, for an export that can be verified.",
    input: &[
        Field::optional("replica", Kind::Text, "The chain to go on with."),
        Field::optional("index", Kind::Integer, "The last row of that chain that is known."),
    ],
    output: &[
        Field::required("rows", Kind::List, "The rows; none after the last."),
        Field::required("position", Kind::Object, "Where to go on."),
    ],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let index = call.fields.maybe_integer("index").map_err(unaudited)?;
    let index = index.and_then(|index| u64::try_from(index).ok()).unwrap_or(0);
    let replica = call.fields.maybe_text("replica").unwrap_or("");
    Answer::json(&call.vault().audit_rows(&call.caller, replica, index).await?)
}
