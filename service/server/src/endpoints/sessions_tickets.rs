//! `POST /api/2.0/kernel-sessions/tickets`: Mints a one-time ticket that opens a session.

use super::attestation;
use crate::operation::unaudited;
use sealbook_api::sessions::MintTicket;
use sealbook_core::audit::Action;
use serde_json::json;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/kernel-sessions/tickets",
    action: Action::MintJobTicket,
    access: Access::User,
    about: "Mints a one-time ticket that opens a session.",
    input: &[
        Field::optional(
            "user_name",
            Kind::Text,
            "For whom; for another user only with the right job-launcher.",
        ),
        Field::optional("job", Kind::Object, "The job's id and run_id that it is bound to."),
    ],
    output: &[
        Field::required("ticket", Kind::Secret, "The ticket, shown only here."),
        Field::required("expires_at", Kind::Integer, "In milliseconds since 1970."),
    ],
    run: |call| Box::pin(run(call)),
};

async fn run(mut call: Call) -> Result<Answer, Refusal> {
    let request = MintTicket {
        user_name: call.fields.maybe_text("user_name").map(str::to_owned),
        job: attestation::job(&mut call.fields).map_err(unaudited)?,
    };
    let (ticket, expires_at) = call.vault().mint_ticket(&call.caller, &request).await?;
    // A ticket cannot be serialised by a derive: this is the one place that writes it.
    Answer::json(&json!({ "ticket": ticket.expose(), "expires_at": expires_at }))
}
