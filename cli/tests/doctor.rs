//! `sealbook doctor` finds what is wrong and says what to do.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use support::User;

#[test]
fn a_fresh_user_is_told_to_install_and_an_installed_one_is_well() {
    let user = User::new();
    let seen = user.run("doctor");
    assert_eq!(seen.status, 1, "{seen:?}");
    assert!(
        seen.out.contains("kernelspec") && seen.out.contains("sealbook install --user"),
        "{seen:?}"
    );
    user.ok("install --user");
    let seen = user.run("doctor");
    assert_eq!(seen.status, 0, "{seen:?}");
    for check in [
        "sealbook",
        "toolchain",
        "kernelspec",
        "data folder",
        "disk",
        "service",
        "clock",
    ] {
        assert!(
            seen.out.lines().any(|line| line.contains(check)),
            "{check} is not in {seen:?}"
        );
    }
}

#[test]
fn a_missing_toolchain_and_an_open_data_folder_are_found() {
    let user = User::new();
    user.ok("install --user");
    user.ok("secrets list-scopes");
    std::process::Command::new("chmod")
        .arg("755")
        .arg(user.path("sealbook"))
        .status()
        .unwrap();
    let seen = user.run_with("doctor", "", &[("PATH", "/nowhere")]);
    assert_eq!(seen.status, 1, "{seen:?}");
    for text in [
        "rustc is not on PATH",
        "cargo is not on PATH",
        "cc is not on PATH",
        "rustup",
        "open to others (mode 755)",
        "chmod 700",
    ] {
        assert!(seen.out.contains(text), "{text:?} is not in {seen:?}");
    }
}

#[test]
fn json_lists_every_finding() {
    let user = User::new();
    let seen = user.run("doctor --output json");
    let findings: serde_json::Value = serde_json::from_str(&seen.out).unwrap();
    let wrong = findings
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["check"] == "kernelspec")
        .unwrap();
    assert_eq!(wrong["state"], "wrong");
    assert!(wrong["advice"].as_str().unwrap().contains("sealbook install"));
}

#[test]
fn a_kernelspec_whose_binary_is_gone_is_found() {
    let user = User::new();
    user.ok("install --user");
    let path = user.path(".local/share/jupyter/kernels/sealbook/kernel.json");
    let spec = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, spec.replace(env!("CARGO_BIN_EXE_sealbook"), "/nowhere/sealbook")).unwrap();
    let seen = user.run("doctor");
    assert_eq!(seen.status, 1, "{seen:?}");
    assert!(
        seen.out.contains("launches /nowhere/sealbook, which is not there"),
        "{seen:?}"
    );
}
