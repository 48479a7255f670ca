//! Inputs and outputs of this session (`history_request`). Kept in memory only, so there is no file to leak.

use std::collections::{HashSet, VecDeque};

use serde_json::{Value, json};

use crate::language::items;
use crate::requests::{self, Access};

/// Entries kept.
const ENTRIES_MAX: usize = 10_000;
/// Bytes of input and output kept.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// The number of this session in replies: there are no others.
const SESSION: i64 = 1;

/// The history of one session, oldest first.
#[derive(Debug, Default)]
pub struct History {
    entries: VecDeque<Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    line: u64,
    input: String,
    output: Option<String>,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.input.len() + self.output.as_ref().map_or(0, String::len)
    }
}

impl History {
    /// Remembers the input of cell number `line`.
    pub fn add(&mut self, line: u64, input: &str) {
        let entry = Entry {
            line,
            input: input.to_owned(),
            output: None,
        };
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > ENTRIES_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= oldest.bytes();
        }
    }

    /// Remembers the plain text of the result of cell number `line`.
    pub fn set_output(&mut self, line: u64, output: &str) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.line == line) {
            self.bytes += output.len();
            entry.output = Some(output.to_owned());
        }
    }

    /// The newest source of the item called `name`.
    pub fn source_of(&self, name: &str) -> Option<String> {
        let sources = self.entries.iter().rev();
        sources
            .filter_map(|entry| items::source_of(name, &entry.input))
            .map(str::to_owned)
            .next()
    }

    /// The `history` field of the reply: `[session, line, input]`, or `[session, line, [input, output]]`.
    pub fn answer(&self, request: &requests::History) -> Vec<Value> {
        let all = self.entries.iter();
        let chosen: Vec<&Entry> = match request.hist_access_type {
            Access::Tail => last(all.collect(), request.n),
            Access::Range if matches!(request.session, 0 | SESSION) => {
                let stop = request.stop.unwrap_or(i64::MAX);
                all.filter(|entry| (request.start..stop).contains(&(entry.line as i64)))
                    .collect()
            }
            Access::Range => Vec::new(),
            Access::Search => {
                let pattern = request.pattern.as_deref().unwrap_or("*");
                let mut found: Vec<&Entry> = all.filter(|entry| glob(pattern, &entry.input)).collect();
                if request.unique {
                    // The last of equal inputs stays.
                    let mut seen = HashSet::new();
                    found.reverse();
                    found.retain(|entry| seen.insert(entry.input.as_str()));
                    found.reverse();
                }
                last(found, request.n)
            }
        };
        chosen
            .into_iter()
            .map(|entry| match request.output {
                true => json!([SESSION, entry.line, [entry.input, entry.output]]),
                false => json!([SESSION, entry.line, entry.input]),
            })
            .collect()
    }
}

fn last(mut entries: Vec<&Entry>, n: Option<i64>) -> Vec<&Entry> {
    if let Some(n) = n {
        let n = usize::try_from(n).unwrap_or(0);
        entries.drain(..entries.len().saturating_sub(n));
    }
    entries
}

/// Whether `pattern`, with `*` for any text and `?` for any character, matches all of `text`. Linear in both but for
/// one step back per `*`.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star_p, star_t)) = star else { return false };
                star = Some((star_p, star_t + 1));
                p = star_p + 1;
                t = star_t + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(request: Value) -> Vec<Value> {
        let mut history = History::default();
        for (line, input) in [(1, "let a = 1;"), (2, "a + 1"), (3, "a"), (4, "a + 1")] {
            history.add(line, input);
        }
        history.set_output(2, "2");
        history.answer(&serde_json::from_value(request).unwrap())
    }

    #[test]
    fn tail_range_and_search() {
        let cases = [
            (
                json!({"hist_access_type": "tail", "n": 2}),
                json!([[1, 3, "a"], [1, 4, "a + 1"]]),
            ),
            (json!({"hist_access_type": "tail", "n": 0}), json!([])),
            (json!({"hist_access_type": "tail", "n": -1}), json!([])),
            (
                json!({"hist_access_type": "range", "session": 0, "start": 1, "stop": 2}),
                json!([[1, 1, "let a = 1;"]]),
            ),
            (
                json!({"hist_access_type": "range", "session": 0, "start": 4}),
                json!([[1, 4, "a + 1"]]),
            ),
            (
                json!({"hist_access_type": "range", "session": -1, "start": 1}),
                json!([]),
            ),
            (
                json!({"hist_access_type": "range", "start": 2, "stop": 3, "output": true}),
                json!([[1, 2, ["a + 1", "2"]]]),
            ),
            (
                json!({"hist_access_type": "search", "pattern": "a*", "n": 2}),
                json!([[1, 3, "a"], [1, 4, "a + 1"]]),
            ),
            (
                json!({"hist_access_type": "search", "pattern": "a ? 1"}),
                json!([[1, 2, "a + 1"], [1, 4, "a + 1"]]),
            ),
            (
                json!({"hist_access_type": "search", "pattern": "a*", "unique": true}),
                json!([[1, 3, "a"], [1, 4, "a + 1"]]),
            ),
            (
                json!({"hist_access_type": "search", "pattern": "*1", "unique": true, "n": 1}),
                json!([[1, 4, "a + 1"]]),
            ),
            (json!({"hist_access_type": "search", "pattern": "b"}), json!([])),
        ];
        for (request, expected) in cases {
            assert_eq!(Value::from(ask(request.clone())), expected, "{request}");
        }
    }

    #[test]
    fn globs() {
        let cases = [
            ("*", "", true),
            ("", "", true),
            ("?", "", false),
            ("*a*b", "xaaxb", true),
            ("*a*b", "xaax", false),
            ("a*?", "a", false),
            ("**é?", "xxéy", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn is_bounded() {
        let mut history = History::default();
        let input = "x".repeat(1024 * 1024);
        for line in 1..=40 {
            history.add(line, &input);
        }
        assert!(history.bytes <= BYTES_MAX && history.entries.len() == 16);
    }
}
