//! `cargo xtask sanitize`: the redactor's tests of learning and scanning from several threads, under ThreadSanitizer.
//!
//! The standard library is compiled with the sanitizer too, or its own locks would look like races; cargo does that only
//! with `-Z` options, which a stable compiler accepts with `RUSTC_BOOTSTRAP`. It needs the component `rust-src`.

use crate::{step, workspace};

/// The platform: sanitizers need it by name, so that build scripts stay as they are.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Builds and runs them.
///
/// # Errors
/// When they cannot be built, or a race was found.
pub fn run() -> Result<(), String> {
    let mut test = step::cargo();
    test.env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=thread")
        .env("TSAN_OPTIONS", "halt_on_error=1")
        .env("CARGO_TARGET_DIR", workspace::target().join("sanitize"))
        .args([
            "test",
            "--quiet",
            "--locked",
            "--release",
            "-Zbuild-std",
            "--target",
            PLATFORM,
        ])
        .args(["--package", "sealbook-redact", "--test", "properties", "race_nothing"]);
    if step::run("learn and scan under ThreadSanitizer", &mut test)?.success {
        Ok(())
    } else {
        Err("ThreadSanitizer found a race, or the tests could not be built; see above".to_owned())
    }
}
