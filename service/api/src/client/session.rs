//! The kernel's side of a session: the only way to a secret's value.
//!
//! 1. An ephemeral HPKE key is made in memory and its public half sent with the attestation.
//! 2. Both sides derive the session's keys from the encapsulated key in the answer.
//! 3. Every request carries the next number and a MAC; a request that may have reached the service is never sent again
//!    under the same number, but with a new one.
//! 4. The answer to a read is opened with a key of its own and checked against what was asked for.
//! 5. Past half of its life the session is renewed by the next request.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroize;

use super::error::ClientError;
use super::routes::{Empty, session_path};
use super::{Call, Client};
use crate::error::ErrorCode;
use crate::scopes::Scope;
use crate::sealing::{
    AnswerContext, EphemeralKey, MAC_HEADER, SEQ_HEADER, SessionKeys, SignedRequest, TIMESTAMP_HEADER,
};
use crate::secret_text::{SecretBytes, SecretText};
use crate::secrets::{SecretMetadata, ValueKind};
use crate::sessions::{
    Attestation, JobRun, ListInSession, LiteralMatch, LiteralMatches, OpenedSession, ReadSecret, RenewedSession,
    SealedAnswer, SessionListing,
};

/// Random bytes that make two sessions' keys differ even if their HPKE keys did not.
const CLIENT_NONCE_BYTES: usize = 16;
/// How often a request is sent before a lost answer is an error.
const ATTEMPTS_MAX: u32 = 16;
/// How long after the first attempt another may begin.
const RETRY_MAX: Duration = Duration::from_secs(30);
/// The pause before the first repetition; each further one doubles it.
const PAUSE_MIN: Duration = Duration::from_millis(5);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_millis(200);

/// What a kernel says when it opens a session.
#[derive(Debug)]
pub struct SessionRequest {
    /// Who the session is for, and the proof.
    pub attestation: Attestation,
    /// The kernel's id.
    pub kernel_id: String,
    /// The notebook, for the audit log.
    pub notebook_path: Option<String>,
    /// The job's run, for the audit log.
    pub job: Option<JobRun>,
}

/// A secret's value as the kernel got it. Zeroised when dropped; `Debug` shows the type's name only.
pub struct SecretValue {
    bytes: SecretBytes,
    scope: String,
    key: String,
    version: u64,
    kind: ValueKind,
}

impl SecretValue {
    /// The value's bytes.
    pub fn expose(&self) -> &[u8] {
        self.bytes.expose()
    }

    /// The scope's name as the service stores it.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The secret's version: one more with each `put`.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether it was put as text or as bytes.
    pub fn kind(&self) -> ValueKind {
        self.kind
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue")
    }
}

/// An open kernel session. Share it by reference: reads may be concurrent.
pub struct Session {
    client: Client,
    id: String,
    user: String,
    keys: SessionKeys,
    next_seq: AtomicU64,
    /// The service's clock minus ours, in milliseconds.
    clock_offset_ms: i64,
    expires_at: AtomicI64,
    lifetime_ms: i64,
    attestation: Attestation,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// The attestation that the environment offers: the peer credential for the embedded service, else a job ticket
    /// (`SEALBOOK_JOB_TICKET`), a kernel token (`SEALBOOK_KERNEL_TOKEN`), an OIDC token (`SEALBOOK_OIDC_TOKEN`), the
    /// JupyterHub token (`JUPYTERHUB_API_TOKEN`), and last `SEALBOOK_TOKEN`, which then must be of kind kernel.
    ///
    /// # Errors
    /// [`ClientError::Configuration`]: a remote service and none of these.
    pub fn attestation(&self) -> Result<Attestation, ClientError> {
        if self.is_embedded() {
            return Ok(Attestation::PeerCredential);
        }
        let variable = |name: &str| {
            std::env::var(name)
                .ok()
                .filter(|value| !value.is_empty())
                .map(SecretText::new)
        };
        variable("SEALBOOK_JOB_TICKET")
            .map(Attestation::JobTicket)
            .or_else(|| variable("SEALBOOK_KERNEL_TOKEN").map(Attestation::KernelToken))
            .or_else(|| variable("SEALBOOK_OIDC_TOKEN").map(Attestation::Oidc))
            .or_else(|| variable("JUPYTERHUB_API_TOKEN").map(Attestation::Jupyterhub))
            .or_else(|| self.token().map(|token| Attestation::KernelToken(SecretText::new(token.expose().to_owned()))))
            .ok_or_else(|| {
                ClientError::Configuration(format!(
                    "nothing proves to {} who this kernel belongs to: set SEALBOOK_KERNEL_TOKEN to a token of kind kernel",
                    self.address()
                ))
            })
    }

    /// `POST kernel-sessions`: opens a session.
    ///
    /// # Errors
    /// [`ClientError`]; `UNAUTHENTICATED` when the attestation is refused.
    pub async fn open_session(&self, request: SessionRequest) -> Result<Session, ClientError> {
        let ephemeral = EphemeralKey::generate();
        let mut client_nonce = [0; CLIENT_NONCE_BYTES];
        aws_lc_rs::rand::fill(&mut client_nonce)
            .map_err(|_| ClientError::Configuration("the system has no randomness to give".into()))?;
        let body = open_body(&request, ephemeral.public(), &client_nonce);
        // An API token must not travel with the attestation: it opens no session.
        let opened: OpenedSession = self.post_bytes("/api/2.0/kernel-sessions", body).await?;
        let encapsulated = decode(&opened.encapsulated_key)?;
        let keys = ephemeral
            .open(&encapsulated, &client_nonce, &request.kernel_id)
            .map_err(|error| ClientError::Protocol(error.to_string()))?;
        Ok(Session {
            client: self.clone(),
            id: opened.session_id,
            user: opened.user,
            keys,
            next_seq: AtomicU64::new(1),
            clock_offset_ms: opened.server_time - now_ms(),
            expires_at: AtomicI64::new(opened.expires_at),
            lifetime_ms: opened.expires_at - opened.server_time,
            attestation: request.attestation,
        })
    }
}

impl Session {
    /// The session's id, as in the audit log.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whose session it is.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Reads a value.
    ///
    /// # Errors
    /// [`ClientError::Api`] with the service's refusal; [`ClientError::Protocol`] when the sealed answer does not
    /// authenticate or is not for what was asked.
    pub async fn read(&self, scope: &str, key: &str) -> Result<SecretValue, ClientError> {
        let request = ReadSecret {
            scope: scope.to_owned(),
            key: key.to_owned(),
        };
        let (seq, answer) = self.call::<SealedAnswer>("read", &request).await?;
        if answer.seq != seq || !answer.scope.eq_ignore_ascii_case(scope) || answer.key != key {
            return Err(ClientError::Protocol("it is the answer to another request".into()));
        }
        let context = AnswerContext::of(&self.id, seq, &answer);
        let bytes = self
            .keys
            .open_answer(&context, &decode(&answer.nonce)?, decode(&answer.ciphertext)?)
            .map_err(|error| ClientError::Protocol(error.to_string()))?;
        Ok(SecretValue {
            bytes,
            scope: answer.scope,
            key: answer.key,
            version: answer.version,
            kind: answer.kind,
        })
    }

    /// Lists the secrets of a scope, without values.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list(&self, scope: &str) -> Result<Vec<SecretMetadata>, ClientError> {
        let request = ListInSession {
            scope: Some(scope.to_owned()),
        };
        Ok(self.call::<SessionListing>("list", &request).await?.1.secrets)
    }

    /// Lists the scopes.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_scopes(&self) -> Result<Vec<Scope>, ClientError> {
        Ok(self
            .call::<SessionListing>("list", &ListInSession { scope: None })
            .await?
            .1
            .scopes)
    }

    /// Asks which of these literals (12 characters and more; at most 64) are values of secrets the user may read.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn match_literals(&self, literals: &[&str]) -> Result<Vec<LiteralMatch>, ClientError> {
        #[derive(Serialize)]
        struct Body<'a> {
            literals: &'a [&'a str],
        }
        Ok(self
            .call::<LiteralMatches>("match-literals", &Body { literals })
            .await?
            .1
            .matches)
    }

    /// Ends the session: the service forgets its keys.
    ///
    /// # Errors
    /// [`ClientError`]; the session ends by itself at its expiry if this fails.
    pub async fn close(self) -> Result<(), ClientError> {
        self.call_signed::<Empty>("close", b"{}".to_vec()).await.map(|_| ())
    }

    async fn call<A: DeserializeOwned>(&self, verb: &str, body: &impl Serialize) -> Result<(u64, A), ClientError> {
        let body =
            serde_json::to_vec(body).map_err(|_| ClientError::Protocol("the request cannot be written".into()))?;
        if now_ms() + self.clock_offset_ms + self.lifetime_ms / 2 > self.expires_at.load(Ordering::Relaxed) {
            self.renew().await?;
        }
        self.call_signed(verb, body).await
    }

    /// Extends the session; the attestation is verified again. One-time tickets cannot be, and need not be: the service
    /// then only checks that the session is its own.
    async fn renew(&self) -> Result<(), ClientError> {
        let mut body = br#"{"attestation":"#.to_vec();
        attestation_body(&self.attestation, &mut body);
        body.push(b'}');
        match self.call_signed::<RenewedSession>("renew", body).await {
            Ok((_, renewed)) => {
                self.expires_at.store(renewed.expires_at, Ordering::Relaxed);
                Ok(())
            }
            // Still open: only the renewal is refused; the request itself will say when it is too late.
            Err(ClientError::Api(_)) if now_ms() + self.clock_offset_ms < self.expires_at.load(Ordering::Relaxed) => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Sends a request under a new number. One whose answer is lost is sent again under another: the service answers a
    /// number once, and everything that a session can ask for may be asked twice.
    async fn call_signed<A: DeserializeOwned>(&self, verb: &str, body: Vec<u8>) -> Result<(u64, A), ClientError> {
        let started = Instant::now();
        let mut attempt = 1;
        let mut pause = PAUSE_MIN;
        loop {
            match self.call_once(verb, &body).await {
                Err(error) if attempt < ATTEMPTS_MAX && started.elapsed() < RETRY_MAX && worth_repeating(&error) => {
                    attempt += 1;
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                result => return result,
            }
        }
    }

    async fn call_once<A: DeserializeOwned>(&self, verb: &str, body: &[u8]) -> Result<(u64, A), ClientError> {
        let path = session_path(&self.id, verb);
        let seq = self.next_seq.fetch_add(1, Ordering::Relaxed);
        let timestamp_ms = now_ms() + self.clock_offset_ms;
        let mac = self.keys.sign(&SignedRequest {
            method: "POST",
            path: &path,
            body,
            session: &self.id,
            seq,
            timestamp_ms,
        });
        let headers = vec![
            (SEQ_HEADER, seq.to_string()),
            (TIMESTAMP_HEADER, timestamp_ms.to_string()),
            (MAC_HEADER, mac),
        ];
        let call = Call {
            method: reqwest::Method::POST,
            path: &path,
            body: Some(body.to_vec()),
            headers,
        };
        self.client.send(call).await.map(|answer| (seq, answer))
    }
}

/// The answer was lost on the way, or something on the way sent the request twice and the other one was answered.
fn worth_repeating(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable(_) => true,
        ClientError::Api(refusal) => refusal.error_code == ErrorCode::Aborted,
        _ => false,
    }
}

fn open_body(request: &SessionRequest, public: &[u8], client_nonce: &[u8]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Rest<'a> {
        hpke_public_key: String,
        kernel_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        notebook_path: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        job: Option<&'a JobRun>,
        client_nonce: String,
    }
    let rest = Rest {
        hpke_public_key: STANDARD.encode(public),
        kernel_id: &request.kernel_id,
        notebook_path: request.notebook_path.as_deref(),
        job: request.job.as_ref(),
        client_nonce: STANDARD.encode(client_nonce),
    };
    let rest = serde_json::to_vec(&rest).unwrap_or_default();
    let mut body = br#"{"attestation":"#.to_vec();
    attestation_body(&request.attestation, &mut body);
    body.push(b',');
    body.extend_from_slice(&rest[1..]);
    body
}

/// Written here because credentials cannot be serialised by a derive.
fn attestation_body(attestation: &Attestation, out: &mut Vec<u8>) {
    #[derive(Serialize)]
    struct Body<'a> {
        kind: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        credential: Option<&'a str>,
    }
    let credential = match attestation {
        Attestation::PeerCredential => None,
        Attestation::KernelToken(secret)
        | Attestation::JobTicket(secret)
        | Attestation::Jupyterhub(secret)
        | Attestation::Oidc(secret) => Some(secret.expose()),
    };
    let mut body = serde_json::to_vec(&Body {
        kind: attestation.kind(),
        credential,
    })
    .unwrap_or_default();
    out.extend_from_slice(&body);
    body.zeroize();
}

fn decode(text: &str) -> Result<Vec<u8>, ClientError> {
    STANDARD
        .decode(text)
        .map_err(|_| ClientError::Protocol("a field is not base64".into()))
}

fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::OpenSession;

    #[test]
    fn the_open_request_is_read_back_as_it_was_meant() {
        let request = SessionRequest {
            attestation: Attestation::KernelToken(SecretText::new("planted-token".into())),
            kernel_id: "k".into(),
            notebook_path: Some("a \"b\".ipynb".into()),
            job: None,
        };
        let body = open_body(&request, &[1; 32], &[2; 16]);
        let read: OpenSession = serde_json::from_slice(&body).unwrap();
        assert_eq!(read.attestation.kind(), "kernel-token");
        assert_eq!(read.kernel_id, "k");
        assert_eq!(read.notebook_path.as_deref(), Some("a \"b\".ipynb"));
        assert_eq!(STANDARD.decode(read.hpke_public_key).unwrap(), [1; 32]);

        let request = SessionRequest {
            attestation: Attestation::PeerCredential,
            ..request
        };
        let read: OpenSession = serde_json::from_slice(&open_body(&request, &[1; 32], &[2; 16])).unwrap();
        assert!(matches!(read.attestation, Attestation::PeerCredential));
    }
}
