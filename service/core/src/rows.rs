//! What the store keeps: plain rows, never a value. Rows that grant something carry a MAC, so that writing to the
//! database is not enough to grant oneself access.

use sealbook_api::Permission;
use sealbook_api::secrets::ValueKind;
use sealbook_api::tokens::TokenKind;

use crate::envelope::Metadata;
use crate::error::Error;
use crate::keyring::MacKey;

/// One ACL entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AclEntry {
    /// A user or a group.
    pub principal: String,
    /// What it may do.
    pub permission: Permission,
}

/// A scope and its ACL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeRow {
    /// Immutable.
    pub id: String,
    /// As given at creation.
    pub name: String,
    /// Sorted by principal.
    pub acl: Vec<AclEntry>,
    /// One more with each change of the ACL; compare-and-swap.
    pub epoch: u64,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Over all of the above.
    pub mac: Vec<u8>,
}

impl ScopeRow {
    /// Sorts the ACL and computes the MAC.
    #[must_use]
    pub fn signed(mut self, key: &MacKey) -> Self {
        self.acl.sort();
        self.mac = key.mac(&[&self.encode()]).to_vec();
        self
    }

    /// The row itself, if its MAC is right.
    ///
    /// # Errors
    /// `DATA_LOSS`.
    pub fn checked(self, key: &MacKey) -> Result<Self, Error> {
        if key.verify(&[&self.encode()], &self.mac) {
            Ok(self)
        } else {
            Err(Error::tampered(format_args!("The row of scope {}", self.name)))
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = fields(&["scope", &self.id, &self.name], &[self.epoch as i64, self.created_at]);
        for entry in &self.acl {
            out.extend(fields(&[&entry.principal, entry.permission.as_str()], &[]));
        }
        out
    }
}

/// The newest version of a secret, without its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadRow {
    /// The key.
    pub key: String,
    /// The newest version.
    pub version: u64,
    /// When it was put, in milliseconds since 1970.
    pub updated_at: i64,
    /// From when on it is not read any more, in milliseconds since 1970. For showing: what counts is in the record.
    pub expires_at: Option<i64>,
}

/// When a secret was last read. For showing: what counts is the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastReadRow {
    /// The key.
    pub key: String,
    /// When its newest successful read began, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who read it.
    pub user: String,
}

/// One version of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// In clear, and bound into the record.
    pub metadata: Metadata,
    /// See [`crate::envelope`].
    pub record: Vec<u8>,
    /// For recognising pasted values; empty for values too short to be recognised.
    pub blind: Vec<u8>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Immutable.
    pub id: String,
    /// The name in ACLs.
    pub name: String,
    /// `false`: cannot authenticate.
    pub active: bool,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// How the user is shown, a JSON object or empty; nothing depends on it.
    pub profile: String,
    /// Over all of the above.
    pub mac: Vec<u8>,
}

impl UserRow {
    /// Computes the MAC.
    #[must_use]
    pub fn signed(mut self, key: &MacKey) -> Self {
        self.mac = key.mac(&[&self.encode()]).to_vec();
        self
    }

    /// The row itself, if its MAC is right.
    ///
    /// # Errors
    /// `DATA_LOSS`.
    pub fn checked(self, key: &MacKey) -> Result<Self, Error> {
        if key.verify(&[&self.encode()], &self.mac) {
            Ok(self)
        } else {
            Err(Error::tampered(format_args!("The row of user {}", self.name)))
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = fields(
            &["user", &self.id, &self.name],
            &[i64::from(self.active), self.created_at],
        );
        if !self.profile.is_empty() {
            out.extend(fields(&["profile", &self.profile], &[]));
        }
        out
    }
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRow {
    /// Immutable.
    pub id: String,
    /// The name in ACLs.
    pub name: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// How the group is shown, a JSON object or empty; nothing depends on it.
    pub profile: String,
}

/// Whether a member is a user or a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemberKind {
    /// A user.
    User,
    /// A group.
    Group,
}

impl MemberKind {
    /// `user` or `group`.
    pub fn as_str(self) -> &'static str {
        match self {
            MemberKind::User => "user",
            MemberKind::Group => "group",
        }
    }
}

/// A direct membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipRow {
    /// The group's name.
    pub group: String,
    /// What the member is.
    pub kind: MemberKind,
    /// The member's name.
    pub member: String,
    /// The group's immutable id: a membership does not survive its group.
    pub group_id: String,
    /// Over all of the above.
    pub mac: Vec<u8>,
}

impl MembershipRow {
    /// Computes the MAC.
    #[must_use]
    pub fn signed(mut self, key: &MacKey) -> Self {
        self.mac = key.mac(&[&self.encode()]).to_vec();
        self
    }

    /// The row itself, if its MAC is right.
    ///
    /// # Errors
    /// `DATA_LOSS`.
    pub fn checked(self, key: &MacKey) -> Result<Self, Error> {
        if key.verify(&[&self.encode()], &self.mac) {
            Ok(self)
        } else {
            Err(Error::tampered(format_args!(
                "The membership of {} in {}",
                self.member, self.group
            )))
        }
    }

    fn encode(&self) -> Vec<u8> {
        fields(
            &[
                "membership",
                &self.group,
                &self.group_id,
                self.kind.as_str(),
                &self.member,
            ],
            &[],
        )
    }
}

/// A token. Only its hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Names the token.
    pub id: String,
    /// SHA-256 of the token.
    pub hash: Vec<u8>,
    /// Whose it is.
    pub user: String,
    /// What it is good for.
    pub kind: TokenKind,
    /// The user's words.
    pub comment: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970; `None` never.
    pub expires_at: Option<i64>,
    /// Milliseconds since 1970; not covered by the MAC.
    pub last_used_at: Option<i64>,
    /// `true` for the bootstrap token, which stops working when the first real administrator exists.
    pub bootstrap: bool,
    /// Over all but `last_used_at`.
    pub mac: Vec<u8>,
}

/// `api` or `kernel`.
pub fn token_kind_name(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Api => "api",
        TokenKind::Kernel => "kernel",
    }
}

impl TokenRow {
    /// Computes the MAC.
    #[must_use]
    pub fn signed(mut self, key: &MacKey) -> Self {
        self.mac = key.mac(&[&self.encode()]).to_vec();
        self
    }

    /// The row itself, if its MAC is right.
    ///
    /// # Errors
    /// `DATA_LOSS`.
    pub fn checked(self, key: &MacKey) -> Result<Self, Error> {
        if key.verify(&[&self.encode()], &self.mac) {
            Ok(self)
        } else {
            Err(Error::tampered(format_args!("The row of token {}", self.id)))
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = fields(
            &["token", &self.id, &self.user, token_kind_name(self.kind), &self.comment],
            &[
                self.created_at,
                self.expires_at.unwrap_or(-1),
                i64::from(self.bootstrap),
            ],
        );
        out.extend_from_slice(&self.hash);
        out
    }
}

/// A kernel session. Its keys are wrapped: the database alone is worth nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Names the session.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// How the user was established.
    pub attestation: String,
    /// Which credential established it.
    pub attestation_id: String,
    /// The kernel.
    pub kernel_id: String,
    /// As the client asserts it.
    pub notebook_path: Option<String>,
    /// The job.
    pub job_id: Option<String>,
    /// The run.
    pub run_id: Option<String>,
    /// Milliseconds since 1970.
    pub opened_at: i64,
    /// Milliseconds since 1970; moved by renewing.
    pub expires_at: i64,
    /// Milliseconds since 1970; 0 once the session is revoked.
    pub renewable_until: i64,
    /// The KEK that wraps the keys.
    pub kek_id: u32,
    /// The session's keys, wrapped with every immutable field above as associated data.
    pub wrapped_keys: Vec<u8>,
    /// See [`crate::window`].
    pub window: Vec<u8>,
}

impl SessionRow {
    /// An administrator or the user ended it; its keys are gone.
    pub fn revoked(&self) -> bool {
        self.renewable_until == 0
    }

    /// The associated data of the wrapped keys.
    pub fn binding(&self) -> Vec<u8> {
        fields(
            &[
                "session",
                &self.id,
                &self.user,
                &self.attestation,
                &self.attestation_id,
                &self.kernel_id,
                self.notebook_path.as_deref().unwrap_or(""),
                self.job_id.as_deref().unwrap_or(""),
                self.run_id.as_deref().unwrap_or(""),
            ],
            &[self.opened_at, self.renewable_until],
        )
    }
}

/// A one-time job ticket. Only its hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRow {
    /// SHA-256 of the ticket.
    pub hash: Vec<u8>,
    /// Names the ticket in the audit log.
    pub id: String,
    /// For whom.
    pub user: String,
    /// Who minted it.
    pub minted_by: String,
    /// The run it is bound to.
    pub job: Option<(String, String)>,
    /// Milliseconds since 1970.
    pub expires_at: i64,
    /// Over all of the above.
    pub mac: Vec<u8>,
}

impl TicketRow {
    /// Computes the MAC.
    #[must_use]
    pub fn signed(mut self, key: &MacKey) -> Self {
        self.mac = key.mac(&[&self.encode()]).to_vec();
        self
    }

    /// The row itself, if its MAC is right.
    ///
    /// # Errors
    /// `DATA_LOSS`.
    pub fn checked(self, key: &MacKey) -> Result<Self, Error> {
        if key.verify(&[&self.encode()], &self.mac) {
            Ok(self)
        } else {
            Err(Error::tampered(format_args!("The row of ticket {}", self.id)))
        }
    }

    fn encode(&self) -> Vec<u8> {
        let (job, run) = self.job.as_ref().map_or(("", ""), |(job, run)| (job, run));
        let mut out = fields(
            &["ticket", &self.id, &self.user, &self.minted_by, job, run],
            &[self.expires_at],
        );
        out.extend_from_slice(&self.hash);
        out
    }
}

/// A wrapped KEK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KekRow {
    /// From 1.
    pub id: u32,
    /// The root key that wraps it.
    pub root_key_id: String,
    /// Wrapped by the KMS.
    pub wrapped: Vec<u8>,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

/// `string` or `bytes`, back to the kind.
pub fn parse_kind(name: &str) -> Option<ValueKind> {
    match name {
        "string" => Some(ValueKind::String),
        "bytes" => Some(ValueKind::Bytes),
        _ => None,
    }
}

/// Every text with its length before it, then the numbers: no two lists of fields have one encoding.
fn fields(texts: &[&str], numbers: &[i64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    for text in texts {
        crate::envelope::lp(&mut out, text.as_bytes());
    }
    for number in numbers {
        out.extend(number.to_be_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::Kek;
    use sealbook_api::SecretBytes;

    fn kek() -> Kek {
        Kek::derive(1, &SecretBytes::new(vec![1; 32])).unwrap()
    }

    fn scope() -> ScopeRow {
        let entry = |principal: &str, permission| AclEntry {
            principal: principal.into(),
            permission,
        };
        ScopeRow {
            id: "id".into(),
            name: "jdbc".into(),
            acl: vec![entry("bob", Permission::Read), entry("alice", Permission::Manage)],
            epoch: 4,
            created_at: 5,
            mac: Vec::new(),
        }
        .signed(kek().row_mac())
    }

    #[test]
    fn an_edited_acl_is_found() {
        assert!(scope().checked(kek().row_mac()).is_ok());
        let mut promoted = scope();
        promoted.acl[1].permission = Permission::Manage;
        let mut renamed = scope();
        renamed.name = "hr".into();
        let mut added = scope();
        added.acl.push(AclEntry {
            principal: "mallory".into(),
            permission: Permission::Read,
        });
        let mut removed = scope();
        removed.acl.pop();
        let mut rolled_back = scope();
        rolled_back.epoch = 3;
        for row in [promoted, renamed, added, removed, rolled_back] {
            let error = row.checked(kek().row_mac()).unwrap_err();
            assert_eq!(error.code(), sealbook_api::ErrorCode::DataLoss);
        }
    }

    #[test]
    fn edited_tokens_and_memberships_are_found() {
        let kek = kek();
        let token = TokenRow {
            id: "t".into(),
            hash: vec![1; 32],
            user: "bob".into(),
            kind: TokenKind::Api,
            comment: String::new(),
            created_at: 1,
            expires_at: Some(2),
            last_used_at: None,
            bootstrap: false,
            mac: Vec::new(),
        }
        .signed(kek.row_mac());
        assert!(
            TokenRow {
                last_used_at: Some(9),
                ..token.clone()
            }
            .checked(kek.row_mac())
            .is_ok()
        );
        for row in [
            TokenRow {
                user: "alice".into(),
                ..token.clone()
            },
            TokenRow {
                kind: TokenKind::Kernel,
                ..token.clone()
            },
            TokenRow {
                expires_at: None,
                ..token.clone()
            },
            TokenRow {
                hash: vec![2; 32],
                ..token.clone()
            },
        ] {
            assert!(row.checked(kek.row_mac()).is_err());
        }
        let membership = MembershipRow {
            group: "admins".into(),
            kind: MemberKind::User,
            member: "alice".into(),
            group_id: "g".into(),
            mac: Vec::new(),
        }
        .signed(kek.row_mac());
        assert!(
            MembershipRow {
                member: "mallory".into(),
                ..membership.clone()
            }
            .checked(kek.row_mac())
            .is_err()
        );
        assert!(membership.checked(kek.row_mac()).is_ok());
    }
}
