//! Replaces secrets in string literals by calls that fetch them.

use super::literals::Literal;

/// A part of a literal's value that is a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pasted {
    /// The literal.
    pub literal: Literal,
    /// The part of its value, in bytes.
    pub part: std::ops::Range<usize>,
    /// The secret's name.
    pub scope: String,
    /// The secret's key.
    pub key: String,
}

/// `source` with the call in place of each literal of `pasted`, which come in order, one per literal.
#[must_use]
pub fn fetch_instead(source: &str, pasted: &[Pasted]) -> String {
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    for pasted in pasted {
        let range = &pasted.literal.range;
        if range.start < at {
            continue;
        }
        out.push_str(&source[at..range.start]);
        out.push_str(&expression(
            pasted,
            source[..range.start].trim_end(),
            source[range.end..].trim_start(),
        ));
        at = range.end;
    }
    out.push_str(&source[at..]);
    out
}

/// The expression in place of one literal, given what stands before and after it.
fn expression(pasted: &Pasted, before: &str, after: &str) -> String {
    let call = format!("dbutils.secrets.get({:?}, {:?})", pasted.scope, pasted.key);
    let value = &pasted.literal.value;
    let (head, tail) = (&value[..pasted.part.start], &value[pasted.part.end..]);
    let format = format!("{:?}", format!("{}{{}}{}", braces(head), braces(tail)));
    // `println!("…")` wants a literal first.
    if before.ends_with("!(") || before.ends_with("![") && !before.ends_with("vec![") {
        return format!("{format}, {call}");
    }
    let expression = if head.is_empty() && tail.is_empty() {
        call
    } else {
        format!("format!({format}, {call})")
    };
    let argument = before.ends_with('(') || before.ends_with(',');
    if argument && !after.starts_with('.') {
        format!("&{expression}")
    } else {
        expression
    }
}

fn braces(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

#[cfg(test)]
mod tests {
    use super::super::literals::strings;
    use super::*;

    #[test]
    fn writes_what_compiles() {
        let cases = [
            (r#"let p = "planted";"#, r#"let p = dbutils.secrets.get("s", "k");"#),
            (
                r#"connect("u", "planted")"#,
                r#"connect("u", &dbutils.secrets.get("s", "k"))"#,
            ),
            (
                r#"f("planted".to_string())"#,
                r#"f(dbutils.secrets.get("s", "k").to_string())"#,
            ),
            (
                r#"println!("planted");"#,
                r#"println!("{}", dbutils.secrets.get("s", "k"));"#,
            ),
            (
                r#"let d = "pg://u:planted@h/{x}";"#,
                r#"let d = format!("pg://u:{}@h/{{x}}", dbutils.secrets.get("s", "k"));"#,
            ),
            (
                r#"a(r"planted"); b("other", "planted")"#,
                r#"a(&dbutils.secrets.get("s", "k")); b("other", &dbutils.secrets.get("s", "k"))"#,
            ),
        ];
        for (source, expected) in cases {
            let pasted: Vec<Pasted> = strings(source)
                .into_iter()
                .filter_map(|literal| {
                    let start = literal.value.find("planted")?;
                    let (scope, key) = ("s".to_owned(), "k".to_owned());
                    Some(Pasted {
                        literal,
                        part: start..start + 7,
                        scope,
                        key,
                    })
                })
                .collect();
            assert_eq!(fetch_instead(source, &pasted), expected);
        }
    }
}
