//! Lines of cells with markers and labels below them, as rustc draws them.

use super::pieces::Cells;
use crate::messages::Failure;

const RED: &str = "\x1b[1;31m";
pub(super) const BLUE: &str = "\x1b[1;34m";
pub(super) const BOLD: &str = "\x1b[1m";
pub(super) const PLAIN: &str = "\x1b[0m";

/// A place in a cell, 1-based, the end exclusive; columns count characters. An end behind its line is the line's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) cell: u64,
    /// What users call the cell.
    pub(super) called: String,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) end_line: usize,
    pub(super) end_column: usize,
    pub(super) label: String,
    pub(super) is_primary: bool,
}

impl Place {
    /// Where the running cell is wrong, without a label: from a line and column to another.
    pub(super) fn of(cells: &Cells, (line, column): (usize, usize), (end_line, end_column): (usize, usize)) -> Place {
        Place {
            cell: cells.current(),
            called: cells.label().to_owned(),
            line,
            column,
            end_line,
            end_column,
            label: String::new(),
            is_primary: true,
        }
    }

    /// The same, of `name` in one line.
    pub(super) fn of_name(cells: &Cells, (line, column): (usize, usize), name: &str) -> Place {
        Place::of(cells, (line, column), (line, column + name.chars().count()))
    }

    /// It only repeats where its error is.
    pub(super) fn is_bare(&self) -> bool {
        self.label.is_empty() && !self.is_primary
    }
}

/// A failure in our own words: what is wrong, where in the cell, and what to do.
pub(super) fn failure(ename: &str, evalue: &str, places: &[Place], cells: &Cells, advice: &str) -> Failure {
    let mut traceback = vec![head(None, evalue)];
    let margin = margin(places);
    snippets(places, cells, margin, &mut traceback);
    traceback.push(remark("help", advice, margin));
    Failure {
        ename: ename.to_owned(),
        evalue: evalue.to_owned(),
        traceback,
        ..Failure::default()
    }
}

/// The first line of an error.
pub(super) fn head(code: Option<&str>, message: &str) -> String {
    let code = code.map(|code| format!("[{code}]")).unwrap_or_default();
    format!("{RED}error{code}{PLAIN}: {BOLD}{message}{PLAIN}")
}

/// How wide the numbers of the lines are.
pub(super) fn margin(places: &[Place]) -> usize {
    let last = places.iter().map(|place| place.line).max().unwrap_or(0);
    last.to_string().len()
}

/// One remark under a drawing; its further lines are indented.
pub(super) fn remark(level: &str, text: &str, margin: usize) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let indent = margin + level.len() + 5;
    let mut out = format!("{:margin$} {BLUE}={PLAIN} {BOLD}{level}{PLAIN}: {first}", "");
    for line in lines {
        out.push_str(&format!("\n{:indent$}{line}", ""));
    }
    out
}

/// The places by cells, the one with the error first.
pub(super) fn snippets(places: &[Place], cells: &Cells, margin: usize, out: &mut Vec<String>) {
    let Some(main) = places.iter().find(|place| place.is_primary).or(places.first()) else {
        return;
    };
    let mut order = vec![main];
    for place in places {
        if order.iter().all(|known| known.cell != place.cell) {
            order.push(place);
        }
    }
    for (index, first) in order.into_iter().enumerate() {
        let arrow = if index == 0 { "-->" } else { ":::" };
        let Place {
            called, line, column, ..
        } = first;
        out.push(format!("{:margin$}{BLUE}{arrow}{PLAIN} {called}:{line}:{column}", ""));
        let mut here: Vec<&Place> = places.iter().filter(|place| place.cell == first.cell).collect();
        here.sort_by_key(|place| (place.line, !place.is_primary, place.column));
        snippet(&here, &cells.lines(first.cell), margin, out);
    }
}

/// The lines that `places` are on, each followed by a row of markers and the label for each place.
fn snippet(places: &[&Place], lines: &[&str], margin: usize, out: &mut Vec<String>) {
    out.push(format!("{:margin$} {BLUE}|{PLAIN}", ""));
    let mut drawn = 0;
    for place in places {
        // Behind the last line is the end of the cell.
        let number = place.line.min(lines.len().max(1));
        let text = lines.get(number - 1).copied().unwrap_or_default();
        let length = text.chars().count();
        let column = if place.line > number { length + 1 } else { place.column };
        if number != drawn {
            if drawn != 0 && number > drawn + 1 {
                out.push(format!("{BLUE}...{PLAIN}"));
            }
            out.push(format!("{BLUE}{number:margin$} |{PLAIN} {text}"));
            drawn = number;
        }
        let end = if place.end_line == number {
            place.end_column
        } else {
            usize::MAX
        };
        let width = end
            .min(text.trim_end().chars().count() + 1)
            .saturating_sub(column)
            .max(1);
        let (marker, colour) = if place.is_primary { ("^", RED) } else { ("-", BLUE) };
        // A tab in front of the marker must be as wide as the one above it.
        let mut indent: String = text
            .chars()
            .take(column.saturating_sub(1))
            .map(|c| if c == '\t' { c } else { ' ' })
            .collect();
        indent.extend(std::iter::repeat_n(' ', column.saturating_sub(1 + length)));
        let markers = marker.repeat(width);
        let row = format!(
            "{:margin$} {BLUE}|{PLAIN} {indent}{colour}{}{PLAIN}",
            "",
            format!("{markers} {}", place.label).trim_end()
        );
        if out.last() != Some(&row) {
            out.push(row);
        }
    }
}
