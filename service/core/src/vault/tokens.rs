//! Tokens: made, listed, revoked, and checked.
//!
//! `sealbook_api_…` and `sealbook_kernel_…`: 32 random bytes in base64url behind a prefix that secret scanners can
//! recognise. Only the SHA-256 is stored, so a token is shown once.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealbook_api::names::ADMINS;
use sealbook_api::tokens::{CreateToken, TokenInfo, TokenKind};
use sealbook_api::{ErrorCode, SecretText};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use super::{Caller, Vault, commit_error, params};
use crate::acl::Identity;
use crate::audit::Action;
use crate::clock::random;
use crate::error::Error;
use crate::rows::{MemberKind, MembershipRow, TokenRow, token_kind_name};
use crate::store::{Change, CommitError, Holder};

/// The name of the first administrator of a shared server.
const BOOTSTRAP_USER: &str = "admin";
/// Characters of the longest comment.
const COMMENT_CHARS_MAX: usize = 256;
/// Milliseconds between two notes of a token's last use: noting each would make every request a write.
const TOUCH_INTERVAL_MS: i64 = 60_000;

/// Who a token belongs to.
#[derive(Debug)]
pub struct Authenticated {
    /// The user and their groups.
    pub identity: Identity,
    /// What the token is good for.
    pub kind: TokenKind,
    /// The token's id, for audit records.
    pub token_id: String,
}

/// Whose tokens are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'a> {
    /// The caller's.
    Own,
    /// This user's.
    User(&'a str),
    /// All.
    Everybody,
}

impl Vault {
    /// A token for the caller, or by an administrator for another user. Shown once. Kernel tokens are made by administrators,
    /// unless the operator lets API tokens open sessions.
    ///
    /// # Errors
    /// `INVALID_PARAMETER_VALUE`, `PERMISSION_DENIED`, `RESOURCE_DOES_NOT_EXIST`.
    pub async fn create_token(&self, caller: &Caller, request: &CreateToken) -> Result<(SecretText, TokenInfo), Error> {
        let user = request.user_name.as_deref().unwrap_or(&caller.identity.user);
        let kind = request.kind.unwrap_or_default();
        let named = params(&[("user", user), ("kind", token_kind_name(kind))]);
        self.audited(caller, Action::CreateToken, named, async {
            if user != caller.identity.user {
                self.admin(caller)?;
            }
            if kind == TokenKind::Kernel && !caller.identity.is_admin() && !self.api_tokens_open_sessions {
                return Err(Error::new(
                    ErrorCode::PermissionDenied,
                    format!(
                        "An API token makes no kernel token, because it may read no value by any way: ask an administrator \
                         (`sealbook tokens create --user-name {user} --kind kernel`)."
                    ),
                ));
            }
            self.active_user(user).await?;
            let comment = request.comment.clone().unwrap_or_default();
            if comment.chars().count() > COMMENT_CHARS_MAX {
                return Err(Error::invalid(format!(
                    "comment has more than {COMMENT_CHARS_MAX} characters"
                )));
            }
            let lifetime_ms = match request.lifetime_seconds {
                None => self.limits.token_ms_default,
                Some(seconds) if seconds > 0 => Some(seconds.saturating_mul(1_000)),
                Some(seconds) => {
                    return Err(Error::invalid(format!(
                        "lifetime_seconds must be positive, not {seconds}"
                    )));
                }
            };
            let (token, row) = self.new_token(user, kind, comment, lifetime_ms, false)?;
            self.store
                .commit(vec![Change::CreateToken(row.clone())])
                .await
                .map_err(commit_error)?;
            Ok((token, info(row)))
        })
        .await
    }

    fn new_token(
        &self,
        user: &str,
        kind: TokenKind,
        comment: String,
        lifetime_ms: Option<i64>,
        bootstrap: bool,
    ) -> Result<(SecretText, TokenRow), Error> {
        let token = self.random_text(match kind {
            TokenKind::Api => "sealbook_api_",
            TokenKind::Kernel => "sealbook_kernel_",
        })?;
        let now = self.clock.now_ms();
        let row = TokenRow {
            id: self.new_id()?,
            hash: hash(token.expose()),
            user: user.to_owned(),
            kind,
            comment,
            created_at: now,
            expires_at: lifetime_ms.map(|lifetime| now.saturating_add(lifetime)),
            last_used_at: None,
            bootstrap,
            mac: Vec::new(),
        };
        Ok((token, row.signed(self.row_mac())))
    }

    /// A prefix and 256 random bits.
    pub(super) fn random_text(&self, prefix: &str) -> Result<SecretText, Error> {
        let mut bytes = random::<32>(self.entropy.as_ref())?;
        let mut text = prefix.to_owned();
        URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
        bytes.zeroize();
        Ok(SecretText::new(text))
    }

    /// The caller's own tokens; for an administrator also another user's, or everybody's.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, `RESOURCE_DOES_NOT_EXIST`.
    pub async fn list_tokens(&self, caller: &Caller, whose: Whose<'_>) -> Result<Vec<TokenInfo>, Error> {
        let own = caller.identity.user.as_str();
        let (user, named) = match whose {
            Whose::Own => (Some(own), params(&[])),
            Whose::User(user) => (Some(user), params(&[("user", user)])),
            Whose::Everybody => (None, params(&[("user", "*")])),
        };
        self.audited(caller, Action::ListTokens, named, async {
            if user != Some(own) {
                self.admin(caller)?;
            }
            if let Some(user) = user.filter(|user| *user != own)
                && self.store.user(user).await?.is_none()
            {
                return Err(Error::missing(format!("User {user} does not exist.")));
            }
            let rows = self.store.tokens(user).await?;
            let named = |row: TokenRow| TokenInfo {
                user_name: matches!(whose, Whose::User(_) | Whose::Everybody).then(|| row.user.clone()),
                ..info(row)
            };
            Ok(rows.into_iter().map(named).collect())
        })
        .await
    }

    /// Revokes a token: one's own, or as an administrator anybody's. The kernel sessions that it opened end.
    ///
    /// # Errors
    /// `RESOURCE_DOES_NOT_EXIST`.
    pub async fn delete_token(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        self.audited(caller, Action::DeleteToken, params(&[("tokenId", id)]), async {
            let missing = || Error::missing(format!("Token {id} does not exist."));
            let owner = if caller.identity.is_admin() {
                None
            } else {
                Some(caller.identity.user.as_str())
            };
            if !self.store.tokens(owner).await?.iter().any(|row| row.id == id) {
                return Err(missing());
            }
            let holder = Holder::Token(id.to_owned());
            let ended = self.open_sessions(&holder).await?;
            self.store
                .commit(vec![
                    Change::DeleteToken { id: id.to_owned() },
                    Change::EndSessions(holder),
                ])
                .await
                .map_err(|error| match error {
                    CommitError::Missing => missing(),
                    other => commit_error(other),
                })?;
            self.note_ended(caller, "tokenRevoked", &ended)
        })
        .await
    }

    /// Who a token belongs to. Not audited here: the request that it authenticates is.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, always in the same words.
    pub async fn authenticate_token(&self, token: &str) -> Result<Authenticated, Error> {
        let refusal =
            || Error::unauthenticated("The token is not valid: it is unknown, expired or revoked. Create a new one.");
        let row = self
            .store
            .token(&hash(token))
            .await?
            .ok_or_else(refusal)?
            .checked(self.row_mac())?;
        let now = self.clock.now_ms();
        if row.expires_at.is_some_and(|expiry| expiry <= now) {
            return Err(refusal());
        }
        let user = self
            .store
            .user(&row.user)
            .await?
            .ok_or_else(refusal)?
            .checked(self.row_mac())?;
        if !user.active {
            return Err(refusal());
        }
        let identity = self.identity(&row.user).await?;
        if !row.bootstrap {
            self.seen(&identity).await?;
        }
        if row.last_used_at.is_none_or(|last| now - last >= TOUCH_INTERVAL_MS) {
            self.store
                .commit(vec![Change::TouchToken {
                    id: row.id.clone(),
                    at: now,
                }])
                .await
                .map_err(commit_error)?;
        }
        Ok(Authenticated {
            identity,
            kind: row.kind,
            token_id: row.id,
        })
    }

    /// Whose a token is, and its id, whether or not it is good for anything: for the record of a refusal.
    pub async fn token_owner(&self, token: &str) -> Option<(String, String)> {
        let row = self.store.token(&hash(token)).await.ok()??;
        let row = row.checked(self.row_mac()).ok()?;
        Some((row.user, row.id))
    }

    /// At the first start of a shared server: the first administrator and a token for them, or `None` when there is an
    /// administrator or a token already.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn bootstrap(&self) -> Result<Option<SecretText>, Error> {
        if !self.store.tokens(None).await?.is_empty() || !self.store.members(ADMINS).await?.is_empty() {
            return Ok(None);
        }
        let (token, row) = self.new_token(BOOTSTRAP_USER, TokenKind::Api, "bootstrap".into(), None, true)?;
        let membership = MembershipRow {
            group: ADMINS.to_owned(),
            kind: MemberKind::User,
            member: BOOTSTRAP_USER.to_owned(),
            group_id: ADMINS.to_owned(),
            mac: Vec::new(),
        }
        .signed(self.row_mac());
        let caller = self.service_caller()?;
        let named = params(&[
            ("user", BOOTSTRAP_USER),
            ("kind", "api"),
            ("tokenId", &row.id),
            ("because", "bootstrap"),
        ]);
        // All or nothing: an administrator without a token could never come in.
        let mut changes = vec![Change::AddMember(membership), Change::CreateToken(row)];
        if self.store.user(BOOTSTRAP_USER).await?.is_none() {
            changes.push(Change::CreateUser(self.new_user(BOOTSTRAP_USER).await?));
        }
        self.audited(&caller, Action::CreateToken, named, async {
            self.store.commit(changes).await.map_err(commit_error)
        })
        .await?;
        Ok(Some(token))
    }

    /// Somebody has authenticated: the first other administrator ends the bootstrap token's life.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn seen(&self, identity: &Identity) -> Result<(), Error> {
        if !identity.is_admin() || identity.user == BOOTSTRAP_USER {
            return Ok(());
        }
        let retired = self.bootstrap_retired.load(std::sync::atomic::Ordering::Relaxed);
        if !retired {
            self.store
                .commit(vec![Change::DeleteBootstrapTokens])
                .await
                .map_err(commit_error)?;
            self.bootstrap_retired.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        Ok(())
    }

    /// A request that needs an API token was made with a kernel token.
    pub fn kernel_token_refusal() -> Error {
        Error::new(
            ErrorCode::PermissionDenied,
            "This is a kernel token: it opens kernel sessions and can call nothing else. Use an API token.",
        )
    }
}

pub(super) fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}

fn info(row: TokenRow) -> TokenInfo {
    TokenInfo {
        token_id: row.id,
        creation_time: row.created_at,
        expiry_time: row.expires_at.unwrap_or(-1),
        comment: row.comment,
        kind: row.kind,
        last_used_time: row.last_used_at,
        user_name: None,
    }
}
