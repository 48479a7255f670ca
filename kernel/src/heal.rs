//! Pasted secrets: a cell whose string literal is, or contains, a known secret is not run. Its source is rewritten to
//! fetch the secret instead.
//!
//! 1. Take the cell's string literals of 12 characters and more, and the password parts of addresses.
//! 2. Known to the redactor (fetched before)? Or does the service know it as one that the user may read?
//! 3. What the service recognised is learnt, so that no message shows it, this cell's own input included.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use crate::broker::Broker;
use crate::language::literals::{Literal, strings};
use crate::language::rewrite::{Pasted, fetch_instead};
use crate::redact::{Form, Redactor, Secret};

/// Shorter literals are too likely to be something else.
const LITERAL_CHARS_MIN: usize = 12;
/// Literals asked about per cell; the service takes no more in one request.
const LITERALS_MAX: usize = 64;
/// Literals remembered as no secret.
const KNOWN_MAX: usize = 100_000;

/// What has been asked already.
#[derive(Default)]
pub struct Healer {
    hasher: RandomState,
    harmless: Mutex<HashSet<u64>>,
}

/// A cell that holds a secret.
#[derive(Debug, PartialEq, Eq)]
pub struct Healed {
    /// Its source, with the secret fetched instead.
    pub source: String,
    /// A line for the user, with names only.
    pub notice: String,
}

impl Healer {
    /// Looks for secrets in the literals of `source`.
    pub async fn examine(&self, source: &str, redactor: &Redactor, broker: &Broker) -> Option<Healed> {
        let literals: Vec<Literal> = strings(source)
            .into_iter()
            .filter(|literal| literal.value.chars().count() >= LITERAL_CHARS_MIN)
            .collect();
        if literals.is_empty() {
            return None;
        }
        // 1. What the redactor knows.
        let mut pasted: Vec<Pasted> = literals.iter().filter_map(|literal| known(literal, redactor)).collect();
        // 2. What the service knows.
        let unknown = self.unknown(&literals, &pasted);
        if !unknown.is_empty() {
            let texts: Vec<&str> = unknown
                .iter()
                .map(|(literal, part)| &literal.value[part.clone()])
                .collect();
            if let Some(matches) = broker.match_literals(&texts).await {
                for found in &matches {
                    let Some((literal, part)) = unknown.get(found.index) else {
                        continue;
                    };
                    let value = literal.value[part.clone()].as_bytes().to_vec();
                    broker.keep(&found.scope, &found.key, &value);
                    let secret = Secret::new(found.scope.as_str(), found.key.as_str(), value);
                    let _ = redactor.learn(&secret);
                    let (scope, key) = (found.scope.clone(), found.key.clone());
                    pasted.push(Pasted {
                        literal: (*literal).clone(),
                        part: part.clone(),
                        scope,
                        key,
                    });
                }
                let matched: Vec<usize> = matches.iter().map(|found| found.index).collect();
                self.remember(
                    texts
                        .iter()
                        .enumerate()
                        .filter(|(at, _)| !matched.contains(at))
                        .map(|(_, text)| *text),
                );
            }
        }
        if pasted.is_empty() {
            return None;
        }
        // 3. Rewrite.
        pasted.sort_by_key(|pasted| pasted.literal.range.start);
        let names: Vec<String> = pasted
            .iter()
            .map(|pasted| format!("scope {:?}, key {:?}", pasted.scope, pasted.key))
            .collect();
        let notice = format!(
            "This cell holds the value of a secret ({}). It was not run; its source now fetches the secret instead: \
             run it again. If this notebook was shared or saved with the value, rotate the secret.",
            names.join("; ")
        );
        Some(Healed {
            source: fetch_instead(source, &pasted),
            notice,
        })
    }

    /// Literals, and password parts, that nobody has been asked about.
    fn unknown<'l>(&self, literals: &'l [Literal], pasted: &[Pasted]) -> Vec<(&'l Literal, std::ops::Range<usize>)> {
        let harmless = self.lock();
        let mut unknown = Vec::new();
        for literal in literals
            .iter()
            .filter(|literal| !pasted.iter().any(|pasted| pasted.literal == **literal))
        {
            let whole = 0..literal.value.len();
            for part in [Some(whole), password(&literal.value)].into_iter().flatten() {
                let text = &literal.value[part.clone()];
                if text.chars().count() >= LITERAL_CHARS_MIN && !harmless.contains(&self.hasher.hash_one(text)) {
                    unknown.push((literal, part));
                }
            }
        }
        unknown.truncate(LITERALS_MAX);
        unknown
    }

    fn remember<'t>(&self, texts: impl Iterator<Item = &'t str>) {
        let mut harmless = self.lock();
        if harmless.len() > KNOWN_MAX {
            harmless.clear();
        }
        harmless.extend(texts.map(|text| self.hasher.hash_one(text)));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<u64>> {
        self.harmless.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn known(literal: &Literal, redactor: &Redactor) -> Option<Pasted> {
    let found = redactor.find(literal.value.as_bytes());
    // Only the value itself: a literal that holds another form of it is not one that a call could replace.
    let found = found.into_iter().find(|found| found.form == Form::Raw)?;
    let (start, end) = (found.range.start, found.range.end);
    let whole = literal.value.is_char_boundary(start) && literal.value.is_char_boundary(end);
    whole.then(|| Pasted {
        literal: literal.clone(),
        part: found.range,
        scope: found.scope,
        key: found.key,
    })
}

/// The password part of `scheme://user:password@…`.
fn password(text: &str) -> Option<std::ops::Range<usize>> {
    let authority = text.find("://")? + 3;
    let end = authority
        + text[authority..]
            .find(['/', '?', '#', ' '])
            .unwrap_or(text.len() - authority);
    let at = authority + text[authority..end].rfind('@')?;
    let colon = authority + text[authority..at].find(':')?;
    Some(colon + 1..at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_addresses() {
        let cases = [
            ("postgres://user:planted-pass@host:5432/db", Some("planted-pass")),
            ("https://user:p@ss:word@host/a@b", Some("p@ss:word")),
            ("https://host:8080/path", None),
            ("no address: x@y", None),
        ];
        for (text, expected) in cases {
            assert_eq!(password(text).map(|part| &text[part]), expected, "{text}");
        }
    }
}
