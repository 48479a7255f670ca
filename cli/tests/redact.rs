//! `sealbook redact` as a filter.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use support::{User, file};

#[test]
fn what_a_file_holds_is_masked_and_everything_else_passes() {
    let user = User::new();
    let secret = file(&user.path("secret"), "planted-Pa55word-for-the-filter");
    let mut input = b"before planted-Pa55word-for-the-filter after \xff\xfe ".to_vec();
    input.extend(b"no line end");
    let seen = user.run_with(&format!("redact --secret-file {secret}"), &input, &[]);
    assert_eq!(seen.status, 0, "{seen:?}");
    assert_eq!(seen.out, "before [REDACTED] after \u{fffd}\u{fffd} no line end");
    assert!(!user.path("sealbook").exists(), "no service was started");
}

#[test]
fn a_folder_gives_a_secret_per_file() {
    let user = User::new();
    file(&user.path("secrets/one"), "planted-first-0123456789");
    file(&user.path("secrets/two"), "planted-second-0123456789");
    file(
        &user.path("secrets/.hidden"),
        "visible-because-hidden-files-are-left-out",
    );
    let folder = user.path("secrets").display().to_string();
    let input = "planted-first-0123456789 planted-second-0123456789 visible-because-hidden-files-are-left-out\n";
    let seen = user.run_with(&format!("redact --secret-dir {folder}"), input, &[]);
    assert_eq!(
        seen.ok(),
        "[REDACTED] [REDACTED] visible-because-hidden-files-are-left-out\n"
    );
}

#[test]
fn what_cannot_be_hidden_everywhere_is_said_first() {
    let user = User::new();
    let secret = file(&user.path("pin"), "04829");
    let seen = user.run_with(&format!("redact --secret-file {secret}"), "04829 7048297\n", &[]);
    assert_eq!(seen.out, "[REDACTED] 7048297\n");
    assert_eq!(seen.err.lines().count(), 1, "{}", seen.err);
    assert!(seen.err.starts_with("sealbook: the value of "), "{}", seen.err);
    assert!(seen.err.contains("shorter than 6 bytes"), "{}", seen.err);
}

#[test]
fn nothing_passes_when_a_secret_cannot_be_read() {
    let user = User::new();
    let good = file(&user.path("good"), "planted-good-0123456789");
    let empty = file(&user.path("empty"), "");
    std::fs::create_dir(user.path("nothing")).unwrap();
    let folder = user.path("nothing").display().to_string();
    let run = |line: &str| user.run_with(line, "input\n", &[]);
    run(&format!("redact --secret-file {good} --secret-file missing")).failed(
        1,
        &[
            "cannot read the secret file missing",
            "No such file",
            "Nothing was passed on",
        ],
    );
    run(&format!("redact --secret-file {good} --secret-file {empty}")).failed(1, &[&empty, "is empty"]);
    run(&format!("redact --secret-dir {folder}")).failed(1, &[&folder, "holds no file"]);
    run("redact --secret-dir missing").failed(1, &["cannot read the secret folder missing"]);
    run("redact").failed(2, &["--secret-file", "--secret-dir"]);
}
