//! What the kernel needs to compile cells: rustc, cargo, a linker, and the library's source for completion.

use std::path::Path;
use std::process::Command;

use super::Finding;

/// The oldest compiler that the kernel's crates are tested with.
const RUSTC_MINOR_MIN: u32 = 95;
const RUSTUP: &str =
    "Install Rust with rustup, and see that ~/.cargo/bin is on the PATH of the program that starts kernels.";

/// Runs the tools and reads what they say.
pub fn check() -> Vec<Finding> {
    let mut findings = Vec::new();
    match said("rustc", &["--version"]) {
        Err(why) => findings.push(Finding::wrong("toolchain", why, RUSTUP)),
        Ok(version) => {
            if minor(&version).is_some_and(|minor| minor < RUSTC_MINOR_MIN) {
                findings.push(Finding::wrong(
                    "toolchain",
                    format!("{version} is older than 1.{RUSTC_MINOR_MIN}"),
                    "Update it: rustup update stable",
                ));
            } else {
                findings.push(Finding::ok("toolchain", version));
            }
            if let Ok(sysroot) = said("rustc", &["--print", "sysroot"]) {
                let source = Path::new(&sysroot).join("lib/rustlib/src/rust/library/std/src/lib.rs");
                if !source.exists() {
                    findings.push(Finding::warning(
                        "toolchain",
                        "the standard library's source is not installed, so completion and hover know less of it",
                        "Add it: rustup component add rust-src",
                    ));
                }
            }
        }
    }
    match said("cargo", &["--version"]) {
        Err(why) => findings.push(Finding::wrong("toolchain", why, RUSTUP)),
        Ok(version) => findings.push(Finding::ok("toolchain", version)),
    }
    match said("cc", &["--version"]) {
        Err(why) => findings.push(Finding::wrong(
            "toolchain",
            why,
            "rustc links with `cc`: install a C compiler (Debian and Ubuntu: apt install gcc; Fedora: dnf install gcc).",
        )),
        Ok(version) => findings.push(Finding::ok("toolchain", version)),
    }
    findings
}

/// First line of what a program prints.
fn said(program: &str, arguments: &[&str]) -> Result<String, String> {
    let answer = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => format!("{program} is not on PATH"),
            _ => format!("{program} cannot be started: {}", crate::failure::plain(&error)),
        })?;
    if !answer.status.success() {
        let stderr = String::from_utf8_lossy(&answer.stderr);
        let first = stderr.lines().next().unwrap_or_default();
        return Err(format!("{program} {} fails: {first}", arguments.join(" ")));
    }
    let stdout = String::from_utf8_lossy(&answer.stdout);
    Ok(stdout.lines().next().unwrap_or_default().trim().to_string())
}

/// The 95 of `rustc 1.95.0 (…)`.
fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("rustc 1.")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_version_is_found() {
        assert_eq!(minor("rustc 1.95.0 (59807616e 2026-04-14)"), Some(95));
        assert_eq!(minor("gcc 12"), None);
    }

    #[test]
    fn a_missing_program_is_named() {
        assert_eq!(
            said("no-such-program-planted", &[]),
            Err("no-such-program-planted is not on PATH".into())
        );
    }
}
