//! The HTTP client: a remote service over TLS, or the embedded one over a unix socket, started on demand.
//!
//! ```text
//! SEALBOOK_HOST set    → that address, Authorization: Bearer $SEALBOOK_TOKEN
//! SEALBOOK_HOST unset  → $SEALBOOK_HOME/run/service.sock; nobody listens → start it (see `start`), then once more
//! ```
//!
//! A request is repeated only when it certainly did not reach the service: when the connection could not be made.

mod error;
mod home;
mod routes;
mod session;
mod start;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::{ClientError, ServiceUnreachable};
pub use home::Home;
pub use session::{SecretValue, Session, SessionRequest};

use crate::error::{ApiError, ErrorCode};
use crate::secret_text::SecretText;

/// How long one request may take, its answer included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of the largest answer that is read; the largest legal one lists 10,000 audit records.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A client of the secret service. Cheap to clone; makes no connection until the first request.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    base: String,
    address: String,
    token: Option<SecretText>,
    embedded: Option<start::Embedded>,
}

/// One request, ready to be sent (and sent again, if the connection could not be made).
struct Call<'a> {
    method: reqwest::Method,
    path: &'a str,
    body: Option<Vec<u8>>,
    headers: Vec<(&'static str, String)>,
}

impl Client {
    /// The client that the environment asks for: `SEALBOOK_HOST` and `SEALBOOK_TOKEN` for a remote service (with
    /// `SEALBOOK_CA_FILE`, a PEM file of certificate authorities to trust besides the system's), without a host the
    /// embedded service of `SEALBOOK_HOME`.
    ///
    /// # Errors
    /// [`ClientError::Configuration`]: a variable has a value that makes no sense, or there is no home folder.
    pub fn from_environment() -> Result<Self, ClientError> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        match variable("SEALBOOK_HOST") {
            Some(host) => {
                let authorities = variable("SEALBOOK_CA_FILE")
                    .map(|path| {
                        std::fs::read(&path).map_err(|error| {
                            ClientError::Configuration(format!("SEALBOOK_CA_FILE: cannot read {path}: {error}"))
                        })
                    })
                    .transpose()?;
                Self::remote(
                    &host,
                    variable("SEALBOOK_TOKEN").map(SecretText::new),
                    authorities.as_deref(),
                )
            }
            None => Self::embedded(Home::from_environment()?),
        }
    }

    /// A client of the service at `host` (`https://name[:port]`, or a bare name, which means https).
    ///
    /// # Errors
    /// [`ClientError::Configuration`]: the address or the certificates are not valid, or the address would send a token in
    /// clear to another machine.
    pub fn remote(host: &str, token: Option<SecretText>, authorities_pem: Option<&[u8]>) -> Result<Self, ClientError> {
        let base = if host.contains("://") {
            host.to_owned()
        } else {
            format!("https://{host}")
        };
        let base = base.trim_end_matches('/').to_owned();
        let url = reqwest::Url::parse(&base).map_err(|error| {
            ClientError::Configuration(format!("SEALBOOK_HOST {host:?} is not an address: {error}"))
        })?;
        let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
            return Err(ClientError::Configuration(format!(
                "SEALBOOK_HOST {host:?} must begin with https:// (plain http only on this machine), or the token and \
                 every answer would cross the network in clear"
            )));
        }
        let mut builder = builder();
        if let Some(pem) = authorities_pem {
            let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(|_| {
                ClientError::Configuration("SEALBOOK_CA_FILE holds no PEM certificates that can be read".into())
            })?;
            builder = builder.tls_certs_merge(certificates);
        }
        Self::build(builder, base.clone(), base, token, None)
    }

    /// A client of the embedded service of `home`, which is started when nobody listens.
    ///
    /// # Errors
    /// [`ClientError::Configuration`]: the socket's folder cannot be made, or others may write to it.
    pub fn embedded(home: Home) -> Result<Self, ClientError> {
        let embedded = start::Embedded::new(home)?;
        let address = format!("unix socket {}", embedded.home().socket().display());
        let builder = builder().unix_socket(embedded.socket_to_connect());
        Self::build(builder, "http://sealbook".into(), address, None, Some(embedded))
    }

    fn build(
        builder: reqwest::ClientBuilder,
        base: String,
        address: String,
        token: Option<SecretText>,
        embedded: Option<start::Embedded>,
    ) -> Result<Self, ClientError> {
        let http = builder
            .build()
            .map_err(|error| ClientError::Configuration(format!("the HTTP client cannot be set up: {error}")))?;
        Ok(Self {
            inner: Arc::new(Inner {
                http,
                base,
                address,
                token,
                embedded,
            }),
        })
    }

    /// `true` for the embedded service of this user.
    pub fn is_embedded(&self) -> bool {
        self.inner.embedded.is_some()
    }

    /// Where requests go, in words for people.
    pub fn address(&self) -> &str {
        &self.inner.address
    }

    /// The token of the environment, for opening a kernel session with it.
    fn token(&self) -> Option<&SecretText> {
        self.inner.token.as_ref()
    }

    async fn get<A: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<A, ClientError> {
        let path = with_query(path, query);
        self.send(Call {
            method: reqwest::Method::GET,
            path: &path,
            body: None,
            headers: Vec::new(),
        })
        .await
    }

    async fn post<A: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<A, ClientError> {
        let body =
            serde_json::to_vec(body).map_err(|_| ClientError::Protocol("the request cannot be written".into()))?;
        self.post_bytes(path, body).await
    }

    async fn post_bytes<A: DeserializeOwned>(&self, path: &str, body: Vec<u8>) -> Result<A, ClientError> {
        self.send(Call {
            method: reqwest::Method::POST,
            path,
            body: Some(body),
            headers: Vec::new(),
        })
        .await
    }

    async fn send<A: DeserializeOwned>(&self, call: Call<'_>) -> Result<A, ClientError> {
        let (status, body) = match (self.send_once(&call).await, &self.inner.embedded) {
            (Err(error), Some(embedded)) if error.is_connect() => {
                embedded.ensure_started(self).await?;
                self.send_once(&call).await.map_err(|error| self.unreachable(&error))?
            }
            (sent, _) => sent.map_err(|error| self.unreachable(&error))?,
        };
        answer(status, &body)
    }

    async fn send_once(&self, call: &Call<'_>) -> Result<(u16, Vec<u8>), reqwest::Error> {
        let mut request = self
            .inner
            .http
            .request(call.method.clone(), format!("{}{}", self.inner.base, call.path));
        if let Some(token) = &self.inner.token {
            request = request.bearer_auth(token.expose());
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = &call.body {
            request = request.header("content-type", "application/json").body(body.clone());
        }
        let mut response = request.send().await?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_BYTES_MAX {
                break;
            }
        }
        Ok((status, body))
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        ClientError::Unreachable(ServiceUnreachable {
            address: self.inner.address.clone(),
            reason: root_cause(error),
            check: match &self.inner.embedded {
                Some(embedded) => format!(
                    "run `sealbook doctor`; the service's log is {}",
                    embedded.home().service_log().display()
                ),
                None => format!(
                    "check SEALBOOK_HOST, and that the service answers: curl {}/health/live",
                    self.inner.base
                ),
            },
        })
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("sealbook/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
}

/// What the service said, as the expected answer or as its refusal.
fn answer<A: DeserializeOwned>(status: u16, body: &[u8]) -> Result<A, ClientError> {
    if (200..300).contains(&status) {
        return serde_json::from_slice(body).map_err(|_| {
            ClientError::Protocol(format!("the answer (HTTP {status}) is not the JSON that was expected"))
        });
    }
    match serde_json::from_slice::<ApiError>(body) {
        Ok(refusal) => Err(ClientError::Api(refusal)),
        Err(_) => Err(ClientError::Api(ApiError::new(
            ErrorCode::Unknown,
            format!("HTTP {status}; the body is not an error of the secret service: is the address right?"),
        ))),
    }
}

/// The innermost error's text: "Connection refused (os error 111)" says more than "error sending request".
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    certificate_advice(cause.to_string())
}

/// What the usual self-signed certificate is refused for, in words that say what to do.
fn certificate_advice(reason: String) -> String {
    if reason.contains("CaUsedAsEndEntity") {
        return "its certificate is a certificate authority's (CA:TRUE, as `openssl req -x509` makes it), which cannot be a \
                server's own. Make it again with `-addext basicConstraints=critical,CA:FALSE`, or sign the server's \
                certificate with that authority"
            .into();
    }
    reason
}

fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let mut text = path.to_owned();
    for (index, (name, value)) in query.iter().enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        percent_encode(value, &mut text);
    }
    text
}

fn percent_encode(value: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_used_as_a_server_is_explained() {
        let advice = certificate_advice("invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))".into());
        assert!(advice.contains("basicConstraints=critical,CA:FALSE"), "{advice}");
        assert_eq!(certificate_advice("connection refused".into()), "connection refused");
    }

    #[test]
    fn queries_are_encoded() {
        assert_eq!(with_query("/x", &[]), "/x");
        assert_eq!(
            with_query("/x", &[("scope", "a b&c"), ("principal", "é@x")]),
            "/x?scope=a%20b%26c&principal=%C3%A9%40x"
        );
    }

    #[test]
    fn plain_http_to_another_machine_is_refused() {
        for host in ["http://db.example.com", "ftp://x", "http://10.0.0.1:80"] {
            let error = Client::remote(host, None, None).unwrap_err();
            assert!(matches!(error, ClientError::Configuration(_)), "{error}");
        }
        for host in [
            "https://x.example.com/",
            "x.example.com",
            "http://127.0.0.1:8080",
            "http://localhost:1",
        ] {
            assert!(!Client::remote(host, None, None).unwrap().is_embedded());
        }
    }

    #[test]
    fn a_refusal_is_read_and_a_foreign_answer_is_not_echoed() {
        let error = answer::<()>(
            404,
            br#"{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"Scope x does not exist!"}"#,
        );
        assert_eq!(
            error.unwrap_err().to_string(),
            "RESOURCE_DOES_NOT_EXIST: Scope x does not exist!"
        );
        let error = answer::<()>(502, b"<html>planted-body</html>").unwrap_err().to_string();
        assert!(error.contains("502") && !error.contains("planted"), "{error}");
    }
}
