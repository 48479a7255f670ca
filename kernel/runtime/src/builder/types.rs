//! Writes the types of a cell's variables into the cell, for rust-analyzer without the standard library.
//!
//! evcxr reads types from the last `let` of a name, so each variable gets one more `let`, which the compiler never sees:
//! `#[cfg(any())] let name: Type;`. They stand behind the last statement before the final expression, so nothing moves
//! but that expression, and only if it is on the same line.

use std::collections::BTreeMap;

use proc_macro2::{LineColumn, TokenStream};
use syn::parse::Parser;
use syn::spanned::Spanned;

use super::literals;
use crate::probe;

/// A variable of a cell whose type is not written there.
#[derive(Debug, PartialEq, Eq)]
struct Variable {
    name: String,
    is_mutable: bool,
    /// Its type, if it can be read off.
    plain: Option<String>,
    /// Where it is defined: line from 1, column from 0.
    at: (usize, usize),
}

/// What a cell leaves to be inferred.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Untyped {
    variables: Vec<Variable>,
    /// Where types may be written: an offset, its line from 1 and its column from 0.
    insert_at: (usize, usize, usize),
}

/// A cell with types written into it, and the way back to the places of the original.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Typed {
    pub(super) code: String,
    line: usize,
    /// 1-based, in characters.
    column: usize,
    width: usize,
    /// Columns of each name in what was written, and the name's own place.
    names: Vec<(usize, (usize, usize))>,
    /// Those that are closures.
    pub(super) boxed: Vec<String>,
}

/// The variables of `code` whose types must be inferred; `None` if there are none, or it cannot be read.
pub(super) fn untyped(code: &str) -> Option<Untyped> {
    let tokens: TokenStream = code.parse().ok()?;
    let statements = parse_statements.parse2(tokens.clone()).ok()?;
    let mut variables = Vec::new();
    for statement in &statements {
        if let syn::Stmt::Local(local) = statement {
            let first = variables.len();
            collect(&local.pat, &mut variables);
            if let (syn::Pat::Ident(pattern), Some(init)) = (&local.pat, &local.init)
                && let Some(variable) = variables.get_mut(first).filter(|_| pattern.by_ref.is_none())
            {
                variable.plain = literals::type_of(&variable.name, &init.expr, &tokens);
            }
        }
    }
    let has_result = match statements.last()? {
        syn::Stmt::Expr(_, semicolon) => semicolon.is_none(),
        syn::Stmt::Macro(call) => call.semi_token.is_none(),
        _ => false,
    };
    let last = statements.len().checked_sub(1 + usize::from(has_result))?;
    let span = statements.get(last)?.span();
    let LineColumn { line, column } = span.end();
    let insert_at = (span.byte_range().end, line, column);
    (!variables.is_empty()).then_some(Untyped { variables, insert_at })
}

/// The names that the statements of `code` define, and where: line and column from 1.
pub(super) fn defined(code: &str) -> Vec<(String, (usize, usize))> {
    let rust = crate::completeness::after_commands(code);
    let lines = code[..code.len() - rust.len()].matches('\n').count();
    let mut found = Vec::new();
    for statement in statements(code) {
        if let syn::Stmt::Local(local) = &statement {
            let mut pattern = &local.pat;
            if let syn::Pat::Type(typed) = pattern {
                pattern = &typed.pat;
            }
            collect(pattern, &mut found);
        }
    }
    let name = |variable: Variable| (variable.name, (variable.at.0 + lines, variable.at.1 + 1));
    found.into_iter().map(name).collect()
}

/// The statements of `code`, behind its commands; none if they cannot be read.
pub(super) fn statements(code: &str) -> Vec<syn::Stmt> {
    let tokens: Option<TokenStream> = crate::completeness::after_commands(code).parse().ok();
    let statements = tokens.and_then(|tokens| parse_statements.parse2(tokens).ok());
    statements.unwrap_or_default()
}

fn parse_statements(input: syn::parse::ParseStream<'_>) -> syn::Result<Vec<syn::Stmt>> {
    let _ = syn::Attribute::parse_inner(input)?;
    syn::Block::parse_within(input)
}

fn collect(pattern: &syn::Pat, found: &mut Vec<Variable>) {
    use syn::Pat;
    match pattern {
        Pat::Ident(pattern) => {
            let LineColumn { line, column } = pattern.ident.span().start();
            found.push(Variable {
                name: pattern.ident.to_string(),
                is_mutable: pattern.mutability.is_some(),
                plain: None,
                at: (line, column),
            });
            if let Some((_, inner)) = &pattern.subpat {
                collect(inner, found);
            }
        }
        Pat::Type(typed) => {
            let is_simple = matches!(*typed.pat, Pat::Ident(_));
            let text = typed.ty.span().source_text().unwrap_or_default();
            let is_open = text
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| word == "_");
            if !is_simple || is_open {
                collect(&typed.pat, found);
            }
        }
        Pat::Paren(inner) => collect(&inner.pat, found),
        Pat::Reference(inner) => collect(&inner.pat, found),
        Pat::Slice(inner) => inner.elems.iter().for_each(|inner| collect(inner, found)),
        Pat::Tuple(inner) => inner.elems.iter().for_each(|inner| collect(inner, found)),
        Pat::TupleStruct(inner) => inner.elems.iter().for_each(|inner| collect(inner, found)),
        Pat::Struct(inner) => inner.fields.iter().for_each(|field| collect(&field.pat, found)),
        Pat::Or(inner) => inner.cases.iter().take(1).for_each(|inner| collect(inner, found)),
        _ => {}
    }
}

impl Untyped {
    /// Whether the compiler must be asked.
    pub(super) fn is_open(&self) -> bool {
        self.variables.iter().any(|variable| variable.plain.is_none())
    }

    /// `code` with those `types` written into it that are known.
    pub(super) fn write(&self, code: &str, types: &BTreeMap<String, String>) -> Typed {
        let (offset, line, column) = self.insert_at;
        let mut written = String::new();
        let mut names = Vec::new();
        let mut boxed = Vec::new();
        for variable in &self.variables {
            let Some(found) = variable.plain.as_ref().or_else(|| types.get(&variable.name)) else {
                continue;
            };
            let mut found = found.clone();
            if let Some(signature) = found.strip_prefix(probe::CLOSURE) {
                // One that changes what it holds can only be called as a mutable variable.
                let kind = if variable.is_mutable { "FnMut" } else { "Fn" };
                found = format!("std::boxed::Box<dyn {kind}{signature}>");
                boxed.push(variable.name.clone());
            }
            written.push_str(" #[cfg(any())] let ");
            if variable.is_mutable {
                written.push_str("mut ");
            }
            names.push((written.chars().count(), variable.at));
            written.push_str(&format!("{}: {found};", variable.name));
        }
        Typed {
            code: [&code[..offset], &written, &code[offset..]].concat(),
            line,
            column: column + 1,
            width: written.chars().count(),
            names,
            boxed,
        }
    }
}

impl Typed {
    /// A cell as it is.
    pub(super) fn unchanged(code: &str) -> Typed {
        Typed {
            code: code.to_owned(),
            ..Typed::default()
        }
    }

    /// The place in the original cell: line and column from 1.
    pub(super) fn original(&self, line: usize, column: usize) -> (usize, usize) {
        if line != self.line || column <= self.column || self.width == 0 {
            return (line, column);
        }
        let inside = column - self.column;
        if inside >= self.width {
            return (line, column - self.width);
        }
        let named = self.names.iter().rev().find(|(start, _)| *start <= inside);
        named.map_or((line, self.column), |(start, (line, first))| {
            (*line, first + 1 + (inside - start))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(code: &str) -> Typed {
        let names = ["a", "b", "c", "x"].map(|name| (name.to_owned(), "T".to_owned()));
        untyped(code).unwrap().write(code, &BTreeMap::from(names))
    }

    #[test]
    fn types_stand_before_the_result() {
        let cases = [
            ("let a = f();", "let a = f(); #[cfg(any())] let a: T;"),
            ("let a = 1u8;", "let a = 1u8; #[cfg(any())] let a: u8;"),
            (
                "let mut a = f();\na.len()",
                "let mut a = f(); #[cfg(any())] let mut a: T;\na.len()",
            ),
            (
                "let (a, S { b, .. }) = f(); // why\nprintln!(\"{a}\"); // it",
                "let (a, S { b, .. }) = f(); // why\nprintln!(\"{a}\"); #[cfg(any())] let a: T; #[cfg(any())] let b: T; // it",
            ),
            (
                "let a: Vec<_> = f(); let Some(x) = a.pop() else { panic!() };",
                "let a: Vec<_> = f(); let Some(x) = a.pop() else { panic!() }; #[cfg(any())] let a: T; #[cfg(any())] let x: T;",
            ),
        ];
        for (code, expected) in cases {
            assert_eq!(typed(code).code, expected, "{code}");
        }
        for nothing in [
            "1 + 1",
            "let a: i32 = 1;",
            "fn f() { let a = 1; }",
            "{ let a = 1; }",
            "let",
            "",
        ] {
            assert_eq!(untyped(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn closures_are_boxed() {
        let types = BTreeMap::from(
            [("f", "(i32) -> u8"), ("g", "() -> ()")]
                .map(|(name, text)| (name.to_owned(), format!("{}{text}", probe::CLOSURE))),
        );
        let code = "let f = |n| 1u8; let mut g = || a += 1;";
        let typed = untyped(code).unwrap().write(code, &types);
        let added = " #[cfg(any())] let f: std::boxed::Box<dyn Fn(i32) -> u8>; #[cfg(any())] let mut g: std::boxed::Box<dyn FnMut() -> ()>;";
        assert_eq!(typed.code, format!("{code}{added}"));
        assert_eq!(typed.boxed, ["f", "g"]);
    }

    #[test]
    fn definitions_have_places() {
        let code = ":dep x\nlet (a, b): (i32, i32) = f();\n  let c: u8 = 1; { let d = 1; }";
        let found = defined(code);
        let expected = [("a", (2, 6)), ("b", (2, 9)), ("c", (3, 7))];
        assert_eq!(found, expected.map(|(name, place)| (name.to_owned(), place)));
    }

    #[test]
    fn places_are_found_again() {
        let code = "let a = f(); a.len()";
        let typed = typed(code);
        assert_eq!(typed.original(1, 5), (1, 5));
        let column = typed.code.find("a.len").unwrap() + 1;
        assert_eq!(typed.original(1, column), (1, code.find("a.len").unwrap() + 1));
        // The name in what was written is the variable's own place.
        let column = typed.code.find("a: T").unwrap() + 1;
        assert_eq!(typed.original(1, column), (1, 5));
        assert_eq!(Typed::unchanged(code).original(1, 14), (1, 14));
    }
}
