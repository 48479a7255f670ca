//! `scopes/create`, `scopes/delete`, `scopes/list`.

use serde::{Deserialize, Serialize};

/// Body of `POST /api/2.0/secrets/scopes/create`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateScope {
    /// The new scope's name.
    pub scope: String,
    /// `users` is the only legal value: then every user manages the scope and its creator gets no entry of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_manage_principal: Option<String>,
    /// `DATABRICKS` is the only legal value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope_backend_type: Option<String>,
}

/// Body of `POST /api/2.0/secrets/scopes/delete`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteScope {
    /// The scope to delete with all its secrets.
    pub scope: String,
}

/// One scope of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Its name.
    pub name: String,
    /// Always `DATABRICKS`.
    pub backend_type: String,
}

/// Answer of `GET /api/2.0/secrets/scopes/list`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScopeList {
    /// The scopes that the caller may see.
    #[serde(default)]
    pub scopes: Vec<Scope>,
}
