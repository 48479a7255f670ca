//! `DELETE /api/2.0/preview/scim/v2/Groups/{id}`: Deletes a group and what was granted to it; administrators only.

use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Delete,
    path: "/api/2.0/preview/scim/v2/Groups/{id}",
    action: Action::DeleteGroup,
    access: Access::User,
    about: "Deletes a group and what was granted to it; administrators only.",
    input: &[],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    call.vault().delete_group_by_id(&call.caller, call.segment()).await?;
    Answer::empty()
}
