//! `token/create`, `token/list`, `token/delete`.

use serde::{Deserialize, Serialize};

use crate::secret_text::SecretText;

/// What a token is good for. The kinds do not overlap: a kernel token opens kernel sessions and can call nothing else, an
/// API token opens none unless the operator turns that on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Calls the REST API.
    #[default]
    Api,
    /// Opens kernel sessions.
    Kernel,
}

/// Body of `POST /api/2.0/token/create`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// What the token is for, in the user's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Seconds until it expires; without it, the service's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime_seconds: Option<i64>,
    /// An extension of the original API: the kind of token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<TokenKind>,
    /// An extension of the original API: an administrator may make a token for another user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
}

/// Answer of `token/create`: the only time that the token is shown.
#[derive(Debug, Deserialize)]
pub struct CreatedToken {
    /// The token.
    pub token_value: SecretText,
    /// What is known of it.
    pub token_info: TokenInfo,
}

/// Body of `POST /api/2.0/token/delete`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteToken {
    /// Which token to revoke.
    pub token_id: String,
}

/// What is known of a token after its creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    /// Names the token; says nothing about its value.
    pub token_id: String,
    /// Milliseconds since 1970.
    pub creation_time: i64,
    /// Milliseconds since 1970; −1 for a token that does not expire.
    pub expiry_time: i64,
    /// The user's words.
    #[serde(default)]
    pub comment: String,
    /// What it is good for.
    #[serde(default)]
    pub kind: TokenKind,
    /// When it last authenticated a request, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_time: Option<i64>,
    /// Whose it is, in lists of other users' tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
}

/// Answer of `GET /api/2.0/token/list`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenList {
    /// The caller's tokens.
    #[serde(default)]
    pub token_infos: Vec<TokenInfo>,
}
