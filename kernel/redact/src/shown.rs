//! Text of a stream in which everything is hidden that had been learnt when the stream looked at it.
//!
//! Invariants: only a stream makes it and adds to it, so that a message that carries it need not be looked at once more;
//! whoever seals the message knows whether something has been learnt since, and whether it is another redactor's.

use std::ops::Deref;

/// Bytes that may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    bytes: Vec<u8>,
    /// What the redactor had learnt last before it looked at them; zero for nothing that all of them have in common.
    learnt: usize,
}

impl Shown {
    pub(crate) fn new(learnt: usize) -> Self {
        Self {
            bytes: Vec::new(),
            learnt,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What the redactor had learnt last.
    pub(crate) fn learnt(&self) -> usize {
        self.learnt
    }

    /// Adds what is shown next.
    pub fn append(&mut self, mut next: Shown) {
        self.bytes.append(&mut next.bytes);
        if self.learnt != next.learnt {
            self.learnt = 0;
        }
    }

    /// As text; what is not UTF-8 is replaced.
    pub fn into_text(self) -> String {
        String::from_utf8(self.bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl Deref for Shown {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl IntoIterator for Shown {
    type Item = u8;
    type IntoIter = std::vec::IntoIter<u8>;

    fn into_iter(self) -> Self::IntoIter {
        self.bytes.into_iter()
    }
}
