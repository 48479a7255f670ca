//! Named arguments of `dbutils` calls: `dbutils.secrets.get(scope = "jdbc", key = "password")`.
//!
//! Rust has none, so the cell's tokens are rewritten to positional ones before it is compiled. A name becomes spaces,
//! so lines and columns of what follows stay; arguments in another order change places, which keeps them on the whole.

use std::ops::Range;

use crate::completeness::is_command;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A group, its calls that take the same parameters, and the spellings of each parameter.
type Call = (
    &'static str,
    &'static [&'static str],
    &'static [&'static [&'static str]],
);

/// Parameters of each call, in order, in both spellings.
const CALLS: &[Call] = &[
    (
        "secrets",
        &["get", "get_bytes", "getBytes", "try_get"],
        &[&["scope"], &["key"]],
    ),
    ("secrets", &["list"], &[&["scope"]]),
    (
        "widgets",
        &["text"],
        &[&["name"], &["default_value", "defaultValue"], &["label"]],
    ),
    (
        "widgets",
        &["dropdown", "combobox", "multiselect"],
        &[&["name"], &["default_value", "defaultValue"], &["choices"], &["label"]],
    ),
    ("widgets", &["get", "remove"], &[&["name"]]),
    ("notebook", &["exit"], &[&["value"]]),
    (
        "notebook",
        &["run"],
        &[&["path"], &["timeout_seconds", "timeoutSeconds"], &["arguments"]],
    ),
    ("fs", &["ls", "mkdirs"], &[&["dir"]]),
    ("fs", &["head"], &[&["file"], &["max_bytes", "maxBytes"]]),
    ("fs", &["put"], &[&["file"], &["contents"], &["overwrite"]]),
    ("fs", &["rm"], &[&["path", "dir"], &["recurse"]]),
];

/// `code` with the named arguments of `dbutils` calls made positional, and `help("get")` made `help().of("get")`.
///
/// Code that cannot be read as tokens, such as a cell with commands in front, is rewritten from its first line that can.
pub(crate) fn rewrite(code: &str) -> String {
    if !code.contains("dbutils") {
        return code.to_owned();
    }
    let start = after_commands(code);
    let Ok(tokens) = code[start..].parse::<TokenStream>() else {
        return code.to_owned();
    };
    let mut edits = Vec::new();
    walk(tokens, &code[start..], &mut edits);
    edits.sort_by_key(|edit: &Edit| std::cmp::Reverse(edit.range.start));
    let mut out = code.to_owned();
    for edit in edits {
        out.replace_range(edit.range.start + start..edit.range.end + start, &edit.text);
    }
    out
}

fn after_commands(code: &str) -> usize {
    let skipped = |line: &&str| is_command(line) || line.trim().is_empty();
    code.split_inclusive('\n').take_while(skipped).map(str::len).sum()
}

struct Edit {
    range: Range<usize>,
    text: String,
}

fn walk(tokens: TokenStream, code: &str, edits: &mut Vec<Edit>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        if group.delimiter() == Delimiter::Parenthesis && arguments(&tokens[..index], group, code, edits) {
            continue;
        }
        walk(group.stream(), code, edits);
    }
}

/// Rewrites one argument list if it is that of a `dbutils` call; `before` is what stands in front of it.
fn arguments(before: &[TokenTree], group: &Group, code: &str, edits: &mut Vec<Edit>) -> bool {
    let [.., root, dot, module, dot2, method] = before else {
        return false;
    };
    let is_dot = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '.');
    if ident(root).as_deref() != Some("dbutils") || !is_dot(dot) || !is_dot(dot2) {
        return dbutils_help(before, group, edits);
    }
    let (Some(module), Some(method)) = (ident(module), ident(method)) else {
        return false;
    };
    if method == "help" {
        return help(group, edits);
    }
    let call = CALLS
        .iter()
        .find(|(of, names, _)| *of == module && names.contains(&method.as_str()));
    let Some((_, _, parameters)) = call else { return false };
    let Some(given) = split(group, code) else { return false };
    if given.iter().all(|argument| argument.name.is_none()) || given.len() != parameters.len() {
        return false;
    }
    let Some(order) = order(&given, parameters) else {
        return false;
    };
    for (slot, source) in order.into_iter().enumerate() {
        let text = code[given[source].value.clone()].trim().to_owned();
        let place = &given[slot].whole;
        let width = code[place.clone()].chars().count();
        let padding = width.saturating_sub(text.chars().count());
        // The value keeps its own columns if it is the last thing in its slot.
        edits.push(Edit {
            range: place.clone(),
            text: " ".repeat(padding) + &text,
        });
    }
    true
}

/// `dbutils.help("secrets")`.
fn dbutils_help(before: &[TokenTree], group: &Group, edits: &mut Vec<Edit>) -> bool {
    let [.., root, _, method] = before else { return false };
    ident(root).as_deref() == Some("dbutils") && ident(method).as_deref() == Some("help") && help(group, edits)
}

fn help(group: &Group, edits: &mut Vec<Edit>) -> bool {
    if group.stream().is_empty() {
        return false;
    }
    let at = group.span_open().byte_range();
    edits.push(Edit {
        range: at,
        text: "().of(".to_owned(),
    });
    true
}

fn ident(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    }
}

struct Argument {
    name: Option<String>,
    /// Name, equals sign and value.
    whole: Range<usize>,
    value: Range<usize>,
}

/// The arguments of a call.
fn split(group: &Group, code: &str) -> Option<Vec<Argument>> {
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
    let mut arguments = Vec::new();
    for part in tokens.split(is_comma).filter(|part| !part.is_empty()) {
        let whole = start(part.first()?)..end(part.last()?);
        let name = match part {
            [TokenTree::Ident(name), TokenTree::Punct(equals), value, ..]
                if equals.as_char() == '=' && start(value) > end(&TokenTree::Punct(equals.clone())) - 1 =>
            {
                let joined = code[equals.span().byte_range().end..].starts_with(['=', '>']);
                (!joined).then(|| (name.to_string(), start(value)))
            }
            _ => None,
        };
        let value = name.as_ref().map_or(whole.start, |(_, at)| *at)..whole.end;
        arguments.push(Argument {
            name: name.map(|(name, _)| name),
            whole,
            value,
        });
    }
    Some(arguments)
}

fn start(token: &TokenTree) -> usize {
    token.span().byte_range().start
}

fn end(token: &TokenTree) -> usize {
    token.span().byte_range().end
}

/// For each parameter, which of the given arguments it gets; `None` if they do not fit.
fn order(given: &[Argument], parameters: &[&[&str]]) -> Option<Vec<usize>> {
    let mut order = vec![None; parameters.len()];
    for (index, argument) in given.iter().enumerate() {
        let slot = match &argument.name {
            Some(name) => parameters.iter().position(|names| names.contains(&name.as_str()))?,
            None => index,
        };
        if order[slot].replace(index).is_some() {
            return None;
        }
    }
    order.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_arguments_become_positional() {
        let cases = [
            (
                r#"let p = dbutils.secrets.get(scope = "jdbc", key = "password"); p"#,
                r#"let p = dbutils.secrets.get(        "jdbc",       "password"); p"#,
            ),
            (
                r#"dbutils.secrets.get(key = "password", scope = "jdbc")"#,
                r#"dbutils.secrets.get(          "jdbc",     "password")"#,
            ),
            (
                r#"f(dbutils.secrets.try_get("jdbc", key = k()).unwrap())"#,
                r#"f(dbutils.secrets.try_get("jdbc",       k()).unwrap())"#,
            ),
            (
                ":dep x\ndbutils.secrets.list(scope = \"s\")",
                ":dep x\ndbutils.secrets.list(        \"s\")",
            ),
            (r#"dbutils.secrets.help("get")"#, r#"dbutils.secrets.help().of("get")"#),
            (r#"dbutils.help()"#, r#"dbutils.help()"#),
            (
                r#"dbutils.secrets.get(scope == a, b)"#,
                r#"dbutils.secrets.get(scope == a, b)"#,
            ),
            (
                r#"other.secrets.get(scope = "a", key = "b")"#,
                r#"other.secrets.get(scope = "a", key = "b")"#,
            ),
            ("dbutils.secrets.get(scope = \"a\"", "dbutils.secrets.get(scope = \"a\""),
        ];
        for (code, expected) in cases {
            assert_eq!(rewrite(code), expected);
        }
    }

    #[test]
    fn names_that_do_not_fit_are_left_for_the_compiler() {
        for code in [
            r#"dbutils.secrets.get(scope = "a", scope = "b")"#,
            r#"dbutils.secrets.get(scop = "a", key = "b")"#,
        ] {
            assert_eq!(rewrite(code), code);
        }
    }
}
