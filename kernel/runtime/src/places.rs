//! Which place of which cell a line of generated code comes from.
//!
//! evcxr cuts a cell into statements and items, and copies each, as it is and from the start of a line, into a generated
//! file: the statements of this cell, and the items of this and of all earlier cells, in an order of its own. We cut cells
//! in the same way ([`Piece`]), and find the pieces again in the generated file ([`Map`]). Compilers' messages and panics
//! name lines of that file.
//!
//! ```text
//! builder ── pieces ──► shim: map of the file that it builds ── table ──► worker ──► hook for panics in `dbutils`
//!     └────── map of the last file ──► compiler errors
//! ```
//!
//! A map belongs to one library: a closure that an earlier cell made panics at a line of that cell's file.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The pieces that the next build may hold, in the build folder.
const PIECES: &str = "pieces.json";
/// The table of the file that was built last, in the build folder.
pub(crate) const TABLE: &str = "places";
/// Beginnings of the line from which on a generated file holds the statements of the cell itself.
const WRAPPERS: [&str; 2] = ["pub extern \"C\" fn run_user_code_", "async fn evcxr_analysis_wrapper("];

/// Beginning of the line before a final expression, as the shim writes it.
const OPENING: &str = "::dbutils::cell::displayed((";

/// A statement or an item of a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    pub(crate) text: String,
    /// Which cell it is of: counts up.
    pub(crate) cell: u64,
    /// What users call the cell.
    pub(crate) label: String,
    /// Where it starts in the cell: line from 1, column from 0 in characters.
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// Not an item: it is part of the code that the cell runs.
    pub(crate) is_statement: bool,
}

impl Piece {
    fn lines(&self) -> Vec<&str> {
        self.text.strip_suffix('\n').unwrap_or(&self.text).split('\n').collect()
    }
}

/// What the shim is told about a build.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Build {
    /// Those of the cell first, in order; then those of other cells, the newest first.
    pub(crate) pieces: Vec<Piece>,
    /// The final expression has no `Debug`: its type is shown.
    pub(crate) is_opaque: bool,
    /// Variables of the cell that are closures, and are kept in boxes.
    pub(crate) boxed: Vec<String>,
    /// Variables of earlier cells whose names are those of the cell's items.
    pub(crate) replaced: Vec<String>,
    /// To optimise the cell would take too long.
    pub(crate) is_plain: bool,
    /// The cell uses an earlier function that takes long to compile: it is compiled once, apart from the cells.
    pub(crate) is_apart: bool,
}

impl Build {
    pub(crate) fn load(folder: &Path) -> Build {
        let text = fs::read(folder.join(PIECES)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub(crate) fn store(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join(PIECES), serde_json::to_vec(self)?)
    }
}

/// The pieces of a generated file.
#[derive(Debug, Default)]
pub(crate) struct Map {
    /// The file's line that each starts at (from 0), and how many it has; in the order of the lines.
    places: Vec<(usize, usize, Piece)>,
}

/// A place in a cell: line and column from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    pub(crate) piece: &'a Piece,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Map {
    /// Finds `pieces` (in the order of [`Build`]) in a generated file.
    pub(crate) fn new(source: &str, pieces: Vec<Piece>) -> Map {
        let lines: Vec<&str> = source.split('\n').collect();
        let starts: HashSet<String> = pieces
            .iter()
            .filter_map(|piece| Some((*piece.lines().first()?).to_owned()))
            .collect();
        let mut by_text: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| starts.contains(**line)) {
            by_text.entry(line).or_default().push(at);
        }
        let is_wrapper = |line: &str| WRAPPERS.iter().any(|start| line.starts_with(start));
        let mut is_used = vec![false; lines.len()];
        let mut places = Vec::new();
        // Statements keep their order. They come after the items, one of which may have a line like the wrapper's.
        let (statements, items): (Vec<Piece>, Vec<Piece>) = pieces.into_iter().partition(|piece| piece.is_statement);
        let mut next_statement = None;
        for piece in items.into_iter().chain(statements) {
            let text = piece.lines();
            let fits = |at: usize| {
                lines.get(at..at + text.len()) == Some(&text[..]) && !is_used[at..at + text.len()].contains(&true)
            };
            let candidates = text.first().and_then(|first| by_text.get(first));
            let mut candidates = candidates.into_iter().flatten().copied().filter(|at| fits(*at));
            // Items stand before the wrapper, but for those that evcxr takes for statements.
            let first = if piece.is_statement {
                let wrapper = || (0..lines.len()).find(|at| !is_used[*at] && is_wrapper(lines[*at]));
                *next_statement.get_or_insert_with(|| wrapper().unwrap_or(0))
            } else {
                0
            };
            let Some(at) = candidates.find(|at| *at >= first) else {
                continue;
            };
            let count = text.len();
            is_used[at..at + count].fill(true);
            if piece.is_statement {
                next_statement = Some(at + count);
            }
            places.push((at, count, piece));
        }
        places.sort_by_key(|(at, ..)| *at);
        Map { places }
    }

    /// The lines (from 0) that are those of cells.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Range<usize>> {
        self.places.iter().map(|(first, count, _)| *first..first + count)
    }

    /// A file that is one piece, from `line` (counted from 0) on.
    pub(crate) fn whole(line: usize, piece: Piece) -> Map {
        let count = piece.lines().len();
        Map {
            places: vec![(line, count, piece)],
        }
    }

    /// What the place of the generated file, line and column from 1, is in its cell.
    pub(crate) fn find(&self, line: usize, column: usize) -> Option<Found<'_>> {
        let line = line.checked_sub(1)?;
        let index = self
            .places
            .partition_point(|(first, ..)| *first <= line)
            .checked_sub(1)?;
        let (first, count, piece) = self.places.get(index)?;
        let below = line - first;
        (below < *count).then(|| Found {
            piece,
            line: piece.line + below,
            column: column + if below == 0 { piece.column } else { 0 },
        })
    }

    /// The first and the last line (from 1) of any cell within those of the generated file, both included.
    pub(crate) fn within(&self, first: usize, last: usize) -> Option<(usize, usize)> {
        let is_known = |line: &usize| self.find(*line, 1).is_some();
        Some(((first..=last).find(is_known)?, (first..=last).rev().find(is_known)?))
    }

    /// The pieces in the file.
    pub(crate) fn into_pieces(self) -> impl Iterator<Item = Piece> {
        self.places.into_iter().map(|(.., piece)| piece)
    }

    /// For `dbutils` in the process of the cells: on each line the generated line (from 1), the number of lines, the
    /// line and the column where they start in the cell, and what the cell is called. No lines: one, all of which is the
    /// place itself. The compiler takes the parentheses around `a[9]` or `1 / 0`, which the shim opens on a line of their own
    /// in `source`, for the place of its panic.
    fn table(&self, source: &str) -> String {
        let row = |(first, count, piece): &(usize, usize, Piece)| {
            let Piece {
                line, column, label, ..
            } = piece;
            format!("{} {count} {line} {column} {label}\n", first + 1)
        };
        let lines: Vec<&str> = source.split('\n').collect();
        let opened = |(at, _, piece): &(usize, usize, Piece)| {
            let before = at.checked_sub(1)?;
            lines
                .get(before)?
                .starts_with(OPENING)
                .then(|| (before, 0, piece.clone()))
        };
        let opened: Vec<(usize, usize, Piece)> = self.places.iter().filter_map(opened).collect();
        self.places.iter().chain(&opened).map(row).collect()
    }

    /// Writes the table of the file that is about to be built, from `source`.
    pub(crate) fn write_table(&self, folder: &Path, source: &str) -> io::Result<()> {
        fs::write(folder.join(TABLE), self.table(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str, cell: u64, line: usize, column: usize, is_statement: bool) -> Piece {
        Piece {
            text: text.to_owned(),
            cell,
            label: format!("cell [{cell}]"),
            line,
            column,
            is_statement,
        }
    }

    #[test]
    fn pieces_are_found_again() {
        let source = "\
#![allow(x)]
fn old() {
    1
}
fn new() {}
pub extern \"C\" fn run_user_code_3(
f();

f();
  g()
}
";
        let pieces = vec![
            piece("fn new() {}\n", 3, 1, 0, false),
            piece("f();\n\n", 3, 2, 0, true),
            piece("f();\n", 3, 4, 0, true),
            piece("  g()", 3, 4, 5, true),
            piece("fn old() {\n    1\n}", 2, 7, 2, false),
            piece("fn replaced() {}", 1, 1, 0, false),
        ];
        let map = Map::new(source, pieces);
        let place = |line, column| {
            map.find(line, column)
                .map(|found| (found.piece.cell, found.line, found.column))
        };
        assert_eq!(place(1, 1), None);
        assert_eq!(place(2, 4), Some((2, 7, 6)));
        assert_eq!(place(3, 5), Some((2, 8, 5)));
        assert_eq!(place(5, 1), Some((3, 1, 1)));
        assert_eq!(place(6, 1), None);
        assert_eq!(place(7, 1), Some((3, 2, 1)));
        assert_eq!(place(9, 1), Some((3, 4, 1)));
        assert_eq!(place(10, 3), Some((3, 4, 8)));
        assert_eq!(place(11, 1), None);
        assert_eq!(map.within(5, 11), Some((5, 10)));
        assert_eq!(map.within(11, 12), None);
        assert_eq!(
            map.table(source),
            "2 3 7 2 cell [2]\n5 1 1 0 cell [3]\n7 2 2 0 cell [3]\n9 1 4 0 cell [3]\n10 1 4 5 cell [3]\n"
        );
        let left: Vec<u64> = map.into_pieces().map(|piece| piece.cell).collect();
        assert_eq!(left, [2, 3, 3, 3, 3]);
    }

    #[test]
    fn parentheses_around_a_result_are_the_result() {
        let source =
            "pub extern \"C\" fn run_user_code_1(\nf();\n::dbutils::cell::displayed((\na[9]\n).evcxr_display());\n";
        let pieces = vec![piece("f();\n", 1, 1, 0, true), piece("a[9]", 1, 2, 3, true)];
        assert_eq!(
            Map::new(source, pieces).table(source),
            "2 1 1 0 cell [1]\n4 1 2 3 cell [1]\n3 0 2 3 cell [1]\n"
        );
    }

    #[test]
    fn a_build_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Build::load(folder.path()).pieces.is_empty());
        let build = Build {
            pieces: vec![piece("1", 1, 1, 0, true)],
            is_opaque: true,
            boxed: vec!["f".to_owned()],
            replaced: vec!["g".to_owned()],
            is_plain: true,
            is_apart: true,
        };
        build.store(folder.path()).unwrap();
        let loaded = Build::load(folder.path());
        assert_eq!(
            (
                loaded.pieces,
                loaded.is_opaque,
                loaded.boxed,
                loaded.replaced,
                loaded.is_plain,
                loaded.is_apart
            ),
            (build.pieces, true, build.boxed, build.replaced, true, true)
        );
    }
}
