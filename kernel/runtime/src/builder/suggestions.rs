//! What the compiler would change, as the lines that a cell would then have.

use std::collections::BTreeMap;

use serde_json::Value;

use super::diagnostics::Origin;
use super::drawing::{BLUE, PLAIN};

/// A line as it would be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    number: usize,
    text: String,
    is_new: bool,
}

impl Line {
    pub(super) fn draw(&self, margin: usize) -> String {
        let Line { number, text, is_new } = self;
        let mark = if *is_new { '+' } else { '|' };
        format!("{BLUE}{number:margin$} {mark}{PLAIN} {text}")
    }
}

/// The lines that the replacements of `spans` change. `None` if there are none, they are not all in one cell, or no line is to
/// be shown changed.
pub(super) fn lines(spans: &[Value], origin: &Origin<'_>) -> Option<Vec<Line>> {
    let mut edits: BTreeMap<usize, Vec<(usize, usize, &str)>> = BTreeMap::new();
    let mut cell = None;
    for span in spans {
        let replacement = span["suggested_replacement"].as_str()?;
        let number = |name: &str| span[name].as_u64().map(|number| number as usize);
        let (line, end_line) = (number("line_start")?, number("line_end")?);
        if line != end_line {
            return None;
        }
        let start = origin.map.find(line, number("column_start")?)?;
        let end = origin.map.find(line, number("column_end")?)?;
        if *cell.get_or_insert(start.piece.cell) != start.piece.cell {
            return None;
        }
        edits
            .entry(start.line)
            .or_default()
            .push((start.column, end.column, replacement));
    }
    let cell = cell.filter(|cell| origin.changes(*cell))?;
    let source = origin.cells.lines(cell);
    let mut changed = Vec::new();
    for (number, mut edits) in edits {
        let mut chars: Vec<char> = source.get(number.checked_sub(1)?)?.chars().collect();
        edits.sort_by_key(|edit| std::cmp::Reverse(edit.0));
        for (start, end, replacement) in edits {
            let (start, end) = (start.checked_sub(1)?, end.checked_sub(1)?);
            if start > end || end > chars.len() {
                return None;
            }
            chars.splice(start..end, replacement.chars());
        }
        let text: String = chars.into_iter().collect();
        let parts: Vec<&str> = text.trim_end().split('\n').collect();
        let last = parts.len() - 1;
        changed.extend(parts.iter().enumerate().map(|(index, part)| Line {
            number: number + index,
            text: (*part).to_owned(),
            is_new: index < last,
        }));
    }
    Some(changed)
}

#[cfg(test)]
mod tests {
    use super::super::pieces::Cells;
    use super::super::types::Typed;
    use super::*;

    #[test]
    fn lines_are_changed() {
        let code = "let a = 1; let b = a + c;";
        let mut cells = Cells::default();
        cells.begin(None, code);
        let source = "pub extern \"C\" fn run_user_code_0(\nlet a = 1; \nlet b = a + c;\n}\n";
        let map = cells.map(source, &Typed::unchanged(code));
        let origin = Origin::new(&map, &cells);
        let span = |line: u64, start: u64, end: u64, text: &str| {
            serde_json::json!({"line_start": line, "line_end": line, "column_start": start, "column_end": end,
                "suggested_replacement": text})
        };
        let line = |number, text: &str, is_new| Line {
            number,
            text: text.to_owned(),
            is_new,
        };
        assert_eq!(
            lines(&[span(3, 13, 14, "d"), span(2, 5, 5, "mut ")], &origin),
            Some(vec![line(1, "let mut a = 1; let b = a + d;", false)])
        );
        assert_eq!(
            lines(&[span(2, 1, 1, "#[x]\n")], &origin),
            Some(vec![line(1, "#[x]", true), line(2, code, false)])
        );
        // In code that is nobody's.
        assert_eq!(lines(&[span(4, 1, 1, "x")], &origin), None);
        assert_eq!(lines(&[], &origin), None);
        assert_eq!(origin.changed(), [code]);
        // A changed secret would be none that the redactor knows.
        let kept = Origin::unchanged(&map, &cells);
        assert_eq!(lines(&[span(2, 1, 1, "#[x]\n")], &kept), None);
        assert_eq!(kept.changed(), [""; 0]);
    }
}
