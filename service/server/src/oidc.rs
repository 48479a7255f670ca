//! Identities from an OpenID Connect issuer: a JWT signed by a key that the issuer publishes.
//!
//! 1. Only signatures with public keys count; the header may choose among those, never `none` or a shared secret.
//! 2. The key is found by its id in the issuer's key set, which is cached; an unknown id fetches the set again, but not
//!    more often than every few seconds.
//! 3. Signature, issuer, audience, expiry and not-before must all be right.
//! 4. The user's name is one claim. An address counts only if the issuer does not say that it is unverified.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use sealbook_api::ErrorCode;
use sealbook_core::Error;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use crate::error::ServeError;
use crate::outward;

/// Signatures that count.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// How long a key set is used before it is fetched again: a key that the issuer withdrew works no longer than this.
const KEYS_AGE_MAX: Duration = Duration::from_secs(10 * 60);
/// A token with an unknown key id makes us ask again only after this long.
const KEYS_AGE_MIN: Duration = Duration::from_secs(5);
/// Seconds that our clock and the issuer's may differ.
const LEEWAY_SECONDS: u64 = 30;
/// Bytes of the longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 16 << 10;

/// Which issuer is trusted, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcOptions {
    /// The issuer's URL, as its tokens name it.
    pub issuer: String,
    /// The audience that tokens for this service carry.
    pub audience: String,
    /// The claim that is the user's name.
    #[serde(default = "default_claim")]
    pub user_claim: String,
}

fn default_claim() -> String {
    "email".into()
}

/// A trusted issuer and its cached keys.
#[derive(Debug)]
pub(crate) struct Oidc {
    options: OidcOptions,
    http: reqwest::Client,
    keys: Mutex<Option<Keys>>,
}

#[derive(Debug)]
struct Keys {
    set: JwkSet,
    fetched: Instant,
}

#[derive(Debug, Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Oidc {
    pub(crate) fn new(options: OidcOptions) -> Result<Self, ServeError> {
        outward::check("the OIDC issuer", &options.issuer)?;
        Ok(Self {
            http: outward::client()?,
            options,
            keys: Mutex::new(None),
        })
    }

    /// A token of this form is for [`Oidc::user`]; our own tokens never have it.
    pub(crate) fn looks_like_jwt(token: &str) -> bool {
        token.starts_with("eyJ") && token.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// As tokens name it.
    pub(crate) fn issuer(&self) -> &str {
        &self.options.issuer
    }

    /// The claim that is the user's name.
    pub(crate) fn user_claim(&self) -> &str {
        &self.options.user_claim
    }

    /// What a token claims, believed by nobody yet.
    pub(crate) fn claimed(token: &str, name: &str) -> Option<String> {
        let payload = token.get(..TOKEN_BYTES_MAX.min(token.len()))?.split('.').nth(1)?;
        let claims: Map<String, Value> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        claims.get(name)?.as_str().map(str::to_owned)
    }

    /// The user that a token names, and the token's id.
    pub(crate) async fn user(&self, token: &str) -> Result<(String, String), Error> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(refused("it is too long"));
        }
        let header = decode_header(token).map_err(|_| refused("it is not a JWT"))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(refused("its signature is not of a kind that is taken"));
        }
        let jwk = self.key(header.kid.as_deref(), header.alg).await?;
        let key = DecodingKey::from_jwk(&jwk).map_err(|_| refused("its key cannot be used"))?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[&self.options.issuer]);
        validation.set_audience(&[&self.options.audience]);
        let claims = decode::<Map<String, Value>>(token, &key, &validation)
            .map_err(|error| refused(reason(error.kind())))?
            .claims;
        let user = claims
            .get(&self.options.user_claim)
            .and_then(Value::as_str)
            .ok_or_else(|| refused(&format!("it has no claim {}", self.options.user_claim)))?;
        if self.options.user_claim == "email" && claims.get("email_verified") == Some(&Value::Bool(false)) {
            return Err(refused("the issuer has not verified its address"));
        }
        let id = ["jti", "sid", "sub"]
            .iter()
            .find_map(|name| claims.get(*name).and_then(Value::as_str))
            .unwrap_or_default();
        Ok((user.to_owned(), id.chars().take(128).collect()))
    }

    /// The key of this id. The lock is held while fetching, so that a crowd of tokens makes one request.
    async fn key(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Jwk, Error> {
        let mut keys = self.keys.lock().await;
        if let Some(cached) = &*keys {
            let age = cached.fetched.elapsed();
            let found = find(&cached.set, kid, algorithm);
            if age < KEYS_AGE_MAX && (found.is_some() || age < KEYS_AGE_MIN) {
                return found.ok_or_else(|| refused("the issuer does not publish its key"));
            }
        }
        let set = self.fetch().await?;
        let found = find(&set, kid, algorithm);
        *keys = Some(Keys {
            set,
            fetched: Instant::now(),
        });
        found.ok_or_else(|| refused("the issuer does not publish its key"))
    }

    async fn fetch(&self) -> Result<JwkSet, Error> {
        let issuer = self.options.issuer.trim_end_matches('/');
        let unavailable = |what: &str| {
            Error::unavailable(format!(
                "The OIDC issuer {issuer} cannot be asked for its keys: {what}."
            ))
        };
        let discovery: Discovery = outward::json(&self.http, &format!("{issuer}/.well-known/openid-configuration"))
            .await
            .map_err(|what| unavailable(&what))?;
        if discovery.issuer.trim_end_matches('/') != issuer {
            return Err(unavailable("its configuration names another issuer"));
        }
        outward::check("jwks_uri", &discovery.jwks_uri).map_err(|error| unavailable(&error.to_string()))?;
        outward::json(&self.http, &discovery.jwks_uri)
            .await
            .map_err(|what| unavailable(&what))
    }
}

/// A key with an id is found by it; a token without one must leave no choice.
fn find(set: &JwkSet, kid: Option<&str>, algorithm: Algorithm) -> Option<Jwk> {
    let fits = |jwk: &&Jwk| {
        jwk.common
            .key_algorithm
            .is_none_or(|known| known.to_string() == format!("{algorithm:?}"))
    };
    match kid {
        Some(kid) => set.find(kid).filter(|jwk| fits(jwk)).cloned(),
        None => {
            let mut fitting = set.keys.iter().filter(fits);
            let first = fitting.next()?;
            fitting.next().is_none().then(|| first.clone())
        }
    }
}

fn reason(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "it has expired",
        ErrorKind::ImmatureSignature => "it is not valid yet",
        ErrorKind::InvalidIssuer => "it is of another issuer",
        ErrorKind::InvalidAudience => "it is for another audience",
        ErrorKind::InvalidSignature => "its signature is wrong",
        _ => "it is not valid",
    }
}

fn refused(why: &str) -> Error {
    Error::new(
        ErrorCode::Unauthenticated,
        format!("The OIDC token is not accepted: {why}."),
    )
}
