//! From an HTTP request to an endpoint and back.
//!
//! 1. Read the body: bounded in bytes and in time.
//! 2. Authenticate, as the operation's access asks.
//! 3. Parse the fields that the operation knows.
//! 4. Run the endpoint in a task of its own, so that a client that hangs up does not leave half of it undone.
//! 5. Record what no use-case has recorded; if that fails, answer that instead.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Extension, Router};
use http_body_util::BodyExt;
use sealbook_api::sealing::{MAC_HEADER, SEQ_HEADER, TIMESTAMP_HEADER};
use sealbook_api::{ApiError, ErrorCode};
use sealbook_core::Error;
use sealbook_core::acl::Identity;
use sealbook_core::audit::{Action, Origin};
use sealbook_core::vault::Caller;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::endpoints;
use crate::fields::Fields;
use crate::operation::{Access, Answer, Call, Operation, Raw, Refusal, Verb};
use crate::peer::Peer;
use crate::rate::Room;
use crate::service::{Bounds, IdentitySource, Service};
use crate::status::status;

/// Bytes of a body that is too large and yet read to its end.
const DISCARDED_BYTES_MAX: usize = 16 << 20;
/// Characters of the user agent that are recorded.
const USER_AGENT_CHARS_MAX: usize = 256;
/// Who a request is by, before anybody is known.
const NOBODY: &str = "unauthenticated";

/// The routes of every operation.
pub(crate) fn router(service: &Arc<Service>) -> Router {
    let mut router = Router::new();
    let mut paths: Vec<(&'static str, MethodRouter)> = Vec::new();
    for operation in endpoints::OPERATIONS {
        let service = Arc::clone(service);
        let handler = move |Extension(peer): Extension<Peer>, request: Request| {
            let service = Arc::clone(&service);
            async move { handle(service, operation, peer, request).await }
        };
        let filter = match operation.verb {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
            Verb::Put => MethodFilter::PUT,
            Verb::Patch => MethodFilter::PATCH,
            Verb::Delete => MethodFilter::DELETE,
        };
        match paths.iter().position(|(path, _)| *path == operation.path) {
            Some(at) => {
                let (path, methods) = paths.swap_remove(at);
                paths.push((path, methods.on(filter, handler)));
            }
            None => paths.push((operation.path, on(filter, handler))),
        }
    }
    for (path, methods) in paths {
        router = router.route(path, methods);
    }
    let unknown = {
        let service = Arc::clone(service);
        move |Extension(peer): Extension<Peer>, request: Request| {
            let service = Arc::clone(&service);
            async move { unknown(&service, &peer, &request) }
        }
    };
    router.method_not_allowed_fallback(unknown.clone()).fallback(unknown)
}

async fn handle(service: Arc<Service>, operation: &'static Operation, peer: Peer, request: Request) -> Response {
    let task = tokio::spawn(async move {
        let busy = Arc::clone(&service);
        let _busy = busy.activity.begin();
        let started = Instant::now();
        let mut caller = nobody(&peer, request.headers());
        let result = run(&service, operation, peer, request, &mut caller).await;
        let response = respond(&service, operation, &caller, result);
        let status = response.status().as_u16();
        service
            .metrics
            .answered(operation.action.name(), status, started.elapsed());
        // No path, no parameter, no name: the audit log has those, for those who may read it.
        tracing::debug!(
            request = caller.request_id,
            action = operation.action.name(),
            status,
            "answered"
        );
        response
    });
    task.await.unwrap_or_else(|_| {
        refusal(&Error::internal(
            "The request ended in a defect of this service; see its log.",
        ))
    })
}

async fn run(
    service: &Arc<Service>,
    operation: &'static Operation,
    peer: Peer,
    request: Request,
    caller: &mut Caller,
) -> Result<Answer, Refusal> {
    let (parts, body) = request.into_parts();
    if let IdentitySource::Peer(owner) = &service.identity {
        owner.admit(&peer).map_err(Refusal::Unaudited)?;
    }
    if operation.access == Access::User {
        caller.identity = match authenticate(service, &parts.headers).await {
            Ok(identity) => identity,
            Err(error) => {
                let claims = crate::authenticate::claims(service, &parts.headers).await;
                return Err(failed_authentication(service, operation, caller, error, claims));
            }
        };
        if service.bounds.requests.take(&caller.identity.user, Instant::now()) == Room::No {
            service.metrics.limited.up();
            return Err(Refusal::Unaudited(Error::new(
                ErrorCode::RequestLimitExceeded,
                format!(
                    "User {} sends more requests than this service takes.",
                    caller.identity.user
                ),
            )));
        }
    }
    let body = read_body(&service.bounds, body, &parts.headers)
        .await
        .map_err(Refusal::Unaudited)?;
    let fields = if operation.verb.has_body() {
        Fields::from_body(&body, operation.input)
    } else {
        Fields::from_query(parts.uri.query().unwrap_or(""), operation.input)
    };
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let call = Call {
        service: Arc::clone(service),
        peer,
        caller: caller.clone(),
        fields: fields.map_err(Refusal::Unaudited)?,
        segments: segments(operation.path, parts.uri.path()),
        raw: Raw {
            path: parts.uri.path().to_owned(),
            seq: header(SEQ_HEADER).and_then(|text| text.parse().ok()),
            timestamp_ms: header(TIMESTAMP_HEADER).and_then(|text| text.parse().ok()),
            mac: header(MAC_HEADER).map(str::to_owned),
            body,
        },
    };
    match (operation.run)(call).await {
        Err(Refusal::Claimed(error, claims)) => Err(failed_authentication(service, operation, caller, error, claims)),
        result => result,
    }
}

/// Whose request it is, for operations that need to know.
async fn authenticate(service: &Service, headers: &HeaderMap) -> Result<Identity, Error> {
    match &service.identity {
        IdentitySource::Peer(owner) => service.vault.identity(&owner.name).await,
        IdentitySource::Tokens => crate::authenticate::by_header(service, headers).await,
    }
}

/// Past its limit an address gets another answer and no audit record of its own: the next recorded failure says how many
/// there were.
fn failed_authentication(
    service: &Service,
    operation: &Operation,
    caller: &Caller,
    error: Error,
    mut claims: Map<String, Value>,
) -> Refusal {
    let refused = |claims, error: Error| {
        let recorded = service.vault.refused(caller, operation.action, claims, &error);
        Refusal::Audited(recorded.err().unwrap_or(error))
    };
    if error.code() != ErrorCode::Unauthenticated {
        return refused(claims, error);
    }
    match service.bounds.failures.take(&caller.origin.source, Instant::now()) {
        Room::Yes { refused_before } => {
            if refused_before > 0 {
                claims.insert("failuresNotRecorded".into(), refused_before.into());
            }
            refused(claims, error)
        }
        Room::No => {
            service.metrics.limited.up();
            Refusal::Audited(Error::new(
                ErrorCode::RequestLimitExceeded,
                "Too many requests from this address could not be authenticated; slow down, and check the token.",
            ))
        }
    }
}

async fn read_body(bounds: &Bounds, body: Body, headers: &HeaderMap) -> Result<Zeroizing<Vec<u8>>, Error> {
    let body_bytes_max = bounds.body_bytes_max;
    let too_large = || {
        Error::new(
            ErrorCode::InvalidParameterValue,
            format!("The body has more than {body_bytes_max} bytes, the maximum."),
        )
    };
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok())
        .unwrap_or(0);
    match tokio::time::timeout(bounds.body_timeout, collect(body, announced, body_bytes_max)).await {
        Ok(Ok(Some(body))) => Ok(body),
        Ok(Ok(None)) => Err(too_large()),
        Ok(Err(_)) => Err(Error::new(
            ErrorCode::MalformedRequest,
            "The body did not arrive whole.",
        )),
        Err(_) => Err(Error::new(
            ErrorCode::MalformedRequest,
            format!("The body did not arrive within {} s.", bounds.body_timeout.as_secs()),
        )),
    }
}

/// The body, or `None` when it has more than `max` bytes. What is too much is read and forgotten up to a limit, because a
/// client that is still sending would not see the answer.
async fn collect(mut body: Body, announced: usize, max: usize) -> Result<Option<Zeroizing<Vec<u8>>>, axum::Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(announced.min(max)));
    let mut seen = 0;
    while seen <= DISCARDED_BYTES_MAX {
        let Some(frame) = body.frame().await else { break };
        if let Ok(data) = frame?.into_data() {
            seen += data.len();
            if seen <= max {
                bytes.extend_from_slice(&data);
            }
        }
    }
    Ok((seen <= max).then_some(bytes))
}

fn respond(service: &Service, operation: &Operation, caller: &Caller, result: Result<Answer, Refusal>) -> Response {
    let error = match result {
        Ok(answer) => return success(answer),
        Err(Refusal::Audited(error) | Refusal::Claimed(error, _)) => error,
        Err(Refusal::Unaudited(error)) => {
            let recorded = service.vault.refused(caller, operation.action, Map::new(), &error);
            recorded.err().unwrap_or(error)
        }
    };
    refusal(&error)
}

fn unknown(service: &Service, peer: &Peer, request: &Request) -> Response {
    let _busy = service.activity.begin();
    let path: String = request.uri().path().chars().take(128).collect();
    let error = Error::new(
        ErrorCode::EndpointNotFound,
        format!(
            "There is no {} {path}; /openapi.json lists what there is.",
            request.method()
        ),
    );
    let caller = nobody(peer, request.headers());
    let mut params = Map::new();
    params.insert("path".into(), path.into());
    let recorded = service.vault.refused(&caller, Action::UnknownEndpoint, params, &error);
    refusal(&recorded.err().unwrap_or(error))
}

fn success(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(crate) fn refusal(error: &Error) -> Response {
    let body = serde_json::to_vec(&ApiError::from(error.clone())).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status(error.code());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match error.code() {
        ErrorCode::RequestLimitExceeded | ErrorCode::TemporarilyUnavailable => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        ErrorCode::Unauthenticated => {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"sealbook\""),
            );
        }
        _ => {}
    }
    response
}

fn nobody(peer: &Peer, headers: &HeaderMap) -> Caller {
    let user_agent = headers
        .get(header::USER_AGENT)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let user_agent = user_agent.map(|text| {
        text.chars()
            .filter(|c| !c.is_control())
            .take(USER_AGENT_CHARS_MAX)
            .collect()
    });
    Caller {
        identity: Identity::new(NOBODY, []),
        origin: Origin {
            source: peer.describe(),
            user_agent: user_agent.unwrap_or_default(),
        },
        // Ordered by time, so that its index grows at its end.
        request_id: uuid::Uuid::now_v7().to_string(),
    }
}

/// The segments of a path that a template leaves open.
fn segments(template: &str, path: &str) -> Vec<String> {
    template
        .split('/')
        .zip(path.split('/'))
        .filter(|(expected, _)| expected.starts_with('{'))
        .map(|(_, given)| given.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_of_a_path() {
        assert_eq!(segments("/a/{id}/b", "/a/x-1/b"), ["x-1"]);
        assert_eq!(segments("/a/b", "/a/b"), [""; 0]);
    }
}
