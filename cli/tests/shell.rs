//! Help, completions and manual pages.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use support::User;

#[test]
fn help_documents_every_exit_status() {
    let user = User::new();
    let help = user.ok("--help");
    for row in [
        "0    done",
        "1    the command failed",
        "2    usage",
        "3    the service cannot be reached",
        "130  interrupted",
        "138  the kernel died",
    ] {
        assert!(help.contains(row), "{row:?} is not in {help}");
    }
    assert_eq!(
        user.ok("--version"),
        format!("sealbook {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn completions_and_manual_pages_are_generated() {
    let user = User::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            user.ok(&format!("completions {shell}")).contains("create-scope"),
            "{shell}"
        );
    }
    user.ok("man pages");
    for page in ["sealbook.1", "sealbook-secrets-put.1", "sealbook-install.1"] {
        let text = std::fs::read_to_string(user.path("pages").join(page)).unwrap();
        assert!(text.contains(".SH NAME"), "{page}");
    }
}

#[test]
fn no_command_is_wrong_use() {
    let user = User::new();
    user.run("").failed(2, &["Usage: sealbook"]);
    user.run("nonsense").failed(2, &["unrecognized subcommand 'nonsense'"]);
}
