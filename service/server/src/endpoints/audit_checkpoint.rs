//! `POST /api/2.0/audit/checkpoint`: Signs the end of the audit log now.

use sealbook_api::ErrorCode;
use sealbook_api::audit::{AuditCheckpoint, Checkpoints};
use sealbook_core::Error;
use sealbook_core::audit::Action;

use crate::fields::Fields;
use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/audit/checkpoint",
    action: Action::CheckpointAudit,
    access: Access::User,
    about: "Signs the end of the audit log now.",
    input: &[],
    output: &[Field::required(
        "checkpoints",
        Kind::List,
        "The newest checkpoint of every chain.",
    )],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let checkpoints = call.vault().newest_checkpoints(&call.caller).await?;
    Answer::json(&Checkpoints { checkpoints })
}

/// The field `checkpoints`; none when it is not given.
pub(super) fn checkpoints(fields: &mut Fields) -> Result<Vec<AuditCheckpoint>, Error> {
    let Some(given) = fields.json("checkpoints") else {
        return Ok(Vec::new());
    };
    serde_json::from_value(given).map_err(|_| {
        Error::new(
            ErrorCode::MalformedRequest,
            "The field checkpoints must be a list of checkpoints as audit/checkpoint gave them.",
        )
    })
}
