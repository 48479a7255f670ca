//! `DELETE /api/2.0/preview/scim/v2/Users/{id}`: Deletes a user with grants, memberships, tokens and sessions; administrators only.

use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Delete,
    path: "/api/2.0/preview/scim/v2/Users/{id}",
    action: Action::DeleteUser,
    access: Access::User,
    about: "Deletes a user with grants, memberships, tokens and sessions; administrators only.",
    input: &[],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    call.vault().delete_user(&call.caller, call.segment()).await?;
    Answer::empty()
}
