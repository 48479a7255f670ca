//! Fields that a completion should not offer, because no cell can name them.
//!
//! evcxr asks rust-analyzer for private members too, as if everything were the user's to change, and does not pass on which
//! they are. What is shown about a field says it: whose it is, and how it is declared. That takes about as long as a
//! completion, so only a few are asked, and what was found is remembered. Of methods there are too many to ask: see
//! [`super::hidden`].

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Fields that are asked about for one completion; types of other crates seldom have more.
const ASKED_MAX: usize = 4;
/// Completions that are remembered.
const KNOWN_MAX: usize = 200;

/// The crate that cells are compiled into.
const OWN_CRATE: &str = "ctx";

/// What was found about fields.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// By what decides about the type, and by all the names that were offered with them.
    private: BTreeMap<u64, Vec<String>>,
}

impl Members {
    /// The private ones of `fields`, which were offered among `all`. `of` decides about the type that has them; `about` shows
    /// what is known about one.
    pub(super) fn private<'a>(
        &mut self,
        of: impl Hash,
        all: impl Iterator<Item = &'a str>,
        fields: &[String],
        mut about: impl FnMut(&str) -> Option<String>,
    ) -> Vec<String> {
        let mut hasher = DefaultHasher::new();
        of.hash(&mut hasher);
        all.for_each(|name| name.hash(&mut hasher));
        let key = hasher.finish();
        if let Some(known) = self.private.get(&key) {
            return known.clone();
        }
        let asked = fields.iter().take(ASKED_MAX);
        let answers: Vec<(&String, Option<String>)> = asked.map(|name| (name, about(name))).collect();
        let is_private =
            |(name, text): &&(&String, Option<String>)| text.as_ref().is_some_and(|text| is_private(name, text));
        let found: Vec<String> = answers
            .iter()
            .filter(is_private)
            .map(|(name, _)| (*name).clone())
            .collect();
        if answers.iter().any(|(_, text)| text.is_none()) {
            // It may be answered the next time.
            return found;
        }
        if self.private.len() >= KNOWN_MAX {
            self.private.clear();
        }
        self.private.insert(key, found.clone());
        found
    }
}

/// Whether `text` (the type's path, an empty line, the declaration) is about a field of another crate's type that is not
/// public.
fn is_private(name: &str, text: &str) -> bool {
    let Some((path, declared)) = text.split_once("\n\n") else {
        return false;
    };
    let owner = path.trim().split("::").next().unwrap_or_default();
    let is_foreign = path.contains("::") && owner != OWN_CRATE;
    is_foreign && (declared.starts_with(&format!("{name}: ")) || declared.starts_with("pub("))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_fields_of_others_are_seen() {
        for (name, text, expected) in [
            ("len", "alloc::vec::Vec\n\nlen: usize", true),
            ("ptr", "alloc::sync::Arc\n\npub(crate) ptr: NonNull<T>", true),
            ("start", "core::ops::range::Range\n\npub start: i32", false),
            ("zeroth", "ctx::Pair\n\nzeroth: i32", false),
            ("0", "0: i32", false),
            ("len", "alloc::vec::Vec\n\npub const fn len(&self) -> usize", false),
        ] {
            assert_eq!(is_private(name, text), expected, "{text}");
        }
    }

    #[test]
    fn each_is_asked_once_and_few_are() {
        let mut members = Members::default();
        let fields: Vec<String> = (0..9).map(|n| format!("f{n}")).collect();
        let names = || fields.iter().map(String::as_str);
        let mut asked = 0;
        let mut about = |name: &str| {
            asked += 1;
            Some(format!("a::B\n\n{name}: u8"))
        };
        let first = members.private("b", names(), &fields, &mut about);
        assert_eq!(first, fields[..ASKED_MAX]);
        assert_eq!(members.private("b", names(), &fields, &mut about), first);
        assert_eq!(asked, ASKED_MAX);
        // Of another type with the same names.
        let own = |name: &str| Some(format!("ctx::B\n\n{name}: u8"));
        assert_eq!(members.private("c", names(), &fields, own), [""; 0]);
    }

    #[test]
    fn what_was_not_answered_is_asked_again() {
        let mut members = Members::default();
        let fields = ["f".to_owned()];
        let mut ask =
            |answer: Option<&str>| members.private("a", ["f"].into_iter(), &fields, |_| answer.map(str::to_owned));
        assert_eq!(ask(None), [""; 0]);
        assert_eq!(ask(Some("a::B\n\nf: u8")), fields);
        assert_eq!(ask(None), fields);
    }
}
