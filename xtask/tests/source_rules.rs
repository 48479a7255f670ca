//! Rules of the repository that no compiler checks: what a source file opens with, is called, how long it is, what
//! must not be written in it, and where a secret's value may be looked at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// File names that say nothing about what is inside.
const NAMELESS: &[&str] = &["utils", "util", "helpers", "helper", "manager", "common", "misc"];

/// Longest source file, in lines.
const FILE_LINES_MAX: usize = 800;

#[test]
fn every_source_file_opens_with_its_documentation() {
    let violations: Vec<PathBuf> = sources(&["rs"])
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(
        violations,
        Vec::<PathBuf>::new(),
        "the first line must start with `//! `"
    );
}

#[test]
fn every_file_has_a_name() {
    let violations: Vec<PathBuf> = files()
        .into_iter()
        .filter(|path| {
            path.file_stem()
                .is_some_and(|stem| NAMELESS.contains(&&*stem.to_string_lossy().to_lowercase()))
        })
        .collect();
    assert_eq!(violations, Vec::<PathBuf>::new(), "call a file by what is in it");
}

#[test]
fn no_source_file_is_too_long() {
    let violations: Vec<(PathBuf, usize)> = sources(&["rs", "py", "js", "mjs", "ts", "sh"])
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .collect();
    assert_eq!(violations, Vec::new(), "split the file along what it does");
}

#[test]
fn the_architecture_document_has_a_heading_per_crate() {
    let document = read(Path::new("ARCHITECTURE.md"));
    let headings: Vec<&str> = document.lines().filter(|line| line.starts_with('#')).collect();
    let missing: Vec<String> = files()
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name == "Cargo.toml") && path.as_os_str() != "Cargo.toml")
        .filter_map(|path| {
            read(&path).lines().find_map(|line| {
                line.strip_prefix("name = ")
                    .map(|name| name.trim_matches('"').to_owned())
            })
        })
        .filter(|name| {
            !headings.iter().any(|heading| {
                heading
                    .split(|c: char| !c.is_alphanumeric() && c != '-')
                    .any(|word| word == name)
            })
        })
        .collect();
    assert_eq!(missing, Vec::<String>::new(), "no heading names these crates");
}

#[test]
fn no_path_of_one_machine_is_written_down() {
    // Written in two parts, so that this file passes its own test.
    let forbidden = [
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("/ho", "me/ubuntu"),
        concat!("/.car", "go/registry/src"),
    ];
    let violations: Vec<String> = sources(TEXTS)
        .into_iter()
        .flat_map(|(path, text)| {
            let found: Vec<String> = text
                .lines()
                .enumerate()
                .filter(|(_, line)| forbidden.iter().any(|word| line.contains(word)))
                .map(|(number, line)| format!("{}:{}: {}", path.display(), number + 1, line.trim()))
                .collect();
            found
        })
        .collect();
    assert_eq!(violations, Vec::<String>::new());
}

#[test]
fn no_error_text_makes_clients_retry() {
    // Databricks' clients take an answer with these words for a passing fault and send the request again.
    let forbidden = [concat!("Unexpected", " error"), concat!("Please try again", " later")];
    let violations: Vec<PathBuf> = sources(&["rs"])
        .into_iter()
        .filter(|(path, text)| path.starts_with("service") && forbidden.iter().any(|words| text.contains(words)))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(violations, Vec::<PathBuf>::new());
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    let mut violations = Vec::new();
    for (path, text) in sources(&["rs"]) {
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let opens = line.contains(concat!("unsafe", " {"))
                && !line.trim_start().starts_with("//")
                && !line.contains(concat!("\"unsafe", " {"));
            let reasons = lines[number.saturating_sub(8)..=number]
                .iter()
                .any(|line| line.contains("SAFETY:"));
            if opens && !reasons {
                violations.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    assert_eq!(
        violations,
        Vec::<String>::new(),
        "write a `// SAFETY:` comment just above"
    );
}

/// The only places where a secret's bytes are looked at, outside tests. When this fails, look at the new place first:
/// does the value stay inside types that zeroise it, and can it reach a message, a log or an error? Then write the
/// table again with `SEALBOOK_UPDATE_GOLDEN=1 cargo test -p xtask`.
#[test]
fn places_where_a_value_is_exposed_are_counted() {
    let golden = Path::new("tests/golden/expose.txt");
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for (path, text) in sources(&["rs"]) {
        if path
            .components()
            .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "benches")
        {
            continue;
        }
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let count = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .map(|line| line.matches(concat!(".exp", "ose")).count())
            .sum();
        if count > 0 {
            found.insert(path.display().to_string(), count);
        }
    }
    let table: String = found
        .iter()
        .map(|(path, count)| format!("{count:>3} {path}\n"))
        .collect();
    if std::env::var_os("SEALBOOK_UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(root().join("tests/golden")).expect("a folder for golden tables");
        std::fs::write(root().join(golden), &table).expect("the table can be written");
    }
    assert_eq!(table, read(golden));
}

/// Extensions of files that people read.
const TEXTS: &[&str] = &[
    "rs", "py", "js", "mjs", "ts", "sh", "md", "toml", "json", "ipynb", "yml", "yaml", "sql",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Files of the checkout that git knows or would add, relative to the root.
fn files() -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files: Vec<PathBuf> = String::from_utf8(output.stdout)
        .expect("paths are UTF-8")
        .split_terminator('\0')
        .map(PathBuf::from)
        .filter(|path| root().join(path).is_file())
        .collect();
    assert!(
        files.iter().any(|path| path == Path::new("Cargo.toml")),
        "git lists the checkout's files"
    );
    files
}

/// Path and text of every file with one of `extensions`.
fn sources(extensions: &[&str]) -> Vec<(PathBuf, String)> {
    files()
        .into_iter()
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extensions.contains(&&*extension.to_string_lossy()))
        })
        .map(|path| {
            let text = read(&path);
            (path, text)
        })
        .collect()
}

fn read(path: &Path) -> String {
    std::fs::read(root().join(path))
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
