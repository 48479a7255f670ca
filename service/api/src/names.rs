//! Names that are checked once, where they enter: scopes, keys, principals, permissions.
//!
//! | name | characters | length |
//! |---|---|---|
//! | scope | `A-Z a-z 0-9 _ . - @` | 1–128 |
//! | key | `A-Z a-z 0-9 _ . -` | 1–128 |
//! | principal | any but control characters, no surrounding space | 1–256 |

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{ApiError, ErrorCode};

/// Characters in the longest scope name or key.
pub const NAME_CHARS_MAX: usize = 128;
/// Characters in the longest principal (a user name or a group name).
pub const PRINCIPAL_CHARS_MAX: usize = 256;
/// Bytes in the largest secret value.
pub const VALUE_BYTES_MAX: usize = 131_072;
/// Secrets in one scope.
pub const SECRETS_PER_SCOPE_MAX: usize = 1_000;
/// Scopes in one organisation.
pub const SCOPES_MAX: usize = 1_000;
/// Bytes in the largest request body.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// The group whose members manage every scope.
pub const ADMINS: &str = "admins";
/// The group that every user is in.
pub const USERS: &str = "users";

fn check(field: &str, name: &str, max: usize, allowed: impl Fn(char) -> bool, alphabet: &str) -> Result<(), ApiError> {
    let refuse = |what: String| Err(ApiError::new(ErrorCode::InvalidParameterValue, what));
    if name.is_empty() {
        return refuse(format!("{field} must not be empty; it takes 1 to {max} of {alphabet}"));
    }
    let length = name.chars().count();
    if length > max {
        return refuse(format!("{field} has {length} characters; the maximum is {max}"));
    }
    if let Some(bad) = name.chars().find(|c| !allowed(*c)) {
        return refuse(format!("{field} {name:?} contains {bad:?}; allowed are {alphabet}"));
    }
    Ok(())
}

/// A scope's name as it was given; compared without regard to ASCII case.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct ScopeName(String);

impl ScopeName {
    /// Checks characters and length.
    ///
    /// # Errors
    /// `INVALID_PARAMETER_VALUE`, saying which character or length is wrong.
    pub fn parse(name: &str) -> Result<Self, ApiError> {
        check(
            "scope",
            name,
            NAME_CHARS_MAX,
            |c| c.is_ascii_alphanumeric() || "_.-@".contains(c),
            "letters, digits and _ . - @",
        )?;
        Ok(Self(name.to_owned()))
    }

    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name that two scopes must not share: in lower case.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl PartialEq for ScopeName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for ScopeName {}

impl fmt::Display for ScopeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a secret inside its scope; case-sensitive.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SecretKey(String);

impl SecretKey {
    /// Checks characters and length.
    ///
    /// # Errors
    /// `INVALID_PARAMETER_VALUE`, saying which character or length is wrong.
    pub fn parse(name: &str) -> Result<Self, ApiError> {
        check(
            "key",
            name,
            NAME_CHARS_MAX,
            |c| c.is_ascii_alphanumeric() || "_.-".contains(c),
            "letters, digits and _ . -",
        )?;
        Ok(Self(name.to_owned()))
    }

    /// The key as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A user name or a group name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Principal(String);

impl Principal {
    /// Checks characters and length.
    ///
    /// # Errors
    /// `INVALID_PARAMETER_VALUE`, saying what is wrong.
    pub fn parse(field: &str, name: &str) -> Result<Self, ApiError> {
        check(
            field,
            name,
            PRINCIPAL_CHARS_MAX,
            |c| !c.is_control(),
            "printable characters",
        )?;
        if name.trim() != name {
            return Err(ApiError::new(
                ErrorCode::InvalidParameterValue,
                format!("{field} must not begin or end with a space"),
            ));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a principal may do in a scope. Each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Permission {
    /// Read values (in a kernel session) and list keys.
    Read,
    /// Also put and delete secrets.
    Write,
    /// Also change the ACL and delete the scope.
    Manage,
}

impl Permission {
    /// Parses `READ`, `WRITE` or `MANAGE`.
    ///
    /// # Errors
    /// `INVALID_PARAMETER_VALUE`, saying what is allowed.
    pub fn parse(name: &str) -> Result<Self, ApiError> {
        match name {
            "READ" => Ok(Permission::Read),
            "WRITE" => Ok(Permission::Write),
            "MANAGE" => Ok(Permission::Manage),
            _ => Err(ApiError::new(
                ErrorCode::InvalidParameterValue,
                format!("permission must be READ, WRITE or MANAGE, not {name:?}"),
            )),
        }
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Permission::Read => "READ",
            Permission::Write => "WRITE",
            Permission::Manage => "MANAGE",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scope_names() {
        for good in ["jdbc", "a", "A.b-c_d", "team@corp", &"x".repeat(128)] {
            assert_eq!(ScopeName::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", " ", "a b", "a/b", "../x", "ü", "a\0", &"x".repeat(129)] {
            let error = ScopeName::parse(bad).unwrap_err();
            assert_eq!(error.error_code, ErrorCode::InvalidParameterValue, "{bad:?}");
        }
        assert_eq!(ScopeName::parse("JDBC").unwrap(), ScopeName::parse("jdbc").unwrap());
    }

    #[test]
    fn keys_have_no_at_sign_and_keep_their_case() {
        assert!(SecretKey::parse("a@b").is_err());
        assert_ne!(
            SecretKey::parse("Password").unwrap(),
            SecretKey::parse("password").unwrap()
        );
    }

    #[test]
    fn principals() {
        for good in ["alice", "alice@example.com", "data science", "é"] {
            assert_eq!(Principal::parse("principal", good).unwrap().as_str(), good);
        }
        for bad in ["", " a", "a ", "a\nb"] {
            assert!(Principal::parse("principal", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn permissions_are_ordered() {
        assert!(Permission::Read < Permission::Write && Permission::Write < Permission::Manage);
        assert_eq!(Permission::parse("WRITE").unwrap(), Permission::Write);
        assert!(Permission::parse("read").is_err());
    }
}
