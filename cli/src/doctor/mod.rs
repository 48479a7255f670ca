//! `sealbook doctor`: what is wrong with this installation, and what to do about it.
//!
//! Every check looks at one thing and gives one or more findings; none changes anything. A finding that is wrong makes
//! the exit status 1; a warning does not.

mod folders;
#[cfg(feature = "kernel")]
mod kernelspecs;
mod service;
#[cfg(feature = "kernel")]
mod toolchain;

use clap::Args;
use serde::Serialize;

use crate::failure::{Failure, Outcome, Status};
use crate::output::{self, Format};

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Works, but something will be missing or slow.
    Warning,
    /// Does not work.
    Wrong,
}

/// One line of the report.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// What was looked at, in a word.
    check: &'static str,
    state: State,
    /// What was found.
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Finding {
            check,
            state: State::Ok,
            found: found.into(),
            advice: None,
        }
    }

    /// Something to know.
    pub fn warning(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Finding {
            check,
            state: State::Warning,
            found: found.into(),
            advice: Some(advice.into()),
        }
    }

    /// Something to repair.
    pub fn wrong(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Finding {
            check,
            state: State::Wrong,
            found: found.into(),
            advice: Some(advice.into()),
        }
    }
}

impl Doctor {
    /// Checks everything and prints the report.
    pub fn run(self, format: Format) -> Outcome {
        let mut findings = vec![version()];
        #[cfg(feature = "kernel")]
        {
            findings.extend(toolchain::check());
            findings.extend(kernelspecs::check());
        }
        findings.extend(folders::check());
        findings.extend(service::check());

        match format {
            Format::Json => output::json(&findings)?,
            Format::Table => output::text(&report(&findings))?,
        }
        if findings.iter().any(|finding| finding.state == State::Wrong) {
            return Err(Failure::silent(Status::Failed));
        }
        Ok(())
    }
}

fn version() -> Finding {
    let path = std::env::current_exe().map_or_else(|_| "an unknown path".into(), |path| path.display().to_string());
    Finding::ok("sealbook", format!("version {}, {path}", env!("CARGO_PKG_VERSION")))
}

fn report(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    let mut text = String::new();
    for finding in findings {
        let state = match finding.state {
            State::Ok => "ok     ",
            State::Warning => "warning",
            State::Wrong => "WRONG  ",
        };
        text.push_str(&format!("{state}  {:<width$}  {}\n", finding.check, finding.found));
        if let Some(advice) = &finding.advice {
            text.push_str(&format!("{:9}{:width$}  → {advice}\n", "", ""));
        }
    }
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let (wrong, warnings) = (count(State::Wrong), count(State::Warning));
    text.push_str(&match (wrong, warnings) {
        (0, 0) => "Everything is in order.\n".to_string(),
        (0, _) => format!("Nothing is wrong; warnings: {warnings}.\n"),
        _ => format!("Wrong: {wrong}; warnings: {warnings}.\n"),
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_aligned_and_counts() {
        let findings = [
            Finding::ok("disk", "12 GiB free"),
            Finding::wrong("toolchain", "no rustc", "Install it."),
        ];
        assert_eq!(
            report(&findings),
            "ok       disk       12 GiB free\n\
             WRONG    toolchain  no rustc\n                    → Install it.\n\
             Wrong: 1; warnings: 0.\n"
        );
    }
}
