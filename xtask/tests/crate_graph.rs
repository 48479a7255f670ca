//! The crate graph of ARCHITECTURE.md and its invariants of absence, checked over what cargo resolves.
//!
//! Why: what cannot be linked cannot leak. The kernel has no path to key material, an engine none to a socket.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Every crate and the crates of ours that it depends on, exactly. `sealbook-e2e` may use all of them.
const GRAPH: &[(&str, &[&str])] = &[
    ("dbutils", &[]),
    ("sealbook", &["sealbook-api", "sealbook-kernel", "sealbook-server"]),
    ("sealbook-api", &[]),
    ("sealbook-core", &["sealbook-api"]),
    (
        "sealbook-fuzz",
        &["sealbook-redact", "sealbook-server", "sealbook-wire"],
    ),
    (
        "sealbook-kernel",
        &[
            "dbutils",
            "sealbook-api",
            "sealbook-redact",
            "sealbook-runtime",
            "sealbook-wire",
        ],
    ),
    ("sealbook-redact", &[]),
    ("sealbook-runtime", &["dbutils"]),
    ("sealbook-server", &["sealbook-api", "sealbook-core", "sealbook-store"]),
    ("sealbook-store", &["sealbook-core"]),
    ("sealbook-wire", &["sealbook-redact"]),
    ("xtask", &[]),
];

/// What a crate must not reach, however indirectly.
const ABSENT: &[(&str, &[&str])] = &[
    // Key material and the database are never in the process that drives user code.
    (
        "sealbook-kernel",
        &["sealbook-core", "sealbook-store", "sealbook-server", "sqlx"],
    ),
    // An engine cannot reach a socket of the protocol.
    (
        "sealbook-runtime",
        &["sealbook-wire", "zeromq", "sealbook-api", "reqwest", "hyper"],
    ),
    // The domain knows no HTTP, no SQL, no async runtime.
    (
        "sealbook-core",
        &[
            "axum",
            "http",
            "hyper",
            "reqwest",
            "sqlx",
            "sqlx-core",
            "rusqlite",
            "tokio",
            "async-std",
            "futures",
        ],
    ),
    // The redactor knows neither async nor logging. A `serde_json::Value` is the tree that it walks.
    (
        "sealbook-redact",
        &["tokio", "futures", "futures-core", "async-trait", "tracing", "log"],
    ),
    ("sealbook-store", &["axum", "http", "hyper", "reqwest"]),
    ("sealbook-api", &["axum", "sqlx"]),
];

#[test]
fn crates_depend_on_each_other_as_the_architecture_says() {
    let found: BTreeMap<String, BTreeSet<String>> = workspace_edges()
        .into_iter()
        .filter(|(name, _)| name != "sealbook-e2e")
        .collect();
    let wanted: BTreeMap<String, BTreeSet<String>> = GRAPH
        .iter()
        .map(|(name, edges)| {
            (
                (*name).to_owned(),
                edges.iter().map(|edge| (*edge).to_owned()).collect(),
            )
        })
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn what_must_not_be_reachable_is_not() {
    let mut reached = Vec::new();
    for (package, forbidden) in ABSENT {
        let closure = closure(package);
        reached.extend(
            forbidden
                .iter()
                .filter(|name| closure.contains(**name))
                .map(|name| format!("{package} → {name}")),
        );
    }
    assert_eq!(reached, Vec::<String>::new());
}

#[test]
fn dbutils_depends_on_nothing() {
    assert_eq!(closure("dbutils"), BTreeSet::from(["dbutils".to_owned()]));
}

#[test]
fn only_the_wire_depends_on_zeromq() {
    let users: Vec<String> = packages()
        .into_iter()
        .filter(|package| normal_dependencies(package).any(|name| name == "zeromq"))
        .map(|package| name_of(&package))
        .collect();
    assert_eq!(users, ["sealbook-wire"]);
}

#[test]
fn only_the_server_depends_on_axum_and_only_the_store_on_sqlx() {
    for (library, owner) in [
        ("axum", "sealbook-server"),
        ("sqlx", "sealbook-store"),
        ("evcxr", "sealbook-runtime"),
    ] {
        let users: Vec<String> = packages()
            .into_iter()
            .filter(|package| normal_dependencies(package).any(|name| name == library))
            .map(|package| name_of(&package))
            .collect();
        assert_eq!(users, [owner], "{library}");
    }
}

#[test]
fn a_build_that_leaks_on_purpose_is_no_default() {
    for package in packages() {
        let defaults = package["features"]["default"].as_array().cloned().unwrap_or_default();
        assert!(
            !defaults.iter().any(|feature| feature == "leak-for-tests"),
            "{}",
            name_of(&package)
        );
    }
}

/// Our crates and, for each, those of ours it depends on outside tests.
fn workspace_edges() -> BTreeMap<String, BTreeSet<String>> {
    let packages = packages();
    let ours: BTreeSet<String> = packages.iter().map(name_of).collect();
    packages
        .iter()
        .map(|package| {
            (
                name_of(package),
                normal_dependencies(package)
                    .filter(|name| ours.contains(name))
                    .collect(),
            )
        })
        .collect()
}

fn packages() -> Vec<Value> {
    let output = cargo(&["metadata", "--format-version", "1", "--no-deps", "--locked"]);
    let metadata: Value = serde_json::from_str(&output).expect("cargo metadata prints JSON");
    metadata["packages"].as_array().expect("a list of packages").clone()
}

fn name_of(package: &Value) -> String {
    package["name"].as_str().expect("a name").to_owned()
}

/// Names of the packages that `package` depends on, development dependencies left out.
fn normal_dependencies(package: &Value) -> impl Iterator<Item = String> {
    package["dependencies"]
        .as_array()
        .expect("a list of dependencies")
        .iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .map(name_of)
        .collect::<Vec<_>>()
        .into_iter()
}

/// Everything `package` links, itself included. `cargo tree`, not `cargo metadata`: features that only another crate
/// turns on must not count.
fn closure(package: &str) -> BTreeSet<String> {
    let output = cargo(&[
        "tree",
        "--locked",
        "--package",
        package,
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    output
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .expect("cargo starts");
    assert!(
        output.status.success(),
        "cargo {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}
