//! Attestations: parsed from a request, and whom they establish. Not an endpoint; two use it.

use sealbook_api::sessions::{Attestation, JobRun, OpenSession};
use sealbook_api::{ErrorCode, SecretText};
use sealbook_core::Error;
use sealbook_core::vault::Established;
use serde_json::{Map, Value};

use crate::authenticate::of_credential;
use crate::fields::Fields;
use crate::operation::Call;
use crate::peer::Peer;
use crate::service::IdentitySource;

/// Characters of a claim that are recorded.
const CLAIM_CHARS_MAX: usize = 256;

/// `{"kind": "...", "credential": "..."}`.
pub(super) fn parse(fields: &mut Fields) -> Result<Attestation, Error> {
    let malformed = |message: &str| Error::new(ErrorCode::MalformedRequest, message);
    let Some(Value::Object(mut attestation)) = fields.json("attestation") else {
        return Err(malformed("The field attestation must be an object."));
    };
    let credential = match attestation.remove("credential") {
        Some(Value::String(text)) => Some(SecretText::new(text)),
        None => None,
        Some(_) => return Err(malformed("The field attestation.credential must be a string.")),
    };
    let kind = attestation.remove("kind");
    if !attestation.is_empty() {
        return Err(malformed("The field attestation takes only kind and credential."));
    }
    let kind = kind.as_ref().and_then(Value::as_str);
    match (kind, credential) {
        (Some("peer-credential"), None) => Ok(Attestation::PeerCredential),
        (Some("kernel-token"), Some(secret)) => Ok(Attestation::KernelToken(secret)),
        (Some("job-ticket"), Some(secret)) => Ok(Attestation::JobTicket(secret)),
        (Some("jupyterhub"), Some(secret)) => Ok(Attestation::Jupyterhub(secret)),
        (Some("oidc"), Some(secret)) => Ok(Attestation::Oidc(secret)),
        _ => Err(malformed(
            "The field attestation.kind must be peer-credential (without a credential), or kernel-token, job-ticket, \
             jupyterhub or oidc (with one).",
        )),
    }
}

/// `{"id": "...", "run_id": "..."}`.
pub(super) fn job(fields: &mut Fields) -> Result<Option<JobRun>, Error> {
    let Some(job) = fields.json("job") else { return Ok(None) };
    serde_json::from_value(job).map(Some).map_err(|_| {
        Error::new(
            ErrorCode::MalformedRequest,
            "The field job must be an object with id and run_id.",
        )
    })
}

/// Whom an attestation establishes.
pub(super) async fn establish(call: &Call, attestation: &Attestation) -> Result<Established, Error> {
    match attestation {
        Attestation::PeerCredential => by_peer(call),
        Attestation::KernelToken(token) => call.vault().establish_by_token(token).await,
        Attestation::JobTicket(ticket) => call.vault().establish_by_ticket(ticket).await,
        Attestation::Oidc(token) => match call.service.trusted.issuer_of(token.expose()) {
            Some(oidc) => by_issuer(call, "oidc", oidc.user(token.expose()).await?).await,
            None => Err(not_taken(attestation)),
        },
        Attestation::Jupyterhub(token) => match &call.service.trusted.hub {
            Some(hub) => by_issuer(call, "jupyterhub", hub.user(token.expose()).await?).await,
            None => Err(not_taken(attestation)),
        },
        other => Err(not_taken(other)),
    }
}

/// What a session that is not opened was claimed to be: for which kind of attestation, kernel and notebook.
pub(super) async fn claims(call: &Call, request: &OpenSession) -> Map<String, Value> {
    let mut claims = match &request.attestation {
        Attestation::KernelToken(secret)
        | Attestation::JobTicket(secret)
        | Attestation::Jupyterhub(secret)
        | Attestation::Oidc(secret) => of_credential(&call.service, secret.expose()).await,
        _ => Map::new(),
    };
    let shortened = |text: &str| Value::from(text.chars().take(CLAIM_CHARS_MAX).collect::<String>());
    claims.insert("claimedAttestation".into(), request.attestation.kind().into());
    claims.insert("claimedKernelId".into(), shortened(&request.kernel_id));
    if let Some(path) = &request.notebook_path {
        claims.insert("claimedNotebookPath".into(), shortened(path));
    }
    claims
}

fn not_taken(attestation: &Attestation) -> Error {
    Error::new(
        ErrorCode::Unauthenticated,
        format!("This service takes no attestation of kind {}.", attestation.kind()),
    )
}

/// Somebody who is trusted has named the user; who comes for the first time gets an account without rights.
async fn by_issuer(call: &Call, attestation: &str, (user, id): (String, String)) -> Result<Established, Error> {
    let row = call.vault().ensure_user(&user).await?;
    Ok(Established {
        user: row.name,
        attestation: attestation.into(),
        attestation_id: id,
        job: None,
    })
}

/// The embedded service has checked the peer before anything else.
fn by_peer(call: &Call) -> Result<Established, Error> {
    match (&call.service.identity, &call.peer) {
        (IdentitySource::Peer(owner), Peer::Unix { .. }) => Ok(Established {
            user: owner.name.clone(),
            attestation: "peer-credential".into(),
            attestation_id: call.peer.describe(),
            job: None,
        }),
        _ => Err(Error::new(
            ErrorCode::Unauthenticated,
            "A peer credential is taken only on the embedded service's unix socket: use a kernel token.",
        )),
    }
}
