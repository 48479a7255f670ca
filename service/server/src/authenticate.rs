//! `Authorization: Bearer TOKEN`, or Basic with user `token` and the token as password.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealbook_api::tokens::TokenKind;
use sealbook_api::{ErrorCode, SecretText};
use sealbook_core::acl::Identity;
use sealbook_core::{Error, Vault};

use crate::oidc::Oidc;
use crate::service::Service;

/// The user behind an API token, or behind a trusted issuer's token.
pub(crate) async fn by_header(service: &Service, headers: &HeaderMap) -> Result<Identity, Error> {
    let token = token(headers).ok_or_else(|| {
        Error::new(
            ErrorCode::Unauthenticated,
            "Send a token: `Authorization: Bearer TOKEN`, or Basic with the user name `token`.",
        )
    })?;
    if let Some(oidc) = service
        .trusted
        .oidc
        .as_ref()
        .filter(|_| Oidc::looks_like_jwt(token.expose()))
    {
        let (user, _) = oidc.user(token.expose()).await?;
        return service
            .vault
            .identity(&service.vault.ensure_user(&user).await?.name)
            .await;
    }
    let authenticated = service.vault.authenticate_token(token.expose()).await?;
    match authenticated.kind {
        TokenKind::Api => Ok(authenticated.identity),
        TokenKind::Kernel => Err(Vault::kernel_token_refusal()),
    }
}

fn token(headers: &HeaderMap) -> Option<SecretText> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(SecretText::new(credentials.to_owned()));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = SecretText::new(String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?);
        let (user, password) = decoded.expose().split_once(':')?;
        return (user == "token").then(|| SecretText::new(password.to_owned()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_schemes_and_nothing_else() {
        let token_of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            token(&headers).map(|token| token.expose().to_owned())
        };
        assert_eq!(token_of("Bearer planted-token").as_deref(), Some("planted-token"));
        assert_eq!(token_of("bearer  planted-token").as_deref(), Some("planted-token"));
        assert_eq!(
            token_of(&format!("Basic {}", STANDARD.encode("token:planted:x"))).as_deref(),
            Some("planted:x")
        );
        for bad in [
            "planted",
            "Basic !!",
            "Digest planted",
            &format!("Basic {}", STANDARD.encode("alice:planted")),
        ] {
            assert_eq!(token_of(bad), None, "{bad}");
        }
        assert!(token(&HeaderMap::new()).is_none());
    }
}
