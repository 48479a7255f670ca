//! The filter by itself: `filter SECRET_FILE… < input > output`. The product's command is `sealbook redact`.

use std::process::ExitCode;

use sealbook_redact::{Secret, filter};

fn main() -> ExitCode {
    let mut secrets = Vec::new();
    for path in std::env::args().skip(1) {
        match std::fs::read(&path) {
            Ok(value) if !value.is_empty() => secrets.push(Secret::new("file", path, value)),
            Ok(_) => return fail(&format!("{path} is empty")),
            Err(error) => return fail(&format!("{path}: {error}")),
        }
    }
    match filter(std::io::stdin().lock(), std::io::stdout().lock(), secrets, |_| ()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

#[expect(clippy::print_stderr, reason = "a program's error output")]
fn fail(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::FAILURE
}
