//! `sealbook install` and `uninstall` as a user sees them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use support::{User, file};

fn spec(user: &User, folder: &str) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(user.path(folder).join("kernel.json")).unwrap()).unwrap()
}

#[test]
fn installs_for_the_user_and_can_be_repeated() {
    let user = User::new();
    let folder = ".local/share/jupyter/kernels/sealbook";
    let shown = user.path(folder).display().to_string();
    assert_eq!(
        user.ok("install --user"),
        format!("installed kernelspec sealbook in {shown}\n")
    );
    assert_eq!(
        user.ok("install"),
        format!("kernelspec sealbook is already installed in {shown}\n")
    );
    let spec = spec(&user, folder);
    assert_eq!(spec["argv"][0], env!("CARGO_BIN_EXE_sealbook"));
    assert_eq!(
        spec["argv"].as_array().unwrap()[1..],
        ["kernel", "--connection-file", "{connection_file}"]
    );
    assert_eq!(spec["display_name"], "Rust (Sealbook)");
    assert_eq!(spec["metadata"]["language_info"]["file_extension"], ".rs");
    for logo in ["logo-svg.svg", "logo-32x32.png", "logo-64x64.png"] {
        assert!(user.path(folder).join(logo).exists(), "{logo}");
    }
    assert_eq!(user.ok("uninstall"), format!("removed {shown}\n"));
    assert!(!user.path(folder).exists());
}

#[test]
fn places_and_names() {
    let user = User::new();
    let prefix = user.path("env").display().to_string();
    user.ok(&format!("install --prefix {prefix} --name other"));
    assert!(user.path("env/share/jupyter/kernels/other/kernel.json").exists());
    user.run_with("install --sys-prefix", "", &[("VIRTUAL_ENV", &prefix)])
        .ok();
    assert!(user.path("env/share/jupyter/kernels/sealbook/kernel.json").exists());
    let data = user.path("data").display().to_string();
    user.run_with("install --user", "", &[("JUPYTER_DATA_DIR", &data)]).ok();
    assert!(user.path("data/kernels/sealbook/kernel.json").exists());
    let xdg = user.path("xdg").display().to_string();
    user.run_with("install --user", "", &[("XDG_DATA_HOME", &xdg)]).ok();
    assert!(user.path("xdg/jupyter/kernels/sealbook/kernel.json").exists());
}

#[test]
fn environment_and_display_name_are_written() {
    let user = User::new();
    user.run_words(
        &[
            "install",
            "--display-name",
            "Rust for sales",
            "--env",
            "A",
            "1",
            "--env",
            "B",
            "two words",
        ],
        "",
        &[],
    )
    .ok();
    let spec = spec(&user, ".local/share/jupyter/kernels/sealbook");
    assert_eq!(spec["display_name"], "Rust for sales");
    assert_eq!(spec["env"], serde_json::json!({"A": "1", "B": "two words"}));
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let user = User::new();
    let path = user.path(".local/share/jupyter/kernels/sealbook/kernel.json");
    file(&path, r#"{"argv":["other"],"display_name":"Other","language":"rust"}"#);
    user.run("install").failed(
        1,
        &[
            "another kernelspec is in",
            "it was left as it is",
            "--replace",
            "--name",
        ],
    );
    user.run("uninstall").failed(
        1,
        &[
            "was not made by sealbook",
            "nothing was removed",
            "jupyter kernelspec remove sealbook",
        ],
    );
    assert!(std::fs::read_to_string(&path).unwrap().contains("other"));
    user.ok("install --replace");
    user.ok("uninstall");
    user.run("uninstall").failed(
        1,
        &["no kernelspec in", "nothing was removed", "jupyter kernelspec list"],
    );
}

#[test]
fn wrong_use() {
    let user = User::new();
    user.run("install --user --sys-prefix")
        .failed(2, &["--user", "--sys-prefix", "cannot be used with"]);
    user.run("install --name a/b")
        .failed(2, &["`a/b` cannot be a kernelspec's name", "ASCII letters"]);
    user.run("install --env ONLY_A_KEY").failed(2, &["--env"]);
    let blocked = file(&user.path("file"), "");
    user.run(&format!("install --prefix {blocked}"))
        .failed(1, &["cannot make the folder", &blocked, "--prefix DIR"]);
    user.run_with("install --sys-prefix", "", &[("PATH", "/nowhere")])
        .failed(1, &["no Python environment found", "VIRTUAL_ENV", "--prefix DIR"]);
}
