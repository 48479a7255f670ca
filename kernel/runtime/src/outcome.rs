//! How a cell ended, from what the builder and the runner say about it.

use crate::engine::Outcome;
use crate::messages::{Executed, Failure};
use crate::pump::Ending;
use crate::runner::report::{CellEnd, Death};

/// Whether the cell was stopped from outside.
pub(crate) struct Stop {
    pub(crate) interrupted: bool,
    /// It asked for input that could not be had.
    pub(crate) refused: bool,
}

/// The cell as the user wrote it, and as it was compiled.
pub(crate) struct Cell<'a> {
    pub(crate) code: &'a str,
    pub(crate) source: &'a str,
}

/// What the session is told. The first of these that happened: stopped, died, failed, ended early.
pub(crate) fn of(executed: Executed, ending: Ending, stop: Stop, cell: &Cell<'_>) -> Outcome {
    let death = ending.death;
    let failed = executed.failure.is_some();
    let failure = if stop.interrupted && (failed || death.is_some()) {
        Some(stopped(&stop, death.as_ref()))
    } else if let Some(death) = &death {
        Some(died(death))
    } else if failed {
        executed.failure
    } else {
        ending.cell.and_then(|end| ended(&end, cell))
    };
    match failure {
        Some(Failure {
            ename,
            evalue,
            traceback,
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

fn died(death: &Death) -> Failure {
    let (ename, text) = match (death.signal, death.exit_code) {
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

fn ended(end: &CellEnd, cell: &Cell<'_>) -> Option<Failure> {
    match end.kind.as_str() {
        "" => None,
        "exit" => Some(Failure {
            ename: "SystemExit".into(),
            evalue: "0".into(),
            traceback: vec!["The notebook ended itself with dbutils.notebook.exit.".into()],
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
        }),
        "load" => Some(Failure::new("LoadError", &end.message)),
        _ => {
            let place = location(&end.location, cell);
            let head = if place.is_empty() {
                "panicked:".to_owned()
            } else {
                format!("panicked at {place}:")
            };
            let mut traceback = vec![head];
            traceback.extend(end.message.lines().map(str::to_owned));
            Some(Failure {
                ename: "panic".into(),
                evalue: end.message.lines().next().unwrap_or_default().to_owned(),
                traceback,
            })
        }
    }
}

/// `src/lib.rs:12:5` as `cell:2:5`, if that line is one of the cell's; the generated file's lines mean nothing to users.
fn location(location: &str, cell: &Cell<'_>) -> String {
    let mut parts = location.rsplitn(3, ':');
    let (column, line, file) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<usize>().ok());
    let (Some(column), Some(line)) = (number(column), number(line)) else {
        return location.to_owned();
    };
    if file != "src/lib.rs" {
        return location.to_owned();
    }
    match place(line, column, cell) {
        Some((line, column)) => format!("cell:{line}:{column}"),
        None => "a function of an earlier cell".to_owned(),
    }
}

/// The cell's line that the generated line came from: the same text, counted from the end where lines repeat, because
/// the cell's own code is the last in the generated file.
fn place(line: usize, column: usize, cell: &Cell<'_>) -> Option<(usize, usize)> {
    let generated: Vec<&str> = cell.source.lines().collect();
    let text = generated.get(line.checked_sub(1)?)?.trim_end();
    if text.trim().is_empty() {
        return None;
    }
    let repeats_after = generated[line..]
        .iter()
        .filter(|other| other.trim_end() == text)
        .count();
    let matching: Vec<(usize, &str)> = cell
        .code
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim_end()))
        .filter(|(_, line)| line.ends_with(text))
        .collect();
    let (line, whole) = matching.iter().rev().nth(repeats_after).or(matching.last())?;
    Some((*line, column + whole.chars().count() - text.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_placed_in_the_cell() {
        let cell = Cell {
            code: "let a = 1; f();\nf();\nother",
            source: "fn wrapper() {\nlet a = 1; \nf();\nf();\nother\n}",
        };
        assert_eq!(location("src/lib.rs:3:1", &cell), "cell:1:12");
        assert_eq!(location("src/lib.rs:4:1", &cell), "cell:2:1");
        assert_eq!(location("src/lib.rs:1:1", &cell), "a function of an earlier cell");
        assert_eq!(location("/registry/x.rs:9:9", &cell), "/registry/x.rs:9:9");
    }

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
        assert_eq!(died(&death).traceback, expected);
    }
}
