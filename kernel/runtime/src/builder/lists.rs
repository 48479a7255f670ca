//! Cells with so many values written out that the compiler would take far longer to optimise them than they take to run.
//!
//! Measured, of one list in a cell, in seconds of the compiler's processor time at the level of cells and without:
//!
//! | elements | at level 1 | at level 0 |
//! |---|---|---|
//! | 10,000 numbers | 6.0 | 0.3 |
//! | 1,000 strings | 1.6 | 0.2 |
//! | 1,000 tuples of three | 3.8 | 0.2 |
//! | 1,000 `"…".to_string()` | 13.4 | 0.3 |
//! | 500 statements `map.insert("…".to_string(), 1);` | 1.6 | 0.3 |

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What takes a second or so longer to compile than it must.
const WEIGHT_MAX: usize = 2000;
/// As much with a loop beside it, which would be slower without optimisation.
const WEIGHT_WITH_LOOP_MAX: usize = 4000;
/// No shorter code weighs so much.
const BYTES_MIN: usize = 1000;

const NUMBER: usize = 1;
const TEXT: usize = 4;
/// What is made by calls, or has parts.
const MADE: usize = 10;

/// Whether `code` is compiled without optimisation, unless the user says otherwise.
pub(super) fn are_long(code: &str) -> bool {
    if code.len() < BYTES_MIN {
        return false;
    }
    let rust = crate::completeness::after_commands(code);
    let Ok(tokens) = rust.parse::<TokenStream>() else {
        return false;
    };
    let mut seen = Seen::default();
    let calls = statements(&tokens);
    look(tokens, &mut seen);
    let most = if seen.has_loop {
        WEIGHT_WITH_LOOP_MAX
    } else {
        WEIGHT_MAX
    };
    seen.heaviest.max(calls) >= most
}

#[derive(Default)]
struct Seen {
    heaviest: usize,
    has_loop: bool,
}

/// Weighs each list: the elements of a group, between commas.
fn look(tokens: TokenStream, seen: &mut Seen) {
    let mut weight = 0;
    let mut element = 0;
    // `for` also stands in `impl X for Y` and `for<'a>`.
    let mut is_for = false;
    for token in tokens {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == ',' => weight += std::mem::take(&mut element),
            TokenTree::Punct(_) => {}
            TokenTree::Literal(literal) => {
                let is_text = literal.to_string().ends_with(['"', '#']);
                element = element.max(if is_text { TEXT } else { NUMBER });
            }
            TokenTree::Ident(name) => {
                is_for |= name == "for";
                seen.has_loop |= name == "while" || name == "loop" || (is_for && name == "in");
                element = element.max(NUMBER);
            }
            TokenTree::Group(group) => {
                element = MADE;
                look(group.stream(), seen);
            }
        }
    }
    seen.heaviest = seen.heaviest.max(weight + element);
}

/// Weighs the statements outside of blocks that call something in the arguments of something.
fn statements(tokens: &TokenStream) -> usize {
    let is_call =
        |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis);
    let mut weight = 0;
    let mut is_nested = false;
    for token in tokens.clone() {
        match &token {
            TokenTree::Punct(mark) if mark.as_char() == ';' => {
                weight += TEXT * usize::from(std::mem::take(&mut is_nested))
            }
            TokenTree::Group(group) if is_call(&token) => {
                is_nested |= group.stream().into_iter().any(|part| is_call(&part))
            }
            _ => {}
        }
    }
    weight
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(count: usize, element: &str) -> String {
        format!("let v = vec![{}];", format!("{element}, ").repeat(count))
    }

    #[test]
    fn long_lists_are_seen() {
        let insert = "map.insert(\"a\".to_string(), 1);\n";
        let cases = [
            (list(2500, "-1u32"), true),
            (list(1000, "1"), false),
            (list(600, "\"text\""), true),
            (list(300, "\"text\""), false),
            (list(250, "(1, 2.5)"), true),
            (list(250, "String::from(\"a\")"), true),
            (list(100, "String::from(\"a\")"), false),
            (
                format!("fn table() -> Vec<P> {{ {} v }}", list(250, "P { a: 1 }")),
                true,
            ),
            (format!("for _ in 0..9 {{}} {}", list(250, "(1, 2)")), false),
            (format!("for _ in 0..9 {{}} {}", list(500, "(1, 2)")), true),
            (format!("impl A for B {{}} {}", list(250, "(1, 2)")), true),
            (
                format!("fn f<F>(_: F) where F: for<'a> Fn(&'a u8) {{}} {}", list(250, "(1, 2)")),
                true,
            ),
            (insert.repeat(600), true),
            (insert.repeat(100), false),
            ("println!(\"{}\", 1);\n".repeat(5000), false),
            (format!("fn f() {{ {} }}", insert.repeat(600)), false),
            (format!("let text = {:?};", "x, ".repeat(9000)), false),
            ("let x = (".repeat(500), false),
        ];
        for (code, expected) in cases {
            assert_eq!(are_long(&code), expected, "{}", &code[..code.len().min(60)]);
        }
    }
}
