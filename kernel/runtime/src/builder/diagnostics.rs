//! Compiler errors, drawn on the lines and columns of cells, with the compiler's own help.
//!
//! The compiler speaks of a generated file; [`Origin`] says which cell each of its lines is from. What it says about lines
//! that are no user's is left out.

use std::cell::RefCell;
use std::collections::BTreeSet;

use evcxr::CompilationError;
use serde_json::Value;

use super::dependency;
use super::drawing::{self, BLUE, BOLD, PLAIN, Place, head};
use super::jumps;
use super::pieces::Cells;
use super::suggestions;
use super::types::{self, Typed};
use crate::completeness;
use crate::messages::{Failure, Unchanged};
use crate::places::Map;

/// Name of the generated file in the compiler's messages; with [`super::syntax`] the cell's own.
const FILES: [&str; 2] = ["src/lib.rs", "cell.rs"];

/// What a reference that would be kept for later cells leads to: said by evcxr in words about itself.
const KEPT_REFERENCE: &str = "a variable is kept for later cells, so it cannot hold a reference to another variable of the notebook: \
     keep a value of its own (`clone`, `to_owned`), or put the code in braces, where variables end";

/// Where generated code comes from.
pub(super) struct Origin<'a> {
    pub(super) map: &'a Map,
    pub(super) cells: &'a Cells,
    /// The cells of which lines are shown as the compiler would change them; `None` if no line may be.
    changed: Option<RefCell<BTreeSet<u64>>>,
}

impl<'a> Origin<'a> {
    pub(super) fn new(map: &'a Map, cells: &'a Cells) -> Origin<'a> {
        Origin {
            map,
            cells,
            changed: Some(RefCell::default()),
        }
    }

    /// As [`Origin::new`], where every line is shown as the user wrote it.
    pub(super) fn unchanged(map: &'a Map, cells: &'a Cells) -> Origin<'a> {
        Origin {
            map,
            cells,
            changed: None,
        }
    }

    /// Notes that a line of `cell` is shown changed. False: it must not be.
    pub(super) fn changes(&self, cell: u64) -> bool {
        let noted = self.changed.as_ref().map(|changed| changed.borrow_mut().insert(cell));
        noted.is_some()
    }

    /// Sources of the cells of which lines are shown changed.
    pub(super) fn changed(&self) -> Vec<String> {
        let changed = self.changed.iter().flat_map(|changed| changed.borrow().clone());
        changed.map(|cell| self.cells.source(cell).to_owned()).collect()
    }
}

/// The failure that `draw` makes, and, if it shows lines changed, what it would be without: a secret in a line is recognised
/// only as it was written, and which secrets there are the kernel alone knows.
pub(super) fn with_unchanged(map: &Map, cells: &Cells, draw: impl Fn(&Origin<'_>) -> Failure) -> Failure {
    let origin = Origin::new(map, cells);
    let mut failure = draw(&origin);
    let sources = origin.changed();
    if !sources.is_empty() {
        let traceback = draw(&Origin::unchanged(map, cells)).traceback;
        failure.unchanged = Some(Box::new(Unchanged { sources, traceback }));
    }
    failure
}

/// The failure of a cell that does not compile. `said` is what the compiler said, `typed` the cell as it saw it.
pub(super) fn failure(errors: &[CompilationError], said: &str, typed: &Typed, origin: &Origin<'_>) -> Failure {
    if let Some(failure) = jumps::failure(errors, origin.cells) {
        return failure;
    }
    // Of an error in the final expression evcxr may have left only a note about other code.
    let said: Vec<Value> = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|message: &Value| message["level"] == "error")
        .collect();
    let whole = |error: &CompilationError| {
        let is_its_note = |message: &&Value| {
            let children = message["children"].as_array();
            children.is_some_and(|children| children.contains(&error.json))
        };
        said.iter().find(is_its_note).filter(|_| error.json.is_object())
    };
    let wholes: Vec<Value> = errors.iter().filter_map(whole).cloned().collect();
    if !wholes.is_empty() {
        return failure_of(&wholes, origin);
    }
    let mut shown: Vec<&CompilationError> = errors.iter().filter(|error| error.level() == "error").collect();
    if shown.is_empty() {
        shown = errors.iter().collect();
    }
    if let Some(failure) = shown.first().and_then(|error| of_command(error, origin)) {
        return failure;
    }
    let mut parts = Vec::new();
    for error in &shown {
        let part = if error.json.is_object() {
            draw(&error.json, origin)
        } else {
            draw_own(error, typed, origin)
        };
        // One cause in code that is built in two ways is one error.
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    let first = shown.first();
    let kept = first.and_then(|error| kept_reference(error));
    let code = kept.as_ref().map(|_| "E0597").or(first.and_then(|error| error.code()));
    Failure {
        ename: code.unwrap_or("CompilationError").to_owned(),
        evalue: kept
            .or(first.map(|error| origin.named(error.message().lines().next().unwrap_or_default())))
            .unwrap_or_default(),
        traceback: parts.join(&String::new()),
        ..Failure::default()
    }
}

/// The failure that compiler messages are, which evcxr has not seen.
pub(super) fn failure_of(errors: &[Value], origin: &Origin<'_>) -> Failure {
    let parts: Vec<Vec<String>> = errors.iter().map(|error| draw(error, origin)).collect();
    let first = errors.first();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    Failure {
        ename: text(first.map(|error| &error["code"]["code"])).unwrap_or_else(|| "CompilationError".to_owned()),
        evalue: text(first.map(|error| &error["message"]))
            .map(|text| origin.named(&text))
            .unwrap_or_default(),
        traceback: parts.join(&String::new()),
        ..Failure::default()
    }
}

/// The failure of a command such as `:dep`, if it is one.
fn of_command(error: &CompilationError, origin: &Origin<'_>) -> Option<Failure> {
    let span = error.spanned_messages().first()?.span?;
    let lines = origin.cells.lines(origin.cells.current());
    let line = lines.get(span.start_line.checked_sub(1)?)?.trim_start();
    if error.json.is_object() || !completeness::is_command(line) {
        return None;
    }
    let (start, end) = ((span.start_line, span.start_column), (span.end_line, span.end_column));
    let place = Place::of(origin.cells, start, end);
    let margin = drawing::margin(std::slice::from_ref(&place));
    let mut drawn = Vec::new();
    drawing::snippets(&[place], origin.cells, margin, &mut drawn);
    let message = error.message();
    if line.starts_with(":dep ") {
        return Some(dependency::failure(&message, &drawn, margin));
    }
    let mut failure = Failure::new("CommandError", &message);
    failure.traceback = vec![head(None, &message)];
    failure.traceback.extend(drawn);
    Some(failure)
}

/// What evcxr says about a variable with a reference, in our words.
fn kept_reference(error: &CompilationError) -> Option<String> {
    let text = error.message();
    let name = text.split('`').nth(1)?;
    text.contains("contains a reference with a non-static lifetime")
        .then(|| format!("`{name}` holds a reference that does not live long enough"))
}

/// An error of evcxr's own, about a place in the cell.
fn draw_own(error: &CompilationError, typed: &Typed, origin: &Origin<'_>) -> Vec<String> {
    let kept = kept_reference(error);
    let mut out = vec![match &kept {
        Some(text) => head(Some("E0597"), text),
        None => head(error.code(), &error.message()),
    }];
    let mut places = Vec::new();
    for message in error.spanned_messages() {
        let Some(span) = &message.span else { continue };
        let start = typed.original(span.start_line, span.start_column);
        let end = typed.original(span.end_line, span.end_column);
        places.push(Place {
            label: message.label.clone(),
            is_primary: message.is_primary,
            ..Place::of(origin.cells, start, end)
        });
    }
    let margin = drawing::margin(&places);
    drawing::snippets(&places, origin.cells, margin, &mut out);
    if kept.is_some() {
        out.push(drawing::remark("note", KEPT_REFERENCE, margin));
    }
    out
}

/// An error of the compiler.
fn draw(error: &Value, origin: &Origin<'_>) -> Vec<String> {
    let text = error["message"].as_str().unwrap_or_default();
    let text = origin.named(&text.replace("`evcxr_variable_store`", "the end of the cell"));
    let mut out = vec![head(error["code"]["code"].as_str(), &text)];
    let places = origin.places(error);
    let margin = drawing::margin(&places);
    drawing::snippets(&places, origin.cells, margin, &mut out);
    for child in error["children"].as_array().into_iter().flatten() {
        note(child, origin, margin, &mut out);
    }
    if error["code"]["code"] == "E0597" {
        out.push(drawing::remark("note", KEPT_REFERENCE, margin));
    }
    out
}

/// One `note` or `help` of the compiler, with the lines as the compiler would change them.
fn note(child: &Value, origin: &Origin<'_>, margin: usize, out: &mut Vec<String>) {
    let (Some(level), Some(message)) = (child["level"].as_str(), child["message"].as_str()) else {
        return;
    };
    let message = dependency::advice(&origin.named(message));
    let spans = child["spans"].as_array().map(Vec::as_slice).unwrap_or_default();
    if let Some(lines) = suggestions::lines(spans, origin) {
        out.push(format!("{BOLD}{level}{PLAIN}: {message}"));
        out.push(format!("{:margin$} {BLUE}|{PLAIN}", ""));
        out.extend(lines.iter().map(|line| line.draw(margin)));
        return;
    }
    let places = origin.places(child);
    let is_ours = !spans.is_empty() && spans.iter().all(|span| origin.is_generated(span));
    if places.is_empty() && is_ours {
        return;
    }
    if places.is_empty() || places.iter().all(|place| place.is_bare()) {
        out.push(drawing::remark(level, &message, margin));
        return;
    }
    out.push(format!("{BOLD}{level}{PLAIN}: {message}"));
    drawing::snippets(&places, origin.cells, margin, out);
}

impl Origin<'_> {
    /// The places of a message, in order. A suggestion's own text is no label.
    pub(super) fn places(&self, message: &Value) -> Vec<Place> {
        let mut places = Vec::new();
        for span in message["spans"].as_array().into_iter().flatten() {
            places.extend(self.place(span));
            let is_local = span["file_name"].as_str().is_some_and(|file| FILES.contains(&file));
            let call = &span["expansion"]["span"];
            if is_local
                && call.is_object()
                && span["expansion"]["macro_decl_name"]
                    .as_str()
                    .is_some_and(|name| name.ends_with('!'))
            {
                places.extend(self.place(call).map(|place| Place {
                    label: "in this macro invocation".to_owned(),
                    is_primary: false,
                    ..place
                }));
            }
        }
        let needs_one = message["level"] == "error" && !places.iter().any(|place| place.is_primary);
        if needs_one {
            let spans = message["spans"].as_array().into_iter().flatten();
            places.extend(
                spans
                    .filter(|span| span["is_primary"] == true)
                    .find_map(|span| self.guess(span)),
            );
        }
        let mut seen: Vec<Place> = Vec::new();
        for place in places {
            if !seen.contains(&place) {
                seen.push(place);
            }
        }
        seen
    }

    /// A span of the compiler, or the call of the macro that it is in.
    fn place(&self, span: &Value) -> Option<Place> {
        let text = |span: &Value| span["label"].as_str().map(|label| self.named(label));
        let label = text(span);
        let is_primary = span["is_primary"] == true;
        let mut span = span;
        while !span["file_name"].as_str().is_some_and(|file| FILES.contains(&file)) {
            span = &span["expansion"]["span"];
            if !span.is_object() {
                return None;
            }
        }
        let number = |name: &str| span[name].as_u64().map(|number| number as usize);
        let (mut line, mut column) = (number("line_start")?, number("column_start")?);
        let (mut end_line, mut end_column) = (number("line_end")?, number("column_end")?);
        let (first, last) = self.map.within(line, end_line)?;
        if first > line {
            (line, column) = (first, 1);
        }
        if last < end_line {
            (end_line, end_column) = (last, usize::MAX);
        }
        let start = self.map.find(line, column)?;
        let end = self.map.find(end_line, end_column.min(1 << 20))?;
        if end.piece.cell != start.piece.cell {
            return None;
        }
        Some(Place {
            cell: start.piece.cell,
            called: start.piece.label.clone(),
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            label: label.unwrap_or_default(),
            is_primary,
        })
    }

    /// Whether a span is in generated code that is no user's.
    pub(super) fn is_generated(&self, span: &Value) -> bool {
        let is_local = span["file_name"].as_str().is_some_and(|file| FILES.contains(&file));
        is_local && self.place(span).is_none()
    }

    /// The place of what a generated line is about: the variable that it keeps, or the name that it brings into scope.
    fn guess(&self, span: &Value) -> Option<Place> {
        let line = span["text"][0]["text"].as_str()?;
        let code = self.cells.lines(self.cells.current()).join("\n");
        let (name, at) = if let Some(name) = kept_variable(line) {
            let defined = types::defined(&code);
            defined.into_iter().rev().find(|(defined, _)| defined == name)?
        } else {
            let is_use = line.trim_start().trim_start_matches("pub ").starts_with("use ");
            let name = last_name(span).filter(|_| is_use)?;
            let place = used(&code, &name)?;
            (name, place)
        };
        Some(Place {
            label: span["label"]
                .as_str()
                .map(|label| self.named(label))
                .unwrap_or_default(),
            ..Place::of_name(self.cells, at, &name)
        })
    }

    /// `text`, with places of the generated file (as in the names of closures) as places of cells.
    pub(super) fn named(&self, text: &str) -> String {
        let marker = format!("{}:", FILES[0]);
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(&marker) {
            out.push_str(&rest[..at]);
            rest = &rest[at + marker.len()..];
            let Some((line, column, length)) = numbers(rest) else {
                out.push_str(&marker);
                continue;
            };
            rest = &rest[length..];
            // The end of the span says nothing more.
            if let Some((_, _, length)) = rest.strip_prefix(": ").and_then(numbers) {
                rest = &rest[2 + length..];
            }
            match self.map.find(line, column) {
                Some(found) => out.push_str(&format!("{}:{}:{}", found.piece.label, found.line, found.column)),
                None => out.push_str("generated code"),
            }
        }
        out.push_str(rest);
        out.replace("EvcxrUserCodeError", "the error of the cell")
    }
}

/// `12:5` at the start of a text, and how long it is.
fn numbers(text: &str) -> Option<(usize, usize, usize)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let first = digits(text);
    let rest = text.get(first..)?.strip_prefix(':')?;
    let second = digits(rest);
    Some((
        text[..first].parse().ok()?,
        rest[..second].parse().ok()?,
        first + 1 + second,
    ))
}

/// The variable that a line of generated code keeps.
fn kept_variable(line: &str) -> Option<&str> {
    let after = |start: &str, end: char| Some(line.split_once(start)?.1.split_once(end)?.0.trim_matches(['(', ',']));
    let is_kept = line.contains("evcxr_variable_store");
    let name = after("stringify!(", ')').or_else(|| after("evcxr_variable_store(", ')'));
    name.filter(|_| is_kept)
}

/// The last name in what a span marks.
fn last_name(span: &Value) -> Option<String> {
    let text: Vec<char> = span["text"][0]["text"].as_str()?.chars().collect();
    let at = |name: &str| span["text"][0][name].as_u64().map(|number| number as usize);
    let marked: String = text
        .get(at("highlight_start")? - 1..at("highlight_end")? - 1)?
        .iter()
        .collect();
    let mut names = marked.rsplit(|c: char| !c.is_alphanumeric() && c != '_');
    names.find(|name| !name.is_empty()).map(str::to_owned)
}

/// Where a `use` of the cell names something: line and column from 1.
fn used(code: &str, name: &str) -> Option<(usize, usize)> {
    let mut in_use = false;
    for (index, line) in code.lines().enumerate() {
        let start = line.trim_start().trim_start_matches("pub ");
        in_use |= start.starts_with("use ");
        if in_use {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let is_whole =
                |at: &usize| !line[..*at].ends_with(is_word) && !line[at + name.len()..].starts_with(is_word);
            let found = line.match_indices(name).map(|(at, _)| at).find(is_whole);
            if let Some(at) = found {
                return Some((index + 1, line[..at].chars().count() + 1));
            }
        }
        in_use &= !line.contains(';');
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(code: &str) -> Cells {
        let mut cells = Cells::default();
        cells.begin(None, code);
        cells
    }

    #[test]
    fn places_in_texts_are_those_of_cells() {
        let cells = cells("let f = |x| x;");
        let source = "pub extern \"C\" fn run_user_code_0(\nlet f = |x| x;\n";
        let map = cells.map(source, &Typed::unchanged("let f = |x| x;"));
        let origin = Origin::new(&map, &cells);
        assert_eq!(
            origin.named("found closure `{closure@src/lib.rs:2:9: 2:12}` (src/lib.rs:1:1) src/lib.rs:"),
            "found closure `{closure@cell:1:9}` (generated code) src/lib.rs:"
        );
    }

    #[test]
    fn what_a_generated_line_is_about_is_found() {
        assert_eq!(
            kept_variable("evcxr_variable_store.put_variable::<T>(stringify!(ab), ab);"),
            Some("ab")
        );
        assert_eq!(kept_variable("evcxr_variable_store((ab,));"), Some("ab"));
        assert_eq!(kept_variable("let a = stringify!(b);"), None);
        let code = "let HashMapp = 1;\nuse std::collections::{\n    HashMappe, HashMapp,\n};";
        assert_eq!(used(code, "HashMapp"), Some((3, 16)));
        assert_eq!(used(code, "HashSet"), None);
        let span = serde_json::json!({"text": [{"text": "use a::bc;", "highlight_start": 5, "highlight_end": 10}]});
        assert_eq!(last_name(&span), Some("bc".to_owned()));
    }
}
