//! `POST /api/2.0/audit/verify`: Checks the audit log against checkpoints that were kept elsewhere.

use sealbook_core::audit::Action;

use super::audit_checkpoint::checkpoints;
use super::audit_verify::OUTPUT;
use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb, unaudited};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/audit/verify",
    action: Action::VerifyAudit,
    access: Access::User,
    about: "Checks the audit log against checkpoints that were kept elsewhere.",
    input: &[Field::required(
        "checkpoints",
        Kind::List,
        "Checkpoints, as audit/checkpoint gave them.",
    )],
    output: OUTPUT,
    run: |call| Box::pin(run(call)),
};

async fn run(mut call: Call) -> Result<Answer, Refusal> {
    let checkpoints = checkpoints(&mut call.fields).map_err(unaudited)?;
    let verification = call.vault().verify_audit(&call.caller, &checkpoints).await?;
    Answer::json(&verification)
}
