//! Rows that every request asks for, kept while nobody has changed them.
//!
//! Only where this process is the only one on its database: then each change passes the writer, which forgets what the
//! change touches before whoever made it is told. A row that was being read meanwhile is not kept, because the count of
//! changes has moved on. And nothing is kept for longer than a second, whatever happens to the file.
//!
//! Holds what the database holds: ciphertext and names.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sealbook_core::Error;
use sealbook_core::rows::MemberKind;
use sealbook_core::store::Change;

/// Rows that are kept; past this, all are forgotten.
const ENTRIES_MAX: usize = 8_192;
/// How long a row is kept.
const AGE_MAX: Duration = Duration::from_secs(1);

/// Which row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Session(String),
    /// Its name in lower case.
    Scope(String),
    /// Scope id and key.
    Record(String, String),
    Memberships(&'static str, String),
    Token(Vec<u8>),
    User(String),
}

impl Key {
    pub(super) fn memberships(kind: MemberKind, member: &str) -> Self {
        Key::Memberships(kind.as_str(), member.to_owned())
    }
}

/// The rows.
#[derive(Debug)]
pub(super) struct Cache {
    enabled: bool,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// How many changes there were.
    changes: u64,
    rows: HashMap<Key, (Instant, Arc<dyn Any + Send + Sync>)>,
}

impl Cache {
    pub(super) fn new(enabled: bool) -> Self {
        Self {
            enabled,
            kept: Mutex::default(),
        }
    }

    /// The row that is kept, or else what `load` finds; that is kept when `worth` says so.
    pub(super) async fn get<T: Clone + Send + Sync + 'static>(
        &self,
        key: Key,
        load: impl Future<Output = Result<T, Error>>,
        worth: impl FnOnce(&T) -> bool,
    ) -> Result<T, Error> {
        if !self.enabled {
            return load.await;
        }
        let before = {
            let kept = self.lock();
            if let Some((at, row)) = kept.rows.get(&key)
                && at.elapsed() < AGE_MAX
                && let Some(row) = row.downcast_ref::<T>()
            {
                return Ok(row.clone());
            }
            kept.changes
        };
        let row = load.await?;
        if worth(&row) {
            let mut kept = self.lock();
            if kept.changes == before {
                if kept.rows.len() >= ENTRIES_MAX {
                    kept.rows.clear();
                }
                kept.rows.insert(key, (Instant::now(), Arc::new(row.clone())));
            }
        }
        Ok(row)
    }

    /// Forgets what these changes touch.
    pub(super) fn forget(&self, changes: &[Change]) {
        if !self.enabled || changes.is_empty() {
            return;
        }
        let mut kept = self.lock();
        kept.changes += 1;
        for change in changes {
            match change {
                Change::PutSecret { row, .. } => {
                    let metadata = &row.metadata;
                    kept.rows
                        .remove(&Key::Record(metadata.scope_id.clone(), metadata.key.clone()));
                }
                Change::DeleteSecret { scope_id, key, .. } => {
                    kept.rows.remove(&Key::Record(scope_id.clone(), key.clone()));
                }
                Change::RenewSession { id, .. } | Change::CloseSession { id } | Change::RevokeSession { id } => {
                    kept.rows.remove(&Key::Session(id.clone()));
                }
                Change::TouchToken { .. } => kept.rows.retain(|key, _| !matches!(key, Key::Token(_))),
                // What is not there is not kept, and what expired is not served.
                Change::OpenSession { .. } | Change::Expire { .. } => {}
                Change::CreateTicket { .. } | Change::BurnTicket { .. } | Change::CreateKek { .. } => {}
                Change::ClaimNumber { .. } => {}
                _ => kept.rows.clear(),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Key {
        Key::Session("s".into())
    }

    async fn get(cache: &Cache, row: u32) -> u32 {
        cache.get(session(), async { Ok(row) }, |_| true).await.unwrap()
    }

    #[tokio::test]
    async fn a_row_is_kept_until_it_changes() {
        let cache = Cache::new(true);
        assert_eq!(get(&cache, 1).await, 1);
        assert_eq!(get(&cache, 2).await, 1);
        cache.forget(&[Change::CloseSession { id: "other".into() }]);
        assert_eq!(get(&cache, 2).await, 1);
        cache.forget(&[Change::RevokeSession { id: "s".into() }]);
        assert_eq!(get(&cache, 2).await, 2);
        cache.forget(&[Change::DeleteUser { name: "bob".into() }]);
        assert_eq!(get(&cache, 3).await, 3);
    }

    #[tokio::test]
    async fn a_row_that_was_read_while_something_changed_is_not_kept() {
        let cache = Cache::new(true);
        let load = async {
            cache.forget(&[Change::RevokeSession { id: "s".into() }]);
            Ok(1)
        };
        assert_eq!(cache.get(session(), load, |_| true).await.unwrap(), 1);
        assert_eq!(get(&cache, 2).await, 2);
    }

    #[tokio::test]
    async fn nothing_is_kept_where_others_write_too() {
        let cache = Cache::new(false);
        assert_eq!(get(&cache, 1).await, 1);
        assert_eq!(get(&cache, 2).await, 2);
    }
}
