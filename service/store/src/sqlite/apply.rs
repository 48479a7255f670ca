//! One change inside a transaction, with what it expects to find.

use sealbook_core::envelope::kind_name;
use sealbook_core::rows::{SecretRow, SessionRow, TokenRow, token_kind_name};
use sealbook_core::store::{Change, CommitError, Holder};
use sealbook_core::window::ReplayWindow;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Row, Sqlite, SqliteConnection};

use crate::error::failed;
use crate::{map, sql};

type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

pub(super) async fn apply(connection: &mut SqliteConnection, change: &Change) -> Result<(), CommitError> {
    match change {
        Change::CreateScope { row, scopes_max } => {
            if count(connection, sqlx::query(sql::SCOPE_COUNT)).await? >= *scopes_max as i64 {
                // One that exists needs no room.
                let same = sqlx::query(sql::SCOPE).bind(row.name.to_ascii_lowercase());
                let exists = fetch(connection, same).await?.is_some();
                return Err(if exists { CommitError::Exists } else { CommitError::Full });
            }
            let insert = sqlx::query(sql::SCOPE_INSERT)
                .bind(&row.id)
                .bind(&row.name)
                .bind(row.name.to_ascii_lowercase())
                .bind(map::write_acl(&row.acl))
                .bind(row.epoch as i64)
                .bind(row.created_at)
                .bind(&row.mac);
            changed_or(connection, insert, CommitError::Exists).await
        }
        Change::ReplaceScope { row, expected_epoch } => {
            let replace = sqlx::query(sql::SCOPE_REPLACE)
                .bind(map::write_acl(&row.acl))
                .bind(row.epoch as i64)
                .bind(&row.mac)
                .bind(&row.id)
                .bind(*expected_epoch as i64);
            scope_changed(connection, replace, &row.id).await
        }
        Change::DeleteScope { id, expected_epoch } => {
            let delete = sqlx::query(sql::SCOPE_DELETE).bind(id).bind(*expected_epoch as i64);
            scope_changed(connection, delete, id).await?;
            for statement in [sql::SCOPE_DELETE_HEADS, sql::SCOPE_DELETE_SECRETS] {
                execute(connection, sqlx::query(statement).bind(id)).await?;
            }
            Ok(())
        }
        Change::PutSecret {
            row,
            secrets_max,
            versions_kept,
        } => put_secret(connection, row, *secrets_max, *versions_kept).await,
        Change::DeleteSecret {
            scope_id,
            key,
            expected_version,
            at,
        } => {
            let delete = sqlx::query(sql::HEAD_DELETE)
                .bind(*at)
                .bind(scope_id)
                .bind(key)
                .bind(*expected_version as i64);
            changed_or(connection, delete, CommitError::Stale).await
        }
        Change::CreateUser(row) => {
            let insert = sqlx::query(sql::USER_INSERT)
                .bind(&row.id)
                .bind(&row.name)
                .bind(i64::from(row.active))
                .bind(row.created_at)
                .bind(&row.profile)
                .bind(&row.mac);
            changed_or(connection, insert, CommitError::Exists).await
        }
        Change::ReplaceUser(row) => {
            let replace = sqlx::query(sql::USER_REPLACE)
                .bind(i64::from(row.active))
                .bind(&row.profile)
                .bind(&row.mac)
                .bind(&row.id);
            changed_or(connection, replace, CommitError::Missing).await
        }
        Change::DeleteUser { name } => delete_with_dependents(connection, &sql::USER_DELETE, name).await,
        Change::CreateGroup(row) => {
            let insert = sqlx::query(sql::GROUP_INSERT)
                .bind(&row.id)
                .bind(&row.name)
                .bind(row.created_at)
                .bind(&row.profile);
            changed_or(connection, insert, CommitError::Exists).await
        }
        Change::ReplaceGroup(row) => {
            let replace = sqlx::query(sql::GROUP_REPLACE).bind(&row.profile).bind(&row.id);
            changed_or(connection, replace, CommitError::Missing).await
        }
        Change::DeleteGroup { name } => delete_with_dependents(connection, &sql::GROUP_DELETE, name).await,
        Change::AddMember(row) => {
            let insert = sqlx::query(sql::MEMBER_INSERT)
                .bind(&row.group)
                .bind(row.kind.as_str())
                .bind(&row.member)
                .bind(&row.group_id)
                .bind(&row.mac);
            changed_or(connection, insert, CommitError::Exists).await
        }
        Change::RemoveMember { group, kind, member } => {
            let delete = sqlx::query(sql::MEMBER_DELETE)
                .bind(group)
                .bind(kind.as_str())
                .bind(member);
            changed_or(connection, delete, CommitError::Missing).await
        }
        Change::KeepAdministrator { user, depth_max } => {
            let administrator = sqlx::query(sql::ADMINISTRATOR).bind(user).bind(*depth_max as i64);
            let found = fetch(connection, administrator).await?;
            found.map(drop).ok_or(CommitError::NoAdministrator)
        }
        Change::CreateToken(row) => changed_or(connection, insert_token(row), CommitError::Exists).await,
        Change::DeleteToken { id } => {
            changed_or(
                connection,
                sqlx::query(sql::TOKEN_DELETE).bind(id),
                CommitError::Missing,
            )
            .await
        }
        Change::TouchToken { id, at } => execute(connection, sqlx::query(sql::TOKEN_TOUCH).bind(*at).bind(id))
            .await
            .map(drop),
        Change::DeleteBootstrapTokens => execute(connection, sqlx::query(sql::BOOTSTRAP_DELETE)).await.map(drop),
        Change::OpenSession { row, token } => {
            changed_or(connection, insert_session(row, token.as_deref()), CommitError::Missing).await
        }
        Change::RenewSession { id, expires_at } => {
            let renew = sqlx::query(sql::SESSION_RENEW).bind(*expires_at).bind(id);
            changed_or(connection, renew, CommitError::Missing).await
        }
        Change::ClaimNumber { session, seq } => claim_number(connection, session, *seq).await,
        Change::CloseSession { id } => {
            changed_or(
                connection,
                sqlx::query(sql::SESSION_DELETE).bind(id),
                CommitError::Missing,
            )
            .await
        }
        Change::RevokeSession { id } => {
            let revoke = sqlx::query(sql::SESSION_REVOKE).bind(Vec::<u8>::new()).bind(id);
            changed_or(connection, revoke, CommitError::Missing).await
        }
        Change::EndSessions(holder) => end_sessions(connection, holder).await,
        Change::Expire { before } => {
            for statement in [sql::SESSION_EXPIRE, sql::TICKET_EXPIRE] {
                execute(connection, sqlx::query(statement).bind(*before)).await?;
            }
            Ok(())
        }
        Change::CreateTicket(row) => {
            let (job, run) = row
                .job
                .as_ref()
                .map_or((None, None), |(job, run)| (Some(job), Some(run)));
            let insert = sqlx::query(sql::TICKET_INSERT)
                .bind(&row.hash)
                .bind(&row.id)
                .bind(&row.user)
                .bind(&row.minted_by)
                .bind(job)
                .bind(run)
                .bind(row.expires_at)
                .bind(&row.mac);
            changed_or(connection, insert, CommitError::Exists).await
        }
        Change::BurnTicket { hash } => {
            changed_or(
                connection,
                sqlx::query(sql::TICKET_BURN).bind(hash),
                CommitError::Missing,
            )
            .await
        }
        Change::CreateKek(row) => {
            let insert = sqlx::query(sql::KEK_INSERT)
                .bind(i64::from(row.id))
                .bind(&row.root_key_id)
                .bind(&row.wrapped)
                .bind(row.created_at);
            changed_or(connection, insert, CommitError::Exists).await
        }
    }
}

async fn put_secret(
    connection: &mut SqliteConnection,
    row: &SecretRow,
    secrets_max: usize,
    versions_kept: u64,
) -> Result<(), CommitError> {
    let metadata = &row.metadata;
    let (scope_id, key) = (&metadata.scope_id, &metadata.key);
    if epoch(connection, scope_id).await?.is_none() {
        return Err(CommitError::Missing);
    }
    let head = fetch(connection, sqlx::query(sql::HEAD).bind(scope_id).bind(key)).await?;
    let (newest, live) = match &head {
        Some(head) => (
            head.try_get::<i64, _>("version").map_err(failed)?,
            head.try_get::<Option<i64>, _>("deleted_at").map_err(failed)?.is_none(),
        ),
        None => (0, false),
    };
    if metadata.version as i64 != newest + 1 {
        return Err(CommitError::Stale);
    }
    if !live && count(connection, sqlx::query(sql::SECRET_COUNT).bind(scope_id)).await? >= secrets_max as i64 {
        return Err(CommitError::Full);
    }
    let insert = sqlx::query(sql::SECRET_INSERT)
        .bind(scope_id)
        .bind(key)
        .bind(metadata.version as i64)
        .bind(&metadata.organisation)
        .bind(&metadata.scope_name)
        .bind(kind_name(metadata.kind))
        .bind(&metadata.author)
        .bind(metadata.time_ms)
        .bind(metadata.expires_at)
        .bind(&row.record);
    execute(connection, insert).await?;
    let head = sqlx::query(sql::HEAD_WRITE)
        .bind(scope_id)
        .bind(key)
        .bind(metadata.version as i64)
        .bind(metadata.time_ms)
        .bind(metadata.expires_at)
        .bind(&row.blind);
    execute(connection, head).await?;
    let prune = metadata.version as i64 - versions_kept as i64;
    execute(
        connection,
        sqlx::query(sql::SECRET_PRUNE).bind(scope_id).bind(key).bind(prune),
    )
    .await?;
    Ok(())
}

fn insert_token(row: &TokenRow) -> Statement<'_> {
    sqlx::query(sql::TOKEN_INSERT)
        .bind(&row.id)
        .bind(&row.hash)
        .bind(&row.user)
        .bind(token_kind_name(row.kind))
        .bind(&row.comment)
        .bind(row.created_at)
        .bind(row.expires_at)
        .bind(row.last_used_at)
        .bind(i64::from(row.bootstrap))
        .bind(&row.mac)
}

fn insert_session<'a>(row: &'a SessionRow, token: Option<&'a str>) -> Statement<'a> {
    sqlx::query(sql::SESSION_INSERT)
        .bind(&row.id)
        .bind(&row.user)
        .bind(&row.attestation)
        .bind(&row.attestation_id)
        .bind(&row.kernel_id)
        .bind(&row.notebook_path)
        .bind(&row.job_id)
        .bind(&row.run_id)
        .bind(row.opened_at)
        .bind(row.expires_at)
        .bind(row.renewable_until)
        .bind(i64::from(row.kek_id))
        .bind(&row.wrapped_keys)
        .bind(&row.window)
        .bind(token)
}

async fn end_sessions(connection: &mut SqliteConnection, holder: &Holder) -> Result<(), CommitError> {
    let (statement, whose) = match holder {
        Holder::User(user) => {
            execute(connection, sqlx::query(sql::TICKETS_DELETE_OF_USER).bind(user)).await?;
            (sql::SESSIONS_REVOKE_OF_USER, user)
        }
        Holder::Token(token) => (sql::SESSIONS_REVOKE_OF_TOKEN, token),
    };
    execute(connection, sqlx::query(statement).bind(Vec::<u8>::new()).bind(whose))
        .await
        .map(drop)
}

async fn claim_number(connection: &mut SqliteConnection, session: &str, seq: u64) -> Result<(), CommitError> {
    let row = fetch(connection, sqlx::query(sql::SESSION_WINDOW).bind(session)).await?;
    let stored: Vec<u8> = row.ok_or(CommitError::Missing)?.try_get(0).map_err(failed)?;
    let mut window = ReplayWindow::from_bytes(&stored).unwrap_or_default();
    if !window.claim(seq) {
        return Err(CommitError::Exists);
    }
    let set = sqlx::query(sql::SESSION_SET_WINDOW)
        .bind(window.to_bytes())
        .bind(session);
    changed_or(connection, set, CommitError::Missing).await
}

/// The first statement must find something; the others take along what hangs on it.
async fn delete_with_dependents(
    connection: &mut SqliteConnection,
    statements: &[&'static str],
    name: &str,
) -> Result<(), CommitError> {
    for (at, statement) in statements.iter().enumerate() {
        let deleted = execute(connection, sqlx::query(*statement).bind(name)).await?;
        if at == 0 && deleted == 0 {
            return Err(CommitError::Missing);
        }
    }
    Ok(())
}

async fn scope_changed(
    connection: &mut SqliteConnection,
    statement: Statement<'_>,
    id: &str,
) -> Result<(), CommitError> {
    if execute(connection, statement).await? > 0 {
        return Ok(());
    }
    Err(if epoch(connection, id).await?.is_some() {
        CommitError::Stale
    } else {
        CommitError::Missing
    })
}

async fn epoch(connection: &mut SqliteConnection, id: &str) -> Result<Option<i64>, CommitError> {
    let row = fetch(connection, sqlx::query(sql::SCOPE_EPOCH).bind(id)).await?;
    Ok(row.map(|row| row.try_get(0)).transpose().map_err(failed)?)
}

async fn changed_or(
    connection: &mut SqliteConnection,
    statement: Statement<'_>,
    otherwise: CommitError,
) -> Result<(), CommitError> {
    if execute(connection, statement).await? > 0 {
        Ok(())
    } else {
        Err(otherwise)
    }
}

async fn execute(connection: &mut SqliteConnection, statement: Statement<'_>) -> Result<u64, CommitError> {
    Ok(statement.execute(connection).await.map_err(failed)?.rows_affected())
}

async fn fetch(
    connection: &mut SqliteConnection,
    statement: Statement<'_>,
) -> Result<Option<sqlx::sqlite::SqliteRow>, CommitError> {
    Ok(statement.fetch_optional(connection).await.map_err(failed)?)
}

async fn count(connection: &mut SqliteConnection, statement: Statement<'_>) -> Result<i64, CommitError> {
    Ok(statement
        .fetch_one(connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(failed)?)
}
