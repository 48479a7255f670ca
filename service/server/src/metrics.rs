//! What Prometheus reads: counts and times of requests by action and status. No name of a user, scope or key.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the buckets of durations, in microseconds.
const BOUNDS_US: [u64; 11] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000, 5_000_000,
];

/// Counters since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    durations: [AtomicU64; BOUNDS_US.len() + 1],
    duration_us: AtomicU64,
    pub(crate) connections: Gauge,
    pub(crate) limited: Gauge,
}

/// A number that goes up and, for what is open, down.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    pub(crate) fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn down(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Metrics {
    /// Counts an answer.
    pub(crate) fn answered(&self, action: &'static str, status: u16, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((action, status)).or_default() += 1;
        drop(requests);
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < took);
        if let Some(count) = self.durations.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.duration_us.fetch_add(took, Ordering::Relaxed);
    }

    /// The text format 0.0.4.
    pub(crate) fn text(&self, audit_records: u64) -> String {
        let mut out = String::new();
        let head = |out: &mut String, name: &str, kind: &str, help: &str| {
            let _ = writeln!(out, "# HELP sealbook_{name} {help}\n# TYPE sealbook_{name} {kind}");
        };
        head(&mut out, "requests_total", "counter", "Answered requests.");
        for ((action, status), count) in self.requests.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = writeln!(
                out,
                "sealbook_requests_total{{action=\"{action}\",status=\"{status}\"}} {count}"
            );
        }
        head(
            &mut out,
            "request_duration_seconds",
            "histogram",
            "From headers to answer.",
        );
        let mut below = 0;
        for (bucket, count) in self.durations.iter().enumerate() {
            below += count.load(Ordering::Relaxed);
            let bound = BOUNDS_US
                .get(bucket)
                .map_or_else(|| "+Inf".to_owned(), |us| (*us as f64 / 1e6).to_string());
            let _ = writeln!(
                out,
                "sealbook_request_duration_seconds_bucket{{le=\"{bound}\"}} {below}"
            );
        }
        let seconds = self.duration_us.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(out, "sealbook_request_duration_seconds_sum {seconds}");
        let _ = writeln!(out, "sealbook_request_duration_seconds_count {below}");
        head(&mut out, "connections", "gauge", "Open connections.");
        let _ = writeln!(out, "sealbook_connections {}", self.connections.value());
        head(
            &mut out,
            "limited_total",
            "counter",
            "Requests refused by a rate limit.",
        );
        let _ = writeln!(out, "sealbook_limited_total {}", self.limited.value());
        head(
            &mut out,
            "audit_records_total",
            "counter",
            "Records in this process's audit chain.",
        );
        let _ = writeln!(out, "sealbook_audit_records_total {audit_records}");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prometheus_reads() {
        let metrics = Metrics::default();
        metrics.answered("getSecret", 200, Duration::from_micros(100));
        metrics.answered("getSecret", 200, Duration::from_micros(101));
        metrics.answered("getSecret", 403, Duration::from_secs(9));
        metrics.connections.up();
        let text = metrics.text(7);
        for line in [
            "sealbook_requests_total{action=\"getSecret\",status=\"200\"} 2",
            "sealbook_requests_total{action=\"getSecret\",status=\"403\"} 1",
            "sealbook_request_duration_seconds_bucket{le=\"0.0001\"} 1",
            "sealbook_request_duration_seconds_bucket{le=\"0.00025\"} 2",
            "sealbook_request_duration_seconds_bucket{le=\"5\"} 2",
            "sealbook_request_duration_seconds_bucket{le=\"+Inf\"} 3",
            "sealbook_request_duration_seconds_count 3",
            "sealbook_connections 1",
            "sealbook_audit_records_total 7",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
