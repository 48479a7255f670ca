//! `dbutils.secrets`: credentials, fetched by the kernel, which learns each value before it answers.

use std::fmt;
use std::ops::Deref;

use crate::call::{CallError, call, call_text};
use crate::help::Help;
use crate::table;

/// Why a secret could not be had.
pub type SecretError = CallError;

/// The commands of `dbutils.secrets`.
#[derive(Debug)]
pub struct Secrets {
    _private: (),
}

impl Secrets {
    pub(crate) const THE: Secrets = Secrets { _private: () };

    /// The value of a secret, as text.
    ///
    /// # Panics
    /// With the error's text when there is no such secret, no permission, or no service; see [`Secrets::try_get`].
    #[track_caller]
    pub fn get(&self, scope: impl AsRef<str>, key: impl AsRef<str>) -> String {
        match self.try_get(scope, key) {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }

    /// The value of a secret, as bytes.
    ///
    /// # Panics
    /// As [`Secrets::get`].
    #[track_caller]
    pub fn get_bytes(&self, scope: impl AsRef<str>, key: impl AsRef<str>) -> Vec<u8> {
        match fetch(scope.as_ref(), key.as_ref()) {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }

    /// [`Secrets::get_bytes`] by its original name.
    ///
    /// # Panics
    /// As [`Secrets::get`].
    #[track_caller]
    #[expect(non_snake_case, reason = "the original's spelling")]
    pub fn getBytes(&self, scope: impl AsRef<str>, key: impl AsRef<str>) -> Vec<u8> {
        self.get_bytes(scope, key)
    }

    /// The value of a secret, as text, or why it cannot be had.
    ///
    /// # Errors
    /// [`SecretError`] with the service's code and text.
    pub fn try_get(&self, scope: impl AsRef<str>, key: impl AsRef<str>) -> Result<String, SecretError> {
        let (scope, key) = (scope.as_ref(), key.as_ref());
        String::from_utf8(fetch(scope, key)?).map_err(|_| {
            CallError::new(
                "INVALID_PARAMETER_VALUE",
                format!("The secret with scope: {scope} and key: {key} is not text; read it with get_bytes"),
            )
        })
    }

    /// Metadata of the secrets in a scope.
    ///
    /// # Panics
    /// With the error's text when there is no such scope, no permission, or no service.
    #[track_caller]
    pub fn list(&self, scope: impl AsRef<str>) -> SecretList {
        match call_text("secrets.list", &[scope.as_ref()]) {
            Ok(fields) => SecretList(
                fields
                    .chunks_exact(2)
                    .map(|row| SecretMetadata {
                        key: row[0].clone(),
                        last_updated_timestamp: row[1].parse().unwrap_or(0),
                    })
                    .collect(),
            ),
            Err(error) => panic!("{error}"),
        }
    }

    /// The scopes that this user may see.
    ///
    /// # Panics
    /// With the error's text when there is no service.
    #[track_caller]
    pub fn list_scopes(&self) -> ScopeList {
        match call_text("secrets.list_scopes", &[]) {
            Ok(fields) => ScopeList(
                fields
                    .chunks_exact(2)
                    .map(|row| ScopeMetadata {
                        name: row[0].clone(),
                        backend_type: row[1].clone(),
                    })
                    .collect(),
            ),
            Err(error) => panic!("{error}"),
        }
    }

    /// [`Secrets::list_scopes`] by its original name.
    ///
    /// # Panics
    /// As [`Secrets::list_scopes`].
    #[track_caller]
    #[expect(non_snake_case, reason = "the original's spelling")]
    pub fn listScopes(&self) -> ScopeList {
        self.list_scopes()
    }

    /// What has been hidden in this session's output: names and counts, never values. If a harmless word is masked, this
    /// tells which secret did it.
    ///
    /// # Panics
    /// When the kernel does not answer.
    #[track_caller]
    pub fn redactions(&self) -> RedactionList {
        match call_text("secrets.redactions", &[]) {
            Ok(fields) => RedactionList(
                fields
                    .chunks_exact(4)
                    .map(|row| Redaction {
                        scope: row[0].clone(),
                        key: row[1].clone(),
                        form: row[2].clone(),
                        count: row[3].parse().unwrap_or(0),
                    })
                    .collect(),
            ),
            Err(error) => panic!("{error}"),
        }
    }

    /// One line per command, or the line of one command: `help()` or `help("get")`.
    pub fn help(&self) -> Help {
        Help::group("secrets")
    }
}

fn fetch(scope: &str, key: &str) -> Result<Vec<u8>, CallError> {
    let mut fields = call("secrets.get", &[scope.as_bytes(), key.as_bytes()])?;
    match fields.len() {
        1 => Ok(fields.remove(0)),
        _ => Err(CallError::new(
            "INTERNAL_ERROR",
            "secrets.get: the kernel's answer is malformed",
        )),
    }
}

/// One secret of a scope. Never its value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecretMetadata {
    /// Its key.
    pub key: String,
    /// When it was last written, in milliseconds since the epoch.
    pub last_updated_timestamp: i64,
}

/// One scope.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScopeMetadata {
    /// Its name.
    pub name: String,
    /// Where its secrets are kept.
    pub backend_type: String,
}

/// How often one secret was hidden in one form.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redaction {
    /// Its scope.
    pub scope: String,
    /// Its key.
    pub key: String,
    /// The form: `raw`, `base64`, …
    pub form: String,
    /// Number of `[REDACTED]`s.
    pub count: u64,
}

/// What has been hidden; prints as a table.
#[derive(Clone, PartialEq, Eq)]
pub struct RedactionList(Vec<Redaction>);

impl RedactionList {
    fn rows(&self) -> Vec<[String; 4]> {
        let row = |r: &Redaction| [r.scope.clone(), r.key.clone(), r.form.clone(), r.count.to_string()];
        self.0.iter().map(row).collect()
    }
}

/// Secrets of a scope; prints as a table.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretList(Vec<SecretMetadata>);

/// Scopes; prints as a table.
#[derive(Clone, PartialEq, Eq)]
pub struct ScopeList(Vec<ScopeMetadata>);

impl SecretList {
    fn rows(&self) -> Vec<[String; 2]> {
        let row = |secret: &SecretMetadata| [secret.key.clone(), secret.last_updated_timestamp.to_string()];
        self.0.iter().map(row).collect()
    }
}

impl ScopeList {
    fn rows(&self) -> Vec<[String; 2]> {
        let row = |scope: &ScopeMetadata| [scope.name.clone(), scope.backend_type.clone()];
        self.0.iter().map(row).collect()
    }
}

table::prints_as_table!(SecretList, SecretMetadata, ["key", "last_updated_timestamp"]);
table::prints_as_table!(ScopeList, ScopeMetadata, ["name", "backend_type"]);
table::prints_as_table!(RedactionList, Redaction, ["scope", "key", "form", "count"]);
