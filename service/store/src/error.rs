//! What a database's error means to the domain.

use std::path::Path;

use sealbook_core::Error;

/// A database that does not answer, or answers nonsense. The text of sqlx's errors names tables and codes, never values:
/// values are bound, not written into statements.
pub(crate) fn failed(error: sqlx::Error) -> Error {
    match &error {
        sqlx::Error::Database(refusal) if is_damage(refusal.message()) => damaged(refusal.message()),
        sqlx::Error::Database(refusal) => Error::unavailable(format!("The database refuses: {}", refusal.message())),
        sqlx::Error::ColumnDecode { index, .. } => Error::tampered(format_args!("Column {index} of a row")),
        sqlx::Error::PoolTimedOut => Error::unavailable("The database is too busy: no connection became free."),
        sqlx::Error::Io(io) => Error::unavailable(format!("The database cannot be reached: {io}")),
        _ => Error::unavailable(format!("The database does not answer: {error}")),
    }
}

fn is_damage(message: &str) -> bool {
    ["malformed", "not a database", "corrupt"]
        .iter()
        .any(|word| message.contains(word))
}

fn damaged(what: &str) -> Error {
    Error::new(
        sealbook_core::api::ErrorCode::DataLoss,
        format!("The database is damaged ({what}): stop the service and restore the database from a backup."),
    )
}

/// The same, where the file is known.
pub(crate) fn cannot_open(path: &Path, error: sqlx::Error) -> Error {
    let shown = path.display();
    let error = failed(error);
    if error.code() == sealbook_core::api::ErrorCode::DataLoss {
        return Error::new(
            error.code(),
            format!(
                "the database {shown} is damaged: restore it from a backup, or move it and its -wal and -shm files away to \
                 begin with an empty one (every secret in it is then lost)"
            ),
        );
    }
    Error::new(
        error.code(),
        format!("the database {shown} cannot be opened: {}", error.message()),
    )
}
