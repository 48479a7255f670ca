//! `sealbook secrets`, `groups` and `audit` against the embedded service, as a user sees them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::os::unix::fs::PermissionsExt;

use support::{User, file};

const SCOPE_MISSING: &str = "Scope nowhere does not exist!";

#[test]
fn the_originals_workflow() {
    let user = User::new();
    assert_eq!(user.ok("secrets create-scope --scope jdbc"), "");
    assert_eq!(
        user.run_with("secrets put --scope jdbc --key username", "planted-user\n", &[])
            .ok(),
        ""
    );
    assert_eq!(
        user.ok("secrets put --scope jdbc --key password --string-value planted-password"),
        ""
    );
    let listed = user.ok("secrets list --scope jdbc");
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    assert!(lines[0].starts_with("Key name  Last updated"), "{listed}");
    assert!(
        lines[1].starts_with("password  20") && lines[2].starts_with("username  20"),
        "{listed}"
    );
    assert_eq!(user.ok("secrets list-scopes"), "Scope  Backend\njdbc   DATABRICKS\n");
    assert_eq!(user.ok("groups create --group-name datascience"), "");
    assert_eq!(
        user.ok("secrets put-acl --scope jdbc --principal datascience --permission READ"),
        ""
    );
    assert_eq!(
        user.ok("secrets get-acl --scope jdbc --principal datascience"),
        "Principal    Permission\ndatascience  READ\n"
    );
    assert!(user.ok("secrets list-acls --scope jdbc").contains("MANAGE"));
    assert_eq!(user.ok("secrets delete-acl --scope jdbc --principal datascience"), "");
    assert_eq!(user.ok("secrets delete --scope jdbc --key password"), "");
    assert_eq!(user.ok("secrets delete-scope --scope jdbc"), "");
    assert_eq!(user.ok("secrets list-scopes"), "Scope  Backend\n");
    let log = user.ok("audit tail");
    for action in [
        "createScope",
        "putSecret",
        "listSecrets",
        "putAcl",
        "getAcl",
        "listAcls",
        "deleteAcl",
        "deleteSecret",
        "deleteScope",
    ] {
        assert!(log.contains(action), "{action} is not in {log}");
    }
    assert!(!log.contains("planted"), "{log}");
}

#[test]
fn json_is_the_services_answer() {
    let user = User::new();
    assert_eq!(user.ok("secrets create-scope --scope jdbc --output json"), "{}\n");
    let scopes: serde_json::Value = serde_json::from_str(&user.ok("secrets list-scopes --output JSON")).unwrap();
    assert_eq!(
        scopes,
        serde_json::json!({"scopes": [{"name": "jdbc", "backend_type": "DATABRICKS"}]})
    );
    user.run_with("secrets put --scope jdbc --key k", "planted-value", &[])
        .ok();
    let secrets: serde_json::Value = serde_json::from_str(&user.ok("--output json secrets list --scope jdbc")).unwrap();
    assert_eq!(secrets["secrets"][0]["key"], "k");
    assert!(secrets["secrets"][0]["last_updated_timestamp"].is_i64());
    let records: serde_json::Value = serde_json::from_str(&user.ok("audit tail --output json")).unwrap();
    let put = records
        .as_array()
        .unwrap()
        .iter()
        .find(|record| record["actionName"] == "putSecret")
        .unwrap();
    assert_eq!(
        put["requestParams"],
        serde_json::json!({"scope": "jdbc", "key": "k", "kind": "string"})
    );
    assert_eq!(put["response"]["statusCode"], 200);
}

#[test]
fn an_editor_gives_the_value() {
    let user = User::new();
    user.ok("secrets create-scope --scope s");
    let editor = user.path("editor");
    file(
        &editor,
        "#!/bin/sh\nprintf 'planted-by-editor\\n' | cat - \"$1\" > \"$1.new\" && cat \"$1.new\" > \"$1\" && stat -c %a \"$1\" \"${1%/*}\" > mode\n",
    );
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    let editor = editor.display().to_string();
    user.run_with("secrets put --scope s --key k --editor", "", &[("EDITOR", &editor)])
        .ok();
    assert_eq!(std::fs::read_to_string(user.path("mode")).unwrap(), "600\n700\n");
    assert!(user.ok("secrets list --scope s").contains("\nk "));
    // An editor that changes nothing, and one that fails.
    user.run_with("secrets put --scope s --key none --editor", "", &[("EDITOR", "true")])
        .failed(2, &["held no value", "nothing was stored"]);
    user.run_with("secrets put --scope s --key none --editor", "", &[("EDITOR", "false")])
        .failed(
            1,
            &["the editor `false` ended with exit status: 1", "nothing was stored"],
        );
    assert!(!user.ok("secrets list --scope s").contains("none"));
}

#[test]
fn values_that_cannot_be_stored() {
    let user = User::new();
    user.ok("secrets create-scope --scope s");
    let put = "secrets put --scope s --key k";
    user.run_with(put, "", &[])
        .failed(2, &["standard input held no value", "nothing was stored"]);
    user.run_with(put, "\n", &[])
        .failed(2, &["standard input held no value"]);
    user.run_with(put, vec![b'a'; 131_073], &[])
        .failed(2, &["larger than 131072 bytes", "nothing was stored"]);
    let empty = file(&user.path("empty"), "");
    user.run(&format!("{put} --binary-file {empty}"))
        .failed(2, &[&empty, "is empty"]);
    user.run(&format!("{put} --binary-file missing"))
        .failed(1, &["cannot read the value from missing", "No such file"]);
    user.run(&format!("{put} --string-value a --binary-file b"))
        .failed(2, &["cannot be used with"]);
    user.run_words(
        &["secrets", "put", "--scope", "s", "--key", "k", "--string-value", ""],
        "",
        &[],
    )
    .failed(2, &["--string-value is empty"]);
    assert_eq!(user.ok("secrets list --scope s"), "Key name  Last updated\n");
    // Bytes, and the largest value there may be.
    let bytes = file(&user.path("bytes"), [0xff; 131_072]);
    user.ok(&format!("{put} --binary-file {bytes}"));
}

#[test]
fn refusals_say_what_and_what_to_do() {
    let user = User::new();
    user.ok("secrets create-scope --scope s");
    for line in [
        "secrets list --scope nowhere",
        "secrets delete --scope nowhere --key k",
        "secrets put --scope nowhere --key k --string-value planted",
        "secrets list-acls --scope nowhere",
        "secrets delete-scope --scope nowhere",
    ] {
        user.run(line).failed(
            1,
            &["RESOURCE_DOES_NOT_EXIST", SCOPE_MISSING, "sealbook secrets list-scopes"],
        );
    }
    user.run("secrets delete --scope s --key k").failed(
        1,
        &[
            "Secret does not exist with scope: s and key: k",
            "sealbook secrets list",
        ],
    );
    user.run("secrets create-scope --scope s")
        .failed(1, &["RESOURCE_ALREADY_EXISTS", "Scope s already exists!"]);
    user.run("secrets create-scope --scope a/b")
        .failed(1, &["INVALID_PARAMETER_VALUE"]);
    user.run("secrets create-scope --scope t --initial-manage-principal bob")
        .failed(1, &["INVALID_PARAMETER_VALUE", "users"]);
    user.run("secrets create-scope --scope t --scope-backend-type AZURE_KEYVAULT")
        .failed(2, &["not supported", "no scope was created"]);
    user.run("secrets get-acl --scope s --principal nobody")
        .failed(1, &["Failed to get secret acl for principal nobody for scope s."]);
    user.run("secrets put-acl --scope s --principal nobody --permission READ")
        .failed(1, &["nobody"]);
}

#[test]
fn wrong_use_ends_with_status_2_and_does_nothing() {
    let user = User::new();
    user.run("secrets put-acl --scope s --principal p --permission OWN")
        .failed(2, &["OWN", "READ, WRITE, MANAGE"]);
    user.run("secrets create-scope").failed(2, &["--scope"]);
    user.run("secrets get --scope s --key k")
        .failed(2, &["unrecognized subcommand 'get'"]);
    user.run("secrets list --scope s --output xml")
        .failed(2, &["xml", "table, json"]);
    user.run("audit query --since yesterday")
        .failed(2, &["yesterday", "2026-01-31"]);
    assert!(!user.path("sealbook").exists(), "no service was started");
}

#[test]
fn an_unreachable_service_is_status_3() {
    let user = User::new();
    let away = [
        ("SEALBOOK_HOST", "http://127.0.0.1:1"),
        ("SEALBOOK_TOKEN", "planted-token"),
    ];
    user.run_with("secrets list-scopes", "", &away)
        .failed(3, &["cannot be reached at http://127.0.0.1:1", "SEALBOOK_HOST"]);
    user.run_with(
        "secrets list-scopes",
        "",
        &[("SEALBOOK_HOST", "http://secrets.example")],
    )
    .failed(3, &["https://"]);
    let blocked = file(&user.path("blocked"), "");
    user.run_with("secrets list-scopes", "", &[("SEALBOOK_HOME", &blocked)])
        .failed(3, &[&blocked]);
}

#[test]
fn a_service_ends_with_its_user() {
    let user = User::new();
    user.ok("secrets list-scopes");
    let services = user.services();
    assert_eq!(services.len(), 1);
    drop(user);
    let since = std::time::Instant::now();
    // What has ended and was not yet waited for has no words any more.
    while std::fs::read(format!("/proc/{}/cmdline", services[0])).is_ok_and(|words| !words.is_empty()) {
        assert!(since.elapsed().as_secs() < 15, "the service goes on");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
