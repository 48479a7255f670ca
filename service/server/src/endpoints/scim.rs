//! Users and groups as SCIM shows them (RFC 7643, sections 4.1 and 4.2), and what a request says about them.

use std::collections::HashMap;

use sealbook_core::Error;
use sealbook_core::acl::Identity;
use sealbook_core::rows::{GroupRow, MemberKind, UserRow};
use sealbook_core::vault::{Directory, GroupChange, MemberChange, Profile, Reference, UserChange};
use serde_json::{Value, json};

use crate::fields::Fields;
use crate::operation::{Field, Kind};

/// Attributes of a user that are kept as given and shown again.
const USER_SHOWN: [&str; 4] = ["displayName", "name", "emails", "externalId"];
/// The same of a group; its display name is the name in ACLs.
const GROUP_SHOWN: [&str; 1] = ["externalId"];

/// What a filter on users can name.
pub(super) const USER_ATTRIBUTES: [&str; 8] = [
    "id",
    "userName",
    "displayName",
    "active",
    "emails",
    "name",
    "externalId",
    "groups",
];
/// What a filter on groups can name.
pub(super) const GROUP_ATTRIBUTES: [&str; 5] = ["id", "displayName", "externalId", "members", "groups"];

/// The fields of a user that clients rely on.
pub(super) const USER: &[Field] = &USER_FIELDS;
/// The same where a request can ask for some of them.
pub(super) const USER_IN_PART: &[Field] = &in_part(USER_FIELDS);

const USER_FIELDS: [Field; 8] = [
    Field::required("id", Kind::Text, "The immutable id."),
    Field::required("userName", Kind::Text, "The name in ACLs."),
    Field::required("displayName", Kind::Text, "How the user is shown."),
    Field::required("active", Kind::Boolean, "Can authenticate."),
    Field::required("emails", Kind::List, "Addresses."),
    Field::optional("name", Kind::Object, "givenName and familyName."),
    Field::optional("externalId", Kind::Text, "What an identity provider calls the user."),
    Field::required("groups", Kind::List, "The groups that the user is in directly."),
];

/// The fields of a group that clients rely on.
pub(super) const GROUP: &[Field] = &GROUP_FIELDS;
/// The same where a request can ask for some of them.
pub(super) const GROUP_IN_PART: &[Field] = &in_part(GROUP_FIELDS);

const GROUP_FIELDS: [Field; 5] = [
    Field::required("id", Kind::Text, "The immutable id."),
    Field::required("displayName", Kind::Text, "The name in ACLs."),
    Field::optional("externalId", Kind::Text, "What an identity provider calls the group."),
    Field::required("members", Kind::List, "Users and groups that are in it directly."),
    Field::required("groups", Kind::List, "The groups that it is in directly."),
];

/// Only the first field, the id, is there for certain.
const fn in_part<const N: usize>(mut fields: [Field; N]) -> [Field; N] {
    let mut at = 1;
    while at < N {
        fields[at].required = false;
        at += 1;
    }
    fields
}

/// What a request may say about a user.
pub(super) const USER_INPUT: &[Field] = &[
    Field::optional("userName", Kind::Text, "The name in ACLs; cannot be changed."),
    Field::optional("displayName", Kind::Text, "How the user is shown."),
    Field::optional("name", Kind::Object, "givenName and familyName."),
    Field::optional("emails", Kind::List, "Addresses."),
    Field::optional("externalId", Kind::Text, "What an identity provider calls the user."),
    Field::optional("active", Kind::Boolean, "Can authenticate."),
    Field::others("Other attributes of SCIM: not kept."),
];

/// What a request may say about a group.
pub(super) const GROUP_INPUT: &[Field] = &[
    Field::optional("displayName", Kind::Text, "The name in ACLs."),
    Field::optional("externalId", Kind::Text, "What an identity provider calls the group."),
    Field::optional("members", Kind::List, "Ids of users and groups: [{\"value\": \"…\"}]."),
    Field::others("Other attributes of SCIM: not kept."),
];

pub(super) fn users(directory: &Directory) -> Vec<Value> {
    let parents = directory.parents();
    let rows = directory.users().iter();
    rows.map(|row| user(row, &parents)).collect()
}

pub(super) fn one_user(directory: &Directory, id: &str) -> Result<Value, Error> {
    Ok(user(directory.user(id)?, &directory.parents()))
}

pub(super) fn groups(directory: &Directory) -> Vec<Value> {
    let (members, parents) = (directory.members(), directory.parents());
    let rows = directory.groups().iter();
    rows.map(|row| group(row, &members, &parents)).collect()
}

pub(super) fn one_group(directory: &Directory, id: &str) -> Result<Value, Error> {
    Ok(group(directory.group(id)?, &directory.members(), &directory.parents()))
}

fn user(row: &UserRow, parents: &HashMap<(MemberKind, &str), Vec<Reference>>) -> Value {
    let mut shown = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": row.id,
        "userName": row.name,
        "displayName": row.name,
        "active": row.active,
        "emails": [{ "value": row.name, "primary": true, "type": "work" }],
    });
    overlay(&mut shown, &row.profile);
    shown["groups"] = references(parents.get(&(MemberKind::User, row.name.as_str())), "direct");
    shown["meta"] = json!({ "resourceType": "User" });
    shown
}

fn group(
    row: &GroupRow,
    members: &HashMap<&str, Vec<Reference>>,
    parents: &HashMap<(MemberKind, &str), Vec<Reference>>,
) -> Value {
    let mut shown = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "id": row.id,
        "displayName": row.name,
    });
    overlay(&mut shown, &row.profile);
    shown["members"] = references(members.get(row.name.as_str()), "");
    shown["groups"] = references(parents.get(&(MemberKind::Group, row.name.as_str())), "direct");
    shown["meta"] = json!({ "resourceType": "WorkspaceGroup" });
    shown
}

fn overlay(shown: &mut Value, profile: &str) {
    for (name, value) in serde_json::from_str::<Profile>(profile).unwrap_or_default() {
        shown[name] = value;
    }
}

/// `kind` is the type that is shown, or empty for that of each.
fn references(of: Option<&Vec<Reference>>, kind: &str) -> Value {
    let shown = of.into_iter().flatten().map(|reference| {
        let (folder, own) = match reference.kind {
            MemberKind::User => ("Users", "User"),
            MemberKind::Group => ("Groups", "Group"),
        };
        json!({
            "display": reference.name,
            "value": reference.id,
            "type": if kind.is_empty() { own } else { kind },
            "$ref": format!("{folder}/{}", reference.id),
        })
    });
    shown.collect()
}

/// Every group that an identity is in, directly or through others.
pub(super) fn memberships(directory: &Directory, identity: &Identity) -> Value {
    let parents = directory.parents();
    let direct = parents.get(&(MemberKind::User, identity.user.as_str()));
    let of_identity = directory
        .groups()
        .iter()
        .filter(|group| identity.groups.contains(&group.name));
    let shown = of_identity.map(|group| {
        let is_direct = direct.is_some_and(|groups| groups.iter().any(|reference| reference.id == group.id));
        json!({
            "display": group.name,
            "value": group.id,
            "type": if is_direct { "direct" } else { "indirect" },
            "$ref": format!("Groups/{}", group.id),
        })
    });
    shown.collect()
}

/// A user as a request gives one whole: what it does not say about how the user is shown is removed.
pub(super) fn whole_user(fields: &mut Fields) -> Result<UserChange, Error> {
    Ok(UserChange {
        name: fields.maybe_text("userName").map(str::to_owned),
        active: fields.maybe_boolean("active")?,
        profile: shown(fields, &USER_SHOWN),
    })
}

/// A group that a request gives whole.
pub(super) fn whole_group(fields: &mut Fields) -> Result<GroupChange, Error> {
    Ok(GroupChange {
        name: fields.maybe_text("displayName").map(str::to_owned),
        profile: shown(fields, &GROUP_SHOWN),
        members: vec![whole_members(fields)?],
    })
}

fn shown(fields: &mut Fields, names: &[&str]) -> Vec<(String, Option<Value>)> {
    let given = names.iter().map(|name| ((*name).to_owned(), fields.json(name)));
    given.collect()
}

/// Whether an attribute of a user is kept as given.
pub(super) fn is_shown_of_user(name: &str) -> bool {
    USER_SHOWN.contains(&name)
}

/// Whether an attribute of a group is kept as given.
pub(super) fn is_shown_of_group(name: &str) -> bool {
    GROUP_SHOWN.contains(&name)
}

/// The members that a request gives whole, none when it says nothing.
fn whole_members(fields: &mut Fields) -> Result<MemberChange, Error> {
    let ids = fields.json("members").map(|value| member_ids(&value)).transpose()?;
    Ok(MemberChange::Replace(ids.unwrap_or_default()))
}

/// The ids in `[{"value": "…"}]`; one object alone is taken too.
pub(super) fn member_ids(value: &Value) -> Result<Vec<String>, Error> {
    let wrong = || {
        Error::new(
            sealbook_api::ErrorCode::InvalidParameterValue,
            "members must be a list of objects, each with the id of a user or group as its value.",
        )
    };
    let items = match value {
        Value::Array(items) => items.as_slice(),
        Value::Object(_) => std::slice::from_ref(value),
        _ => return Err(wrong()),
    };
    items
        .iter()
        .map(|item| item["value"].as_str().map(str::to_owned).ok_or_else(wrong))
        .collect()
}
