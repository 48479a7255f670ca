//! Running one program as a step: announced, timed, its output passed through and, where its counts are needed, read.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

/// How a step ended.
pub struct Finished {
    /// The program's exit status said success.
    pub success: bool,
    /// What it printed, where it was captured.
    pub output: String,
}

/// A command in the checkout's root.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(super::workspace::root());
    command
}

/// The cargo that runs us.
pub fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a step with its output on our own streams.
///
/// # Errors
/// When the program cannot be started.
pub fn run(title: &str, command: &mut Command) -> Result<Finished, String> {
    timed(title, || {
        let status = command.status().map_err(|error| not_started(command, &error))?;
        Ok(Finished {
            success: status.success(),
            output: String::new(),
        })
    })
}

/// Runs a step, shows its output line by line and keeps it.
///
/// # Errors
/// When the program cannot be started, or its output cannot be read.
pub fn run_captured(title: &str, command: &mut Command) -> Result<Finished, String> {
    timed(title, || {
        // One pipe for both streams, so that lines keep their order.
        let (reader, writer) = std::io::pipe().map_err(|error| format!("no pipe: {error}"))?;
        let second = writer.try_clone().map_err(|error| format!("no pipe: {error}"))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(second)
            .spawn()
            .map_err(|error| not_started(command, &error))?;
        // The command holds the writing ends; without this the reading end would never see the end.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut output = String::new();
        let mut lines = BufReader::new(reader);
        let mut line = Vec::new();
        while lines
            .read_until(b'\n', &mut line)
            .map_err(|error| format!("reading output: {error}"))?
            > 0
        {
            let text = String::from_utf8_lossy(&line);
            print!("{text}");
            let _ = std::io::stdout().flush();
            output.push_str(&text);
            line.clear();
        }
        let status: ExitStatus = child.wait().map_err(|error| format!("waiting: {error}"))?;
        Ok(Finished {
            success: status.success(),
            output,
        })
    })
}

/// Runs a program that must succeed; its output is shown only when it fails.
///
/// # Errors
/// When it cannot be started or fails.
pub fn quiet(title: &str, command: &mut Command) -> Result<(), String> {
    let started = Instant::now();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| not_started(command, &error))?;
    if output.status.success() {
        println!("── {title} ({:.0} s)", started.elapsed().as_secs_f64());
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(format!(
        "{title} failed ({}):\n{}",
        output.status,
        String::from_utf8_lossy(&text).trim_end()
    ))
}

fn timed(title: &str, step: impl FnOnce() -> Result<Finished, String>) -> Result<Finished, String> {
    println!("── {title}");
    let started = Instant::now();
    let finished = step()?;
    let verdict = if finished.success { "ok" } else { "FAILED" };
    println!("── {title}: {verdict} ({:.0} s)", started.elapsed().as_secs_f64());
    Ok(finished)
}

fn not_started(command: &Command, error: &std::io::Error) -> String {
    format!("cannot start {}: {error}", command.get_program().to_string_lossy())
}
