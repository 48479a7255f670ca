//! The shared redactor: learns secrets, seals messages, opens streams.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::index::Index;
use crate::redaction::{self, Found, Redaction};
use crate::scan::Match;
use crate::seal::{Carry, Redacted, Seal, Visitor};
use crate::secret::{Learned, Secret};
use crate::shown::Shown;
use crate::stream::{StreamRedactor, Tail};
use crate::views;

/// Everything one session has learnt. Cloning shares it.
///
/// Scanning never waits for learning: what is published is only ever added to.
#[derive(Clone, Default)]
pub struct Redactor {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    index: Index,
    totals: Mutex<Vec<Redaction>>,
}

impl Redactor {
    /// A redactor that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns a value in all its forms. When this returns, every message sealed and every byte pushed or still held back
    /// is checked for it.
    pub fn learn<'s>(&self, secret: &'s Secret) -> Learned<'s> {
        let notice = self.shared.index.learn(secret);
        Learned::after_publication(secret, notice)
    }

    /// Hides every learnt secret in a message. The only way to a [`Redacted`], but for [`Self::seal_with`].
    pub fn seal<M: Seal>(&self, mut message: M) -> Redacted<M> {
        let mut visitor = Visitor::new(self);
        message.walk(&mut visitor);
        let redactions = visitor.into_redactions();
        if !redactions.is_empty() {
            message.explain(&redactions);
            self.count(&redactions);
        }
        Redacted::from_seal(message, redactions)
    }

    /// Seals a message that is to show text of a stream. The text is looked at once more only if something has been learnt
    /// since the stream looked at it, or if that was another redactor's.
    pub fn seal_with<M: Carry>(&self, mut message: M, text: Shown) -> Redacted<M> {
        if text.learnt() != self.shared.index.learnt() {
            message.carry(text.into_text());
            return self.seal(message);
        }
        let mut sealed = self.seal(message);
        sealed.carry(text);
        sealed
    }

    /// Opens a stream; `tail` is what the previous cell's stream left.
    pub fn stream(&self, tail: Tail) -> StreamRedactor {
        StreamRedactor::new(self.clone(), tail)
    }

    /// A text with every learnt secret hidden: for logs and files, which are not messages.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            }),
        }
    }

    /// Bytes with every learnt secret hidden.
    pub fn bytes<'t>(&self, bytes: &'t [u8]) -> Cow<'t, [u8]> {
        let mut redactions = Vec::new();
        match self.redact(bytes, &mut redactions) {
            Some(out) => {
                self.count(&redactions);
                Cow::Owned(out)
            }
            None => Cow::Borrowed(bytes),
        }
    }

    /// Where learnt secrets stand in a text, by name. Counts nothing.
    pub fn find(&self, text: &[u8]) -> Vec<Found> {
        self.scan(text).iter().map(|m| self.found(m)).collect()
    }

    /// What has been hidden in this session.
    pub fn redactions(&self) -> Vec<Redaction> {
        self.shared
            .totals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn index(&self) -> &Index {
        &self.shared.index
    }

    pub(crate) fn count(&self, redactions: &[Redaction]) {
        if !redactions.is_empty() {
            redaction::add(
                &mut self.shared.totals.lock().unwrap_or_else(PoisonError::into_inner),
                redactions,
            );
        }
    }

    /// Matches in a complete text, in order of start, not overlapping, adjacent ones joined.
    pub(crate) fn scan(&self, text: &[u8]) -> Vec<Match> {
        join(self.shared.index.scan(text, true).matches)
    }

    pub(crate) fn found(&self, m: &Match) -> Found {
        let (scope, key) = self.shared.index.name(m.secret);
        Found {
            scope,
            key,
            form: m.form,
            range: m.start..m.end,
        }
    }

    pub(crate) fn named(&self, m: &Match) -> Redaction {
        let (scope, key) = self.shared.index.name(m.secret);
        Redaction {
            scope,
            key,
            form: m.form,
            count: 1,
        }
    }

    /// Secrets among the elements of a list of integers.
    pub(crate) fn integers(&self, values: &[i64]) -> Vec<(Range<usize>, Redaction)> {
        let mut found: Vec<(Range<usize>, Redaction)> = Vec::new();
        for (text, elements) in views::numbers::from_integers(values) {
            for m in self.scan(&text).into_iter().filter(|m| m.bytes >= 6) {
                let range = elements[m.start]..elements[m.end - 1] + 1;
                if found
                    .iter()
                    .all(|(old, _)| old.end <= range.start || range.end <= old.start)
                {
                    let mut named = self.named(&m);
                    named.form = crate::Form::Numbers;
                    found.push((range, named));
                }
            }
        }
        found.sort_by_key(|(range, _)| range.start);
        found
    }

    /// The redacted copy, or `None` when nothing has to change.
    pub(crate) fn redact(&self, bytes: &[u8], redactions: &mut Vec<Redaction>) -> Option<Vec<u8>> {
        let matches = self.scan(bytes);
        if matches.is_empty() {
            return None;
        }
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for m in &matches {
            out.extend_from_slice(&bytes[at..m.start]);
            out.extend_from_slice(crate::TOKEN.as_bytes());
            at = m.end;
            redaction::add(redactions, &[self.named(m)]);
        }
        out.extend_from_slice(&bytes[at..]);
        Some(out)
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

/// Sorts, and joins what overlaps or touches; the longest of the joined ones gives the name.
pub(crate) fn join(mut matches: Vec<Match>) -> Vec<Match> {
    matches.sort_by_key(|m| (m.start, usize::MAX - m.end));
    let mut joined: Vec<Match> = Vec::with_capacity(matches.len());
    let mut longest = 0;
    for m in matches {
        match joined.last_mut() {
            Some(last) if m.start <= last.end => {
                if m.end - m.start > longest {
                    longest = m.end - m.start;
                    (last.secret, last.form) = (m.secret, m.form);
                }
                last.end = last.end.max(m.end);
            }
            _ => {
                longest = m.end - m.start;
                joined.push(m);
            }
        }
    }
    joined
}
