//! Why a crate that a cell asks for cannot be had: cargo's words, the useful ones first.

use crate::messages::Failure;

use super::drawing;

/// Lines of cargo about what it does, and of its tries before the last.
const NOISE: [&str; 6] = [
    "Blocking waiting for file lock",
    "Updating ",
    "Locking ",
    "Downloading ",
    "Downloaded ",
    "spurious network error",
];

/// What cargo and curl say when the registry cannot be reached.
const NETWORK: [&str; 8] = [
    "Could not resolve host",
    "Couldn't connect",
    "Could not connect",
    "Failed to connect",
    "Timeout was reached",
    "Operation timed out",
    "Network is unreachable",
    "failed to resolve address",
];

/// What to do, by what cargo says.
const ADVICE: [(&str, &str); 5] = [
    (
        "no matching package",
        "check the crate's name (https://crates.io has them all); one on this computer is `:dep name = { path = \"…\" }`",
    ),
    (
        "failed to select a version for the requirement",
        "ask for a version that exists: `:dep name = \"*\"` takes the newest",
    ),
    ("does not have that feature", "ask for features that the crate has"),
    ("does not have these features", "ask for features that the crate has"),
    (
        "failed to parse manifest",
        "write it as in a Cargo.toml: `:dep serde = { version = \"1\", features = [\"derive\"] }`",
    ),
];

/// The package by whose manifest evcxr has a dependency checked.
const CHECKED_BY: &str = "evcxr_dummy_validate_dep";

/// The failure of a `:dep`; `drawing` shows its line.
pub(super) fn failure(said: &str, drawing: &[String], margin: usize) -> Failure {
    let lines: Vec<String> = said
        .lines()
        .filter(|line| !NOISE.iter().any(|noise| line.contains(noise)))
        .map(|line| plain(line.trim_end()))
        .collect();
    let lines = without_empty_ends(&lines);
    let (evalue, advice) = summary(lines);
    let mut traceback = vec![drawing::head(None, &evalue)];
    traceback.extend_from_slice(drawing);
    if let Some(advice) = advice {
        traceback.push(drawing::remark("help", advice, margin));
    }
    if lines.len() > 1 {
        traceback.push(String::new());
        traceback.extend_from_slice(lines);
    }
    Failure {
        ename: "DependencyError".to_owned(),
        evalue,
        traceback,
        ..Failure::default()
    }
}

/// The line that says why, and what to do.
fn summary(lines: &[String]) -> (String, Option<&'static str>) {
    let has = |text: &str| lines.iter().find(|line| line.contains(text));
    let error = lines
        .iter()
        .find_map(|line| line.strip_prefix("error: "))
        .or(lines.first().map(String::as_str))
        .unwrap_or("cargo does not say why");
    if let Some(cause) = NETWORK.iter().find_map(|text| has(text)) {
        let evalue = format!("the registry of crates cannot be reached: {}", cause.trim());
        return (
            evalue,
            Some("check the network; with `:offline 1` crates are used that were downloaded before"),
        );
    }
    let advice = ADVICE
        .iter()
        .find(|(said, _)| has(said).is_some())
        .map(|(_, advice)| *advice);
    // The features that it lacks, or the last cause, say more than that it failed.
    let specific = has("does not have that feature").or_else(|| has("does not have these features"));
    let is_general = error.starts_with("failed to get ") || error.starts_with("failed to load ");
    let last = lines.iter().rev().find(|line| !line.trim().is_empty());
    match specific.or(last.filter(|_| is_general)) {
        Some(cause) if is_general => {
            let place = lines.iter().rev().filter(|line| !line.trim().is_empty()).nth(2);
            let place = place.map(|line| line.trim()).filter(|line| line.contains('/'));
            let cause = cause.trim();
            (
                place.map_or(cause.to_owned(), |place| format!("{place}: {cause}")),
                advice,
            )
        }
        Some(cause) => (cause.trim().to_owned(), advice),
        None => (error.to_owned(), advice),
    }
}

/// Without the name and the place of the package that evcxr makes.
fn plain(line: &str) -> String {
    let Some((before, rest)) = line.split_once(&format!("package `{CHECKED_BY}")) else {
        return line.to_owned();
    };
    let after = rest.split_once('`').map_or("", |(_, after)| after);
    format!("{before}the notebook{after}")
}

fn without_empty_ends(lines: &[String]) -> &[String] {
    let is_text = |line: &String| !line.trim().is_empty();
    let first = lines.iter().position(is_text).unwrap_or(lines.len());
    let end = lines.iter().rposition(is_text).map_or(first, |last| last + 1);
    &lines[first..end]
}

/// The compiler's advice about a crate that is missing, for a notebook, which has no manifest.
pub(super) fn advice(message: &str) -> String {
    let name = message
        .split_once("use `cargo add ")
        .and_then(|(_, rest)| rest.split_once("` to add it to your `Cargo.toml`"));
    match name {
        Some((name, "")) => {
            format!("if you want to use a crate named `{name}`, write `:dep {name}` in a line before the code")
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_comes_first() {
        let cases = [
            (
                "    Updating crates.io index\n    Blocking waiting for file lock on package cache\nerror: no matching package named `x` found\n\
                 location searched: crates.io index",
                "no matching package named `x` found",
                "check the crate's name",
            ),
            (
                "error: failed to select a version for `serde`.\n\
                 package `evcxr_dummy_validate_dep v0.0.1 (/x)` depends on `serde` with feature `nope` but `serde` does not have that feature.\n available features: std",
                "the notebook depends on `serde` with feature `nope` but `serde` does not have that feature.",
                "features that the crate has",
            ),
            (
                "warning: spurious network error (3 tries remaining): [6] Could not resolve hostname\n\
                 error: failed to get `serde`\n\nCaused by:\n  download of config.json failed\n\nCaused by:\n  \
                 [6] Could not resolve hostname (Could not resolve host: index.crates.io)",
                "the registry of crates cannot be reached: [6] Could not resolve hostname (Could not resolve host: index.crates.io)",
                ":offline 1",
            ),
            (
                "error: failed to get `at`\n\nCaused by:\n  unable to update /nowhere\n\nCaused by:\n  failed to read `/nowhere/Cargo.toml`\n\n\
                 Caused by:\n  No such file or directory (os error 2)",
                "failed to read `/nowhere/Cargo.toml`: No such file or directory (os error 2)",
                "",
            ),
        ];
        for (said, evalue, advice) in cases {
            let failure = failure(said, &[], 1);
            assert_eq!(failure.evalue, evalue);
            let text = failure.traceback.join("\n");
            assert!(
                text.contains(advice) && !text.contains("evcxr") && !text.contains("Blocking"),
                "{text}"
            );
        }
    }

    #[test]
    fn crates_are_added_as_notebooks_do() {
        let said = "if you wanted to use a crate named `rand`, use `cargo add rand` to add it to your `Cargo.toml`";
        let expected = "if you want to use a crate named `rand`, write `:dep rand` in a line before the code";
        assert_eq!(super::advice(said), expected);
        assert_eq!(super::advice("use `cargo add`"), "use `cargo add`");
    }
}
