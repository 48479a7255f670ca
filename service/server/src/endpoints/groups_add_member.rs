//! `POST /api/2.0/groups/add-member`: Adds a user or group to a group.

use crate::fields::Fields;
use crate::operation::unaudited;
use sealbook_api::ErrorCode;
use sealbook_api::groups::Member;
use sealbook_core::Error;
use sealbook_core::audit::Action;

use crate::operation::{Access, Answer, Call, Field, Kind, Operation, Refusal, Verb};

pub(super) const OPERATION: Operation = Operation {
    verb: Verb::Post,
    path: "/api/2.0/groups/add-member",
    action: Action::AddGroupMember,
    access: Access::User,
    about: "Adds a user or group to a group.",
    input: &[
        Field::required("parent_name", Kind::Text, "The group."),
        Field::optional("user_name", Kind::Text, "The member, when it is a user."),
        Field::optional("group_name", Kind::Text, "The member, when it is a group."),
    ],
    output: &[],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call) -> Result<Answer, Refusal> {
    let member = member(&call.fields).map_err(unaudited)?;
    call.vault()
        .add_member(
            &call.caller,
            call.fields.text("parent_name").map_err(unaudited)?,
            &member,
        )
        .await?;
    Answer::empty()
}

/// Exactly one of `user_name` and `group_name`.
pub(super) fn member(fields: &Fields) -> Result<Member, Error> {
    match (fields.maybe_text("user_name"), fields.maybe_text("group_name")) {
        (Some(user), None) => Ok(Member::User(user.to_owned())),
        (None, Some(group)) => Ok(Member::Group(group.to_owned())),
        _ => Err(Error::new(
            ErrorCode::InvalidParameterValue,
            "Exactly one of the fields user_name and group_name must be given.",
        )),
    }
}
