//! `POST /api/2.0/kernel-sessions/revoke`: Ends a session, or all of a user, at once, from outside.

use crate::operation::unaudited;
use sealbook_api::ErrorCode;
use sealbook_api::sessions::RevokedSessions;
use sealbook_core::Error;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/kernel-sessions/revoke",
    action: Action::RevokeKernelSession,
    access: Access::User,
    about: "Ends a session, or all of a user, at once, from outside.",
    input: &[
        Field::optional("session_id", Kind::Text, "Which."),
        Field::optional(
            "user_name",
            Kind::Text,
            "Instead: the user whose sessions are all ended.",
        ),
    ],
    output: &[Field::required("revoked", Kind::Integer, "How many were ended.")],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let revoked = match (
        call.fields.maybe_text("session_id"),
        call.fields.maybe_text("user_name"),
    ) {
        (Some(session), None) => {
            call.vault().revoke_session(&call.caller, session).await?;
            1
        }
        (None, Some(user)) => call.vault().revoke_sessions_of(&call.caller, user).await?,
        _ => {
            return Err(unaudited(Error::new(
                ErrorCode::InvalidParameterValue,
                "Exactly one of the fields session_id and user_name must be given.",
            )));
        }
    };
    Answer::json(&RevokedSessions { revoked })
}
