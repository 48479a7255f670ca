//! `POST /api/2.0/kernel-sessions/{id}/renew`: Extends a session.

use super::attestation;
use crate::operation::unaudited;
use sealbook_api::sessions::Attestation;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/kernel-sessions/{id}/renew",
    action: Action::RenewKernelSession,
    access: Access::Kernel,
    about: "Extends a session.",
    input: &[Field::required("attestation", Kind::Object, "As at opening.")],
    output: &[Field::required(
        "expires_at",
        Kind::Integer,
        "In milliseconds since 1970.",
    )],
    run: |call| Box::pin(run(call)),
};

async fn run(mut call: Call) -> Result<Answer, Refusal> {
    let attestation = attestation::parse(&mut call.fields).map_err(unaudited)?;
    let attest = async {
        match &attestation {
            Attestation::JobTicket(_) => Ok(None),
            other => attestation::establish(&call, other).await.map(Some),
        }
    };
    let renewed = call
        .vault()
        .renew_session(&call.from(), call.signed().map_err(unaudited)?, attest)
        .await?;
    Answer::json(&renewed)
}
