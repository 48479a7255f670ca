//! Cells that cannot be parsed: the compiler says why, of the cell alone.
//!
//! Why: evcxr puts a cell into code of its own; a bracket that is missing in the cell is found at the end of that code, and
//! what the compiler then says is about lines that the user never wrote.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::diagnostics::{self, Origin};
use super::pieces::Cells;
use crate::completeness;
use crate::messages::Failure;
use crate::places::Map;

/// Makes the cell a function that is parsed and then left out.
const BEFORE: &str = "#[cfg(any())] fn cell() {\n";
const AFTER: &str = "\n}\n";

/// What the compiler says of a cell that cannot be parsed. `None` if it can, or the compiler cannot be asked.
pub(super) fn failure(code: &str, cells: &Cells, rustc: &Path, folder: &Path) -> Option<Failure> {
    if completeness::parses(code) {
        return None;
    }
    // Lines of commands, which are not Rust, stay empty.
    let rust = completeness::after_commands_and_comments(code);
    let skipped = code[..code.len() - rust.len()].matches('\n').count();
    let rust = format!("{}{}", "\n".repeat(skipped), rust.trim_end());
    // Brackets and quotes are matched before anything else is looked at: by themselves, without those around the cell.
    let (source, first_line) = if completeness::is_balanced(&rust) {
        (format!("{BEFORE}{rust}{AFTER}"), 1)
    } else {
        (rust.clone(), 0)
    };
    let place = folder.join("probe");
    fs::write(place.join("cell.rs"), source).ok()?;
    let output = Command::new(rustc)
        .args([
            "--edition=2024",
            "--crate-type=lib",
            "--emit=metadata",
            "--error-format=json",
        ])
        .args(["--cap-lints=allow", "cell.rs"])
        .current_dir(&place)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut errors: Vec<Value> = messages.filter(is_error).collect();
    let last = rust.split('\n').count() + first_line;
    let width = rust.rsplit('\n').next().unwrap_or_default().chars().count();
    for error in &mut errors {
        name_the_end(error, last, width);
    }
    let map = Map::whole(first_line, cells.whole(&rust));
    let draw = |origin: &Origin<'_>| diagnostics::failure_of(&errors, origin);
    (!errors.is_empty()).then(|| diagnostics::with_unchanged(&map, cells, draw))
}

fn is_error(message: &Value) -> bool {
    message["level"] == "error" && message["spans"].as_array().is_some_and(|spans| !spans.is_empty())
}

/// What is behind line `last`, which has `width` columns, is ours: it is the cell's end to the user.
fn name_the_end(error: &mut Value, last: usize, width: usize) {
    let mut is_about_the_end = false;
    for span in error["spans"].as_array_mut().into_iter().flatten() {
        if span["line_start"].as_u64().is_some_and(|line| line > last as u64) {
            is_about_the_end |= span["is_primary"] == true;
            for (name, number) in [
                ("line_start", last),
                ("line_end", last),
                ("column_start", width + 1),
                ("column_end", width + 2),
            ] {
                span[name] = number.into();
            }
        }
    }
    let rename = |text: &mut Value| {
        let Some(old) = text.as_str() else { return };
        let mut new = old.replace("this file contains", "the cell has");
        if is_about_the_end {
            new = new.replace("`}`", "the end of the cell");
        }
        *text = Value::String(new);
    };
    rename(&mut error["message"]);
    for span in error["spans"].as_array_mut().into_iter().flatten() {
        rename(&mut span["label"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_bracket_is_the_end_of_the_cell() {
        let span =
            |line: u64| serde_json::json!({"line_start": line, "is_primary": true, "label": "expected expression"});
        let mut error = serde_json::json!({"message": "expected expression, found `}`", "spans": [span(3)]});
        name_the_end(&mut error, 3, 4);
        assert_eq!(error["message"], "expected expression, found `}`");
        name_the_end(&mut error, 2, 4);
        assert_eq!(error["message"], "expected expression, found the end of the cell");
        let place = (&error["spans"][0]["line_start"], &error["spans"][0]["column_start"]);
        assert_eq!(place, (&2.into(), &5.into()));
        let mut error = serde_json::json!({"message": "this file contains an unclosed delimiter", "spans": []});
        name_the_end(&mut error, 2, 4);
        assert_eq!(error["message"], "the cell has an unclosed delimiter");
    }
}
