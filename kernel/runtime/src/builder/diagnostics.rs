//! Compiler errors, drawn on the lines and columns of the cell, with the compiler's own help.

use evcxr::CompilationError;
use serde_json::Value;

use super::types::Typed;
use crate::messages::Failure;

const RED: &str = "\x1b[1;31m";
const BLUE: &str = "\x1b[1;34m";
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// A place in the cell, 1-based, the end exclusive; columns count characters.
struct Place {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    label: String,
    is_primary: bool,
}

/// The failure of a cell that does not compile. `typed` is the cell as the compiler saw it.
pub(super) fn failure(errors: &[CompilationError], code: &str, typed: &Typed) -> Failure {
    let mut shown: Vec<&CompilationError> = errors.iter().filter(|error| error.level() == "error").collect();
    if shown.is_empty() {
        shown = errors.iter().collect();
    }
    let lines: Vec<&str> = code.lines().collect();
    let mut traceback = Vec::new();
    for error in &shown {
        draw(error, &lines, typed, &mut traceback);
        traceback.push(String::new());
    }
    traceback.pop();
    let first = shown.first();
    Failure {
        ename: first
            .and_then(|error| error.code())
            .unwrap_or("CompilationError")
            .to_owned(),
        evalue: first.map(|error| one_line(&message(error))).unwrap_or_default(),
        traceback,
    }
}

/// What the compiler or cargo says, without cargo's waiting for other cargos.
fn message(error: &CompilationError) -> String {
    without_waiting(&error.message())
}

fn without_waiting(message: &str) -> String {
    const WAITING: &str = "Blocking waiting for file lock";
    if !message.contains(WAITING) {
        return message.to_owned();
    }
    let kept: Vec<&str> = message.lines().filter(|line| !line.contains(WAITING)).collect();
    let kept = kept.join("\n");
    kept.strip_prefix("error: ").unwrap_or(&kept).to_owned()
}

fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn draw(error: &CompilationError, lines: &[&str], typed: &Typed, out: &mut Vec<String>) {
    let code = error.code().map(|code| format!("[{code}]")).unwrap_or_default();
    out.push(format!("{RED}error{code}{PLAIN}: {BOLD}{}{PLAIN}", message(error)));
    let places = places(error, typed);
    if places.is_empty() && error.is_from_generated_code() {
        // Nothing of it is the user's: the compiler's own drawing says more than we could.
        out.extend(error.rendered().lines().skip(1).map(str::to_owned));
        return;
    }
    let last_line = places.iter().map(|place| place.end_line).max().unwrap_or(0);
    let margin = last_line.to_string().len();
    if let Some(place) = places.iter().find(|place| place.is_primary).or(places.first()) {
        out.push(format!(
            "{:margin$}{BLUE}-->{PLAIN} cell:{}:{}",
            "", place.line, place.column
        ));
        snippet(&places, lines, margin, out);
    }
    for child in error.json["children"].as_array().into_iter().flatten() {
        note(child, error, lines, typed, margin, out);
    }
    if let Some(hint) = error.evcxr_extra_hint() {
        out.push(format!("{:margin$} {BLUE}={PLAIN} {BOLD}note{PLAIN}: {hint}", ""));
    }
}

fn places(error: &CompilationError, typed: &Typed) -> Vec<Place> {
    let mut places = Vec::new();
    for message in error.spanned_messages() {
        if let Some(span) = &message.span {
            let (line, column) = typed.original(span.start_line, span.start_column);
            let (end_line, end_column) = typed.original(span.end_line, span.end_column);
            places.push(Place {
                line,
                column,
                end_line,
                end_column,
                label: message.label.clone(),
                is_primary: message.is_primary,
            });
        }
    }
    places.sort_by_key(|place| (place.line, !place.is_primary, place.column));
    places
}

/// The lines that `places` are on, each followed by a row of markers and the label for each place.
fn snippet(places: &[Place], lines: &[&str], margin: usize, out: &mut Vec<String>) {
    out.push(format!("{:margin$} {BLUE}|{PLAIN}", ""));
    let mut drawn = 0;
    for place in places {
        let Some(text) = lines.get(place.line.wrapping_sub(1)) else {
            continue;
        };
        if place.line != drawn {
            if drawn != 0 && place.line > drawn + 1 {
                out.push(format!("{BLUE}...{PLAIN}"));
            }
            out.push(format!("{BLUE}{:margin$} |{PLAIN} {text}", place.line));
            drawn = place.line;
        }
        let end = if place.end_line == place.line {
            place.end_column
        } else {
            text.chars().count() + 1
        };
        let width = end.saturating_sub(place.column).max(1);
        let (marker, colour) = if place.is_primary { ("^", RED) } else { ("-", BLUE) };
        // A tab in front of the marker must be as wide as the one above it.
        let indent: String = text
            .chars()
            .take(place.column - 1)
            .map(|c| if c == '\t' { c } else { ' ' })
            .collect();
        let markers = marker.repeat(width);
        out.push(format!(
            "{:margin$} {BLUE}|{PLAIN} {indent}{colour}{markers} {}{PLAIN}",
            "", place.label
        ));
    }
}

/// One `note` or `help` of the compiler, with the line as the compiler would change it.
fn note(child: &Value, error: &CompilationError, lines: &[&str], typed: &Typed, margin: usize, out: &mut Vec<String>) {
    let (Some(level), Some(message)) = (child["level"].as_str(), child["message"].as_str()) else {
        return;
    };
    let suggestion = suggestion(child, error, lines, typed);
    let mut text = message.lines();
    let first = text.next().unwrap_or_default();
    match suggestion {
        Some((line, changed)) => {
            out.push(format!("{BOLD}{level}{PLAIN}: {first}"));
            out.push(format!("{:margin$} {BLUE}|{PLAIN}", ""));
            out.push(format!("{BLUE}{line:margin$} |{PLAIN} {changed}"));
        }
        None => {
            out.push(format!("{:margin$} {BLUE}={PLAIN} {BOLD}{level}{PLAIN}: {first}", ""));
            let indent = margin + level.len() + 5;
            out.extend(text.map(|line| format!("{:indent$}{line}", "")));
        }
    }
}

/// A line of the cell with the compiler's replacements made, and its number.
fn suggestion(child: &Value, error: &CompilationError, lines: &[&str], typed: &Typed) -> Option<(usize, String)> {
    let spans = child["spans"].as_array()?;
    let (shift_lines, shift_columns, primary_line) = shift(error, typed)?;
    let mut edits = Vec::new();
    let mut on_line = None;
    for span in spans {
        let replacement = span["suggested_replacement"].as_str()?;
        let number = |name: &str| span[name].as_u64().map(|number| number as i64);
        let (start, end) = (number("line_start")?, number("line_end")?);
        if start != end || replacement.contains('\n') || on_line.is_some_and(|line| line != start) {
            return None;
        }
        on_line = Some(start);
        let shift = if start == primary_line { shift_columns } else { 0 };
        edits.push((
            number("column_start")? + shift,
            number("column_end")? + shift,
            replacement,
        ));
    }
    let line = usize::try_from(on_line? + shift_lines).ok()?;
    let text = *lines.get(line.checked_sub(1)?)?;
    // The shift is that of the error's own statement; the compiler's text tells whether it holds here.
    if !text
        .trim_end()
        .ends_with(spans.first()?["text"][0]["text"].as_str()?.trim_end())
    {
        return None;
    }
    let mut chars: Vec<char> = text.chars().collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.0));
    for (start, end, replacement) in edits {
        let (start, end) = (usize::try_from(start - 1).ok()?, usize::try_from(end - 1).ok()?);
        if start > end || end > chars.len() {
            return None;
        }
        chars.splice(start..end, replacement.chars());
    }
    Some((line, chars.into_iter().collect()))
}

/// From lines and columns of the generated code to those of the cell: to be added; and the generated line of the error.
fn shift(error: &CompilationError, typed: &Typed) -> Option<(i64, i64, i64)> {
    let spans = error.json["spans"].as_array()?;
    let generated = spans.iter().find(|span| span["is_primary"].as_bool() == Some(true))?;
    let place = error.primary_spanned_message()?.span.as_ref()?;
    let line = generated["line_start"].as_u64()? as i64;
    let column = generated["column_start"].as_u64()? as i64;
    let (start_line, start_column) = typed.original(place.start_line, place.start_column);
    Some((start_line as i64 - line, start_column as i64 - column, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_other_cargos_is_no_error() {
        let message =
            "    Blocking waiting for file lock on package cache\nerror: no matching package named `x` found\nlocation";
        assert_eq!(
            without_waiting(message),
            "no matching package named `x` found\nlocation"
        );
        assert_eq!(without_waiting("error: a\nb"), "error: a\nb");
    }
}
