//! Envelope encryption of one secret version, with its metadata bound in.
//!
//! ```text
//! KMS root key ─wraps▶ organisation KEK ─derives▶ wrapping key ─wraps▶ DEK (one per secret version) ─seals▶ plaintext
//!
//! record    = 1 | u32(kek id) | wrapped DEK (12 + 32 + 16) | nonce (12) | ciphertext + tag (16)
//! plaintext = lp(metadata) value
//! aad       = lp("sealbook record v1") lp(metadata)           the DEK is wrapped under the same aad
//! metadata  = lp(organisation) lp(scope id) lp(scope name) lp(key) u64(version) lp(kind) lp(author) u64(time in ms)
//!             and, for a secret that expires, u64(expiry in ms)
//! ```
//!
//! On every read, cleartext row = decrypted metadata = what was asked for. So a row that was swapped with another, moved
//! between scopes or organisations, renamed, or whose metadata was edited does not open.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sealbook_api::SecretBytes;
use sealbook_api::secrets::ValueKind;
use zeroize::Zeroize;

use crate::clock::Entropy;
use crate::error::Error;

/// The only record format so far.
const RECORD_VERSION: u8 = 1;
/// Bytes of every key here.
pub const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const WRAPPED_DEK_BYTES: usize = NONCE_LEN + KEY_BYTES + TAG_BYTES;
const DEK_AT: usize = 1 + 4;
const BODY_AT: usize = DEK_AT + WRAPPED_DEK_BYTES;

/// What is known of a secret version besides its value; stored beside the record in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The organisation.
    pub organisation: String,
    /// The scope's immutable id.
    pub scope_id: String,
    /// The scope's name.
    pub scope_name: String,
    /// The key.
    pub key: String,
    /// From 1, one more with each put.
    pub version: u64,
    /// Text or bytes.
    pub kind: ValueKind,
    /// Who put it.
    pub author: String,
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
    /// From when on it is not read any more, in milliseconds since 1970.
    pub expires_at: Option<i64>,
}

impl Metadata {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(192);
        lp(&mut out, self.organisation.as_bytes());
        lp(&mut out, self.scope_id.as_bytes());
        lp(&mut out, self.scope_name.as_bytes());
        lp(&mut out, self.key.as_bytes());
        out.extend(self.version.to_be_bytes());
        lp(&mut out, kind_name(self.kind).as_bytes());
        lp(&mut out, self.author.as_bytes());
        out.extend(self.time_ms.to_be_bytes());
        if let Some(expiry) = self.expires_at {
            out.extend(expiry.to_be_bytes());
        }
        out
    }
}

/// `string` or `bytes`.
pub fn kind_name(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::String => "string",
        ValueKind::Bytes => "bytes",
    }
}

/// Seals a value under a KEK.
///
/// # Errors
/// No randomness, or a value of impossible length.
pub fn seal(
    kek_id: u32,
    wrapping: &AeadKey,
    entropy: &dyn Entropy,
    metadata: &Metadata,
    value: &SecretBytes,
) -> Result<Vec<u8>, Error> {
    let encoded = metadata.encode();
    let aad = aad(&encoded);
    let mut dek = [0_u8; KEY_BYTES];
    entropy.fill(&mut dek)?;
    let wrapped = wrapping.seal(entropy, &dek, &aad);
    let key = AeadKey::new(&dek);
    dek.zeroize();
    let mut plaintext = Vec::with_capacity(encoded.len() + value.len() + 4 + TAG_BYTES);
    lp(&mut plaintext, &encoded);
    plaintext.extend_from_slice(value.expose());
    let sealed = key.and_then(|key| key.seal(entropy, &plaintext, &aad));
    plaintext.zeroize();

    let mut record = vec![RECORD_VERSION];
    record.extend(kek_id.to_be_bytes());
    record.extend(wrapped?);
    record.extend(sealed?);
    Ok(record)
}

/// Which KEK a record needs; `None` when it is no record.
pub fn kek_id(record: &[u8]) -> Option<u32> {
    if record.first() != Some(&RECORD_VERSION) || record.len() < BODY_AT + NONCE_LEN + TAG_BYTES {
        return None;
    }
    Some(u32::from_be_bytes(record.get(1..DEK_AT)?.try_into().ok()?))
}

/// Opens a record, if it was sealed under this KEK for exactly this metadata. `None` says nothing more, on purpose.
pub fn open(wrapping: &AeadKey, metadata: &Metadata, record: &[u8]) -> Option<SecretBytes> {
    kek_id(record)?;
    let encoded = metadata.encode();
    let aad = aad(&encoded);
    let dek = wrapping.open(&record[DEK_AT..BODY_AT], &aad)?;
    let plaintext = AeadKey::new(dek.expose()).ok()?.open(&record[BODY_AT..], &aad)?;
    let (length, rest) = plaintext.expose().split_at_checked(4)?;
    let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
    let (inner, value) = rest.split_at_checked(length)?;
    (inner == encoded).then(|| SecretBytes::new(value.to_vec()))
}

/// Wraps the record's DEK anew, under another KEK, without touching the value.
///
/// # Errors
/// `None` inside when the record does not open under the old key; an error when there is no randomness.
pub fn rewrap(
    old: &AeadKey,
    new_id: u32,
    new: &AeadKey,
    entropy: &dyn Entropy,
    metadata: &Metadata,
    record: &[u8],
) -> Result<Option<Vec<u8>>, Error> {
    let aad = aad(&metadata.encode());
    let Some(dek) = kek_id(record).and_then(|_| old.open(&record[DEK_AT..BODY_AT], &aad)) else {
        return Ok(None);
    };
    let mut rewrapped = vec![RECORD_VERSION];
    rewrapped.extend(new_id.to_be_bytes());
    rewrapped.extend(new.seal(entropy, dek.expose(), &aad)?);
    rewrapped.extend_from_slice(&record[BODY_AT..]);
    Ok(Some(rewrapped))
}

fn aad(encoded: &[u8]) -> Vec<u8> {
    let mut aad = Vec::with_capacity(encoded.len() + 32);
    lp(&mut aad, b"sealbook record v1");
    lp(&mut aad, encoded);
    aad
}

/// Writes a length (u32, big-endian), then the bytes.
pub fn lp(out: &mut Vec<u8>, field: &[u8]) {
    out.extend((field.len() as u32).to_be_bytes());
    out.extend_from_slice(field);
}

/// An AES-256-GCM key that writes a fresh random nonce before each ciphertext.
pub struct AeadKey(LessSafeKey);

impl std::fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AeadKey")
    }
}

impl AeadKey {
    /// From 32 bytes.
    ///
    /// # Errors
    /// Any other length.
    pub fn new(key: &[u8]) -> Result<Self, Error> {
        UnboundKey::new(&AES_256_GCM, key)
            .map(|key| Self(LessSafeKey::new(key)))
            .map_err(|_| Error::internal("a key has the wrong length"))
    }

    /// `nonce | ciphertext + tag`.
    ///
    /// # Errors
    /// No randomness, or a plaintext of impossible length.
    pub fn seal(&self, entropy: &dyn Entropy, plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, Error> {
        let nonce: [u8; NONCE_LEN] = crate::clock::random(entropy)?;
        let mut sealed = nonce.to_vec();
        let mut body = Vec::with_capacity(plaintext.len() + TAG_BYTES);
        body.extend_from_slice(plaintext);
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut body)
            .map_err(|_| Error::internal("a value is too long to be sealed"))?;
        sealed.extend(body);
        Ok(sealed)
    }

    /// Opens what [`AeadKey::seal`] wrote.
    pub fn open(&self, sealed: &[u8], aad: &[u8]) -> Option<SecretBytes> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::assume_unique_for_key(nonce.try_into().ok()?);
        let mut body = body.to_vec();
        match self
            .0
            .open_in_place(nonce, Aad::from(aad), &mut body)
            .map(|plaintext| plaintext.len())
        {
            Ok(length) => {
                body.truncate(length);
                Some(SecretBytes::new(body))
            }
            Err(_) => {
                body.zeroize();
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemEntropy;

    fn metadata() -> Metadata {
        Metadata {
            organisation: "default".into(),
            scope_id: "00000000-0000-4000-8000-000000000001".into(),
            scope_name: "jdbc".into(),
            key: "password".into(),
            version: 3,
            kind: ValueKind::String,
            author: "alice".into(),
            time_ms: 1_700_000_000_000,
            expires_at: None,
        }
    }

    fn key(byte: u8) -> AeadKey {
        AeadKey::new(&[byte; 32]).unwrap()
    }

    /// Randomness that repeats one byte, so that the vectors are fixed.
    #[derive(Debug)]
    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), Error> {
            buffer.fill(self.0);
            Ok(())
        }
    }

    fn vector() -> Vec<u8> {
        seal(
            1,
            &key(0x11),
            &Fixed(0x22),
            &metadata(),
            &SecretBytes::new(b"planted-vector".to_vec()),
        )
        .unwrap()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_format_does_not_change_by_accident() {
        assert_eq!(hex(&vector()), include_str!("../vectors/record-v1.hex").trim_end());
    }

    #[test]
    fn a_record_opens_under_its_own_key_and_metadata() {
        assert_eq!(
            open(&key(0x11), &metadata(), &vector()).unwrap().expose(),
            b"planted-vector"
        );
        for value in [vec![], vec![0], vec![0xff; 131_072]] {
            let record = seal(
                9,
                &key(1),
                &SystemEntropy,
                &metadata(),
                &SecretBytes::new(value.clone()),
            )
            .unwrap();
            assert_eq!(kek_id(&record), Some(9));
            assert_eq!(open(&key(1), &metadata(), &record).unwrap().expose(), value);
        }
    }

    #[test]
    fn no_other_metadata_opens_it() {
        let m = metadata();
        let altered = [
            Metadata {
                organisation: "other".into(),
                ..m.clone()
            },
            Metadata {
                scope_id: "00000000-0000-4000-8000-000000000002".into(),
                ..m.clone()
            },
            Metadata {
                scope_name: "jdbd".into(),
                ..m.clone()
            },
            Metadata {
                scope_name: "jdbcp".into(),
                key: "assword".into(),
                ..m.clone()
            },
            Metadata {
                key: "username".into(),
                ..m.clone()
            },
            Metadata {
                version: 2,
                ..m.clone()
            },
            Metadata {
                kind: ValueKind::Bytes,
                ..m.clone()
            },
            Metadata {
                author: "bob".into(),
                ..m.clone()
            },
            Metadata {
                time_ms: m.time_ms + 1,
                ..m.clone()
            },
            Metadata {
                expires_at: Some(0),
                ..m.clone()
            },
        ];
        for metadata in altered {
            assert!(open(&key(0x11), &metadata, &vector()).is_none(), "{metadata:?}");
        }
    }

    #[test]
    fn an_expiry_is_neither_moved_nor_taken_away() {
        let m = Metadata {
            expires_at: Some(1_800_000_000_000),
            ..metadata()
        };
        let value = SecretBytes::new(b"planted-expiring".to_vec());
        let record = seal(1, &key(1), &SystemEntropy, &m, &value).unwrap();
        assert_eq!(open(&key(1), &m, &record).unwrap().expose(), b"planted-expiring");
        for expires_at in [None, Some(0), Some(1_800_000_000_001)] {
            let altered = Metadata {
                expires_at,
                ..m.clone()
            };
            assert!(open(&key(1), &altered, &record).is_none(), "{expires_at:?}");
        }
    }

    #[test]
    fn no_other_key_and_no_altered_byte_opens_it() {
        assert!(open(&key(0x12), &metadata(), &vector()).is_none());
        let record = vector();
        // The KEK's id (bytes 1 to 4) only chooses the key; altered, it names a key that does not open the record.
        for at in (0..record.len()).filter(|at| !(1..5).contains(at)) {
            let mut tampered = record.clone();
            tampered[at] ^= 0x80;
            assert!(open(&key(0x11), &metadata(), &tampered).is_none(), "byte {at}");
        }
        for length in 0..record.len() {
            assert!(
                open(&key(0x11), &metadata(), &record[..length]).is_none(),
                "cut to {length}"
            );
        }
        let mut longer = record.clone();
        longer.push(0);
        assert!(open(&key(0x11), &metadata(), &longer).is_none());
    }

    #[test]
    fn a_dek_or_a_body_of_another_record_does_not_fit() {
        let other = Metadata {
            key: "username".into(),
            ..metadata()
        };
        let a = seal(
            1,
            &key(1),
            &SystemEntropy,
            &metadata(),
            &SecretBytes::new(b"planted-a".to_vec()),
        )
        .unwrap();
        let b = seal(
            1,
            &key(1),
            &SystemEntropy,
            &other,
            &SecretBytes::new(b"planted-b".to_vec()),
        )
        .unwrap();
        let mixed = [&a[..BODY_AT], &b[BODY_AT..]].concat();
        assert!(open(&key(1), &metadata(), &mixed).is_none());
        assert!(open(&key(1), &other, &mixed).is_none());
    }

    #[test]
    fn rewrapping_keeps_the_value_and_changes_the_key() {
        let rewrapped = rewrap(&key(0x11), 2, &key(0x33), &SystemEntropy, &metadata(), &vector())
            .unwrap()
            .unwrap();
        assert_eq!(kek_id(&rewrapped), Some(2));
        assert!(open(&key(0x11), &metadata(), &rewrapped).is_none());
        assert_eq!(
            open(&key(0x33), &metadata(), &rewrapped).unwrap().expose(),
            b"planted-vector"
        );
        assert!(
            rewrap(&key(0x12), 2, &key(0x33), &SystemEntropy, &metadata(), &vector())
                .unwrap()
                .is_none()
        );
    }
}
