//! Identities from JupyterHub: the token that the Hub gave to a user's server, and so to its kernels.
//!
//! The Hub is asked who the token belongs to. It must be a user's, and it must hold a scope that says what it is for: by
//! default the access to one of that user's own servers, which the Hub gives to servers it starts and to nothing that a
//! user makes by hand; or a custom scope, if the Hub's operator configured one for this service.

use sealbook_api::ErrorCode;
use sealbook_core::Error;
use serde::Deserialize;

use crate::error::ServeError;
use crate::outward;

/// Which Hub is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubOptions {
    /// The Hub's API, for example `http://127.0.0.1:8081/hub/api`.
    pub api: String,
    /// A scope that tokens must hold instead of the access to a server, for example `custom:sealbook:kernel`.
    #[serde(default)]
    pub scope: Option<String>,
}

/// A trusted Hub.
#[derive(Debug)]
pub(crate) struct Hub {
    options: HubOptions,
    http: reqwest::Client,
}

#[derive(Debug, Deserialize)]
struct Model {
    name: String,
    kind: String,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    token_id: Option<String>,
}

impl Hub {
    pub(crate) fn new(options: HubOptions) -> Result<Self, ServeError> {
        outward::check("the JupyterHub API", &options.api)?;
        Ok(Self {
            http: outward::client()?,
            options,
        })
    }

    /// The user that a token belongs to, and which server it is of.
    pub(crate) async fn user(&self, token: &str) -> Result<(String, String), Error> {
        let refused = |why: &str| {
            Error::new(
                ErrorCode::Unauthenticated,
                format!("The JupyterHub token is not accepted: {why}."),
            )
        };
        let unavailable =
            |what: String| Error::unavailable(format!("JupyterHub cannot be asked whose token this is: {what}."));
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refused("it is not of a token's form"));
        }
        let address = format!("{}/user", self.options.api.trim_end_matches('/'));
        let request = self.http.get(address).header("authorization", format!("token {token}"));
        let (status, body) = outward::answer(request).await.map_err(unavailable)?;
        match status {
            200 => {}
            401 | 403 => return Err(refused("the Hub does not know it, or it has expired")),
            other => return Err(unavailable(format!("it answers HTTP {other}"))),
        }
        let model: Model = serde_json::from_slice(&body)
            .map_err(|_| unavailable("its answer is not the JSON that was expected".into()))?;
        if model.kind != "user" {
            return Err(refused("it belongs to a service, not to a user"));
        }
        let (scope, wanted) = held(&model, self.options.scope.as_deref());
        let scope = scope.ok_or_else(|| refused(&format!("it does not hold the scope {wanted}")))?;
        let id = model.token_id.unwrap_or(scope);
        Ok((model.name, id))
    }
}

/// The scope that makes the token good, and the one that is wanted.
fn held(model: &Model, custom: Option<&str>) -> (Option<String>, String) {
    let wanted = custom.map_or_else(|| format!("access:servers!server={}/", model.name), str::to_owned);
    let found = model.scopes.iter().find(|scope| match custom {
        Some(custom) => *scope == custom || scope.strip_prefix(custom).is_some_and(|rest| rest.starts_with('!')),
        None => scope.starts_with(&wanted),
    });
    (found.cloned(), wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(scopes: &[&str]) -> Model {
        Model {
            name: "alice".into(),
            kind: "user".into(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            token_id: None,
        }
    }

    #[test]
    fn only_a_servers_own_token_counts() {
        for good in [["access:servers!server=alice/"], ["access:servers!server=alice/gpu"]] {
            assert!(held(&model(&good), None).0.is_some(), "{good:?}");
        }
        for bad in [
            "access:servers!server=alicent/",
            "access:servers!server=bob/",
            "access:servers!user=alice",
            "access:servers",
            "self",
        ] {
            assert!(held(&model(&[bad]), None).0.is_none(), "{bad}");
        }
        assert!(held(&model(&[]), None).0.is_none());
    }

    #[test]
    fn a_custom_scope_replaces_it() {
        let custom = Some("custom:sealbook:kernel");
        for good in ["custom:sealbook:kernel", "custom:sealbook:kernel!user=alice"] {
            assert!(held(&model(&[good]), custom).0.is_some(), "{good}");
        }
        for bad in ["custom:sealbook:kernels", "access:servers!server=alice/"] {
            assert!(held(&model(&[bad]), custom).0.is_none(), "{bad}");
        }
    }
}
