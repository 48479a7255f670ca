//! Token buckets: requests per user, failed authentications per address. In memory and per process: enough to protect the
//! service from one client in a loop and the audit log from a flood of failures.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Names that are remembered; full buckets are forgotten first, then those used longest ago.
const NAMES_MAX: usize = 10_000;

/// Buckets by name.
#[derive(Debug)]
pub(crate) struct Buckets {
    per_second: f64,
    burst: f64,
    buckets: Mutex<HashMap<String, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
    refused: u64,
}

/// Whether there was room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// There was; so many were refused since the last time that there was.
    Yes { refused_before: u64 },
    /// There was none.
    No,
}

impl Buckets {
    /// 0 per second means no limit.
    pub(crate) fn new(per_second: u32, burst_factor: u32) -> Self {
        Self {
            per_second: f64::from(per_second),
            burst: f64::from(per_second) * f64::from(burst_factor),
            buckets: Mutex::default(),
        }
    }

    /// Takes one from the bucket of this name.
    pub(crate) fn take(&self, name: &str, now: Instant) -> Room {
        if self.per_second == 0.0 {
            return Room::Yes { refused_before: 0 };
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= NAMES_MAX && !buckets.contains_key(name) {
            buckets.retain(|_, bucket| self.filled(bucket, now) < self.burst);
            // Still too many: those that nothing was taken from for the longest time go too, a tenth at once.
            if buckets.len() >= NAMES_MAX {
                let mut times: Vec<Instant> = buckets.values().map(|bucket| bucket.at).collect();
                let (_, oldest_kept, _) = times.select_nth_unstable(NAMES_MAX / 10);
                let oldest_kept = *oldest_kept;
                buckets.retain(|_, bucket| bucket.at > oldest_kept);
            }
        }
        let full = Bucket {
            left: self.burst,
            at: now,
            refused: 0,
        };
        let bucket = buckets.entry(name.to_owned()).or_insert(full);
        let left = self.filled(bucket, now);
        bucket.at = now;
        if left < 1.0 {
            bucket.left = left;
            bucket.refused += 1;
            return Room::No;
        }
        bucket.left = left - 1.0;
        Room::Yes {
            refused_before: std::mem::take(&mut bucket.refused),
        }
    }

    fn filled(&self, bucket: &Bucket, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.left + passed * self.per_second).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_then_so_many_in_a_second() {
        let buckets = Buckets::new(5, 2);
        let start = Instant::now();
        let yes = |refused_before| Room::Yes { refused_before };
        for _ in 0..10 {
            assert_eq!(buckets.take("a", start), yes(0));
        }
        assert_eq!(buckets.take("a", start), Room::No);
        assert_eq!(buckets.take("a", start), Room::No);
        assert_eq!(buckets.take("b", start), yes(0), "another name has its own");
        assert_eq!(buckets.take("a", start + Duration::from_millis(200)), yes(2));
        assert_eq!(buckets.take("a", start + Duration::from_millis(200)), Room::No);
        assert_eq!(buckets.take("a", start + Duration::from_secs(60)), yes(1));
    }

    #[test]
    fn nothing_is_limited_by_zero_and_names_are_forgotten() {
        let unlimited = Buckets::new(0, 10);
        let now = Instant::now();
        assert!((0..1_000).all(|_| unlimited.take("a", now) == Room::Yes { refused_before: 0 }));
        let buckets = Buckets::new(1, 1);
        for name in 0..NAMES_MAX + 1 {
            buckets.take(&name.to_string(), now + Duration::from_secs(2 * name as u64));
        }
        assert!(buckets.buckets.lock().unwrap().len() < NAMES_MAX);
        // Buckets that do not fill in time are no way to the machine's memory.
        let slow = Buckets::new(1, 1_000_000);
        for name in 0..3 * NAMES_MAX {
            slow.take(&name.to_string(), now + Duration::from_micros(name as u64));
            assert!(slow.buckets.lock().unwrap().len() <= NAMES_MAX);
        }
    }
}
