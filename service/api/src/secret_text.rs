//! Bytes and text that are secret values or credentials.
//!
//! No `Display`, `Serialize`, `Deref`, `PartialEq` or `Clone`; `Debug` shows only the type's name; zeroised when
//! dropped; one `expose` each.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroize;

/// Secret text: a value given as a string, or a token.
pub struct SecretText(String);

impl SecretText {
    /// Takes ownership of secret text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText")
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = SecretText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E>(self, text: &str) -> Result<SecretText, E> {
                Ok(SecretText(text.to_owned()))
            }
            fn visit_string<E>(self, text: String) -> Result<SecretText, E> {
                Ok(SecretText(text))
            }
        }
        deserializer.deserialize_string(Text)
    }
}

/// Secret bytes: a value of any kind.
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes ownership of secret bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// `true` for a value of no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", SecretText::new("planted-text".into())), "SecretText");
        assert_eq!(
            format!("{:?}", SecretBytes::new(b"planted-bytes".to_vec())),
            "SecretBytes"
        );
    }

    #[test]
    fn a_type_error_does_not_echo_the_value() {
        let error = serde_json::from_str::<SecretText>("12345678").unwrap_err().to_string();
        assert!(error.contains("expected a string"), "{error}");
        // serde_json names the number it saw; the server answers with the field's name instead of this text.
        let text: SecretText = serde_json::from_str("\"planted-é\"").unwrap();
        assert_eq!(text.expose(), "planted-é");
    }
}
