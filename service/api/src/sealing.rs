//! The wire format of kernel sessions: key derivation, request MACs, sealed answers. One definition for both ends.
//!
//! ```text
//! HPKE (RFC 9180) base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, export-only
//!   info        = lp("sealbook kernel session v1") lp(client_nonce) lp(kernel_id)
//!   mac key     = Export("sealbook mac v1", 32)
//!   answer key  = Export("sealbook answer v1", 32)
//! request MAC   = HMAC-SHA256(mac key, lp("sealbook request v1") lp(method) lp(path) lp(SHA-256(body))
//!                             lp(session) u64(seq) u64(timestamp))
//! answer        = AES-256-GCM(HMAC-SHA256(answer key, lp("sealbook answer v1") u64(seq) lp(nonce)),
//!                             nonce 0, value, aad)
//!   aad         = lp(session) u64(seq) lp(organisation) lp(scope) lp(key) u64(version) lp(kind)
//! ```
//!
//! `lp` writes a length (u32, big-endian) before its bytes, so no two lists of fields have one encoding. An answer's key
//! is used once: `seq` never repeats in a session and the server adds 16 fresh random bytes, so the AEAD's nonce is
//! constant.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use hmac::{Hmac, KeyInit, Mac};
use hpke::aead::ExportOnlyAead;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::secret_text::SecretBytes;
use crate::secrets::ValueKind;
use crate::sessions::SealedAnswer;

/// Header with the request's number, from 1, never repeated in a session.
pub const SEQ_HEADER: &str = "x-sealbook-seq";
/// Header with the client's clock in milliseconds since 1970.
pub const TIMESTAMP_HEADER: &str = "x-sealbook-timestamp";
/// Header with the request's MAC in lower-case hexadecimal.
pub const MAC_HEADER: &str = "x-sealbook-mac";
/// A request whose timestamp is further from the server's clock is refused, in milliseconds.
pub const TIMESTAMP_WINDOW_MS: i64 = 60_000;
/// Bytes of an X25519 public key, and of an encapsulated key.
pub const PUBLIC_KEY_BYTES: usize = 32;
/// Bytes of the server's nonce for one answer.
pub const ANSWER_NONCE_BYTES: usize = 16;

/// What can go wrong in this format. No variant says more, so that no detail helps a forger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealingError {
    /// A public or encapsulated key is not a point of the curve.
    #[error("the key is not a valid X25519 public key")]
    BadKey,
    /// A MAC or tag does not verify.
    #[error("the message does not authenticate: it was altered, or belongs to another session or request")]
    NotAuthentic,
}

/// The kernel's half of the key exchange; lives until the session is open.
pub struct EphemeralKey {
    secret: <X25519HkdfSha256 as Kem>::PrivateKey,
    public: [u8; PUBLIC_KEY_BYTES],
}

impl std::fmt::Debug for EphemeralKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EphemeralKey")
    }
}

impl EphemeralKey {
    /// A fresh key from the system's randomness.
    pub fn generate() -> Self {
        let (secret, public) = X25519HkdfSha256::gen_keypair();
        Self {
            secret,
            public: public.to_bytes().into(),
        }
    }

    /// The key to send.
    pub fn public(&self) -> &[u8; PUBLIC_KEY_BYTES] {
        &self.public
    }

    /// Derives the session's keys from what the server answered.
    ///
    /// # Errors
    /// [`SealingError::BadKey`].
    pub fn open(self, encapsulated: &[u8], client_nonce: &[u8], kernel_id: &str) -> Result<SessionKeys, SealingError> {
        let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated);
        let context = hpke::setup_receiver::<ExportOnlyAead, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.secret,
            &encapsulated.map_err(|_| SealingError::BadKey)?,
            &info(client_nonce, kernel_id),
        )
        .map_err(|_| SealingError::BadKey)?;
        SessionKeys::export(|label, out| context.export(label, out))
    }
}

/// The server's half: fresh session keys for a client's public key, and the encapsulated key to answer.
///
/// # Errors
/// [`SealingError::BadKey`].
pub fn encapsulate(
    client_public: &[u8],
    client_nonce: &[u8],
    kernel_id: &str,
) -> Result<([u8; PUBLIC_KEY_BYTES], SessionKeys), SealingError> {
    let public = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(client_public).map_err(|_| SealingError::BadKey)?;
    let (encapsulated, context) = hpke::setup_sender::<ExportOnlyAead, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &public,
        &info(client_nonce, kernel_id),
    )
    .map_err(|_| SealingError::BadKey)?;
    let keys = SessionKeys::export(|label, out| context.export(label, out))?;
    Ok((encapsulated.to_bytes().into(), keys))
}

fn info(client_nonce: &[u8], kernel_id: &str) -> Vec<u8> {
    let mut info = Vec::new();
    lp(&mut info, b"sealbook kernel session v1");
    lp(&mut info, client_nonce);
    lp(&mut info, kernel_id.as_bytes());
    info
}

/// Both keys of a session.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SessionKeys {
    mac: [u8; 32],
    answer: [u8; 32],
}

impl std::fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionKeys")
    }
}

impl SessionKeys {
    fn export<E>(export: impl Fn(&[u8], &mut [u8]) -> Result<(), E>) -> Result<Self, SealingError> {
        let mut keys = Self {
            mac: [0; 32],
            answer: [0; 32],
        };
        export(b"sealbook mac v1", &mut keys.mac).map_err(|_| SealingError::BadKey)?;
        export(b"sealbook answer v1", &mut keys.answer).map_err(|_| SealingError::BadKey)?;
        Ok(keys)
    }

    /// The 64 bytes that a session row stores, wrapped.
    pub fn to_secret_bytes(&self) -> SecretBytes {
        SecretBytes::new([self.mac, self.answer].concat())
    }

    /// Back from a session row; `None` for any other length.
    pub fn from_secret_bytes(bytes: &SecretBytes) -> Option<Self> {
        let (mac, answer) = bytes.expose().split_at_checked(32)?;
        Some(Self {
            mac: mac.try_into().ok()?,
            answer: answer.try_into().ok()?,
        })
    }

    /// The MAC of a request, in hexadecimal.
    pub fn sign(&self, request: &SignedRequest<'_>) -> String {
        hex(&self.request_mac(request).finalize().into_bytes())
    }

    /// Checks a request's MAC in constant time.
    ///
    /// # Errors
    /// [`SealingError::NotAuthentic`].
    pub fn check(&self, request: &SignedRequest<'_>, mac_hex: &str) -> Result<(), SealingError> {
        let mac = unhex(mac_hex).ok_or(SealingError::NotAuthentic)?;
        self.request_mac(request)
            .verify_slice(&mac)
            .map_err(|_| SealingError::NotAuthentic)
    }

    fn request_mac(&self, request: &SignedRequest<'_>) -> Hmac<Sha256> {
        let mut text = Vec::with_capacity(256);
        lp(&mut text, b"sealbook request v1");
        lp(&mut text, request.method.as_bytes());
        lp(&mut text, request.path.as_bytes());
        lp(&mut text, &Sha256::digest(request.body));
        lp(&mut text, request.session.as_bytes());
        text.extend(request.seq.to_be_bytes());
        text.extend(request.timestamp_ms.to_be_bytes());
        hmac(&self.mac, &text)
    }

    /// Seals a value into the answer of the request that `context` names.
    ///
    /// # Errors
    /// [`SealingError::NotAuthentic`] when the cipher refuses, which it does only for values of impossible length.
    pub fn seal_answer(
        &self,
        context: &AnswerContext<'_>,
        nonce: &[u8; ANSWER_NONCE_BYTES],
        value: &SecretBytes,
    ) -> Result<Vec<u8>, SealingError> {
        let mut sealed = Vec::with_capacity(value.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(value.expose());
        self.answer_key(context.seq, nonce)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key([0; 12]),
                Aad::from(context.encode()),
                &mut sealed,
            )
            .map_err(|_| SealingError::NotAuthentic)?;
        Ok(sealed)
    }

    /// Opens a sealed answer.
    ///
    /// # Errors
    /// [`SealingError::NotAuthentic`].
    pub fn open_answer(
        &self,
        context: &AnswerContext<'_>,
        nonce: &[u8],
        mut sealed: Vec<u8>,
    ) -> Result<SecretBytes, SealingError> {
        let opened = self
            .answer_key(context.seq, nonce)
            .open_in_place(
                Nonce::assume_unique_for_key([0; 12]),
                Aad::from(context.encode()),
                &mut sealed,
            )
            .map(|plaintext| plaintext.len());
        match opened {
            Ok(length) => {
                sealed.truncate(length);
                Ok(SecretBytes::new(sealed))
            }
            Err(_) => {
                sealed.zeroize();
                Err(SealingError::NotAuthentic)
            }
        }
    }

    fn answer_key(&self, seq: u64, nonce: &[u8]) -> LessSafeKey {
        let mut text = Vec::with_capacity(64);
        lp(&mut text, b"sealbook answer v1");
        text.extend(seq.to_be_bytes());
        lp(&mut text, nonce);
        let key: [u8; 32] = hmac(&self.answer, &text).finalize().into_bytes().into();
        #[expect(clippy::expect_used, reason = "a key of 32 bytes is always accepted")]
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).expect("32 bytes"))
    }
}

/// What a request's MAC covers.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// `POST`.
    pub method: &'a str,
    /// The path, for example `/api/2.0/kernel-sessions/ID/read`.
    pub path: &'a str,
    /// The body's bytes.
    pub body: &'a [u8],
    /// The session's id.
    pub session: &'a str,
    /// The request's number.
    pub seq: u64,
    /// The client's clock.
    pub timestamp_ms: i64,
}

/// What a sealed answer is bound to.
#[derive(Debug, Clone, Copy)]
pub struct AnswerContext<'a> {
    /// The session's id.
    pub session: &'a str,
    /// The request's number.
    pub seq: u64,
    /// The organisation.
    pub organisation: &'a str,
    /// The scope's name as stored.
    pub scope: &'a str,
    /// The key.
    pub key: &'a str,
    /// The secret's version.
    pub version: u64,
    /// Text or bytes.
    pub kind: ValueKind,
}

impl<'a> AnswerContext<'a> {
    /// What must have been sealed into `answer`, if it answers request `seq` of this session.
    pub fn of(session: &'a str, seq: u64, answer: &'a SealedAnswer) -> Self {
        Self {
            session,
            seq,
            organisation: &answer.organisation,
            scope: &answer.scope,
            key: &answer.key,
            version: answer.version,
            kind: answer.kind,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut aad = Vec::with_capacity(128);
        lp(&mut aad, self.session.as_bytes());
        aad.extend(self.seq.to_be_bytes());
        lp(&mut aad, self.organisation.as_bytes());
        lp(&mut aad, self.scope.as_bytes());
        lp(&mut aad, self.key.as_bytes());
        aad.extend(self.version.to_be_bytes());
        lp(
            &mut aad,
            match self.kind {
                ValueKind::String => b"string",
                ValueKind::Bytes => b"bytes",
            },
        );
        aad
    }
}

fn lp(out: &mut Vec<u8>, field: &[u8]) {
    out.extend((field.len() as u32).to_be_bytes());
    out.extend_from_slice(field);
}

fn hmac(key: &[u8; 32], text: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.update(text);
    mac
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(|d| d.is_ascii_digit() || (b'a'..=b'f').contains(d)) {
        return None;
    }
    (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (SessionKeys, SessionKeys) {
        let client = EphemeralKey::generate();
        let (encapsulated, server) = encapsulate(client.public(), b"nonce", "kernel-1").unwrap();
        (client.open(&encapsulated, b"nonce", "kernel-1").unwrap(), server)
    }

    const REQUEST: SignedRequest<'static> = SignedRequest {
        method: "POST",
        path: "/api/2.0/kernel-sessions/s/read",
        body: b"{}",
        session: "s",
        seq: 7,
        timestamp_ms: 1_700_000_000_000,
    };

    const ANSWER: AnswerContext<'static> = AnswerContext {
        session: "s",
        seq: 7,
        organisation: "default",
        scope: "jdbc",
        key: "password",
        version: 3,
        kind: ValueKind::String,
    };

    #[test]
    fn both_ends_derive_the_same_keys() {
        let (client, server) = pair();
        assert_eq!(client.to_secret_bytes().expose(), server.to_secret_bytes().expose());
        let again = SessionKeys::from_secret_bytes(&server.to_secret_bytes()).unwrap();
        assert_eq!(again.sign(&REQUEST), client.sign(&REQUEST));
        assert!(SessionKeys::from_secret_bytes(&SecretBytes::new(vec![0; 63])).is_none());
        assert!(SessionKeys::from_secret_bytes(&SecretBytes::new(vec![0; 65])).is_none());
    }

    /// Computed by another implementation, in another language, from the format's description.
    #[test]
    fn vectors() {
        #[derive(serde::Deserialize)]
        struct Vectors {
            kernel_private_key: String,
            kernel_public_key: String,
            encapsulated_key: String,
            client_nonce: String,
            kernel_id: String,
            mac_key: String,
            answer_key: String,
            requests: Vec<Request>,
            answers: Vec<Answer>,
        }
        #[derive(serde::Deserialize)]
        struct Request {
            path: String,
            body: String,
            session: String,
            seq: u64,
            timestamp_ms: i64,
            mac: String,
        }
        #[derive(serde::Deserialize)]
        struct Answer {
            session: String,
            seq: u64,
            organisation: String,
            scope: String,
            key: String,
            version: u64,
            kind: ValueKind,
            nonce: String,
            value: String,
            ciphertext: String,
        }
        let vectors: Vectors =
            serde_json::from_str(include_str!("../../../tests/vectors/kernel_session.json")).unwrap();
        let bytes = |text: &str| unhex(text).unwrap();
        let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&bytes(&vectors.kernel_private_key)).unwrap();
        let public = bytes(&vectors.kernel_public_key).try_into().unwrap();
        let keys = EphemeralKey { secret, public }
            .open(
                &bytes(&vectors.encapsulated_key),
                &bytes(&vectors.client_nonce),
                &vectors.kernel_id,
            )
            .unwrap();
        assert_eq!(
            (hex(&keys.mac), hex(&keys.answer)),
            (vectors.mac_key, vectors.answer_key)
        );
        for request in &vectors.requests {
            let signed = SignedRequest {
                method: "POST",
                path: &request.path,
                body: request.body.as_bytes(),
                session: &request.session,
                seq: request.seq,
                timestamp_ms: request.timestamp_ms,
            };
            assert_eq!(keys.sign(&signed), request.mac, "{signed:?}");
        }
        for answer in &vectors.answers {
            let context = AnswerContext {
                session: &answer.session,
                seq: answer.seq,
                organisation: &answer.organisation,
                scope: &answer.scope,
                key: &answer.key,
                version: answer.version,
                kind: answer.kind,
            };
            let nonce: [u8; ANSWER_NONCE_BYTES] = bytes(&answer.nonce).try_into().unwrap();
            let value = SecretBytes::new(bytes(&answer.value));
            assert_eq!(
                keys.seal_answer(&context, &nonce, &value).unwrap(),
                bytes(&answer.ciphertext)
            );
            let opened = keys.open_answer(&context, &nonce, bytes(&answer.ciphertext)).unwrap();
            assert_eq!(hex(opened.expose()), answer.value, "{context:?}");
        }
        assert_eq!((vectors.requests.len(), vectors.answers.len()), (3, 3));
    }

    #[test]
    fn keys_are_bound_to_nonce_and_kernel() {
        for (nonce, kernel) in [(b"other".as_slice(), "kernel-1"), (b"nonce", "kernel-2")] {
            let client = EphemeralKey::generate();
            let (encapsulated, server) = encapsulate(client.public(), b"nonce", "kernel-1").unwrap();
            let client = client.open(&encapsulated, nonce, kernel).unwrap();
            assert_ne!(client.sign(&REQUEST), server.sign(&REQUEST));
        }
    }

    #[test]
    fn every_field_of_a_request_is_covered() {
        let (client, server) = pair();
        let mac = client.sign(&REQUEST);
        server.check(&REQUEST, &mac).unwrap();
        let altered = [
            SignedRequest {
                method: "GET",
                ..REQUEST
            },
            SignedRequest {
                path: "/api/2.0/kernel-sessions/s/list",
                ..REQUEST
            },
            SignedRequest {
                body: b"{ }",
                ..REQUEST
            },
            SignedRequest {
                session: "t",
                ..REQUEST
            },
            SignedRequest { seq: 8, ..REQUEST },
            SignedRequest {
                timestamp_ms: 1_700_000_000_001,
                ..REQUEST
            },
        ];
        for request in altered {
            assert_eq!(
                server.check(&request, &mac),
                Err(SealingError::NotAuthentic),
                "{request:?}"
            );
        }
        for bad in ["", "zz", "a", &mac[..62], &mac.to_uppercase()] {
            assert_eq!(server.check(&REQUEST, bad), Err(SealingError::NotAuthentic), "{bad}");
        }
    }

    #[test]
    fn every_field_of_an_answer_is_covered() {
        let (client, server) = pair();
        let value = SecretBytes::new(b"planted-value".to_vec());
        let sealed = server.seal_answer(&ANSWER, &[9; 16], &value).unwrap();
        assert_eq!(
            client.open_answer(&ANSWER, &[9; 16], sealed.clone()).unwrap().expose(),
            b"planted-value"
        );
        let altered = [
            AnswerContext { session: "t", ..ANSWER },
            AnswerContext { seq: 8, ..ANSWER },
            AnswerContext {
                organisation: "other",
                ..ANSWER
            },
            AnswerContext { scope: "jdb", ..ANSWER },
            AnswerContext {
                key: "username",
                ..ANSWER
            },
            AnswerContext { version: 2, ..ANSWER },
            AnswerContext {
                kind: ValueKind::Bytes,
                ..ANSWER
            },
        ];
        for context in altered {
            let opened = client.open_answer(&context, &[9; 16], sealed.clone());
            assert_eq!(opened.unwrap_err(), SealingError::NotAuthentic, "{context:?}");
        }
        assert_eq!(
            client.open_answer(&ANSWER, &[8; 16], sealed.clone()).unwrap_err(),
            SealingError::NotAuthentic
        );
        for index in 0..sealed.len() {
            let mut tampered = sealed.clone();
            tampered[index] ^= 1;
            assert!(client.open_answer(&ANSWER, &[9; 16], tampered).is_err(), "byte {index}");
        }
        let (other, _) = pair();
        assert!(other.open_answer(&ANSWER, &[9; 16], sealed).is_err());
    }

    #[test]
    fn invalid_public_keys_are_refused() {
        assert_eq!(encapsulate(&[0; 31], b"n", "k").unwrap_err(), SealingError::BadKey);
        // The all-zero point has small order: the shared secret would be zero.
        assert_eq!(encapsulate(&[0; 32], b"n", "k").unwrap_err(), SealingError::BadKey);
        assert_eq!(
            EphemeralKey::generate().open(&[0; 32], b"n", "k").unwrap_err(),
            SealingError::BadKey
        );
    }
}
