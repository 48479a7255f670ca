//! Reading secrets in a session with the service. The session is opened by the first call that needs it, opened anew
//! when the service no longer knows it, and closed when the kernel ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sealbook_api::ErrorCode;
use sealbook_api::client::{Client, ClientError, Session, SessionRequest};
use sealbook_api::scopes::Scope;
use sealbook_api::secrets::SecretMetadata;
use sealbook_api::sessions::{JobRun, LiteralMatch};
use tokio::sync::Mutex;

use crate::redact::Secret;

/// After a failure, literals are not compared for so long.
const RETRY: Duration = Duration::from_secs(30);

/// The way to the service.
pub struct Secrets {
    kernel_id: String,
    session: Mutex<Option<Arc<Session>>>,
    /// When literals could last not be compared: cells must not wait for a service that is away.
    last_failure: Mutex<Option<Instant>>,
}

impl Secrets {
    /// No session yet.
    pub fn new(kernel_id: String) -> Secrets {
        Secrets {
            kernel_id,
            session: Mutex::new(None),
            last_failure: Mutex::new(None),
        }
    }

    /// Reads one value.
    pub async fn read(&self, scope: &str, key: &str) -> Result<Secret, ClientError> {
        let value = self
            .with_session(async |session| session.read(scope, key).await)
            .await?;
        Ok(Secret::new(value.scope(), value.key(), value.expose().to_vec()))
    }

    /// Lists the secrets of a scope.
    pub async fn list(&self, scope: &str) -> Result<Vec<SecretMetadata>, ClientError> {
        self.with_session(async |session| session.list(scope).await).await
    }

    /// Lists the scopes.
    pub async fn list_scopes(&self) -> Result<Vec<Scope>, ClientError> {
        self.with_session(async |session| session.list_scopes().await).await
    }

    /// Asks which texts are values of secrets that the user may read.
    pub async fn match_literals(&self, texts: &[&str]) -> Result<Vec<LiteralMatch>, ClientError> {
        if self.last_failure.lock().await.is_some_and(|at| at.elapsed() < RETRY) {
            return Ok(Vec::new());
        }
        // As `with_session`, whose closure a task cannot hold.
        let session = self.session().await;
        let answer = match session {
            Ok(session) => match session.match_literals(texts).await {
                Err(ClientError::Api(refusal)) if refusal.error_code == ErrorCode::Unauthenticated => {
                    self.forget(&session).await;
                    self.session().await?.match_literals(texts).await
                }
                answer => answer,
            },
            Err(error) => Err(error),
        };
        if answer.is_err() {
            *self.last_failure.lock().await = Some(Instant::now());
        }
        answer
    }

    /// Ends the session, if one is open.
    pub async fn close(&self) {
        let session = self.session.lock().await.take();
        if let Some(session) = session.and_then(Arc::into_inner)
            && let Err(error) = session.close().await
        {
            tracing::debug!(%error, "the session with the secret service was not closed; it ends by itself");
        }
    }

    async fn with_session<T>(&self, call: impl AsyncFn(&Session) -> Result<T, ClientError>) -> Result<T, ClientError> {
        let session = self.session().await?;
        match call(&session).await {
            // Expired, revoked, or of a service that was started anew: one new session, then the answer stands.
            Err(ClientError::Api(refusal)) if refusal.error_code == ErrorCode::Unauthenticated => {
                self.forget(&session).await;
                let session = self.session().await?;
                call(&session).await
            }
            answer => answer,
        }
    }

    async fn session(&self) -> Result<Arc<Session>, ClientError> {
        let mut slot = self.session.lock().await;
        if let Some(session) = slot.as_ref() {
            return Ok(Arc::clone(session));
        }
        let client = Client::from_environment()?;
        let session = client.open_session(self.request(&client)?).await?;
        tracing::info!(session = session.id(), "opened a session with the secret service");
        let session = Arc::new(session);
        *slot = Some(Arc::clone(&session));
        Ok(session)
    }

    async fn forget(&self, session: &Arc<Session>) {
        let mut slot = self.session.lock().await;
        if slot.as_ref().is_some_and(|current| Arc::ptr_eq(current, session)) {
            *slot = None;
        }
    }

    fn request(&self, client: &Client) -> Result<SessionRequest, ClientError> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let job = variable("SEALBOOK_RUN_ID").map(|run_id| JobRun {
            id: variable("SEALBOOK_JOB_ID").unwrap_or_else(|| run_id.clone()),
            run_id,
        });
        Ok(SessionRequest {
            attestation: client.attestation()?,
            kernel_id: self.kernel_id.clone(),
            // Jupyter Server names the notebook so; `sealbook run` does too.
            notebook_path: variable("JPY_SESSION_NAME"),
            job,
        })
    }
}
