//! One entry per operation of the API: what it is, what it takes, who may call it, what runs. The router, the OpenAPI
//! document and the ratchets of the tests all read this table.

use std::pin::Pin;
use std::sync::Arc;

use sealbook_api::sealing::SignedRequest;
use sealbook_core::audit::Action;
use sealbook_core::vault::{Caller, SessionOrigin, SignedCall};
use sealbook_core::{Error, Vault};
use serde::Serialize;

use crate::fields::Fields;
use crate::peer::Peer;
use crate::service::Service;

/// HTTP methods that the API uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    /// The fields come in a body, not in the query.
    pub(crate) fn has_body(self) -> bool {
        matches!(self, Verb::Post | Verb::Put | Verb::Patch)
    }
}

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody.
    Public,
    /// Any authenticated user; what they may do, the vault decides.
    User,
    /// Whoever the attestation or the request's MAC establishes.
    Kernel,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Secret,
    Integer,
    Boolean,
    Object,
    List,
    SecretList,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Text | Kind::Secret => "a string",
            Kind::Integer => "an integer",
            Kind::Boolean => "true or false",
            Kind::Object => "an object",
            Kind::List => "a list",
            Kind::SecretList => "a list of strings",
        }
    }
}

/// The name of [`Field::others`].
pub(crate) const OTHERS: &str = "*";

/// A field of a request or an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    pub(crate) about: &'static str,
}

impl Field {
    pub(crate) const fn required(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self {
            name,
            kind,
            required: true,
            about,
        }
    }

    /// Whatever else the request holds: taken and not kept.
    pub(crate) const fn others(about: &'static str) -> Self {
        Self::optional(OTHERS, Kind::Object, about)
    }

    pub(crate) const fn optional(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self {
            name,
            kind,
            required: false,
            about,
        }
    }
}

/// An operation of the API.
pub(crate) struct Operation {
    pub(crate) verb: Verb,
    /// With `{name}` for a segment that varies.
    pub(crate) path: &'static str,
    pub(crate) action: Action,
    pub(crate) access: Access,
    pub(crate) about: &'static str,
    pub(crate) input: &'static [Field],
    pub(crate) output: &'static [Field],
    pub(crate) run: fn(Call) -> Running,
}

/// What an endpoint returns.
pub(crate) type Running = Pin<Box<dyn Future<Output = Result<Answer, Refusal>> + Send>>;

/// A request on its way to an endpoint.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) service: Arc<Service>,
    pub(crate) peer: Peer,
    /// For [`Access::User`]; for the others an identity without rights.
    pub(crate) caller: Caller,
    pub(crate) fields: Fields,
    /// The segments that vary, in order.
    pub(crate) segments: Vec<String>,
    pub(crate) raw: Raw,
}

/// What a request's MAC covers.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    pub(crate) path: String,
    pub(crate) body: zeroize::Zeroizing<Vec<u8>>,
    pub(crate) seq: Option<u64>,
    pub(crate) timestamp_ms: Option<i64>,
    pub(crate) mac: Option<String>,
}

impl Call {
    pub(crate) fn vault(&self) -> &Vault {
        &self.service.vault
    }

    pub(crate) fn from(&self) -> SessionOrigin {
        SessionOrigin {
            origin: self.caller.origin.clone(),
            request_id: self.caller.request_id.clone(),
        }
    }

    /// The one segment of the path that varies.
    pub(crate) fn segment(&self) -> &str {
        self.segments.first().map_or("", String::as_str)
    }

    /// The signed request of a kernel session.
    pub(crate) fn signed(&self) -> Result<SignedCall<'_>, Error> {
        let missing = |header: &str| {
            Error::new(
                sealbook_api::ErrorCode::Unauthenticated,
                format!("The header {header} of the session protocol is missing or not of its form."),
            )
        };
        Ok(SignedCall {
            request: SignedRequest {
                method: "POST",
                path: &self.raw.path,
                body: &self.raw.body,
                session: self.segment(),
                seq: self.raw.seq.ok_or_else(|| missing(sealbook_api::sealing::SEQ_HEADER))?,
                timestamp_ms: self
                    .raw
                    .timestamp_ms
                    .ok_or_else(|| missing(sealbook_api::sealing::TIMESTAMP_HEADER))?,
            },
            mac: self
                .raw
                .mac
                .as_deref()
                .ok_or_else(|| missing(sealbook_api::sealing::MAC_HEADER))?,
        })
    }
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// JSON; `{}` when there is nothing to say.
    pub(crate) fn json(value: &impl Serialize) -> Result<Self, Refusal> {
        let body = serde_json::to_vec(value)
            .map_err(|_| Refusal::Audited(Error::internal("an answer cannot be written as JSON")))?;
        Ok(Self {
            status: 200,
            content_type: "application/json",
            body,
        })
    }

    pub(crate) fn empty() -> Result<Self, Refusal> {
        Ok(Self {
            status: 200,
            content_type: "application/json",
            body: b"{}".to_vec(),
        })
    }
}

/// Why a request was refused, and whether the vault has recorded that already.
#[derive(Debug)]
pub(crate) enum Refusal {
    Audited(Error),
    Unaudited(Error),
    /// Nobody was established; and what was claimed, for the record.
    Claimed(Error, serde_json::Map<String, serde_json::Value>),
}

/// The vault's use-cases record their own refusals.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Audited(error)
    }
}

/// Marks an error that no use-case has seen.
pub(crate) fn unaudited(error: Error) -> Refusal {
    Refusal::Unaudited(error)
}
