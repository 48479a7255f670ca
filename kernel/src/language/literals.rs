//! String literals of a cell, found by a lexer that needs no valid program: a cell with a typing error must not show a
//! pasted secret either.

use std::ops::Range;

/// A string literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// Where it stands in the source, quotes and prefix included.
    pub range: Range<usize>,
    /// Its value.
    pub value: String,
}

/// The string literals of `source`, in order. Byte and C strings count; comments and characters do not.
#[must_use]
pub fn strings(source: &str) -> Vec<Literal> {
    let bytes = source.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &source[at..];
        at = if rest.starts_with("//") {
            at + rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            at + block_comment(rest)
        } else if bytes[at] == b'\'' {
            at + character(rest)
        } else if bytes[at] == b'"' {
            let (length, value) = plain(&rest[1..]);
            let range = at..at + 1 + length;
            at = range.end;
            found.push(Literal { range, value });
            at
        } else if is_word(bytes[at]) || !rest.is_char_boundary(1) {
            let first = rest.chars().next().map_or(1, char::len_utf8);
            let word = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len())
                .max(first);
            match prefixed(&rest[..word], &rest[word..]) {
                Some((length, value)) => {
                    let range = at..at + word + length;
                    at = range.end;
                    found.push(Literal { range, value });
                    at
                }
                None => at + word,
            }
        } else {
            at + 1
        };
    }
    found
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Length of a block comment, which may hold others.
fn block_comment(rest: &str) -> usize {
    let (bytes, mut depth, mut at) = (rest.as_bytes(), 0usize, 0);
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// Length of a character literal, or 1 for the quote of a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            // At least the escaped character belongs to it; a code point is at most ten characters long.
            let end = rest.char_indices().skip(3).take(11).find(|(_, c)| *c == '\'');
            end.map_or(1, |(at, _)| at + 1)
        }
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}

/// A literal after a prefix: `b"…"`, `c"…"`, `r"…"`, `r#"…"#`, `br"…"`.
fn prefixed(word: &str, rest: &str) -> Option<(usize, String)> {
    match word {
        "b" | "c" if rest.starts_with('"') => {
            let (length, value) = plain(&rest[1..]);
            Some((1 + length, value))
        }
        "r" | "br" | "cr" => {
            let hashes = rest.bytes().take_while(|byte| *byte == b'#').count();
            let body = rest[hashes..].strip_prefix('"')?;
            let end = format!("\"{}", "#".repeat(hashes));
            let length = body.find(&end)?;
            Some((hashes + 1 + length + end.len(), body[..length].to_owned()))
        }
        _ => None,
    }
}

/// Length and value of what follows an opening quote, the closing one included; an unclosed literal ends with the
/// source.
fn plain(rest: &str) -> (usize, String) {
    let mut value = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (at + 1, value),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some('0') => value.push('\0'),
                Some('x') => {
                    let digits: String = chars.by_ref().take(2).map(|(_, c)| c).collect();
                    value.extend(u8::from_str_radix(&digits, 16).map(char::from));
                }
                Some('u') => {
                    let digits: String = chars
                        .by_ref()
                        .skip(1)
                        .map(|(_, c)| c)
                        .take_while(|c| *c != '}')
                        .collect();
                    value.extend(
                        u32::from_str_radix(&digits.replace('_', ""), 16)
                            .ok()
                            .and_then(char::from_u32),
                    );
                }
                // The line goes on after the blanks of the next one.
                Some('\n') => {
                    let blanks = chars.as_str().len() - chars.as_str().trim_start().len();
                    let skipped = chars.as_str()[..blanks].chars().count();
                    if skipped > 0 {
                        chars.nth(skipped - 1);
                    }
                }
                Some(other) => value.push(other),
                None => {}
            },
            other => value.push(other),
        }
    }
    (rest.len(), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_values_and_places() {
        let cases: [(&str, &[&str]); 15] = [
            (r#"let a = "x"; f("y")"#, &["x", "y"]),
            (r#""a\"b\\n\n\t\x41\u{e9}\u{1_F600}""#, &["a\"b\\n\n\tAé\u{1F600}"]),
            ("\"a \\\n    b\"", &["a b"]),
            (r##"r"a\n" r#"b"c"# br"d" b"e" c"f""##, &["a\\n", "b\"c", "d", "e", "f"]),
            (
                r#"// "no"
               /* "no" /* "no" */ "no" */ "yes""#,
                &["yes"],
            ),
            (r#"'"' "a" '\'' "b" '\u{22}' "c""#, &["a", "b", "c"]),
            (r#"fn f<'a>(x: &'a str) -> &'a str { "x" }"#, &["x"]),
            (r#"unbalanced ( { "x""#, &["x"]),
            (r#"open "never closed"#, &["never closed"]),
            (r#"number_r"x" br_"y""#, &["x", "y"]),
            ("é\"ü\"𝄞r\"w\"", &["ü", "w"]),
            ("", &[]),
            ("/* open", &[]),
            ("'", &[]),
            ("r#type \"x\"", &["x"]),
        ];
        for (source, expected) in cases {
            let found = strings(source);
            let values: Vec<&str> = found.iter().map(|literal| literal.value.as_str()).collect();
            assert_eq!(values, expected, "{source}");
            for literal in found {
                assert!(source[literal.range.clone()].contains('"'), "{source} {literal:?}");
            }
        }
    }

    #[test]
    fn survives_every_prefix_of_odd_source() {
        let source = "let é = r##\"a\"# \"##; 'x' b'\\'' \"\\u{1F600}\\x4\" /* /* */ // \"\n \"\\\n  b\\\"\" 𝄞\"";
        for end in (0..=source.len()).filter(|end| source.is_char_boundary(*end)) {
            for literal in strings(&source[..end]) {
                assert!(source.is_char_boundary(literal.range.start) && literal.range.end <= end);
            }
        }
    }
}
