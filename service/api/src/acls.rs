//! `acls/put`, `acls/delete`, `acls/list`, `acls/get`, and `explain`.

use serde::{Deserialize, Serialize};

use crate::names::Permission;

/// Body of `POST /api/2.0/secrets/acls/put`; overwrites the principal's entry.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutAcl {
    /// The scope.
    pub scope: String,
    /// The user or group; must exist.
    pub principal: String,
    /// `READ`, `WRITE` or `MANAGE`.
    pub permission: String,
}

/// Body of `POST /api/2.0/secrets/acls/delete`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteAcl {
    /// The scope.
    pub scope: String,
    /// Whose entry to delete.
    pub principal: String,
}

/// One entry of a scope's ACL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclItem {
    /// The user or group.
    pub principal: String,
    /// What they may do.
    pub permission: Permission,
}

/// Answer of `GET /api/2.0/secrets/acls/list?scope=`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AclList {
    /// The entries, by principal.
    #[serde(default)]
    pub items: Vec<AclItem>,
}

/// Answer of `GET /api/2.0/secrets/acls/explain?scope=&principal=`: what a principal may do in a scope, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The scope.
    pub scope: String,
    /// The user or group asked about.
    pub principal: String,
    /// The strongest grant, or none.
    pub permission: Option<Permission>,
    /// Every grant that applies, strongest first, each with its reason in words.
    pub reasons: Vec<Reason>,
}

/// One grant that applies to a principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What it grants.
    pub permission: Permission,
    /// Through which entry: `entry for alice`, `entry for group datascience`, `member of admins, …`.
    pub because: String,
}
