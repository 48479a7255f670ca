//! Signatures of messages: HMAC-SHA256 over header, parent header, metadata and content, in hexadecimal.
//!
//! Source: the Jupyter messaging spec, "The wire protocol". An empty key means that messages are not signed.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::WireError;

/// Signatures remembered for the refusal of duplicates; 64 thousand messages of 32 bytes are 4 MiB with their index.
const SEEN_MAX: usize = 65_536;

/// Signs and verifies the messages of one connection file. Clones share the memory of signatures seen.
#[derive(Clone)]
pub struct Signer {
    key: Option<Hmac<Sha256>>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    set: HashSet<[u8; 32]>,
    order: VecDeque<[u8; 32]>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// A signer for `key`; an empty key turns signing off.
    #[must_use]
    pub fn new(key: &[u8]) -> Signer {
        let key = match key {
            [] => None,
            // HMAC takes keys of any length, so this is never `None` for a key that is not empty.
            key => Hmac::<Sha256>::new_from_slice(key).ok(),
        };
        Signer {
            key,
            seen: Arc::default(),
        }
    }

    /// The signature of `parts`, empty when signing is off.
    #[must_use]
    pub fn sign<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> String {
        let Some(mut mac) = self.key.clone() else {
            return String::new();
        };
        for part in parts {
            mac.update(part);
        }
        hex(&mac.finalize().into_bytes())
    }

    /// Accepts `signature` once, if it is that of `parts`. The comparison takes the same time for every wrong value.
    ///
    /// # Errors
    /// [`WireError::BadSignature`] and [`WireError::DuplicateSignature`].
    pub fn verify<'a>(&self, signature: &[u8], parts: impl IntoIterator<Item = &'a [u8]>) -> Result<(), WireError> {
        let Some(mut mac) = self.key.clone() else { return Ok(()) };
        for part in parts {
            mac.update(part);
        }
        let signature = unhex(signature).ok_or(WireError::BadSignature)?;
        mac.verify_slice(&signature).map_err(|_| WireError::BadSignature)?;
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .first_time(signature)
    }
}

impl Seen {
    fn first_time(&mut self, signature: [u8; 32]) -> Result<(), WireError> {
        if !self.set.insert(signature) {
            return Err(WireError::DuplicateSignature);
        }
        self.order.push_back(signature);
        if self.order.len() > SEEN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

fn unhex(text: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |c: u8| char::from(c).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [&[u8]; 2] = [b"what do ya want ", b"for nothing?"];

    #[test]
    fn signs_as_rfc_4231_test_case_2() {
        let signer = Signer::new(b"Jefe");
        assert_eq!(
            signer.sign(PARTS),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn accepts_a_signature_once() {
        let signer = Signer::new(b"Jefe");
        let signature = signer.sign(PARTS);
        assert!(signer.verify(signature.as_bytes(), PARTS).is_ok());
        assert!(matches!(
            signer.verify(signature.as_bytes(), PARTS),
            Err(WireError::DuplicateSignature)
        ));
        assert!(matches!(
            signer.clone().verify(signature.as_bytes(), PARTS),
            Err(WireError::DuplicateSignature)
        ));
    }

    #[test]
    fn refuses_what_is_not_the_signature() {
        let signer = Signer::new(b"Jefe");
        let good = signer.sign(PARTS);
        let other = Signer::new(b"jefe").sign(PARTS);
        for bad in ["", "5b", &good[..63], &format!("{good}0"), &"zz".repeat(32), &other] {
            assert!(
                matches!(signer.verify(bad.as_bytes(), PARTS), Err(WireError::BadSignature)),
                "{bad}"
            );
        }
    }

    #[test]
    fn an_empty_key_means_unsigned() {
        let signer = Signer::new(b"");
        assert_eq!(signer.sign(PARTS), "");
        assert!(signer.verify(b"", PARTS).is_ok());
        assert!(signer.verify(b"", PARTS).is_ok());
    }
}
