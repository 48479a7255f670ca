//! One typed method per REST route.

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::error::ClientError;
use super::{Call, Client, percent_encode};
use crate::acls::{AclItem, AclList, DeleteAcl, Explanation, PutAcl};
use crate::audit::{
    AuditCheckpoint, AuditPage, AuditQuery, AuditVerification, ChainPosition, ChainRows, Checkpoints, RowsVerified,
    VerifyRows,
};
use crate::groups::{
    ChangeMember, CreateGroup, CreateUser, CreatedGroup, DeleteGroup, GroupList, Me, Member, MemberList, ScimUser,
    ScimUserList,
};
use crate::names::Permission;
use crate::scopes::{CreateScope, DeleteScope, Scope, ScopeList};
use crate::secrets::{DeleteSecret, PutValue, SecretDescription, SecretDescriptions, SecretList, SecretMetadata};
use crate::sessions::{MintTicket, MintedTicket, RevokeSession, RevokedSessions, SessionInfo, SessionList};
use crate::tokens::{CreateToken, CreatedToken, DeleteToken, TokenInfo, TokenList};

/// `{}`: the answer of a request that has nothing to say.
#[derive(Debug, Deserialize)]
pub(super) struct Empty {}

impl Client {
    /// `POST secrets/scopes/create`. `initial_manage_principal` is `None` or `Some("users")`.
    ///
    /// # Errors
    /// [`ClientError`]; `RESOURCE_ALREADY_EXISTS` when the scope exists.
    pub async fn create_scope(&self, scope: &str, initial_manage_principal: Option<&str>) -> Result<(), ClientError> {
        let body = CreateScope {
            scope: scope.to_owned(),
            initial_manage_principal: initial_manage_principal.map(str::to_owned),
            scope_backend_type: None,
        };
        self.post("/api/2.0/secrets/scopes/create", &body)
            .await
            .map(|Empty {}| ())
    }

    /// `POST secrets/scopes/delete`: the scope with all its secrets.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete_scope(&self, scope: &str) -> Result<(), ClientError> {
        self.post(
            "/api/2.0/secrets/scopes/delete",
            &DeleteScope {
                scope: scope.to_owned(),
            },
        )
        .await
        .map(|Empty {}| ())
    }

    /// `GET secrets/scopes/list`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_scopes(&self) -> Result<Vec<Scope>, ClientError> {
        self.get::<ScopeList>("/api/2.0/secrets/scopes/list", &[])
            .await
            .map(|list| list.scopes)
    }

    /// `POST secrets/put`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn put_secret(&self, scope: &str, key: &str, value: &PutValue) -> Result<(), ClientError> {
        self.put_expiring_secret(scope, key, value, None).await
    }

    /// `POST secrets/put` of a value that is not read any more from `expires_at` on, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn put_expiring_secret(
        &self,
        scope: &str,
        key: &str,
        value: &PutValue,
        expires_at: Option<i64>,
    ) -> Result<(), ClientError> {
        self.post_bytes("/api/2.0/secrets/put", put_body(scope, key, value, expires_at))
            .await
            .map(|Empty {}| ())
    }

    /// `POST secrets/delete`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete_secret(&self, scope: &str, key: &str) -> Result<(), ClientError> {
        let body = DeleteSecret {
            scope: scope.to_owned(),
            key: key.to_owned(),
        };
        self.post("/api/2.0/secrets/delete", &body).await.map(|Empty {}| ())
    }

    /// `GET secrets/list`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_secrets(&self, scope: &str) -> Result<Vec<SecretMetadata>, ClientError> {
        self.get::<SecretList>("/api/2.0/secrets/list", &[("scope", scope)])
            .await
            .map(|list| list.secrets)
    }

    /// `POST secrets/acls/put`: overwrites the principal's entry.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn put_acl(&self, scope: &str, principal: &str, permission: Permission) -> Result<(), ClientError> {
        let body = PutAcl {
            scope: scope.to_owned(),
            principal: principal.to_owned(),
            permission: permission.as_str().to_owned(),
        };
        self.post("/api/2.0/secrets/acls/put", &body).await.map(|Empty {}| ())
    }

    /// `POST secrets/acls/delete`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete_acl(&self, scope: &str, principal: &str) -> Result<(), ClientError> {
        let body = DeleteAcl {
            scope: scope.to_owned(),
            principal: principal.to_owned(),
        };
        self.post("/api/2.0/secrets/acls/delete", &body)
            .await
            .map(|Empty {}| ())
    }

    /// `GET secrets/acls/list`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_acls(&self, scope: &str) -> Result<Vec<AclItem>, ClientError> {
        self.get::<AclList>("/api/2.0/secrets/acls/list", &[("scope", scope)])
            .await
            .map(|list| list.items)
    }

    /// `GET secrets/acls/get`.
    ///
    /// # Errors
    /// [`ClientError`]; `RESOURCE_DOES_NOT_EXIST` when the principal has no entry.
    pub async fn get_acl(&self, scope: &str, principal: &str) -> Result<AclItem, ClientError> {
        self.get(
            "/api/2.0/secrets/acls/get",
            &[("scope", scope), ("principal", principal)],
        )
        .await
    }

    /// `GET secrets/describe`: when each secret was put and last read.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn describe_secrets(&self, scope: &str) -> Result<Vec<SecretDescription>, ClientError> {
        let answer: SecretDescriptions = self.get("/api/2.0/secrets/describe", &[("scope", scope)]).await?;
        Ok(answer.secrets)
    }

    /// `GET secrets/acls/explain`: what a principal may do in a scope, and why.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn explain(&self, scope: &str, principal: &str) -> Result<Explanation, ClientError> {
        self.get(
            "/api/2.0/secrets/acls/explain",
            &[("scope", scope), ("principal", principal)],
        )
        .await
    }

    /// `POST groups/create`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_group(&self, group: &str) -> Result<(), ClientError> {
        let body = CreateGroup {
            group_name: group.to_owned(),
        };
        self.post("/api/2.0/groups/create", &body)
            .await
            .map(|_: CreatedGroup| ())
    }

    /// `POST groups/delete`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete_group(&self, group: &str) -> Result<(), ClientError> {
        let body = DeleteGroup {
            group_name: group.to_owned(),
        };
        self.post("/api/2.0/groups/delete", &body).await.map(|Empty {}| ())
    }

    /// `GET groups/list`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_groups(&self) -> Result<Vec<String>, ClientError> {
        self.get::<GroupList>("/api/2.0/groups/list", &[])
            .await
            .map(|list| list.group_names)
    }

    /// `POST groups/add-member`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn add_member(&self, group: &str, member: &Member) -> Result<(), ClientError> {
        self.post("/api/2.0/groups/add-member", &change(group, member))
            .await
            .map(|Empty {}| ())
    }

    /// `POST groups/remove-member`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn remove_member(&self, group: &str, member: &Member) -> Result<(), ClientError> {
        self.post("/api/2.0/groups/remove-member", &change(group, member))
            .await
            .map(|Empty {}| ())
    }

    /// `GET groups/list-members`: direct members.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_members(&self, group: &str) -> Result<Vec<Member>, ClientError> {
        self.get::<MemberList>("/api/2.0/groups/list-members", &[("group_name", group)])
            .await
            .map(|list| list.members)
    }

    /// `GET groups/list-parents`: the groups that a user or group is a direct member of.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_parents(&self, member: &Member) -> Result<Vec<String>, ClientError> {
        let query = match member {
            Member::User(name) => ("user_name", name.as_str()),
            Member::Group(name) => ("group_name", name.as_str()),
        };
        self.get::<GroupList>("/api/2.0/groups/list-parents", &[query])
            .await
            .map(|list| list.group_names)
    }

    /// `POST token/create`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_token(&self, request: &CreateToken) -> Result<CreatedToken, ClientError> {
        self.post("/api/2.0/token/create", request).await
    }

    /// `GET token/list`: the caller's tokens.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_tokens(&self) -> Result<Vec<TokenInfo>, ClientError> {
        self.get::<TokenList>("/api/2.0/token/list", &[])
            .await
            .map(|list| list.token_infos)
    }

    /// `GET token/list`, for administrators: a user's tokens, or everybody's.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_tokens_of(&self, user: Option<&str>) -> Result<Vec<TokenInfo>, ClientError> {
        let query = user.map_or(("all", "true"), |user| ("user_name", user));
        self.get::<TokenList>("/api/2.0/token/list", &[query])
            .await
            .map(|list| list.token_infos)
    }

    /// `POST token/delete`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete_token(&self, token_id: &str) -> Result<(), ClientError> {
        let body = DeleteToken {
            token_id: token_id.to_owned(),
        };
        self.post("/api/2.0/token/delete", &body).await.map(|Empty {}| ())
    }

    /// `GET preview/scim/v2/Me`: who the caller is.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn me(&self) -> Result<Me, ClientError> {
        self.get("/api/2.0/preview/scim/v2/Me", &[]).await
    }

    /// `POST preview/scim/v2/Users`: administrators only.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_user(&self, user_name: &str) -> Result<ScimUser, ClientError> {
        let body = CreateUser {
            user_name: user_name.to_owned(),
        };
        self.post("/api/2.0/preview/scim/v2/Users", &body).await
    }

    /// `DELETE preview/scim/v2/Users/{id}`: the user with grants, memberships, tokens and sessions; administrators only.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete_user(&self, id: &str) -> Result<(), ClientError> {
        let call = Call {
            method: reqwest::Method::DELETE,
            path: &user_path(id),
            body: None,
            headers: Vec::new(),
        };
        self.send::<Empty>(call).await.map(drop)
    }

    /// `PATCH preview/scim/v2/Users/{id}`: whether the user can authenticate; administrators only.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn set_user_active(&self, id: &str, active: bool) -> Result<ScimUser, ClientError> {
        let body = serde_json::json!({ "Operations": [{ "op": "replace", "path": "active", "value": active }] });
        let call = Call {
            method: reqwest::Method::PATCH,
            path: &user_path(id),
            body: Some(body.to_string().into_bytes()),
            headers: Vec::new(),
        };
        self.send(call).await
    }

    /// `GET preview/scim/v2/Users`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_users(&self) -> Result<Vec<ScimUser>, ClientError> {
        self.get::<ScimUserList>("/api/2.0/preview/scim/v2/Users", &[])
            .await
            .map(|list| list.resources)
    }

    /// `GET audit/query`: administrators only.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn query_audit(&self, query: &AuditQuery) -> Result<AuditPage, ClientError> {
        let texts = [
            ("user", query.user.clone()),
            ("scope", query.scope.clone()),
            ("action", query.action.clone()),
            ("since", query.since.map(|n| n.to_string())),
            ("failed", query.failed.map(|b| b.to_string())),
            ("limit", query.limit.map(|n| n.to_string())),
            ("after", query.after.map(|n| n.to_string())),
        ];
        let given: Vec<(&str, &str)> = texts
            .iter()
            .filter_map(|(name, text)| text.as_deref().map(|text| (*name, text)))
            .collect();
        self.get("/api/2.0/audit/query", &given).await
    }

    /// `POST audit/verify`: checks every chain from its first record, against these checkpoints too; administrators only.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn verify_audit(&self, checkpoints: Vec<AuditCheckpoint>) -> Result<AuditVerification, ClientError> {
        self.post("/api/2.0/audit/verify", &Checkpoints { checkpoints }).await
    }

    /// `GET audit/rows`: the rows after this one, as they are chained; administrators only.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn audit_rows(&self, after: &ChainPosition) -> Result<ChainRows, ClientError> {
        let index = after.index.to_string();
        self.get(
            "/api/2.0/audit/rows",
            &[("replica", after.replica.as_str()), ("index", &index)],
        )
        .await
    }

    /// `POST audit/verify-rows`: checks rows of an export; administrators only.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn verify_rows(&self, request: &VerifyRows) -> Result<RowsVerified, ClientError> {
        self.post("/api/2.0/audit/verify-rows", request).await
    }

    /// `POST audit/checkpoint`: signs the end of the log now, and gives the newest checkpoint of each chain;
    /// administrators only.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn audit_checkpoints(&self) -> Result<Vec<AuditCheckpoint>, ClientError> {
        let answer: Checkpoints = self.post("/api/2.0/audit/checkpoint", &serde_json::json!({})).await?;
        Ok(answer.checkpoints)
    }

    /// `GET kernel-sessions/list`: an administrator sees all, others their own.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_sessions(&self) -> Result<Vec<SessionInfo>, ClientError> {
        self.get::<SessionList>("/api/2.0/kernel-sessions/list", &[])
            .await
            .map(|list| list.sessions)
    }

    /// `POST kernel-sessions/revoke`: ends a session at once.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn revoke_session(&self, session_id: &str) -> Result<(), ClientError> {
        let body = RevokeSession {
            session_id: Some(session_id.to_owned()),
            user_name: None,
        };
        self.post("/api/2.0/kernel-sessions/revoke", &body)
            .await
            .map(|RevokedSessions { .. }| ())
    }

    /// `POST kernel-sessions/revoke` for all sessions of a user: how many there were.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn revoke_sessions_of(&self, user: &str) -> Result<RevokedSessions, ClientError> {
        let body = RevokeSession {
            session_id: None,
            user_name: Some(user.to_owned()),
        };
        self.post("/api/2.0/kernel-sessions/revoke", &body).await
    }

    /// `POST kernel-sessions/tickets`: a one-time ticket with which a kernel opens a session.
    ///
    /// # Errors
    /// [`ClientError`]; `PERMISSION_DENIED` for another user without the right `job-launcher`.
    pub async fn mint_ticket(&self, request: &MintTicket) -> Result<MintedTicket, ClientError> {
        self.post("/api/2.0/kernel-sessions/tickets", request).await
    }

    /// Any other `GET` route, for routes that have no method here; `path` begins with `/`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get_json(&self, path: &str, query: &[(&str, &str)]) -> Result<serde_json::Value, ClientError> {
        self.get(path, query).await
    }

    /// Any other `POST` route, for routes that have no method here; `path` begins with `/`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post_json(&self, path: &str, body: &serde_json::Value) -> Result<serde_json::Value, ClientError> {
        self.post(path, body).await
    }
}

fn change(group: &str, member: &Member) -> ChangeMember {
    let (user_name, group_name) = match member {
        Member::User(name) => (Some(name.clone()), None),
        Member::Group(name) => (None, Some(name.clone())),
    };
    ChangeMember {
        user_name,
        group_name,
        parent_name: group.to_owned(),
    }
}

/// The body of `put`, written here because secret types cannot be serialised.
fn put_body(scope: &str, key: &str, value: &PutValue, expires_at: Option<i64>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        scope: &'a str,
        key: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        string_value: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        bytes_value: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at: Option<i64>,
    }
    let mut encoded = String::new();
    let (string_value, bytes_value) = match value {
        PutValue::String(text) => (Some(text.expose()), None),
        PutValue::Bytes(bytes) => {
            base64::Engine::encode_string(&base64::engine::general_purpose::STANDARD, bytes.expose(), &mut encoded);
            (None, Some(encoded.as_str()))
        }
    };
    let body = serde_json::to_vec(&Body {
        scope,
        key,
        string_value,
        bytes_value,
        expires_at,
    })
    .unwrap_or_default();
    encoded.zeroize();
    body
}

/// `/api/2.0/preview/scim/v2/Users/{id}`.
fn user_path(id: &str) -> String {
    let mut path = String::from("/api/2.0/preview/scim/v2/Users/");
    percent_encode(id, &mut path);
    path
}

/// `/api/2.0/kernel-sessions/{id}/{verb}`.
pub(super) fn session_path(id: &str, verb: &str) -> String {
    let mut path = String::from("/api/2.0/kernel-sessions/");
    percent_encode(id, &mut path);
    path.push('/');
    path.push_str(verb);
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret_text::{SecretBytes, SecretText};

    #[test]
    fn put_bodies() {
        let text = PutValue::String(SecretText::new("planted \"é\"".into()));
        assert_eq!(
            String::from_utf8(put_body("s", "k", &text, None)).unwrap(),
            r#"{"scope":"s","key":"k","string_value":"planted \"é\""}"#
        );
        let bytes = PutValue::Bytes(SecretBytes::new(vec![0, 255]));
        assert_eq!(
            String::from_utf8(put_body("s", "k", &bytes, Some(7))).unwrap(),
            r#"{"scope":"s","key":"k","bytes_value":"AP8=","expires_at":7}"#
        );
    }
}
