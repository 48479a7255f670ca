//! A value to hide, and the proof that it has been learnt.

use std::fmt;

use zeroize::Zeroizing;

/// A secret value with the name it is stored under. Overwritten with zeros when dropped.
///
/// There is no way to read the value back from a `Secret`: [`Learned::expose`] is the only one, so a value cannot be
/// handed to anybody before the redactor knows it.
///
/// ```compile_fail
/// let secret = sealbook_redact::Secret::new("jdbc", "password", b"planted".to_vec());
/// secret.expose(); // no such method: learn first
/// ```
pub struct Secret {
    scope: String,
    key: String,
    value: Zeroizing<Vec<u8>>,
}

impl Secret {
    /// Takes the value over; the caller's copy is this one.
    pub fn new(scope: impl Into<String>, key: impl Into<String>, value: Vec<u8>) -> Self {
        Self {
            scope: scope.into(),
            key: key.into(),
            value: Zeroizing::new(value),
        }
    }

    /// The scope's name.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The key's name.
    pub fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.value
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Proof that a [`Secret`] has been learnt: from now on every message and stream of that redactor hides it.
///
/// ```compile_fail
/// let secret = sealbook_redact::Secret::new("jdbc", "password", b"planted".to_vec());
/// let forged = sealbook_redact::Learned { secret: &secret, notice: None }; // private fields
/// ```
#[must_use = "the value can be answered only from this proof"]
pub struct Learned<'s> {
    secret: &'s Secret,
    notice: Option<String>,
}

impl<'s> Learned<'s> {
    /// Called by `Redactor::learn` only, after the value's forms are published.
    pub(crate) fn after_publication(secret: &'s Secret, notice: Option<String>) -> Self {
        Self { secret, notice }
    }

    /// The value's bytes.
    pub fn expose(&self) -> &'s [u8] {
        self.secret.bytes()
    }

    /// The scope's name.
    pub fn scope(&self) -> &str {
        self.secret.scope()
    }

    /// The key's name.
    pub fn key(&self) -> &str {
        self.secret.key()
    }

    /// A line for the user about what cannot be hidden (a value that is very short, or a common word). Present only
    /// the first time this secret is learnt.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }
}

impl fmt::Debug for Learned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Learned")
    }
}
