//! The organisation's key-encryption keys, unwrapped, and what is derived from each.
//!
//! ```text
//! KEK (32 bytes) ─HMAC-SHA256(KEK, label)▶ "sealbook dek wrap v1"      wraps DEKs
//!                                          "sealbook session wrap v1"  wraps the keys of kernel sessions
//!                                          "sealbook row mac v1"       authenticates scope, ACL, group and token rows
//!                                          "sealbook audit mac v1"     chains audit records
//!                                          "sealbook checkpoint v1"    signs the ends of audit chains (Ed25519 seed)
//!                                          "sealbook blind index v1"   recognises pasted values
//! ```

use std::collections::BTreeMap;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use hmac::{Hmac, KeyInit, Mac};
use sealbook_api::SecretBytes;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::envelope::{AeadKey, KEY_BYTES};
use crate::error::Error;

/// Bytes of the truncated HMAC in the blind index: enough that two values never meet by chance, too few to be an oracle
/// for anything but equality.
const BLIND_BYTES: usize = 16;

/// One KEK and its derived keys.
#[derive(Debug)]
pub struct Kek {
    id: u32,
    dek_wrap: AeadKey,
    session_wrap: AeadKey,
    row_mac: MacKey,
    audit_mac: MacKey,
    checkpoint: SigningKey,
    blind: MacKey,
}

impl Kek {
    /// Derives everything from an unwrapped KEK.
    ///
    /// # Errors
    /// A key that is not 32 bytes long.
    pub fn derive(id: u32, kek: &SecretBytes) -> Result<Self, Error> {
        if kek.len() != KEY_BYTES {
            return Err(Error::internal("a KEK has the wrong length"));
        }
        let root = MacKey::new(kek.expose());
        let sub = |label: &str| root.mac(&[label.as_bytes()]);
        Ok(Self {
            id,
            dek_wrap: AeadKey::new(&sub("sealbook dek wrap v1"))?,
            session_wrap: AeadKey::new(&sub("sealbook session wrap v1"))?,
            row_mac: MacKey::new(&sub("sealbook row mac v1")),
            audit_mac: MacKey::new(&sub("sealbook audit mac v1")),
            checkpoint: SigningKey::new(&sub("sealbook checkpoint v1"))?,
            blind: MacKey::new(&sub("sealbook blind index v1")),
        })
    }

    /// The KEK's id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Wraps DEKs.
    pub fn dek_wrap(&self) -> &AeadKey {
        &self.dek_wrap
    }

    /// Wraps session keys.
    pub fn session_wrap(&self) -> &AeadKey {
        &self.session_wrap
    }

    /// Authenticates rows.
    pub fn row_mac(&self) -> &MacKey {
        &self.row_mac
    }

    /// Chains audit records.
    pub fn audit_mac(&self) -> &MacKey {
        &self.audit_mac
    }

    /// Signs the ends of audit chains.
    pub fn checkpoint(&self) -> &SigningKey {
        &self.checkpoint
    }

    /// The blind index of a value in a scope. The scope is part of it, so equal values in two scopes do not show.
    pub fn blind_index(&self, scope_id: &str, value: &[u8]) -> Vec<u8> {
        let mut index = self.blind.mac(&[scope_id.as_bytes(), value]).to_vec();
        index.truncate(BLIND_BYTES);
        index
    }
}

/// All KEKs that are in use. The newest is primary: it seals; any opens what it sealed.
#[derive(Debug)]
pub struct Keyring {
    keks: BTreeMap<u32, Kek>,
}

impl Keyring {
    /// From at least one KEK.
    ///
    /// # Errors
    /// No KEK.
    pub fn new(keks: impl IntoIterator<Item = Kek>) -> Result<Self, Error> {
        let keks: BTreeMap<u32, Kek> = keks.into_iter().map(|kek| (kek.id, kek)).collect();
        if keks.is_empty() {
            return Err(Error::internal("the organisation has no KEK"));
        }
        Ok(Self { keks })
    }

    /// The KEK that seals.
    pub fn primary(&self) -> &Kek {
        #[expect(clippy::expect_used, reason = "the constructor refuses an empty ring")]
        self.keks.values().next_back().expect("at least one KEK")
    }

    /// The first KEK: chains and row MACs stay under it, so that a rotation need not rewrite them.
    pub fn first(&self) -> &Kek {
        #[expect(clippy::expect_used, reason = "the constructor refuses an empty ring")]
        self.keks.values().next().expect("at least one KEK")
    }

    /// The KEK with this id.
    pub fn by_id(&self, id: u32) -> Option<&Kek> {
        self.keks.get(&id)
    }
}

/// A key for HMAC-SHA256 over lists of fields.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct MacKey(Vec<u8>);

impl std::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MacKey")
    }
}

impl MacKey {
    fn new(key: &[u8]) -> Self {
        Self(key.to_vec())
    }

    /// The MAC of these fields, each with its length before it.
    pub fn mac(&self, fields: &[&[u8]]) -> [u8; 32] {
        self.state(fields).finalize().into_bytes().into()
    }

    /// Checks a MAC in constant time.
    pub fn verify(&self, fields: &[&[u8]], mac: &[u8]) -> bool {
        self.state(fields).verify_slice(mac).is_ok()
    }

    fn state(&self, fields: &[&[u8]]) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut state = Hmac::<Sha256>::new_from_slice(&self.0).expect("any length");
        for field in fields {
            state.update(&(field.len() as u32).to_be_bytes());
            state.update(field);
        }
        state
    }
}

/// A key that signs, with Ed25519; aws-lc zeroises it.
pub struct SigningKey(Ed25519KeyPair);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    fn new(seed: &[u8]) -> Result<Self, Error> {
        Ed25519KeyPair::from_seed_unchecked(seed)
            .map(Self)
            .map_err(|_| Error::internal("a signing key has the wrong length"))
    }

    /// The signature of a message.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }

    /// What checks its signatures; not secret.
    pub fn public(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }
}

/// Checks a signature of [`SigningKey`].
pub fn verify_signature(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public_key)
        .verify(message, signature)
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kek(id: u32, byte: u8) -> Kek {
        Kek::derive(id, &SecretBytes::new(vec![byte; 32])).unwrap()
    }

    #[test]
    fn fields_cannot_be_shifted() {
        let kek = kek(1, 1);
        assert_ne!(kek.row_mac().mac(&[b"ab", b"c"]), kek.row_mac().mac(&[b"a", b"bc"]));
        assert_ne!(kek.row_mac().mac(&[b"a"]), kek.audit_mac().mac(&[b"a"]));
        let mac = kek.row_mac().mac(&[b"a"]);
        assert!(kek.row_mac().verify(&[b"a"], &mac));
        assert!(!kek.row_mac().verify(&[b"a"], &mac[..31]));
        assert!(!kek.row_mac().verify(&[b"b"], &mac));
    }

    #[test]
    fn the_newest_kek_is_primary_and_wrong_keys_are_refused() {
        let ring = Keyring::new([kek(2, 2), kek(1, 1)]).unwrap();
        assert_eq!((ring.primary().id(), ring.first().id()), (2, 1));
        assert!(ring.by_id(3).is_none());
        assert!(Keyring::new([]).is_err());
        assert!(Kek::derive(1, &SecretBytes::new(vec![0; 31])).is_err());
    }

    #[test]
    fn equal_values_in_two_scopes_have_different_indexes() {
        let kek = kek(1, 1);
        assert_eq!(kek.blind_index("a", b"planted"), kek.blind_index("a", b"planted"));
        assert_ne!(kek.blind_index("a", b"planted"), kek.blind_index("b", b"planted"));
    }
}
