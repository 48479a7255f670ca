//! What a kernel can do in its session: read values, list names, recognise pasted values.
//!
//! A read, in order: the intent is in the audit log (`enter`), the ACL is checked, both proofs become `Audited<Read>`, the
//! store gives the record for it, the record must open for exactly what was asked, the value is sealed to the session,
//! the outcome is written, the answer is given.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealbook_api::sealing::{ANSWER_NONCE_BYTES, AnswerContext, SessionKeys};
use sealbook_api::secrets::SecretMetadata;
use sealbook_api::sessions::{LiteralMatch, SealedAnswer, SessionListing};
use sealbook_api::{ErrorCode, Permission, SecretBytes, SecretText};

use super::secrets::RECOGNISED_BYTES_MIN;
use super::sessions::{SessionOrigin, SignedCall};
use super::{Vault, params};
use crate::acl;
use crate::audit::Action;
use crate::clock::random;
use crate::envelope::{self, Metadata};
use crate::error::Error;
use crate::proof::{Audited, Read};

/// Literals in one question.
const LITERALS_MAX: usize = 64;

impl Vault {
    /// Reads a value into the session.
    ///
    /// # Errors
    /// Refused by the session checks, `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`, `DATA_LOSS`.
    pub async fn read_secret(
        &self,
        from: &SessionOrigin,
        call: SignedCall<'_>,
        scope: &str,
        key: &str,
    ) -> Result<SealedAnswer, Error> {
        let session = self
            .enter(from, call, Action::GetSecret, params(&[("scope", scope), ("key", key)]))
            .await?;
        let authorized = match self.identity(&session.row.user).await {
            Ok(identity) => self.authorize::<Read>(&identity, scope).await,
            Err(error) => Err(error),
        };
        let proof = match authorized {
            Ok(authorized) => Audited::new(authorized, session.entry),
            Err(error) => return self.conclude(session.entry, Err(error)),
        };
        let opened = self.plaintext(&proof, key).await;
        let sealed = opened
            .and_then(|(metadata, value)| self.sealed(&session.keys, &session.row.id, session.seq, metadata, &value));
        self.conclude(proof.into_entry(), sealed)
    }

    /// Cleartext row = decrypted metadata = what was asked for, else `DATA_LOSS` and no value.
    async fn plaintext(&self, proof: &Audited<Read>, key: &str) -> Result<(Metadata, SecretBytes), Error> {
        let scope = proof.scope();
        let Some(row) = self.store.record(proof, key).await? else {
            return Err(Error::secret_missing(&scope.name, key));
        };
        let metadata = row.metadata;
        let asked_for = metadata.organisation == self.organisation
            && metadata.scope_id == scope.id
            && metadata.scope_name == scope.name
            && metadata.key == key;
        let kek = envelope::kek_id(&row.record).and_then(|id| self.keyring.by_id(id));
        let value = kek
            .filter(|_| asked_for)
            .and_then(|kek| envelope::open(kek.dek_wrap(), &metadata, &row.record));
        match value {
            // Only what has opened is known to say when it expires.
            Some(_) if metadata.expires_at.is_some_and(|expiry| expiry <= self.clock.now_ms()) => Err(
                Error::secret_expired(&scope.name, key, metadata.expires_at.unwrap_or_default()),
            ),
            Some(value) => Ok((metadata, value)),
            None => Err(Error::tampered(format_args!(
                "The record of secret {key} in scope {}",
                scope.name
            ))),
        }
    }

    fn sealed(
        &self,
        keys: &SessionKeys,
        session: &str,
        seq: u64,
        metadata: Metadata,
        value: &SecretBytes,
    ) -> Result<SealedAnswer, Error> {
        let nonce = random::<ANSWER_NONCE_BYTES>(self.entropy.as_ref())?;
        let context = AnswerContext {
            session,
            seq,
            organisation: &metadata.organisation,
            scope: &metadata.scope_name,
            key: &metadata.key,
            version: metadata.version,
            kind: metadata.kind,
        };
        let ciphertext = keys
            .seal_answer(&context, &nonce, value)
            .map_err(|_| Error::internal("an answer could not be sealed"))?;
        Ok(SealedAnswer {
            seq,
            organisation: metadata.organisation,
            scope: metadata.scope_name,
            key: metadata.key,
            version: metadata.version,
            kind: metadata.kind,
            nonce: STANDARD.encode(nonce),
            ciphertext: STANDARD.encode(ciphertext),
        })
    }

    /// Lists the secrets of a scope, or without one the scopes.
    ///
    /// # Errors
    /// Refused by the session checks, `RESOURCE_DOES_NOT_EXIST`, `PERMISSION_DENIED`.
    pub async fn list_in_session(
        &self,
        from: &SessionOrigin,
        call: SignedCall<'_>,
        scope: Option<&str>,
    ) -> Result<SessionListing, Error> {
        let Some(scope) = scope else {
            let session = self.enter(from, call, Action::ListScopes, params(&[])).await?;
            let scopes = self.scope_names().await;
            let listing = scopes.map(|scopes| SessionListing {
                scopes,
                secrets: Vec::new(),
            });
            return self.conclude(session.entry, listing);
        };
        let session = self
            .enter(from, call, Action::ListSecrets, params(&[("scope", scope)]))
            .await?;
        let secrets: Result<Vec<SecretMetadata>, Error> = async {
            let identity = self.identity(&session.row.user).await?;
            self.secret_names(&identity, scope).await
        }
        .await;
        let listing = secrets.map(|secrets| SessionListing {
            scopes: Vec::new(),
            secrets,
        });
        self.conclude(session.entry, listing)
    }

    /// Which literals are values of secrets that the session's user may read: names only.
    ///
    /// # Errors
    /// Refused by the session checks, too many literals, too many questions.
    pub async fn match_literals(
        &self,
        from: &SessionOrigin,
        call: SignedCall<'_>,
        literals: &[SecretText],
    ) -> Result<Vec<LiteralMatch>, Error> {
        let mut named = params(&[]);
        named.insert("literals".into(), literals.len().into());
        let session = self.enter(from, call, Action::MatchLiteral, named).await?;
        let matches = self.matches(&session.row.id, &session.row.user, literals).await;
        self.conclude(session.entry, matches)
    }

    async fn matches(&self, session: &str, user: &str, literals: &[SecretText]) -> Result<Vec<LiteralMatch>, Error> {
        if literals.len() > LITERALS_MAX {
            return Err(Error::invalid(format!(
                "literals has {} entries; the maximum is {LITERALS_MAX}",
                literals.len()
            )));
        }
        if !self
            .literal_questions
            .admit(session, literals.len() as u32, self.clock.now_ms())
        {
            return Err(Error::new(
                ErrorCode::RequestLimitExceeded,
                "This session asks about too many literals; wait a minute.",
            ));
        }
        let identity = self.identity(user).await?;
        let mut indexes = Vec::new();
        let mut asked: HashMap<(String, Vec<u8>), Vec<usize>> = HashMap::new();
        let mut names = HashMap::new();
        for row in self.store.scopes().await? {
            let row = row.checked(self.row_mac())?;
            if acl::permission(&identity, &row) < Some(Permission::Read) {
                continue;
            }
            for (at, literal) in literals.iter().enumerate() {
                let literal = literal.expose().as_bytes();
                if literal.len() < RECOGNISED_BYTES_MIN {
                    continue;
                }
                let index = (row.id.clone(), self.keyring.first().blind_index(&row.id, literal));
                indexes.push(index.clone());
                asked.entry(index).or_default().push(at);
            }
            names.insert(row.id, row.name);
        }
        let mut matches = Vec::new();
        for (scope_id, key, blind) in self.store.blind_matches(&indexes).await? {
            let Some(scope) = names.get(&scope_id) else { continue };
            for &index in asked.get(&(scope_id.clone(), blind)).into_iter().flatten() {
                matches.push(LiteralMatch {
                    index,
                    scope: scope.clone(),
                    key: key.clone(),
                });
            }
        }
        matches.sort_by(|a, b| (a.index, &a.scope, &a.key).cmp(&(b.index, &b.scope, &b.key)));
        Ok(matches)
    }
}
