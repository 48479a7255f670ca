//! Finds the source of what a cell defines: functions, types, macros. For `inspect_request` with more detail.

use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Block, Ident, Item, Stmt};

/// The source of the item called `name` in `code`, with its attributes, if the cell defines one.
#[must_use]
pub fn source_of<'c>(name: &str, code: &'c str) -> Option<&'c str> {
    // Parsing is for those that may have it.
    if name.is_empty() || !code.contains(name) {
        return None;
    }
    let statements = Block::parse_within.parse_str(code).ok()?;
    let item = statements.iter().rev().find_map(|statement| match statement {
        Stmt::Item(item) if ident(item).is_some_and(|ident| ident == name) => Some(item),
        _ => None,
    })?;
    code.get(item.span().byte_range())
}

/// The word that the byte `cursor` is in or behind.
#[must_use]
pub fn word_at(code: &str, cursor: usize) -> &str {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (Some(before), Some(after)) = (code.get(..cursor), code.get(cursor..)) else {
        return "";
    };
    let start = before.trim_end_matches(is_word).len();
    let end = cursor + after.find(|c| !is_word(c)).unwrap_or(after.len());
    &code[start..end]
}

fn ident(item: &Item) -> Option<&Ident> {
    Some(match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Mod(item) => &item.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_found_with_their_attributes() {
        let code = "let é = 1;\n/// Doubles.\n#[inline]\nfn twice(x: u64) -> u64 { x * 2 }\nstruct S;\ntwice(2)";
        let twice = "/// Doubles.\n#[inline]\nfn twice(x: u64) -> u64 { x * 2 }";
        for (name, expected) in [
            ("twice", Some(twice)),
            ("S", Some("struct S;")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(source_of(name, code), expected, "{name}");
        }
        assert_eq!(source_of("f", "fn f( {"), None);
    }

    #[test]
    fn words() {
        for (cursor, expected) in [(0, "é_1"), (2, "é_1"), (4, "é_1"), (5, ""), (7, "b"), (99, ""), (1, "")] {
            assert_eq!(word_at("é_1 . b", cursor), expected, "{cursor}");
        }
    }
}
