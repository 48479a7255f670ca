//! A notebook file (nbformat 4), kept as JSON so that what is not understood here survives.

use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Value, json};

use super::JobError;

/// A parsed notebook.
#[derive(Debug, Clone)]
pub struct Notebook {
    root: Map<String, Value>,
}

impl Notebook {
    /// Parses `text`; `name` is used in errors.
    ///
    /// # Errors
    /// [`JobError::NotANotebook`].
    pub fn parse(text: &[u8], name: &str) -> Result<Notebook, JobError> {
        let invalid = |reason: String| JobError::NotANotebook {
            name: name.to_owned(),
            reason,
        };
        let root: Value = serde_json::from_slice(text).map_err(|error| {
            invalid(format!(
                "it is not JSON (line {}, column {})",
                error.line(),
                error.column()
            ))
        })?;
        let Value::Object(root) = root else {
            return Err(invalid("it is not a JSON object".to_owned()));
        };
        if root.get("nbformat").and_then(Value::as_u64) != Some(4) {
            return Err(invalid(
                "only notebook format 4 is supported; open and save it in Jupyter to convert it".to_owned(),
            ));
        }
        let cells = root.get("cells").and_then(Value::as_array);
        let Some(cells) = cells else {
            return Err(invalid("it has no list of cells".to_owned()));
        };
        if let Some(at) = cells.iter().position(|cell| !is_cell(cell)) {
            return Err(invalid(format!("cell {} has no type or no source", at + 1)));
        }
        Ok(Notebook { root })
    }

    /// The file's text, as Jupyter writes it: one space of indent and a newline at the end.
    #[must_use]
    pub fn to_text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut writer = serde_json::Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b" "));
        // Writing JSON values to memory cannot fail.
        let _ = serde::Serialize::serialize(&self.root, &mut writer);
        text.push(b'\n');
        text
    }

    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells().len()
    }

    /// Whether there are no cells.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells().is_empty()
    }

    /// Whether cell `index` is code that is not blank.
    pub(super) fn runs(&self, index: usize) -> bool {
        self.is_code(index) && !self.source(index).trim().is_empty()
    }

    pub(super) fn is_code(&self, index: usize) -> bool {
        self.cells()[index]["cell_type"] == "code"
    }

    /// Source of cell `index`.
    #[must_use]
    pub fn source(&self, index: usize) -> String {
        joined(&self.cells()[index]["source"])
    }

    pub(super) fn set_source(&mut self, index: usize, source: &str) {
        self.cell(index).insert("source".to_owned(), split(source));
    }

    /// Whether cell `index` has the tag.
    pub(super) fn has_tag(&self, index: usize, tag: &str) -> bool {
        let tags = self.cells()[index]["metadata"]["tags"].as_array();
        tags.is_some_and(|tags| tags.iter().any(|other| other == tag))
    }

    /// Puts a code cell with a tag before cell `index`.
    pub(super) fn insert_code(&mut self, index: usize, source: &str, tag: &str) {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let mut cell = json!({
            "cell_type": "code", "execution_count": null, "id": &id[..8], "metadata": {"tags": [tag]}, "outputs": [],
            "source": split(source),
        });
        // Cell ids came with format 4.5.
        if self.root.get("nbformat_minor").and_then(Value::as_u64).unwrap_or(0) < 5
            && let Some(cell) = cell.as_object_mut()
        {
            cell.remove("id");
        }
        self.cells_mut().insert(index, cell);
    }

    pub(super) fn remove_cell(&mut self, index: usize) {
        self.cells_mut().remove(index);
    }

    /// Removes the outputs and numbers of all code cells.
    pub(super) fn clear_outputs(&mut self) {
        for index in 0..self.len() {
            if self.is_code(index) {
                self.set_outputs(index, Vec::new());
                self.set_count(index, Value::Null);
            }
        }
    }

    pub(super) fn set_outputs(&mut self, index: usize, outputs: Vec<Value>) {
        self.cell(index).insert("outputs".to_owned(), outputs.into());
    }

    /// Outputs of cell `index`, as in the notebook format.
    #[must_use]
    pub fn outputs(&self, index: usize) -> &[Value] {
        self.cells()[index]["outputs"].as_array().map_or(&[], Vec::as_slice)
    }

    pub(super) fn set_count(&mut self, index: usize, count: Value) {
        self.cell(index).insert("execution_count".to_owned(), count);
    }

    /// Sets a field of `metadata.sealbook`.
    pub(super) fn note(&mut self, name: &str, value: Value) {
        let metadata = self.root.entry("metadata").or_insert_with(|| json!({}));
        if !metadata.is_object() {
            *metadata = json!({});
        }
        metadata["sealbook"][name] = value;
    }

    /// Names the kernel that ran the notebook, where the notebook names none.
    pub(super) fn note_kernel(&mut self) {
        let metadata = self.root.entry("metadata").or_insert_with(|| json!({}));
        if !metadata.is_object() {
            *metadata = json!({});
        }
        if metadata["kernelspec"].is_null() {
            metadata["kernelspec"] = json!({"display_name": "Rust (Sealbook)", "language": "rust", "name": "sealbook"});
        }
        metadata["language_info"] = crate::language::info();
    }

    fn cells(&self) -> &[Value] {
        self.root
            .get("cells")
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    fn cells_mut(&mut self) -> &mut Vec<Value> {
        let cells = self.root.entry("cells").or_insert_with(|| json!([]));
        match cells {
            Value::Array(cells) => cells,
            // `parse` has refused everything else.
            _ => unreachable!("cells is a list"),
        }
    }

    fn cell(&mut self, index: usize) -> &mut Map<String, Value> {
        match &mut self.cells_mut()[index] {
            Value::Object(cell) => cell,
            // `parse` has refused everything else.
            _ => unreachable!("a cell is an object"),
        }
    }
}

fn is_cell(cell: &Value) -> bool {
    cell["cell_type"].is_string() && (cell["source"].is_string() || cell["source"].is_array())
}

/// A multi-line string: a string, or a list of lines.
pub(super) fn joined(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

/// A multi-line string as Jupyter writes it: a list of lines with their ends.
pub(super) fn split(text: &str) -> Value {
    text.split_inclusive('\n').collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r##"{"cells": [
        {"cell_type": "markdown", "metadata": {}, "source": "# Title"},
        {"cell_type": "code", "execution_count": 7, "metadata": {"tags": ["parameters"]}, "outputs": [1], "source": ["a\n", "b"]}
    ], "metadata": {"other": 1}, "nbformat": 4, "nbformat_minor": 4, "unknown": true}"##;

    #[test]
    fn keeps_what_it_does_not_know() {
        let mut notebook = Notebook::parse(SMALL.as_bytes(), "n").unwrap();
        assert_eq!(notebook.source(1), "a\nb");
        assert!(notebook.has_tag(1, "parameters") && !notebook.has_tag(0, "parameters"));
        notebook.clear_outputs();
        notebook.note("run_id", "r".into());
        let back: Value = serde_json::from_slice(&notebook.to_text()).unwrap();
        assert_eq!(back["unknown"], true);
        assert_eq!(back["metadata"], json!({"other": 1, "sealbook": {"run_id": "r"}}));
        assert_eq!(
            (&back["cells"][1]["outputs"], &back["cells"][1]["execution_count"]),
            (&json!([]), &Value::Null)
        );
    }

    #[test]
    fn says_why_a_file_is_no_notebook() {
        let cases = [
            ("planted", "not JSON (line 1"),
            ("[]", "not a JSON object"),
            (r#"{"nbformat": 3}"#, "format 4"),
            (r#"{"nbformat": 4}"#, "list of cells"),
            (
                r#"{"nbformat": 4, "cells": [{"cell_type": "code", "source": ""}, 3]}"#,
                "cell 2",
            ),
        ];
        for (text, expected) in cases {
            let message = Notebook::parse(text.as_bytes(), "in.ipynb").unwrap_err().to_string();
            assert!(
                message.contains(expected) && message.contains("in.ipynb") && !message.contains("planted"),
                "{message}"
            );
        }
    }
}
