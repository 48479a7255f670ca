//! `POST /api/2.0/audit/verify-rows`: Checks rows of an export.

use sealbook_api::ErrorCode;
use sealbook_api::audit::VerifyRows;
use sealbook_core::Error;
use sealbook_core::audit::Action;

use super::audit_checkpoint::checkpoints;
use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb, unaudited};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/audit/verify-rows",
    action: Action::VerifyAudit,
    access: Access::User,
    about: "Checks rows of an export.",
    input: &[
        Field::required(
            "after",
            Kind::Object,
            "`position` of the answer before; index 0 at the start.",
        ),
        Field::required("rows", Kind::List, "The rows that follow, in order."),
        Field::optional("checkpoints", Kind::List, "Checkpoints that the rows must agree with."),
    ],
    output: &[
        Field::required("position", Kind::Object, "Where the rows end."),
        Field::optional("first_bad", Kind::Text, "What is wrong first."),
    ],
    run: |call| Box::pin(run(call)),
};

async fn run(mut call: Call) -> Result<Answer, Refusal> {
    let malformed = |message| unaudited(Error::new(ErrorCode::MalformedRequest, message));
    let mut take = |name| call.fields.json(name).unwrap_or_default();
    let after = serde_json::from_value(take("after"))
        .map_err(|_| malformed("The field after must be an object with replica, index and head."))?;
    let rows = serde_json::from_value(take("rows"))
        .map_err(|_| malformed("The field rows must be a list of objects as audit/rows gave them."))?;
    let checkpoints = checkpoints(&mut call.fields).map_err(unaudited)?;
    let request = VerifyRows {
        after,
        rows,
        checkpoints,
    };
    Answer::json(&call.vault().verify_rows(&call.caller, request).await?)
}
