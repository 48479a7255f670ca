//! The service's own log, on standard error: JSON lines, no values, no request parameters.

use tracing_subscriber::EnvFilter;

/// Starts the log; `SEALBOOK_LOG` chooses what it holds. A second call changes nothing.
pub(crate) fn start() {
    let filter =
        EnvFilter::try_from_env("SEALBOOK_LOG").unwrap_or_else(|_| EnvFilter::new("warn,sealbook_server=info"));
    tracing_subscriber::fmt()
        // A log on a full disk is no reason to panic, which telling of it on standard error would be.
        .log_internal_errors(false)
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init()
        .ok();
}
