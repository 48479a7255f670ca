//! `GET /api/2.0/audit/verify`: Checks the audit log from its first record.

use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Get,
    path: "/api/2.0/audit/verify",
    action: Action::VerifyAudit,
    access: Access::User,
    about: "Checks the audit log from its first record.",
    input: &[],
    output: OUTPUT,
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let verification = call.vault().verify_audit(&call.caller, &[]).await?;
    Answer::json(&verification)
}

pub(super) const OUTPUT: &[Field] = &[
    Field::required("intact", Kind::Boolean, "Every record is where and as it was written."),
    Field::required("records", Kind::Integer, "Records checked."),
    Field::required("chains", Kind::Integer, "Chains checked."),
    Field::optional("first_bad", Kind::Text, "What is wrong first."),
    Field::required(
        "unknown_outcomes",
        Kind::Integer,
        "Requests whose outcome was never written.",
    ),
    Field::optional(
        "checkpoints",
        Kind::Integer,
        "Signed checkpoints that the chains were compared with.",
    ),
];
