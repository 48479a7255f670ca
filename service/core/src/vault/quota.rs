//! A quota per minute and session, in memory: enough to stop guessing, forgotten at a restart.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Literals that one session may ask about in a minute.
const LITERALS_PER_MINUTE_MAX: u32 = 2_000;
/// Sessions that are remembered.
const SESSIONS_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Quota(Mutex<HashMap<String, (i64, u32)>>);

impl Quota {
    /// Counts, and says whether there was room.
    pub(super) fn admit(&self, session: &str, count: u32, now_ms: i64) -> bool {
        let minute = now_ms / 60_000;
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= SESSIONS_MAX {
            counts.retain(|_, (then, _)| *then == minute);
        }
        let entry = counts.entry(session.to_owned()).or_insert((minute, 0));
        if entry.0 != minute {
            *entry = (minute, 0);
        }
        entry.1 = entry.1.saturating_add(count);
        entry.1 <= LITERALS_PER_MINUTE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_room_for_so_many() {
        let quota = Quota::default();
        assert!(quota.admit("a", LITERALS_PER_MINUTE_MAX, 0));
        assert!(!quota.admit("a", 1, 59_999));
        assert!(quota.admit("b", 1, 59_999));
        assert!(quota.admit("a", 1, 60_000));
    }
}
