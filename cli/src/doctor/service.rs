//! The service: whether it answers, as whom, and whether its clock agrees with ours.

use std::time::{SystemTime, UNIX_EPOCH};

use sealbook_api::client::{Client, ClientError};

use super::Finding;

/// Kernel sessions refuse requests whose time is further off than this.
const CLOCK_SKEW_MS_MAX: i64 = 60_000;
/// No clock that works shows a time before this program was written (2026-01-01).
const EPOCH_MS_MIN: i64 = 1_767_225_600_000;

/// Asks the service.
pub fn check() -> Vec<Finding> {
    let mut findings = Vec::new();
    let now = now_ms();
    if now < EPOCH_MS_MIN {
        findings.push(Finding::wrong(
            "clock",
            format!("this machine's clock shows {}", crate::output::time(Some(now))),
            "Set it: certificates and kernel sessions are checked against it.",
        ));
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            findings.push(Finding::wrong(
                "service",
                crate::failure::plain(&error),
                "Free some memory or descriptors, and try again.",
            ));
            return findings;
        }
    };
    match Client::from_environment() {
        Ok(client) => runtime.block_on(ask(&client, &mut findings)),
        Err(error) => findings.push(refused(&error)),
    }
    findings
}

async fn ask(client: &Client, findings: &mut Vec<Finding>) {
    match client.me().await {
        Err(error) => findings.push(refused(&error)),
        Ok(me) => findings.push(Finding::ok(
            "service",
            format!("answers at {} as {}", client.address(), me.user_name),
        )),
    }
    // Readiness says whether audit records and keys can be used; the skew tells a wrong clock on either side.
    let before = now_ms();
    match client.get_json("/health/ready", &[]).await {
        Err(ClientError::Api(refusal)) => findings.push(Finding::wrong(
            "service",
            format!("is not ready: {}", refusal.message),
            "See the service's log; until then it refuses every request.",
        )),
        Err(_) => {}
        Ok(ready) => {
            if let Some(version) = ready["version"]
                .as_str()
                .filter(|version| *version != env!("CARGO_PKG_VERSION"))
            {
                findings.push(Finding::warning(
                    "version",
                    format!("the service is version {version}, this is {}", env!("CARGO_PKG_VERSION")),
                    "Use the same version on both sides; an embedded service ends by itself when idle, and the next one is new.",
                ));
            }
            if let Some(time) = ready["time"].as_i64() {
                findings.push(clock(time, (before + now_ms()) / 2));
            }
        }
    }
}

fn clock(theirs: i64, ours: i64) -> Finding {
    let skew = theirs - ours;
    if skew.abs() > CLOCK_SKEW_MS_MAX {
        return Finding::wrong(
            "clock",
            format!(
                "the service's clock is {} s {} this machine's",
                skew.abs() / 1000,
                if skew > 0 { "ahead of" } else { "behind" }
            ),
            "Synchronise both clocks (for example with chrony or systemd-timesyncd): kernel sessions allow 60 s.",
        );
    }
    Finding::ok(
        "clock",
        format!("agrees with the service's to {} s", (skew.abs() + 999) / 1000),
    )
}

fn refused(error: &ClientError) -> Finding {
    let advice = match error {
        ClientError::Api(_) => "See that SEALBOOK_TOKEN is a valid token of the service.",
        ClientError::Configuration(_) => "Correct the environment variables SEALBOOK_HOME and SEALBOOK_HOST.",
        _ => "See the address (SEALBOOK_HOST), the network, and the service's log.",
    };
    Finding::wrong("service", error.to_string(), advice)
}

fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn a_clock_off_by_more_than_the_window_is_wrong() {
        assert_eq!(clock(0, 59_000).state, State::Ok);
        let finding = clock(120_000, 0);
        assert_eq!(finding.state, State::Wrong);
        assert_eq!(finding.found, "the service's clock is 120 s ahead of this machine's");
        assert_eq!(
            clock(0, 61_000).found,
            "the service's clock is 61 s behind this machine's"
        );
    }
}
