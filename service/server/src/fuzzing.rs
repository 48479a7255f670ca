//! The request decoder without a connection, for fuzz targets and tests. Not part of the API of this crate.
//!
//! [`decode`] parses fields and does nothing else: a million inputs a minute. [`Target`] sends a request through all of
//! it, from the router to the database: what an endpoint makes of the fields is found out only there.

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request};
use http_body_util::BodyExt;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tokio::runtime::Runtime;

use crate::dispatch;
use crate::embedded::open;
use crate::endpoints::OPERATIONS;
use crate::fields::Fields;
use crate::operation::Verb;
use crate::peer::{Owner, Peer};
use crate::service::Service;
use crate::settings::Settings;
use crate::status::status_of;

/// How many operations there are: what selects one is taken modulo this.
pub fn operations() -> usize {
    OPERATIONS.len()
}

/// Decodes the fields of an operation from a query or a body, whichever it takes. The status that a request with these
/// fields gets before its endpoint sees it, or `None` when they reach the endpoint.
pub fn decode(operation: usize, query: &str, body: &[u8]) -> Option<u16> {
    let operation = OPERATIONS[operation % OPERATIONS.len()];
    let fields = if operation.verb.has_body() {
        Fields::from_body(body, operation.input)
    } else {
        Fields::from_query(query, operation.input)
    };
    let fields = match fields {
        Ok(fields) => fields,
        Err(error) => return Some(status_of(error.code())),
    };
    for field in operation.input {
        // What the endpoints call; a number or a truth value in a query is a text until then.
        let parsed = fields.maybe_integer(field.name).map(drop);
        drop((parsed, fields.maybe_boolean(field.name), fields.maybe_text(field.name)));
    }
    None
}

/// A request as a fuzz target makes it.
#[derive(Debug, Clone, Default)]
pub struct Asked<'a> {
    /// Which operation.
    pub operation: usize,
    /// What stands in each segment of the path that varies, percent-encoded where it must be.
    pub segment: &'a str,
    /// The query string.
    pub query: &'a str,
    /// Headers; those that HTTP does not allow are left out.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body.
    pub body: &'a [u8],
}

/// The service of an administrator, in a folder, without a socket.
#[derive(Debug)]
pub struct Target {
    runtime: Runtime,
    router: axum::Router,
}

impl Target {
    /// Makes a service in a new folder, best in memory.
    ///
    /// # Errors
    /// Why it could not start.
    pub fn new(folder: &Path) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let settings = Settings::default();
        let owner = Owner::of_this_process();
        let peer = Peer::Unix {
            uid: owner.uid,
            pid: None,
        };
        let (vault, _) = runtime
            .block_on(open(folder, Some(&owner), &settings))
            .map_err(|error| error.to_string())?;
        let service = Arc::new(Service::of_owner(vault, owner, &settings));
        let router = dispatch::router(&service).layer(axum::Extension(peer));
        Ok(Self { runtime, router })
    }

    /// Status and body of the answer; `None` for what is no HTTP request.
    pub fn ask(&self, asked: &Asked<'_>) -> Option<(u16, Vec<u8>)> {
        let operation = OPERATIONS[asked.operation % OPERATIONS.len()];
        let path: Vec<&str> = operation
            .path
            .split('/')
            .map(|segment| {
                if segment.starts_with('{') {
                    asked.segment
                } else {
                    segment
                }
            })
            .collect();
        let method = match operation.verb {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Patch => "PATCH",
            Verb::Delete => "DELETE",
        };
        let uri = format!("{}?{}", path.join("/"), asked.query);
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .body(Body::from(asked.body.to_vec()))
            .ok()?;
        for (name, value) in asked.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::from_bytes(value)) {
                request.headers_mut().append(name, value);
            }
        }
        self.runtime.block_on(async {
            let response = match TowerToHyperService::new(self.router.clone()).call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.ok()?.to_bytes().to_vec();
            Some((status, body))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(path: &str) -> usize {
        let at = OPERATIONS.iter().position(|operation| operation.path == path);
        at.unwrap()
    }

    #[test]
    fn fields_are_decoded_without_a_service() {
        let put = operation("/api/2.0/secrets/put");
        assert_eq!(decode(put, "", br#"{"scope":"s","key":"k"}"#), None);
        assert_eq!(decode(put, "", br#"{"scope":"s","scope":"s"}"#), Some(400));
        assert_eq!(decode(operation("/api/2.0/secrets/list"), "scope=%ff", b""), Some(400));
    }

    #[test]
    fn every_operation_answers_json_or_text_and_no_defect() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::new(folder.path()).unwrap();
        let create = Asked {
            operation: operation("/api/2.0/secrets/scopes/create"),
            body: br#"{"scope":"s"}"#,
            ..Asked::default()
        };
        assert_eq!(target.ask(&create), Some((200, b"{}".to_vec())));
        for (operation, described) in OPERATIONS.iter().enumerate() {
            for (query, body) in [
                ("", &b""[..]),
                ("scope=s&filter=%28&count=-1", b"{}"),
                ("%ff", b"[[[["),
                (
                    "filter=a+eq+%22%22",
                    br#"{"Operations":[{"op":"add","path":"members[","value":[{}]}]}"#,
                ),
            ] {
                let asked = Asked {
                    operation,
                    segment: "%00",
                    query,
                    headers: &[("x-sealbook-seq", b"18446744073709551616"), ("user-agent", b"\xff")],
                    body,
                };
                let (status, answer) = target.ask(&asked).unwrap();
                assert!(status < 500, "{}: {status}", described.path);
                let text = described.path == "/metrics" && status == 200;
                assert!(text || serde_json::from_slice::<serde_json::Value>(&answer).is_ok());
            }
        }
    }
}
