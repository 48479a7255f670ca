//! Requests that this service makes: to an issuer's keys, to JupyterHub, to audit sinks.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::error::ServeError;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of the largest answer that is read.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// A client that follows no redirect: it carries credentials.
pub(crate) fn client() -> Result<reqwest::Client, ServeError> {
    reqwest::Client::builder()
        .user_agent(concat!("sealbook/", env!("CARGO_PKG_VERSION")))
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| ServeError::new(format!("cannot make an HTTP client: {error}")))
}

/// The address is one that a credential may go to, and an answer may be believed from.
pub(crate) fn check(what: &str, address: &str) -> Result<(), ServeError> {
    let url = reqwest::Url::parse(address)
        .map_err(|error| ServeError::new(format!("{what} {address:?} is not an address: {error}")))?;
    let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() == "https" || (url.scheme() == "http" && loopback) {
        Ok(())
    } else {
        Err(ServeError::new(format!(
            "{what} {address:?} must begin with https:// (plain http only on this machine)"
        )))
    }
}

/// GET; the answer as JSON, or in words why not.
pub(crate) async fn json<T: DeserializeOwned>(client: &reqwest::Client, address: &str) -> Result<T, String> {
    let (status, body) = answer(client.get(address)).await?;
    if !(200..300).contains(&status) {
        return Err(format!("it answers HTTP {status}"));
    }
    serde_json::from_slice(&body).map_err(|_| "its answer is not the JSON that was expected".to_owned())
}

/// Status and body of a request, or in words why there is none.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), String> {
    let failed = |error: reqwest::Error| root_cause(&error);
    let mut response = request.send().await.map_err(failed)?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES_MAX {
            return Err("its answer is too long".into());
        }
    }
    Ok((status, body))
}

/// The innermost error's text, which holds no address and no credential.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn credentials_go_nowhere_in_clear() {
        for good in [
            "https://id.example.com",
            "http://127.0.0.1:8081/hub/api",
            "http://localhost:1",
        ] {
            assert!(check("x", good).is_ok(), "{good}");
        }
        for bad in ["http://id.example.com", "ftp://localhost", "id.example.com", ""] {
            assert!(check("x", bad).is_err(), "{bad}");
        }
    }
}
