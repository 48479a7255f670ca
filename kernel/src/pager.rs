//! The pager: a cell `?name` shows what is known about a name; it is asked of the engine and not run.

use sealbook_runtime::{Documentation, Engine, Event, Host, Outcome};
use serde_json::json;

use crate::session::Object;

/// A question of the user.
#[derive(Debug, PartialEq, Eq)]
pub struct Question<'c> {
    /// What it is about.
    pub name: &'c str,
    /// As in `inspect_request`: 1 for `??name`.
    pub detail_level: u8,
}

/// The question that `code` is, if it is one. No Rust cell begins with a question mark.
pub fn question(code: &str) -> Option<Question<'_>> {
    let rest = code.trim().strip_prefix('?')?;
    let (rest, detail_level) = rest.strip_prefix('?').map_or((rest, 0), |rest| (rest, 1));
    // What follows the name of a macro or a function is no part of it.
    let name = rest.trim().trim_end_matches(['(', ')', '!', ';']);
    let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
    is_name.then_some(Question { name, detail_level })
}

/// Answers with a page for the front end's pager, or says that there is none.
pub fn answer(engine: &mut dyn Engine, question: &Question<'_>, source: Option<&str>, host: &mut dyn Host) -> Outcome {
    let Question { name, detail_level } = *question;
    let found = engine.inspect(name, name.len(), detail_level);
    let payload = match with_source(found, source) {
        Some(found) => vec![json!({"source": "page", "data": bundle(&found), "start": 0})],
        None => {
            host.event(Event::Stdout(
                format!("Nothing is known about `{name}`.\n").into_bytes(),
            ));
            Vec::new()
        }
    };
    Outcome::Ok { payload }
}

impl Question<'_> {
    /// The last part of a path.
    pub fn last(&self) -> &str {
        self.name.rsplit("::").next().unwrap_or_default()
    }
}

/// What is known, and the source of the item, if there is one.
pub fn with_source(found: Option<Documentation>, source: Option<&str>) -> Option<Documentation> {
    let Some(source) = source else { return found };
    let join = |text: Option<&str>, source: &str| match text {
        Some(text) => format!("{}\n\n{source}", text.trim_end()),
        None => source.to_owned(),
    };
    let plain = found.as_ref().map(|found| found.plain.as_str());
    let markdown = found.as_ref().and_then(|found| found.markdown.as_deref());
    Some(Documentation {
        plain: join(plain, source),
        markdown: Some(join(markdown, &format!("```rust\n{source}\n```"))),
    })
}

/// Documentation by MIME type.
pub fn bundle(found: &Documentation) -> Object {
    let mut data = Object::new();
    data.insert("text/plain".to_owned(), found.plain.clone().into());
    if let Some(markdown) = &found.markdown {
        data.insert("text/markdown".to_owned(), markdown.clone().into());
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions() {
        let cases = [
            ("?Vec::new", Some(("Vec::new", 0))),
            (" ??println!()\n", Some(("println", 1))),
            ("? x", Some(("x", 0))),
            ("?", None),
            ("?x\nlet y = 1;", None),
            ("x?", None),
            ("f()?", None),
        ];
        for (code, expected) in cases {
            let expected = expected.map(|(name, detail_level)| Question { name, detail_level });
            assert_eq!(question(code), expected, "{code}");
        }
    }
}
