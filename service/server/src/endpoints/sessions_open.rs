//! `POST /api/2.0/kernel-sessions`: Opens a kernel session.

use super::attestation;
use crate::operation::unaudited;
use sealbook_api::sessions::OpenSession;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/kernel-sessions",
    action: Action::OpenKernelSession,
    access: Access::Kernel,
    about: "Opens a kernel session.",
    input: &[
        Field::required("attestation", Kind::Object, "Whose session it is, and the proof."),
        Field::required(
            "hpke_public_key",
            Kind::Text,
            "The kernel's ephemeral X25519 key in base64.",
        ),
        Field::required("kernel_id", Kind::Text, "The kernel's id."),
        Field::optional("notebook_path", Kind::Text, "The notebook, as the client asserts it."),
        Field::optional("job", Kind::Object, "The job's id and run_id."),
        Field::required("client_nonce", Kind::Text, "16 random bytes in base64."),
    ],
    output: &[
        Field::required("session_id", Kind::Text, "Names the session."),
        Field::required("user", Kind::Text, "Whose it is."),
        Field::required("encapsulated_key", Kind::Text, "For the key exchange."),
        Field::required("expires_at", Kind::Integer, "In milliseconds since 1970."),
        Field::required("renewable_until", Kind::Integer, "In milliseconds since 1970."),
        Field::required("server_time", Kind::Integer, "In milliseconds since 1970."),
    ],
    run: |call| Box::pin(run(call)),
};

async fn run(mut call: Call) -> Result<Answer, Refusal> {
    let attestation = attestation::parse(&mut call.fields).map_err(unaudited)?;
    let request = OpenSession {
        attestation,
        hpke_public_key: call.fields.text("hpke_public_key").map_err(unaudited)?.to_owned(),
        kernel_id: call.fields.text("kernel_id").map_err(unaudited)?.to_owned(),
        notebook_path: call.fields.maybe_text("notebook_path").map(str::to_owned),
        job: attestation::job(&mut call.fields).map_err(unaudited)?,
        client_nonce: call.fields.text("client_nonce").map_err(unaudited)?.to_owned(),
    };
    let established = match attestation::establish(&call, &request.attestation).await {
        Ok(established) => established,
        Err(error) => return Err(Refusal::Claimed(error, attestation::claims(&call, &request).await)),
    };
    let opened = call.vault().open_session(&call.from(), established, &request).await?;
    Answer::json(&opened)
}
