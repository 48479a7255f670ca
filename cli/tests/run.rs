//! `sealbook run` and `sealbook quickstart`, with a real kernel.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::{User, file};

fn notebook(user: &User, cells: &[&str]) -> String {
    let cells: Vec<Value> = cells
        .iter()
        .enumerate()
        .map(|(at, source)| {
            let tags = if at == 0 { json!({"tags": ["parameters"]}) } else { json!({}) };
            json!({"cell_type": "code", "id": format!("c{at}"), "metadata": tags, "execution_count": null, "outputs": [], "source": source})
        })
        .collect();
    let document = json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5});
    file(&user.path("in.ipynb"), document.to_string())
}

fn executed(user: &User, name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(user.path(name)).unwrap()).unwrap()
}

#[test]
fn parameters_outputs_and_an_exit_value() {
    let user = User::new();
    user.ok("secrets create-scope --scope jdbc");
    user.run_with(
        "secrets put --scope jdbc --key password",
        "planted-Pa55word-for-jobs",
        &[],
    )
    .ok();
    let path = notebook(
        &user,
        &[
            "let port: u16 = 5432;",
            "let password = dbutils.secrets.get(\"jdbc\", \"password\");\nprintln!(\"{port} {password} {}\", password.len());",
            "dbutils.notebook.exit(format!(\"port {port}\"))",
            "println!(\"never\");",
        ],
    );
    assert_eq!(user.ok(&format!("run {path} out.ipynb -p port 5433")), "port 5433\n");
    let out = executed(&user, "out.ipynb");
    assert_eq!(out["metadata"]["sealbook"]["exit_value"], "port 5433");
    let printed: Vec<_> = out["cells"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| cell["outputs"][0]["text"].clone())
        .collect();
    assert!(
        printed
            .iter()
            .any(|text| text.to_string().contains("5433 [REDACTED] 25")),
        "{printed:?}"
    );
    assert!(
        !out.to_string().contains("planted") && !out.to_string().contains("never\\n"),
        "{out}"
    );
}

#[test]
fn a_cell_that_fails_ends_the_run_and_keeps_what_there_was() {
    let user = User::new();
    let path = notebook(
        &user,
        &[
            "let a = 1;",
            "println!(\"before\");\npanic!(\"planned {a}\");",
            "println!(\"never\");",
        ],
    );
    let seen = user.run(&format!("run {path} out.ipynb"));
    assert_eq!(seen.status, 1, "{seen:?}");
    assert!(
        seen.err.contains("cell 2 failed: panic: planned 1") && seen.err.contains("out.ipynb"),
        "{seen:?}"
    );
    let out = executed(&user, "out.ipynb");
    let failed = &out["cells"][1]["outputs"];
    assert!(
        failed.to_string().contains("before") && failed.to_string().contains("\"error\""),
        "{failed}"
    );
    assert_eq!(out["cells"][2]["outputs"], json!([]));
}

#[test]
fn what_cannot_be_run_is_status_2_and_runs_nothing() {
    let user = User::new();
    let path = notebook(&user, &["let port: u16 = 5432;"]);
    let nothing = "Nothing was run.";
    user.run("run missing.ipynb out.ipynb")
        .failed(2, &["cannot read the notebook missing.ipynb", "No such file", nothing]);
    user.run_with("run - out.ipynb", "planted, not JSON", &[])
        .failed(2, &["- is not a notebook", "not JSON", nothing]);
    user.run(&format!("run {path} out.ipynb -p port planted"))
        .failed(2, &["parameter port", "u16", nothing]);
    user.run(&format!("run {path} out.ipynb -y [1]"))
        .failed(2, &["--parameters-yaml", "YAML mapping", nothing]);
    user.run(&format!("run {path} out.ipynb -f missing.yaml"))
        .failed(2, &["missing.yaml", "No such file"]);
    user.run(&format!("run {path} out.ipynb --kernel nowhere"))
        .failed(2, &["no kernelspec nowhere", "jupyter kernelspec list"]);
    user.run(&format!("run {path} out.ipynb --timeout 0"))
        .failed(2, &["number of seconds"]);
    user.run(&format!("run {path}")).failed(2, &["<OUT>"]);
    assert!(!user.path("out.ipynb").exists());
}

#[test]
fn quickstart_can_be_run_twice_and_keeps_secrets_that_are_there() {
    let user = User::new();
    let first = user.ok("quickstart");
    assert!(first.contains("stored username and password in scope jdbc"), "{first}");
    user.run_with(
        "secrets put --scope jdbc --key password",
        "planted-Pa55word-of-mine-31-long",
        &[],
    )
    .ok();
    let second = user.ok("quickstart");
    assert!(second.contains("scope jdbc has username and password"), "{second}");
    assert!(second.contains("the password has 32 characters"), "{second}");
    assert!(second.contains("user [REDACTED], password [REDACTED]"), "{second}");
    assert!(!second.contains("planted"), "{second}");
    let path = second.lines().last().unwrap().rsplit(' ').next().unwrap();
    let executed = std::fs::read_to_string(path).unwrap();
    assert!(
        executed.contains("[REDACTED]") && !executed.contains("planted"),
        "{executed}"
    );
    assert!(second.contains("jupyter lab"), "{second}");
}
