//! From a database's rows to the domain's. The columns are named in `sql`; both databases use the same.

use sealbook_core::Error;
use sealbook_core::api::Permission;
use sealbook_core::api::tokens::TokenKind;
use sealbook_core::audit::{AuditRow, Phase};
use sealbook_core::envelope::Metadata;
use sealbook_core::rows::{
    AclEntry, GroupRow, HeadRow, KekRow, LastReadRow, MemberKind, MembershipRow, ScopeRow, SecretRow, SessionRow,
    TicketRow, TokenRow, UserRow, parse_kind,
};
use sqlx::{ColumnIndex, Database, Decode, Row, Type};

/// What a row must be able to give. Implemented for the rows of both databases.
pub(crate) trait Columns {
    fn text(&self, name: &'static str) -> Result<String, Error>;
    fn maybe_text(&self, name: &'static str) -> Result<Option<String>, Error>;
    fn number(&self, name: &'static str) -> Result<i64, Error>;
    fn maybe_number(&self, name: &'static str) -> Result<Option<i64>, Error>;
    fn bytes(&self, name: &'static str) -> Result<Vec<u8>, Error>;

    fn unsigned(&self, name: &'static str) -> Result<u64, Error> {
        u64::try_from(self.number(name)?).map_err(|_| Error::tampered(format_args!("Column {name} of a row")))
    }
}

impl<R> Columns for R
where
    R: Row,
    &'static str: ColumnIndex<R>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    R::Database: Database,
{
    fn text(&self, name: &'static str) -> Result<String, Error> {
        self.try_get(name).map_err(crate::error::failed)
    }
    fn maybe_text(&self, name: &'static str) -> Result<Option<String>, Error> {
        self.try_get(name).map_err(crate::error::failed)
    }
    fn number(&self, name: &'static str) -> Result<i64, Error> {
        self.try_get(name).map_err(crate::error::failed)
    }
    fn maybe_number(&self, name: &'static str) -> Result<Option<i64>, Error> {
        self.try_get(name).map_err(crate::error::failed)
    }
    fn bytes(&self, name: &'static str) -> Result<Vec<u8>, Error> {
        self.try_get(name).map_err(crate::error::failed)
    }
}

pub(crate) fn scope(row: &impl Columns) -> Result<ScopeRow, Error> {
    let name = row.text("name")?;
    let acl = parse_acl(&row.text("acl")?).ok_or_else(|| Error::tampered(format_args!("The ACL of scope {name}")))?;
    Ok(ScopeRow {
        id: row.text("id")?,
        name,
        acl,
        epoch: row.unsigned("epoch")?,
        created_at: row.number("created_at")?,
        mac: row.bytes("mac")?,
    })
}

/// `[["alice","MANAGE"],…]`
pub(crate) fn write_acl(acl: &[AclEntry]) -> String {
    let pairs: Vec<(&str, &str)> = acl
        .iter()
        .map(|entry| (entry.principal.as_str(), entry.permission.as_str()))
        .collect();
    serde_json::to_string(&pairs).unwrap_or_default()
}

fn parse_acl(text: &str) -> Option<Vec<AclEntry>> {
    let pairs: Vec<(String, String)> = serde_json::from_str(text).ok()?;
    pairs
        .into_iter()
        .map(|(principal, permission)| {
            Some(AclEntry {
                principal,
                permission: Permission::parse(&permission).ok()?,
            })
        })
        .collect()
}

pub(crate) fn head(row: &impl Columns) -> Result<HeadRow, Error> {
    Ok(HeadRow {
        key: row.text("key")?,
        version: row.unsigned("version")?,
        updated_at: row.number("updated_at")?,
        expires_at: row.maybe_number("expires_at")?,
    })
}

pub(crate) fn last_read(row: &impl Columns) -> Result<LastReadRow, Error> {
    Ok(LastReadRow {
        key: row.text("key")?,
        at_ms: row.number("at_ms")?,
        user: row.text("user_name")?,
    })
}

pub(crate) fn secret(row: &impl Columns) -> Result<SecretRow, Error> {
    let kind = parse_kind(&row.text("kind")?).ok_or_else(|| Error::tampered("The kind of a secret"))?;
    let metadata = Metadata {
        organisation: row.text("organisation")?,
        scope_id: row.text("scope_id")?,
        scope_name: row.text("scope_name")?,
        key: row.text("key")?,
        version: row.unsigned("version")?,
        kind,
        author: row.text("author")?,
        time_ms: row.number("time_ms")?,
        expires_at: row.maybe_number("expires_at")?,
    };
    Ok(SecretRow {
        metadata,
        record: row.bytes("record")?,
        blind: Vec::new(),
    })
}

pub(crate) fn user(row: &impl Columns) -> Result<UserRow, Error> {
    Ok(UserRow {
        id: row.text("id")?,
        name: row.text("name")?,
        active: row.number("active")? != 0,
        created_at: row.number("created_at")?,
        profile: row.text("profile")?,
        mac: row.bytes("mac")?,
    })
}

pub(crate) fn group(row: &impl Columns) -> Result<GroupRow, Error> {
    Ok(GroupRow {
        id: row.text("id")?,
        name: row.text("name")?,
        created_at: row.number("created_at")?,
        profile: row.text("profile")?,
    })
}

pub(crate) fn membership(row: &impl Columns) -> Result<MembershipRow, Error> {
    let kind = match row.text("kind")?.as_str() {
        "user" => MemberKind::User,
        "group" => MemberKind::Group,
        _ => return Err(Error::tampered("The kind of a membership")),
    };
    Ok(MembershipRow {
        group: row.text("group_name")?,
        kind,
        member: row.text("member")?,
        group_id: row.text("group_id")?,
        mac: row.bytes("mac")?,
    })
}

pub(crate) fn token(row: &impl Columns) -> Result<TokenRow, Error> {
    let kind = match row.text("kind")?.as_str() {
        "api" => TokenKind::Api,
        "kernel" => TokenKind::Kernel,
        _ => return Err(Error::tampered("The kind of a token")),
    };
    Ok(TokenRow {
        id: row.text("id")?,
        hash: row.bytes("hash")?,
        user: row.text("user_name")?,
        kind,
        comment: row.text("comment")?,
        created_at: row.number("created_at")?,
        expires_at: row.maybe_number("expires_at")?,
        last_used_at: row.maybe_number("last_used_at")?,
        bootstrap: row.number("bootstrap")? != 0,
        mac: row.bytes("mac")?,
    })
}

pub(crate) fn session(row: &impl Columns) -> Result<SessionRow, Error> {
    Ok(SessionRow {
        id: row.text("id")?,
        user: row.text("user_name")?,
        attestation: row.text("attestation")?,
        attestation_id: row.text("attestation_id")?,
        kernel_id: row.text("kernel_id")?,
        notebook_path: row.maybe_text("notebook_path")?,
        job_id: row.maybe_text("job_id")?,
        run_id: row.maybe_text("run_id")?,
        opened_at: row.number("opened_at")?,
        expires_at: row.number("expires_at")?,
        renewable_until: row.number("renewable_until")?,
        kek_id: row.unsigned("kek_id")? as u32,
        wrapped_keys: row.bytes("wrapped_keys")?,
        window: row.bytes("replay_window")?,
    })
}

pub(crate) fn ticket(row: &impl Columns) -> Result<TicketRow, Error> {
    Ok(TicketRow {
        hash: row.bytes("hash")?,
        id: row.text("id")?,
        user: row.text("user_name")?,
        minted_by: row.text("minted_by")?,
        job: row.maybe_text("job_id")?.zip(row.maybe_text("run_id")?),
        expires_at: row.number("expires_at")?,
        mac: row.bytes("mac")?,
    })
}

pub(crate) fn kek(row: &impl Columns) -> Result<KekRow, Error> {
    Ok(KekRow {
        id: row.unsigned("id")? as u32,
        root_key_id: row.text("root_key_id")?,
        wrapped: row.bytes("wrapped")?,
        created_at: row.number("created_at")?,
    })
}

pub(crate) fn audit(row: &impl Columns) -> Result<AuditRow, Error> {
    let claim = match (row.maybe_text("claim_session")?, row.maybe_number("claim_seq")?) {
        (Some(session), Some(seq)) => Some((session, seq as u64)),
        _ => None,
    };
    Ok(AuditRow {
        replica: row.text("replica")?,
        index: row.unsigned("idx")?,
        phase: if row.number("phase")? == 0 {
            Phase::Intent
        } else {
            Phase::Outcome
        },
        request_id: row.text("request_id")?,
        at_ms: row.number("at_ms")?,
        user: row.text("user_name")?,
        action: row.text("action")?,
        scope: row.maybe_text("scope")?,
        failed: row.number("failed")? != 0,
        claim,
        body: row.text("body")?,
        mac: row.bytes("mac")?,
    })
}

/// An outcome joined to an intent: its columns begin with `o_`.
pub(crate) fn joined_outcome(row: &impl Columns, intent: &AuditRow) -> Result<Option<AuditRow>, Error> {
    let Some(body) = row.maybe_text("o_body")? else {
        return Ok(None);
    };
    Ok(Some(AuditRow {
        phase: Phase::Outcome,
        index: row.unsigned("o_idx")?,
        failed: row.number("o_failed")? != 0,
        at_ms: row.number("o_at_ms")?,
        body,
        claim: None,
        mac: Vec::new(),
        ..intent.clone()
    }))
}
