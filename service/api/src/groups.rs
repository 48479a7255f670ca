//! `groups/*` and the current user.

use serde::{Deserialize, Serialize};

/// Body of `POST /api/2.0/groups/create`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateGroup {
    /// The new group's name.
    pub group_name: String,
}

/// Body of `POST /api/2.0/groups/delete`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteGroup {
    /// The group to delete.
    pub group_name: String,
}

/// Body of `groups/add-member` and `groups/remove-member`: exactly one of `user_name` and `group_name` names the
/// member; `parent_name` is the group.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeMember {
    /// The member, when it is a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// The member, when it is a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// The group that gains or loses the member.
    pub parent_name: String,
}

/// A member of a group: a user or another group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Member {
    /// A user by name.
    #[serde(rename = "user_name")]
    User(String),
    /// A group by name.
    #[serde(rename = "group_name")]
    Group(String),
}

/// Answer of `GET /api/2.0/groups/list` and `groups/list-parents`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GroupList {
    /// Group names, sorted.
    #[serde(default)]
    pub group_names: Vec<String>,
}

/// Answer of `GET /api/2.0/groups/list-members`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MemberList {
    /// The direct members.
    #[serde(default)]
    pub members: Vec<Member>,
}

/// Answer of `POST /api/2.0/groups/create`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedGroup {
    /// The group's name.
    pub group_name: String,
}

/// Body of `POST /api/2.0/preview/scim/v2/Users`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateUser {
    /// The name in ACLs.
    #[serde(rename = "userName")]
    pub user_name: String,
}

/// The part of a SCIM user that our own clients read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScimUser {
    /// The immutable id.
    pub id: String,
    /// The name in ACLs.
    #[serde(rename = "userName")]
    pub user_name: String,
    /// Whether the user can authenticate.
    pub active: bool,
}

/// Answer of `GET /api/2.0/preview/scim/v2/Users`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScimUserList {
    /// The users.
    #[serde(rename = "Resources")]
    pub resources: Vec<ScimUser>,
}

/// The part of `GET /api/2.0/preview/scim/v2/Me` that our own clients read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// The immutable id.
    pub id: String,
    /// The name in ACLs.
    #[serde(rename = "userName")]
    pub user_name: String,
    /// The groups the user is in, directly or not.
    #[serde(default)]
    pub groups: Vec<ScimReference>,
}

/// A SCIM reference to a group or a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScimReference {
    /// The name.
    pub display: String,
    /// The id.
    pub value: String,
}
