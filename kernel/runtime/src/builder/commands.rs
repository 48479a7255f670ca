//! Commands at the top of a cell: `:restart`, `!ls` and their kind. Most are evcxr's own; those it gets wrong are ours.

use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};

use super::{Fds, session};
use crate::cargo_shim::INTERRUPTED;
use crate::messages::Failure;
use crate::sys;

/// One part of a cell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// For evcxr: Rust code and its own commands, every line where it was.
    Code(String),
    Shell(String),
    Clear,
    Restart,
    Optimise(String),
    /// How results are shown.
    Format(String),
    /// Whether with their types; the other way round if it is not said.
    Types(String),
    Timing,
    Variables,
    Type(String),
    Help,
    /// What evcxr would take, and fail with in this or in every later cell; and why.
    Refused(&'static str),
    Quit,
}

/// Splits a cell. Commands come first, as in evcxr: from the first line of Rust on, all is Rust.
pub(super) fn steps(code: &str) -> Vec<Step> {
    let first = code.lines().next().unwrap_or_default().trim();
    if ["%%sh", "%%bash"].contains(&first) {
        let body = code.split_once('\n').map_or("", |(_, body)| body);
        return vec![Step::Shell(body.to_owned())];
    }
    let mut steps = Vec::new();
    // Lines for evcxr; those that are not are left empty, so that the others keep their numbers.
    let mut pending = String::new();
    let mut has_commands = false;
    let mut lines = code.split_inclusive('\n').enumerate();
    let mut consumed = 0;
    for (_, line) in lines.by_ref() {
        let text = line.trim();
        match ours(text) {
            Some(step) => {
                if has_commands {
                    steps.push(Step::Code(pending.clone()));
                    pending = pending.lines().map(|_| "\n").collect();
                    has_commands = false;
                }
                steps.push(step);
                pending.push('\n');
            }
            // A path such as `::std::mem`, which evcxr would take for a command of its own.
            None if text.starts_with("::") => {
                pending.push_str("/**/");
                break;
            }
            None if text.starts_with(':') => {
                has_commands = true;
                pending.push_str(line);
            }
            None if text.is_empty() || line.starts_with("//") => pending.push_str(line),
            None => break,
        }
        consumed += line.len();
    }
    if has_commands && !code[consumed..].trim().is_empty() {
        // Before the code behind them: what they change holds for all that is asked about it.
        steps.push(Step::Code(pending.clone()));
        pending = pending.lines().map(|_| "\n").collect();
        has_commands = false;
    }
    pending.push_str(&code[consumed..]);
    if has_commands || !code[consumed..].trim().is_empty() || steps.is_empty() {
        steps.push(Step::Code(pending));
    }
    steps
}

fn ours(line: &str) -> Option<Step> {
    if let Some(script) = line.strip_prefix('!') {
        return Some(Step::Shell(script.trim().to_owned()));
    }
    let (command, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let argument = argument.trim().to_owned();
    match command {
        ":clear" => Some(Step::Clear),
        ":restart" => Some(Step::Restart),
        ":quit" => Some(Step::Quit),
        ":opt" => Some(Step::Optimise(argument)),
        ":fmt" => Some(Step::Format(argument)),
        ":types" => Some(Step::Types(argument)),
        ":timing" => Some(Step::Timing),
        ":vars" => Some(Step::Variables),
        ":type" | ":t" => Some(Step::Type(argument)),
        ":help" => Some(Step::Help),
        ":linker" if !["", "system", "lld", "mold"].contains(&argument.as_str()) => {
            Some(Step::Refused("unknown linker; use :linker system, lld or mold"))
        }
        ":toolchain" => Some(Step::Refused(
            "the toolchain is chosen when the kernel starts: set RUSTUP_TOOLCHAIN for it, or `rustup override` in its folder",
        )),
        ":time_passes" | ":codegen_backend" => {
            Some(Step::Refused("this needs a nightly compiler; cells are built without"))
        }
        ":preserve_vars_on_panic" => Some(Step::Refused("variables outlive a panic; there is nothing to choose")),
        ":internal_debug" => Some(Step::Refused("this is for the work on evcxr itself")),
        _ => None,
    }
}

/// Runs a script in the environment of the cells; its output is theirs. `folder` holds the mark of an interrupt.
pub(super) fn run_shell(script: &str, fds: Fds, running: &AtomicI32, folder: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new("ShellError", &format!("cannot run sh: {error}"));
    let [_, output, error] = fds.user;
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).stdin(Stdio::null());
    command
        .stdout(stdio(output).map_err(failed)?)
        .stderr(stdio(error).map_err(failed)?);
    command.process_group(0);
    session::for_user_code(&mut command);
    let mut child = command.spawn().map_err(failed)?;
    let group = child.id() as i32;
    running.store(group, Ordering::SeqCst);
    // An interrupt leaves its mark before it looks for the number; one that came too early for it is done here.
    if folder.join(INTERRUPTED).exists() {
        sys::kill(-group, libc::SIGKILL);
    }
    let status = child.wait();
    running.store(0, Ordering::SeqCst);
    let status = status.map_err(failed)?;
    let how = match (status.code(), status.signal()) {
        (Some(0), _) => return Ok(()),
        (Some(code), _) => format!("the command ended with exit status {code}"),
        (None, signal) => format!("the command was ended by signal {}", signal.unwrap_or_default()),
    };
    Err(Failure::new("ShellError", &how))
}

fn stdio(fd: RawFd) -> io::Result<Stdio> {
    Ok(sys::duplicate(fd, 3)?.into())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    fn code(text: &str) -> Step {
        Step::Code(text.into())
    }

    #[test]
    fn an_interrupt_before_the_command_is_known_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(INTERRUPTED), "").unwrap();
        let (reader, writer) = io::pipe().unwrap();
        let fd = writer.as_raw_fd();
        let fds = Fds {
            requests: fd,
            user: [fd; 3],
            control: fd,
        };
        let failure = run_shell("sleep 1000 & wait", fds, &AtomicI32::new(0), folder.path()).unwrap_err();
        assert!(failure.evalue.contains("signal 9"), "{}", failure.evalue);
        drop(writer);
        // The whole group is gone: nobody holds the pipe any more.
        assert_eq!(io::read_to_string(reader).unwrap(), "");
    }

    #[test]
    fn cells_are_split() {
        let cases: Vec<(&str, Vec<Step>)> = vec![
            ("", vec![code("")]),
            ("1 + 1", vec![code("1 + 1")]),
            ("!ls -l\n", vec![Step::Shell("ls -l".into())]),
            (":restart", vec![Step::Restart]),
            (":vars", vec![Step::Variables]),
            (":type\tx", vec![Step::Type("x".into())]),
            (
                ":linker x",
                vec![Step::Refused("unknown linker; use :linker system, lld or mold")],
            ),
            (":linker lld", vec![code(":linker lld")]),
            (":version", vec![code(":version")]),
            (
                "\n:opt 0\nlet x = 1;\n!x",
                vec![Step::Optimise("0".into()), code("\n\nlet x = 1;\n!x")],
            ),
            (
                ":dep a\n!ls\n:dep b\nf()",
                vec![
                    code(":dep a\n"),
                    Step::Shell("ls".into()),
                    code("\n\n:dep b\n"),
                    code("\n\n\nf()"),
                ],
            ),
            ("%%sh\necho a\necho b", vec![Step::Shell("echo a\necho b".into())]),
            ("// note\n:quit", vec![Step::Quit]),
            ("::std::mem::drop(1)", vec![code("/**/::std::mem::drop(1)")]),
        ];
        for (cell, expected) in cases {
            assert_eq!(steps(cell), expected, "{cell:?}");
        }
    }
}
