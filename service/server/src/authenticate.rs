//! `Authorization: Bearer TOKEN`, or Basic with user `token` and the token as password.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealbook_api::tokens::TokenKind;
use sealbook_api::{ErrorCode, SecretText};
use sealbook_core::acl::Identity;
use sealbook_core::{Error, Vault};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

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
    if Oidc::looks_like_jwt(token.expose())
        && let Some(oidc) = service.trusted.issuer_of(token.expose())
    {
        let (user, _) = oidc.user(token.expose()).await?;
        let user = service.vault.ensure_user(&user).await?;
        let identity = service.vault.identity(&user.name).await?;
        service.vault.seen(&identity).await?;
        return Ok(identity);
    }
    let authenticated = service.vault.authenticate_token(token.expose()).await?;
    match authenticated.kind {
        TokenKind::Api => Ok(authenticated.identity),
        TokenKind::Kernel => Err(Vault::kernel_token_refusal()),
    }
}

/// What a request whose authentication failed claims, for its audit record: see [`of_credential`].
pub(crate) async fn claims(service: &Service, headers: &HeaderMap) -> Map<String, Value> {
    match token(headers) {
        Some(token) => of_credential(service, token.expose()).await,
        None => Map::new(),
    }
}

/// Who a credential claims to be of, hashed: the user that a JWT names; or which of our tokens it is, by the beginning of its
/// SHA-256, with owner and id when it is one that exists. Nothing of what is neither: it may be a value that was put into the wrong place.
pub(crate) async fn of_credential(service: &Service, credential: &str) -> Map<String, Value> {
    let digest = |text: &str| -> String {
        let digest = Sha256::digest(text.as_bytes());
        digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let mut claims = Map::new();
    if Oidc::looks_like_jwt(credential) {
        let claim = service.trusted.issuer_of(credential).map(Oidc::user_claim);
        if let Some(user) = claim.and_then(|claim| Oidc::claimed(credential, claim)) {
            claims.insert("claimedUserSha256".into(), digest(&user).into());
        }
    } else if credential.starts_with("sealbook_") {
        claims.insert("claimedTokenSha256".into(), digest(credential).into());
        if let Some((user, id)) = service.vault.token_owner(credential).await {
            claims.insert("claimedUser".into(), user.into());
            claims.insert("claimedTokenId".into(), id.into());
        }
    }
    claims
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
