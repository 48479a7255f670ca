//! The cells of a notebook, cut into the pieces that evcxr copies into generated code.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::path::Path;

use ra_ap_syntax::{AstNode, Edition, SourceFile, ast};

use super::lists;
use super::types::Typed;
use crate::completeness;
use crate::places::{Build, Map, Piece};

/// A cell for evcxr's parser: the body of a function.
pub(super) const BEFORE: &str = "fn f(){";

/// The function whose body is the Rust of a cell; its places count from [`BEFORE`] on.
pub(super) fn parse(rust: &str) -> Option<ast::Fn> {
    let file = SourceFile::parse(&format!("{BEFORE}{rust}\n}}"), Edition::CURRENT);
    file.tree().syntax().children().find_map(ast::Fn::cast)
}

/// What is known of the cells that ran, and of the one that runs.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// Items of earlier cells, the newest first.
    known: Vec<Piece>,
    /// Sources of the cells that they are of.
    sources: BTreeMap<u64, String>,
    /// Of the known items: those that take long to compile, by their text.
    lists: BTreeSet<String>,
    /// The cell that runs.
    current: u64,
    label: String,
}

impl Cells {
    /// A cell begins: how the front end counts it, if it does, and what the user wrote.
    pub(super) fn begin(&mut self, number: Option<u64>, code: &str) {
        self.current += 1;
        self.label = number.map_or("cell".to_owned(), |number| format!("cell [{number}]"));
        self.sources.insert(self.current, code.to_owned());
    }

    /// What the user wrote in a cell.
    pub(super) fn source(&self, cell: u64) -> &str {
        self.sources.get(&cell).map(String::as_str).unwrap_or_default()
    }

    pub(super) fn current(&self) -> u64 {
        self.current
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// The lines of a cell.
    pub(super) fn lines(&self, cell: u64) -> Vec<&str> {
        self.source(cell).lines().collect()
    }

    /// Whether a cell whose items are known has the word `name`.
    pub(super) fn mention(&self, name: &str) -> bool {
        self.sources.values().any(|code| words(code).any(|word| word == name))
    }

    /// The running cell as one piece.
    pub(super) fn whole(&self, code: &str) -> Piece {
        self.piece(code, (1, 0), true)
    }

    /// All that may be in the file generated for `typed`.
    pub(super) fn pieces(&self, typed: &Typed) -> Vec<Piece> {
        let mut pieces = self.split(typed);
        pieces.extend(self.known.iter().cloned());
        pieces
    }

    /// The map of `source`, generated for `typed`.
    pub(super) fn map(&self, source: &str, typed: &Typed) -> Map {
        Map::new(source, self.pieces(typed))
    }

    /// Tells the shim about the next build.
    pub(super) fn announce(
        &self,
        folder: &Path,
        typed: &Typed,
        is_opaque: bool,
        replaced: Vec<String>,
        is_plain: bool,
    ) -> io::Result<()> {
        let pieces = self.pieces(typed);
        Build {
            pieces,
            is_opaque,
            boxed: typed.boxed.clone(),
            replaced,
            is_plain,
            is_apart: !is_plain && self.use_lists(&typed.code),
        }
        .store(folder)
    }

    /// The cell ran: what is an item in `source`, the file generated for it, will be in the next one too.
    pub(super) fn keep(&mut self, source: &str, typed: &Typed) {
        let map = self.map(source, typed);
        self.known = map.into_pieces().filter(|piece| !piece.is_statement).collect();
        self.known.sort_by_key(|piece| std::cmp::Reverse(piece.cell));
        let before = std::mem::take(&mut self.lists);
        let is_list = |text: &String| words(text).any(|word| word == "fn") && lists::are_long(text);
        for Piece { text, cell, .. } in &self.known {
            if before.contains(text) || (*cell == self.current && is_list(text)) {
                self.lists.insert(text.clone());
            }
        }
        for piece in &mut self.known {
            if piece.label == "cell" {
                piece.label = "an earlier cell".to_owned();
            }
        }
        let (known, current) = (&self.known, self.current);
        let is_needed = |cell: &u64| *cell == current || known.iter().any(|piece| piece.cell == *cell);
        self.sources.retain(|cell, _| is_needed(cell));
    }

    /// Whether `code` uses an earlier function that takes long to compile, itself or by way of others. What only has such a
    /// name counts, too.
    fn use_lists(&self, code: &str) -> bool {
        if self.lists.is_empty() {
            return false;
        }
        let mut used: HashSet<&str> = words(code).collect();
        let mut left: Vec<&Piece> = self.known.iter().collect();
        loop {
            let (found, others): (Vec<&Piece>, Vec<&Piece>) = left
                .into_iter()
                .partition(|piece| defined(&piece.text).any(|name| used.contains(name)));
            if found.iter().any(|piece| self.lists.contains(&piece.text)) {
                return true;
            }
            if found.is_empty() {
                return false;
            }
            used.extend(found.iter().flat_map(|piece| words(&piece.text)));
            left = others;
        }
    }

    /// Everything was forgotten.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.lists.clear();
    }

    fn piece(&self, text: &str, (line, column): (usize, usize), is_statement: bool) -> Piece {
        Piece {
            text: text.to_owned(),
            cell: self.current,
            label: self.label.clone(),
            line,
            column,
            is_statement,
        }
    }

    /// Cuts a cell as evcxr does: each statement or item with the space behind it.
    fn split(&self, typed: &Typed) -> Vec<Piece> {
        let rust = completeness::after_commands_and_comments(&typed.code);
        let skipped = &typed.code[..typed.code.len() - rust.len()];
        let Some(statements) = parse(rust).and_then(|body| body.body()?.stmt_list()) else {
            return Vec::new();
        };
        let mut pieces = Vec::new();
        let mut nodes = statements.syntax().children().peekable();
        let (mut start, mut line, mut column) = (0, skipped.matches('\n').count() + 1, 0);
        while let Some(node) = nodes.next() {
            let end = nodes.peek().map_or(rust.len(), |next| {
                usize::from(next.text_range().start()).saturating_sub(BEFORE.len())
            });
            let Some(text) = rust.get(start..end).filter(|text| !text.is_empty()) else {
                break;
            };
            let is_item = ast::Item::can_cast(node.kind()) || ast::Attr::can_cast(node.kind());
            let (original_line, original_column) = typed.original(line, column + 1);
            pieces.push(self.piece(text, (original_line, original_column - 1), !is_item));
            line += text.matches('\n').count();
            match text.rsplit_once('\n') {
                Some((_, last)) => column = last.chars().count(),
                None => column += text.chars().count(),
            }
            start = end;
        }
        pieces
    }
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

/// Names that an item defines, and some other words.
fn defined(item: &str) -> impl Iterator<Item = &str> {
    const KINDS: &[&str] = &[
        "fn",
        "const",
        "static",
        "struct",
        "enum",
        "union",
        "trait",
        "type",
        "mod",
        "macro_rules",
    ];
    words(item)
        .zip(words(item).skip(1))
        .filter(|(kind, _)| KINDS.contains(kind))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(code: &str) -> Vec<(String, usize, usize, bool)> {
        let mut cells = Cells::default();
        cells.begin(Some(4), code);
        let pieces = cells.split(&Typed::unchanged(code));
        assert!(pieces.iter().all(|piece| piece.label == "cell [4]" && piece.cell == 1));
        let part = |piece: Piece| (piece.text, piece.line, piece.column, piece.is_statement);
        pieces.into_iter().map(part).collect()
    }

    fn owned(parts: &[(&str, usize, usize, bool)]) -> Vec<(String, usize, usize, bool)> {
        let own = |(text, line, column, is_statement): &(&str, usize, usize, bool)| {
            ((*text).to_owned(), *line, *column, *is_statement)
        };
        parts.iter().map(own).collect()
    }

    #[test]
    fn a_cell_is_cut() {
        assert_eq!(
            split("let ä = 1; f();\nstruct A;\n\n  g()"),
            owned(&[
                ("let ä = 1; ", 1, 0, true),
                ("f();\n", 1, 11, true),
                ("struct A;\n\n  ", 2, 0, false),
                ("g()", 4, 2, true),
            ])
        );
        assert_eq!(
            split(":dep a\n\n// note\n  1 + 1;\n2"),
            owned(&[("  1 + 1;\n", 4, 0, true), ("2", 5, 0, true)])
        );
        assert_eq!(split("// nothing"), []);
    }

    #[test]
    fn items_stay_and_are_replaced() {
        let mut cells = Cells::default();
        cells.begin(Some(1), "fn f() {}\nlet a = 1;");
        cells.keep(
            "fn f() {}\n\npub extern \"C\" fn run_user_code_1(\nlet a = 1;\n",
            &Typed::unchanged("fn f() {}\n\nlet a = 1;"),
        );
        cells.begin(None, "fn g() {}");
        let typed = Typed::unchanged("fn g() {}");
        let source = "fn g() {}\nfn f() {}\n\npub extern \"C\" fn run_user_code_2(\n";
        let found = |cells: &Cells, line| {
            let map = cells.map(source, &typed);
            map.find(line, 1).map(|found| found.piece.label.clone())
        };
        assert_eq!(found(&cells, 1), Some("cell".to_owned()));
        assert_eq!(found(&cells, 2), Some("cell [1]".to_owned()));
        cells.keep(source, &typed);
        assert_eq!(cells.lines(1), ["fn f() {}", "let a = 1;"]);
        assert!(cells.mention("a") && !cells.mention("le"));
        cells.begin(Some(3), "fn f() { 2 }");
        let typed = Typed::unchanged("fn f() { 2 }");
        cells.keep(
            "fn f() { 2 }\nfn g() {}\npub extern \"C\" fn run_user_code_3(\n",
            &typed,
        );
        let labels: Vec<&str> = cells.known.iter().map(|piece| piece.label.as_str()).collect();
        assert_eq!(labels, ["cell [3]", "an earlier cell"]);
        assert_eq!(cells.lines(1), [""; 0]);
    }
}
