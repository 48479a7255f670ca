//! Whether a cell could be executed as it stands: asked by consoles at each line.

use proc_macro2::{LexError, TokenStream};
use syn::parse::Parser;

use crate::engine::Completeness;

const INDENT: &str = "    ";

/// Says whether `code` is complete, needs more lines, or can never become valid.
pub(crate) fn check(code: &str) -> Completeness {
    let rust = after_commands(code);
    if rust.trim().is_empty() {
        return Completeness::Complete;
    }
    match brackets(rust) {
        Brackets::Open(depth) => return incomplete(depth),
        Brackets::Mismatched => return Completeness::Invalid,
        Brackets::Closed => {}
    }
    let tokens: Result<TokenStream, LexError> = rust.parse();
    let Ok(tokens) = tokens else {
        return Completeness::Invalid;
    };
    // Inner attributes belong to the crate; the statement parser does not know them.
    match statements.parse2(tokens) {
        Ok(()) => Completeness::Complete,
        Err(error) if error.to_string().starts_with("unexpected end of input") => incomplete(0),
        Err(_) if ENDS.iter().any(|end| is_valid(&format!("{rust}\n{end}"))) => incomplete(0),
        Err(_) => Completeness::Invalid,
    }
}

/// What may be all that a cell lacks: the parser names other tokens, or none, at some ends of a text.
const ENDS: [&str; 5] = [";", ">;", ">()", "{}", "else {};"];

fn is_valid(code: &str) -> bool {
    let tokens: Result<TokenStream, LexError> = code.parse();
    tokens.is_ok_and(|tokens| statements.parse2(tokens).is_ok())
}

/// Whether the Rust of the cell can be parsed.
pub(crate) fn parses(code: &str) -> bool {
    is_valid(after_commands(code))
}

/// Whether every bracket, quote and comment has its end.
pub(crate) fn is_balanced(rust: &str) -> bool {
    matches!(brackets(rust), Brackets::Closed)
}

/// Whether the cell ends with an expression, whose value is its result.
pub(crate) fn ends_with_expression(code: &str) -> bool {
    let tokens: Result<TokenStream, LexError> = after_commands(code).parse();
    let parse = |input: syn::parse::ParseStream<'_>| {
        let _ = syn::Attribute::parse_inner(input)?;
        syn::Block::parse_within(input)
    };
    let statements = tokens.ok().and_then(|tokens| parse.parse2(tokens).ok());
    let last = statements.and_then(|statements| statements.into_iter().last());
    match last {
        Some(syn::Stmt::Expr(_, semicolon)) => semicolon.is_none(),
        Some(syn::Stmt::Macro(macro_call)) => macro_call.semi_token.is_none(),
        _ => false,
    }
}

fn statements(input: syn::parse::ParseStream<'_>) -> syn::Result<()> {
    let _ = syn::Attribute::parse_inner(input)?;
    syn::Block::parse_within(input).map(drop)
}

fn incomplete(depth: usize) -> Completeness {
    Completeness::Incomplete {
        indent: INDENT.repeat(depth),
    }
}

/// The part after commands such as `:dep` and `!ls`, which come first and are complete lines.
pub(crate) fn after_commands(code: &str) -> &str {
    if code.trim_start().starts_with("%%") {
        return "";
    }
    after_lines(code, is_command_or_empty)
}

/// The part after what evcxr skips: commands, empty lines, and comments that are a line.
pub(crate) fn after_commands_and_comments(code: &str) -> &str {
    after_lines(code, |line| is_command_or_empty(line) || line.starts_with("//"))
}

fn after_lines(code: &str, skipped: fn(&str) -> bool) -> &str {
    let lines = code.split_inclusive('\n').take_while(|line| skipped(line));
    &code[lines.map(str::len).sum()..]
}

fn is_command_or_empty(line: &str) -> bool {
    is_command(line) || line.trim().is_empty()
}

/// `:dep x` and `!ls`, but not the path `::std::mem`.
pub(crate) fn is_command(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('!') || line.starts_with(':') && !line.starts_with("::")
}

enum Brackets {
    Closed,
    /// How many are open; a string or a comment counts as none.
    Open(usize),
    Mismatched,
}

/// Matches brackets outside of strings, characters and comments.
fn brackets(code: &str) -> Brackets {
    let bytes = code.as_bytes();
    let mut open = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let skipped = match rest[0] {
            b'/' if rest.starts_with(b"//") => Some(rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())),
            b'/' if rest.starts_with(b"/*") => match block_comment(rest) {
                Some(length) => Some(length),
                None => return Brackets::Open(open.len()),
            },
            b'"' => match string(rest) {
                Some(length) => Some(length),
                None => return Brackets::Open(open.len()),
            },
            b'r' if !is_word_before(bytes, at) => match raw_string(rest) {
                Raw::None => None,
                Raw::Ends(length) => Some(length),
                Raw::Open => return Brackets::Open(open.len()),
            },
            b'\'' => Some(character_or_lifetime(code, at)),
            _ => None,
        };
        if let Some(length) = skipped {
            at += length;
            continue;
        }
        match rest[0] {
            b'(' | b'[' | b'{' => open.push(rest[0]),
            b')' | b']' | b'}' => {
                let wanted = match rest[0] {
                    b')' => b'(',
                    b']' => b'[',
                    _ => b'{',
                };
                if open.pop() != Some(wanted) {
                    return Brackets::Mismatched;
                }
            }
            _ => {}
        }
        at += 1;
    }
    if open.is_empty() {
        Brackets::Closed
    } else {
        Brackets::Open(open.len())
    }
}

fn is_word_before(bytes: &[u8], at: usize) -> bool {
    // The prefixes of raw byte and C strings are single letters; anything longer is an identifier that ends in `r`.
    match at {
        0 => false,
        1 => bytes[0].is_ascii_alphanumeric() && !matches!(bytes[0], b'b' | b'c'),
        _ => {
            let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
            let prefix = matches!(bytes[at - 1], b'b' | b'c') && !is_word(bytes[at - 2]);
            is_word(bytes[at - 1]) && !prefix
        }
    }
}

fn block_comment(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = 0;
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
    None
}

fn string(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

enum Raw {
    None,
    Ends(usize),
    Open,
}

fn raw_string(bytes: &[u8]) -> Raw {
    let hashes = bytes[1..].iter().take_while(|byte| **byte == b'#').count();
    if bytes.get(1 + hashes) != Some(&b'"') {
        return Raw::None;
    }
    let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let body = 2 + hashes;
    match memchr::memmem::find(&bytes[body..], &end) {
        Some(found) => Raw::Ends(body + found + end.len()),
        None => Raw::Open,
    }
}

/// Length of `'x'` or of `'lifetime`; both are skipped whole, so that `'"'` opens no string.
fn character_or_lifetime(code: &str, at: usize) -> usize {
    let rest = &code[at + 1..];
    let mut chars = rest.char_indices();
    match chars.next() {
        Some((_, '\\')) => rest[1..].find('\'').map_or(rest.len() + 1, |found| {
            // `'\''` has its end one further.
            if found == 0 || &rest[1..2] == "'" {
                4.min(rest.len() + 1)
            } else {
                found + 3
            }
        }),
        Some((_, c)) if rest[c.len_utf8()..].starts_with('\'') => c.len_utf8() + 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_states() {
        let complete = [
            "",
            "1 + 1",
            "let x = 1;",
            "fn f() {}\nf()",
            ":dep serde",
            "!ls",
            ":vars\nlet x = 1;",
            "#![allow(dead_code)]\n1",
            "'\"'",
            "let s = \"{\";",
            "r#\"{\"#.len()",
            "// {",
            "'a': loop {}".trim_end_matches("'a': loop {}"),
            "'\\''",
            "b'{'",
            "println!(\"x\")",
            "x?",
            "\"a\\\"b\"",
            "use std::fmt::Debug;",
            "if let Some(x) = y && x > 1 { 1 } else { 2 }",
            "'outer: loop { break 'outer; }",
            "%%sh\n(",
        ];
        for code in complete {
            assert_eq!(check(code), Completeness::Complete, "{code:?}");
        }
        let incomplete = [
            ("fn f() {", "    "),
            ("fn f() {\n    if x {", "        "),
            ("foo(", "    "),
            ("let x =", ""),
            ("1 +", ""),
            ("\"abc", ""),
            ("/* note", ""),
            ("r#\"abc\"", ""),
            ("#[derive(Debug)]", ""),
            ("match x {", "    "),
            ("fn f()", ""),
            ("let x = 5", ""),
            ("let v: Vec<i32>", ""),
            ("let x = if a { 1 }", ""),
            ("a::<b", ""),
            ("async", ""),
        ];
        for (code, indent) in incomplete {
            let expected = Completeness::Incomplete {
                indent: indent.to_owned(),
            };
            assert_eq!(check(code), expected, "{code:?}");
        }
        for code in ["let 1x = ;", ")", "fn f() { ]", "let let x", "x + / y"] {
            assert_eq!(check(code), Completeness::Invalid, "{code:?}");
        }
    }
}
