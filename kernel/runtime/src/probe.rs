//! Types of a cell's variables, asked of rustc: evcxr's analysis code, changed so that each variable is an error that
//! names its type.
//!
//! A closure's type has no name. What it takes and gives is asked for in a second check, and it is kept in a box.
//!
//! Why: evcxr must write down the type of every variable. It asks rust-analyzer, which must first read the whole
//! standard library (seconds, hundreds of MB). rustc stops after type checking, in a fraction of a cell's build.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use syn::spanned::Spanned;

use crate::learnt::Learnt;

/// The types found, in the build folder: names to types, as JSON.
pub(crate) const TYPES: &str = "types.json";

/// Line that evcxr writes: a function that takes every variable.
const STORE: &str = "fn evcxr_variable_store<T: 'static>(_: T) {}";
/// The same function, which takes none of them.
const PROBE: &str = "struct SealbookProbe; fn evcxr_variable_store(_: SealbookProbe) {}";
/// With a function that says what a closure takes and gives; and what the compiler must allow for it.
const CLOSURES: &str =
    " fn sealbook_call<A: std::marker::Tuple, R, F: FnOnce<A, Output = R>>(_: &F) -> (A, R) { loop {} }";
const FEATURES: &str = " #![feature(unboxed_closures, tuple_trait)]";
/// In front of what a closure takes and gives, among the types found.
pub(crate) const CLOSURE: &str = "closure ";
const CALL: (&str, &str) = ("evcxr_variable_store(", ");");
/// Around the type in the compiler's note: each variable is passed in a tuple, which makes the note say it in full.
const FOUND: (&str, &str) = ("found tuple `(", ",)`");

/// The code to compile, and the variable of each changed line (lines count from 1).
pub(crate) struct Probe {
    pub(crate) source: String,
    variables: BTreeMap<u64, String>,
}

impl Probe {
    /// From evcxr's analysis code. `None` if it does not look as expected.
    pub(crate) fn new(analysis: &str) -> Option<Probe> {
        if !analysis.contains(STORE) {
            return None;
        }
        let mut lines: Vec<String> = analysis.lines().map(str::to_owned).collect();
        let mut variables = BTreeMap::new();
        // The calls are the last statements of the last function.
        for (index, line) in lines.iter_mut().enumerate().rev() {
            let name = line
                .trim()
                .strip_prefix(CALL.0)
                .and_then(|rest| rest.strip_suffix(CALL.1));
            match name {
                Some(name) => {
                    variables.insert(index as u64 + 1, name.to_owned());
                    *line = format!("{}({name},){}", CALL.0, CALL.1);
                }
                None if ["Ok(())", "}", ""].contains(&line.trim()) => {}
                None => break,
            }
        }
        let source = lines.join("\n").replacen(STORE, PROBE, 1) + "\n";
        Some(Probe { source, variables })
    }

    /// The code that asks for what closures take and give, if `messages` show any.
    pub(crate) fn of_closures(&self, messages: &str) -> Option<Probe> {
        let is_closure = |message: &Value| found_type(message).is_some_and(|found| found.starts_with("{closure@"));
        let messages = messages.lines().filter_map(|line| serde_json::from_str(line).ok());
        let names: Vec<&String> = messages
            .filter(is_closure)
            .filter_map(|message| self.variable(&message))
            .collect();
        let mut lines: Vec<String> = self.source.lines().map(str::to_owned).collect();
        let mut variables = BTreeMap::new();
        for (line, name) in self.variables.iter().filter(|(_, name)| names.contains(name)) {
            let text = lines.get_mut(usize::try_from(*line).ok()?.checked_sub(1)?)?;
            *text = format!("{}(sealbook_call(&{name}),){}", CALL.0, CALL.1);
            variables.insert(*line, name.clone());
        }
        lines.first_mut()?.push_str(FEATURES);
        let source = lines.join("\n").replacen(PROBE, &format!("{PROBE}{CLOSURES}"), 1) + "\n";
        (!variables.is_empty()).then_some(Probe { source, variables })
    }

    /// What closures take and give, from the messages about [`Probe::of_closures`].
    pub(crate) fn read_closures(&self, messages: &str) -> BTreeMap<String, String> {
        let messages = messages.lines().filter_map(|line| serde_json::from_str(line).ok());
        let closure = |message: Value| {
            let name = self.variable(&message)?.clone();
            let signature = signature(&found_type(&message).and_then(nameable)?)?;
            Some((name, format!("{CLOSURE}{signature}")))
        };
        messages.filter_map(closure).collect()
    }

    /// Splits the compiler's messages into types and what is left: real errors, as the compiler wrote them.
    pub(crate) fn read<'a>(&self, messages: &'a str) -> (BTreeMap<String, String>, Vec<&'a str>) {
        let mut types = BTreeMap::new();
        let mut others = Vec::new();
        for line in messages.lines() {
            let message: Value = serde_json::from_str(line).unwrap_or_default();
            match self.variable(&message) {
                Some(name) => {
                    if let Some(found) = found_type(&message).and_then(nameable) {
                        types.insert(name.clone(), found);
                    }
                }
                None => others.push(line),
            }
        }
        (types, others)
    }

    /// The variable whose probe this message is about.
    fn variable(&self, message: &Value) -> Option<&String> {
        let primary = message["spans"]
            .as_array()?
            .iter()
            .find(|span| span["is_primary"] == true)?;
        self.variables.get(&primary["line_start"].as_u64()?)
    }
}

/// The compiler's arguments for the probe: no code is made of it.
pub(crate) fn args(learnt: &Learnt, folder: &Path) -> Vec<String> {
    let mut args = Vec::new();
    let mut learnt = learnt.args.iter().peekable();
    while let Some(arg) = learnt.next() {
        let next = learnt.peek().map_or("", |next| next.as_str());
        match arg.as_str() {
            "--crate-type" => {
                learnt.next();
                args.extend(["--crate-type".to_owned(), "lib".to_owned()]);
            }
            "--out-dir" => {
                learnt.next();
                args.extend(["--out-dir".to_owned(), folder.join("probe").display().to_string()]);
            }
            "-C" if next.starts_with("incremental=") || next.starts_with("strip=") => {
                learnt.next();
            }
            emit if emit.starts_with("--emit=") => args.push("--emit=metadata".to_owned()),
            _ => args.push(arg.clone()),
        }
    }
    args.extend(["--verbose", "-Ztrim-diagnostic-paths=no", "--cap-lints=allow"].map(str::to_owned));
    args
}

fn found_type(message: &Value) -> Option<&str> {
    let notes = message["children"].as_array()?;
    notes.iter().find_map(|note| {
        let text = note["message"].as_str()?;
        let start = text.find(FOUND.0)? + FOUND.0.len();
        let end = text.rfind(FOUND.1)?;
        text.get(start..end)
    })
}

/// `(i32) -> u8` from `((i32,), u8)`.
fn signature(found: &str) -> Option<String> {
    let found: syn::TypeTuple = syn::parse_str(found).ok()?;
    let text = |part: &syn::Type| part.span().source_text();
    let [syn::Type::Tuple(taken), given] = [found.elems.get(0)?, found.elems.get(1)?] else {
        return None;
    };
    let taken: Option<Vec<String>> = taken.elems.iter().map(text).collect();
    let (taken, mut given) = (taken?.join(", "), text(given)?);
    // What it gives can only borrow from what it takes, or from what lives as long as the program.
    if !taken.replace("&'static", "").contains('&') {
        given = given.replace("&'static ", "&").replace('&', "&'static ");
    }
    Some(format!("({taken}) -> {given}"))
}

/// A type as it can be written in code, if it can.
fn nameable(found: &str) -> Option<String> {
    let mut found = found.replace("{integer}", "i32").replace("{float}", "f64");
    // What a thread without an end gives is decided after the note was written.
    found = found.replace("std::thread::JoinHandle<_>", "std::thread::JoinHandle<!>");
    if found.starts_with("fn(") && found.ends_with('}') {
        // A function's own type, followed by its name: as a pointer.
        found.truncate(found.rfind(" {")?);
    }
    let words = found.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '\'');
    let is_open = words.into_iter().any(|word| word == "_" || word == "impl");
    (!is_open && !found.contains(['{', '}', '@'])).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANALYSIS: &str = "fn evcxr_variable_store<T: 'static>(_: T) {}\n\
        async fn evcxr_analysis_wrapper(\n) -> Result<(), EvcxrUserCodeError> {\nlet a = f();\n\
        evcxr_variable_store(a);\nevcxr_variable_store(b);\nOk(())\n}\n";

    #[test]
    fn variables_are_named_by_their_lines() {
        let probe = Probe::new(ANALYSIS).unwrap();
        assert!(probe.source.starts_with("struct SealbookProbe;"));
        assert!(probe.source.contains("\nevcxr_variable_store((a,));\n"));
        let message = |line: u64, found: &str| {
            serde_json::json!({
                "spans": [{"is_primary": true, "line_start": line}],
                "children": [{"message": format!("expected struct `SealbookProbe`\n    found tuple `({found},)`")}],
            })
            .to_string()
        };
        let text = [
            message(5, "std::vec::Vec<{integer}>"),
            message(6, "{closure@x}"),
            message(4, "i32"),
        ];
        let text = text.join("\n");
        let (types, others) = probe.read(&text);
        assert_eq!(
            types,
            BTreeMap::from([("a".to_owned(), "std::vec::Vec<i32>".to_owned())])
        );
        assert_eq!(others.len(), 1);
    }

    #[test]
    fn closures_are_asked_once_more() {
        let analysis = format!("#![allow(x)]\n{ANALYSIS}");
        let probe = Probe::new(&analysis).unwrap();
        let message = |line: u64, found: &str| {
            serde_json::json!({
                "spans": [{"is_primary": true, "line_start": line}],
                "children": [{"message": format!("found tuple `({found},)`")}],
            })
            .to_string()
        };
        assert!(probe.of_closures(&message(6, "i32")).is_none());
        let asked = probe
            .of_closures(&message(6, "{closure@src/lib.rs:5:9: 5:12}"))
            .unwrap();
        assert!(asked.source.starts_with("#![allow(x)] #![feature"), "{}", asked.source);
        assert!(
            asked
                .source
                .contains("\nevcxr_variable_store((sealbook_call(&a),));\nevcxr_variable_store((b,));\n")
        );
        assert_eq!(
            asked.read_closures(&message(6, "((&str, {integer}), std::vec::Vec<u8>)")),
            BTreeMap::from([("a".to_owned(), "closure (&str, i32) -> std::vec::Vec<u8>".to_owned())])
        );
    }

    #[test]
    fn signatures_can_be_written() {
        let cases = [
            ("((), ())", Some("() -> ()")),
            (
                "((i32,), std::option::Option<(u8, u8)>)",
                Some("(i32) -> std::option::Option<(u8, u8)>"),
            ),
            ("((&str,), &str)", Some("(&str) -> &str")),
            ("((&'static str,), &str)", Some("(&'static str) -> &'static str")),
            ("((), &'static str)", Some("() -> &'static str")),
            ("(i32, i32)", None),
        ];
        for (found, expected) in cases {
            assert_eq!(signature(found).as_deref(), expected, "{found}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_not_named() {
        let cases = [
            ("{float}", Some("f64")),
            ("std::thread::JoinHandle<_>", Some("std::thread::JoinHandle<!>")),
            ("std::borrow::Cow<'_, str>", Some("std::borrow::Cow<'_, str>")),
            (
                "fn(i32) -> std::string::String {name}",
                Some("fn(i32) -> std::string::String"),
            ),
            ("std::vec::Vec<_>", None),
            ("impl std::fmt::Debug", None),
            ("{async block@src/lib.rs:1:1: 1:2}", None),
        ];
        for (found, expected) in cases {
            assert_eq!(nameable(found).as_deref(), expected, "{found}");
        }
    }
}
