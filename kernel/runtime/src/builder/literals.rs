//! Types of variables that can be read off the cell, without asking the compiler: literals and what is made of them.
//!
//! Only where no inference is involved: an integer without a suffix is an `i32` if nothing else in the cell mentions
//! the variable, for what mentions it could make it another type.

use proc_macro2::{TokenStream, TokenTree};
use syn::{BinOp, Expr, Lit, UnOp};

/// A type, and whether it would follow from its use if there were one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    name: String,
    follows_use: bool,
}

/// The type of variable `name` with the value `init`, in a cell of these `tokens`.
pub(super) fn type_of(name: &str, init: &Expr, tokens: &TokenStream) -> Option<String> {
    let found = found(init)?;
    (!found.follows_use || mentions(tokens.clone(), name) == 1).then_some(found.name)
}

fn found(expression: &Expr) -> Option<Found> {
    match expression {
        Expr::Lit(literal) => of_literal(&literal.lit),
        Expr::Paren(inner) => found(&inner.expr),
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => found(&unary.expr).filter(is_number),
        Expr::Binary(binary) => {
            let arithmetic = matches!(
                binary.op,
                BinOp::Add(_) | BinOp::Sub(_) | BinOp::Mul(_) | BinOp::Div(_) | BinOp::Rem(_)
            );
            let (left, right) = (found(&binary.left)?, found(&binary.right)?);
            (arithmetic && left == right && is_number(&left)).then_some(left)
        }
        Expr::Macro(call) if call.mac.path.is_ident("format") => fixed("std::string::String"),
        Expr::Macro(call) if call.mac.path.is_ident("vec") => {
            let items = syn::punctuated::Punctuated::<Expr, syn::Token![,]>::parse_terminated;
            let items = call.mac.parse_body_with(items).ok()?;
            let mut types = items.iter().map(found);
            let first = types.next()??;
            types.all(|found| found.as_ref() == Some(&first)).then(|| Found {
                name: format!("std::vec::Vec<{}>", first.name),
                follows_use: first.follows_use,
            })
        }
        _ => None,
    }
}

fn of_literal(literal: &Lit) -> Option<Found> {
    match literal {
        Lit::Int(number) => of_number(number.suffix(), "i32"),
        Lit::Float(number) => of_number(number.suffix(), "f64"),
        Lit::Bool(_) => fixed("bool"),
        Lit::Char(_) => fixed("char"),
        Lit::Byte(_) => fixed("u8"),
        Lit::Str(_) => fixed("&str"),
        _ => None,
    }
}

fn of_number(suffix: &str, default: &str) -> Option<Found> {
    match suffix {
        "" => Some(Found {
            name: default.to_owned(),
            follows_use: true,
        }),
        suffix => fixed(suffix),
    }
}

fn fixed(name: &str) -> Option<Found> {
    Some(Found {
        name: name.to_owned(),
        follows_use: false,
    })
}

fn is_number(found: &Found) -> bool {
    found.name.starts_with(['i', 'u', 'f']) && found.name[1..].chars().all(|c| c.is_ascii_digit())
        || ["isize", "usize"].contains(&found.name.as_str())
}

/// How often an identifier occurs.
fn mentions(tokens: TokenStream, name: &str) -> usize {
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Ident(ident) => usize::from(ident == name),
            TokenTree::Group(group) => mentions(group.stream(), name),
            _ => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_have_types() {
        let cases = [
            ("5", Some("i32")),
            ("-(1 + 2) * 3", Some("i32")),
            ("1u8 + 2u8", Some("u8")),
            ("1u8 + 2", None),
            ("2.5", Some("f64")),
            ("\"text\"", Some("&str")),
            ("-true", None),
            ("'a' + 'b'", None),
            ("format!(\"{}\", f())", Some("std::string::String")),
            ("vec![1, 2]", Some("std::vec::Vec<i32>")),
            ("vec![vec!['a']]", Some("std::vec::Vec<std::vec::Vec<char>>")),
            ("vec![0; 3]", None),
            ("vec![]", None),
            ("f()", None),
            ("1 == 2", None),
        ];
        for (code, expected) in cases {
            let init: Expr = syn::parse_str(code).unwrap();
            let cell: TokenStream = format!("let x = {code};").parse().unwrap();
            assert_eq!(type_of("x", &init, &cell).as_deref(), expected, "{code}");
        }
        let init: Expr = syn::parse_str("5").unwrap();
        let cell: TokenStream = "let x = 5; f(x);".parse().unwrap();
        assert_eq!(type_of("x", &init, &cell), None);
    }
}
