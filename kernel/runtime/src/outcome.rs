//! How a cell ended, from what the builder and the runner say about it.

use crate::engine::Outcome;
use crate::messages::{Executed, Failure};
use crate::pump::{self, Ending};
use crate::runner::report::{CellEnd, Death};

/// Whether the cell was stopped from outside.
pub(crate) struct Stop {
    pub(crate) interrupted: bool,
    /// It asked for input that could not be had.
    pub(crate) refused: bool,
}

/// What the session is told. The first of these that happened: stopped, died, failed, ended early.
pub(crate) fn of(executed: Executed, ending: Ending, stop: Stop) -> Outcome {
    let death = ending.death;
    let failed = executed.failure.is_some();
    let failure = if stop.interrupted && (failed || death.is_some()) {
        Some(stopped(&stop, death.as_ref()))
    } else if let Some(death) = &death {
        Some(died(death, ending.bytes_wanted.as_deref()))
    } else if failed {
        executed.failure
    } else {
        ending.cell.and_then(|end| ended(&end))
    };
    match failure {
        Some(Failure {
            ename,
            evalue,
            traceback,
            ..
        }) => Outcome::Error {
            ename,
            evalue,
            traceback,
        },
        None if executed.quit => Outcome::Ok {
            payload: vec![serde_json::json!({"source": "ask_exit", "keepkernel": false})],
        },
        None => Outcome::Ok { payload: Vec::new() },
    }
}

/// The builder ended while it had the cell built, or while the cell ran.
pub(crate) fn builder_died() -> Outcome {
    let lost = format!("{}.", pump::BUILDER_LOST.replacen('v', "V", 1));
    Outcome::Error {
        ename: "ProcessDied".into(),
        evalue: pump::BUILDER_ENDED.into(),
        traceback: vec![pump::BUILDER_ENDED.into(), lost],
    }
}

fn stopped(stop: &Stop, death: Option<&Death>) -> Failure {
    let (ename, text) = if stop.refused {
        (
            "StdinNotImplementedError",
            "the cell asked for input, which this front end does not offer",
        )
    } else {
        ("KeyboardInterrupt", "the cell was interrupted")
    };
    let mut failure = Failure::new(ename, text);
    failure.traceback.extend(death.map(what_is_left).unwrap_or_default());
    failure
}

fn died(death: &Death, bytes_wanted: Option<&str>) -> Failure {
    // Checks of the compiler's see some faults before the processor would.
    let is_fault = ["null pointer dereference", "misaligned pointer dereference"]
        .iter()
        .any(|start| death.message.starts_with(start));
    let (ename, text) = match (death.signal, death.exit_code) {
        (Some(libc::SIGABRT), _) if bytes_wanted.is_some() => {
            let bytes = bytes_wanted.unwrap_or_default();
            ("OutOfMemory", format!("an allocation of {bytes} bytes failed"))
        }
        (Some(libc::SIGABRT), _) if is_fault => ("SegmentationFault", death.message.clone()),
        (Some(libc::SIGABRT), _) if !death.message.is_empty() => ("Abort", death.message.clone()),
        (Some(libc::SIGKILL), _) if death.out_of_memory => (
            "OutOfMemory",
            "the system ran out of memory and killed the process".to_owned(),
        ),
        (Some(_), _) if death.stack_overflow => ("StackOverflow", "the cell used up its stack".to_owned()),
        (Some(libc::SIGSEGV | libc::SIGBUS), _) => {
            ("SegmentationFault", "the cell touched memory it must not".to_owned())
        }
        (Some(libc::SIGABRT), _) => ("Abort", "the cell aborted the process".to_owned()),
        (Some(libc::SIGILL), _) => (
            "IllegalInstruction",
            "the cell executed an illegal instruction".to_owned(),
        ),
        (Some(libc::SIGFPE), _) => ("ArithmeticFault", "the cell caused an arithmetic fault".to_owned()),
        (Some(libc::SIGKILL), _) => (
            "Killed",
            "the process was killed, perhaps because the system ran out of memory".to_owned(),
        ),
        (Some(signal), _) => ("Killed", format!("the process was ended by signal {signal}")),
        (None, code) => (
            "ProcessExit",
            format!("the cell ended the process with exit code {}", code.unwrap_or_default()),
        ),
    };
    let mut failure = Failure::new(ename, &text);
    if !death.location.is_empty() {
        failure.traceback.insert(0, format!("aborted at {}:", death.location));
    }
    failure.traceback.extend(what_is_left(death));
    failure
}

fn what_is_left(death: &Death) -> Vec<String> {
    let mut lines = Vec::new();
    if death.restored {
        lines.push("Every variable is as it was before the cell.".to_owned());
    } else {
        let why = death
            .no_copy
            .as_ref()
            .map(|reason| format!(" ({reason})"))
            .unwrap_or_default();
        lines.push(format!(
            "The variables are lost{why}; the next cell starts a new process."
        ));
    }
    if death.threads > 0 {
        let threads = death.threads;
        lines.push(format!(
            "{threads} background thread(s) of earlier cells ended; a lock that one held stays locked."
        ));
    }
    if !death.connections.is_empty() {
        lines.push(format!(
            "These connections were shut down, connect again: {}",
            death.connections.join(", ")
        ));
    }
    lines
}

fn ended(end: &CellEnd) -> Option<Failure> {
    match end.kind.as_str() {
        "" => None,
        "exit" => Some(Failure {
            ename: "SystemExit".into(),
            evalue: "0".into(),
            traceback: vec!["The notebook ended itself with dbutils.notebook.exit.".into()],
            ..Failure::default()
        }),
        "error" => Some(Failure {
            ename: if end.name.is_empty() {
                "Error".into()
            } else {
                end.name.clone()
            },
            evalue: end.message.lines().next().unwrap_or_default().to_owned(),
            traceback: format!("a `?` met an error of type {}:\n{}", end.name, end.message)
                .lines()
                .map(str::to_owned)
                .collect(),
            ..Failure::default()
        }),
        "load" => Some(Failure::new("LoadError", &end.message)),
        _ => {
            let head = match end.location.as_str() {
                "" => "panicked:".to_owned(),
                place => format!("panicked at {place}:"),
            };
            let mut traceback = vec![head];
            traceback.extend(end.message.lines().map(str::to_owned));
            Some(Failure {
                ename: "panic".into(),
                evalue: end.message.lines().next().unwrap_or_default().to_owned(),
                traceback,
                ..Failure::default()
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_says_what_is_left() {
        let death = Death {
            signal: Some(libc::SIGSEGV),
            in_cell: true,
            restored: true,
            threads: 2,
            connections: vec!["127.0.0.1:5432".into()],
            ..Death::default()
        };
        let expected = [
            "the cell touched memory it must not",
            "Every variable is as it was before the cell.",
            "2 background thread(s) of earlier cells ended; a lock that one held stays locked.",
            "These connections were shut down, connect again: 127.0.0.1:5432",
        ];
        assert_eq!(died(&death, None).traceback, expected);
    }

    #[test]
    fn an_abort_says_why() {
        let death = |message: &str, location: &str| Death {
            signal: Some(libc::SIGABRT),
            message: message.into(),
            location: location.into(),
            restored: true,
            ..Death::default()
        };
        let left = "Every variable is as it was before the cell.";
        let null = "null pointer dereference occurred";
        let destructor = "panic in a destructor during cleanup";
        let cases = [
            (
                death(null, "cell:2:10"),
                None,
                "SegmentationFault",
                vec!["aborted at cell:2:10:", null, left],
            ),
            (
                death(destructor, "/registry/x.rs:9:9"),
                None,
                "Abort",
                vec!["aborted at /registry/x.rs:9:9:", destructor, left],
            ),
            (
                death("", ""),
                Some("64"),
                "OutOfMemory",
                vec!["an allocation of 64 bytes failed", left],
            ),
            (death("", ""), None, "Abort", vec!["the cell aborted the process", left]),
        ];
        for (death, bytes, ename, traceback) in cases {
            let failure = died(&death, bytes);
            assert_eq!(
                (failure.ename.as_str(), failure.traceback),
                (ename, traceback.iter().map(|line| (*line).to_owned()).collect())
            );
        }
    }
}
