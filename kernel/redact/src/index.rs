//! The append-only fingerprint index.
//!
//! ```text
//!  squeezed text   …h u n t e r 2 h u n t e r 2…
//!                   ▲ every 7th (3rd) position: the next 6 (4) characters ─ hash ─► bitmap ─► bucket ─► (form, offset)
//! ```
//!
//! A form of at least 12 squeezed characters has seven neighbouring 6-grams, so one of them is at a sampled position
//! wherever it occurs; a form of 6 to 11 has three 4-grams. Which seven is free: those that fewest other forms share, so
//! that a thousand keys with one prefix do not meet in one bucket. The value itself has all of its grams in the index, so
//! that cut-off pieces are found too.
//!
//! Invariants: nothing that is published is ever changed or moved; readers take no lock; what `learn` has returned from
//! is found by every scan that starts later.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::append::Append;
use crate::forms::{self, Kind};
use crate::policy::{self, Tier};
use crate::sieve::Sieve;
use crate::squeeze::is_kept;
use crate::vault::{Needle, Vault};
use crate::{Secret, derive, views};

/// Grams of the long class, and the distance between sampled positions.
pub(crate) const LONG: Class = Class { gram: 6, stride: WIDE };
/// Grams of the short class; the distance is smaller when shorter forms are known.
pub(crate) const SHORT: Class = Class { gram: 4, stride: WIDE };
/// The distance of both, unless shorter forms are known.
pub(crate) const WIDE: usize = 7;
/// Letters and digits by which a value is found that has too few for the classes above, all at once: at every position.
pub(crate) const TINY: Class = Class { gram: 3, stride: 1 };
/// Letters and digits in a row where rare forms are looked for.
pub(crate) const RARE_CHARS: usize = 12;
/// The shortest form in the index.
pub(crate) const CANON_MIN: usize = 6;
/// Characters that decide whether the end of a text may begin a form.
pub(crate) const HEAD: usize = 4;

/// Forms that may share a gram before the rest of them is found by a hash of the whole form: a thousand values with one
/// prefix must not all be compared wherever that prefix stands.
const CROWD_MAX: usize = 8;

/// Set in an entry's offset: its `form` is a length, and the form is found in `whole` by its hash.
const FAMILY: u32 = 1 << 31;

#[derive(Clone, Copy)]
pub(crate) struct Class {
    pub gram: usize,
    pub stride: usize,
}

impl Class {
    /// The shortest form that certainly contains a sampled gram.
    pub(crate) const fn least(self) -> usize {
        self.gram + self.stride - 1
    }

    #[inline]
    pub(crate) fn load(self, padded: &[u8], at: usize) -> u64 {
        let word = match padded.get(at..at + 8) {
            Some(bytes) => u64::from_le_bytes(bytes.try_into().unwrap_or([0; 8])),
            None => 0,
        };
        word & (u64::MAX >> (64 - 8 * self.gram))
    }
}

/// A literal form.
pub(crate) struct Literal {
    pub secret: u32,
    pub kind: Kind,
    /// Exactly.
    pub exact: Needle,
    /// Squeezed.
    pub canon: Needle,
    /// Bytes before the first and after the last squeezed character.
    pub lead: usize,
    pub trail: usize,
    /// Whether other letter case counts.
    pub foldable: bool,
}

impl Literal {
    /// A value of digits only.
    pub(crate) fn is_number(&self) -> bool {
        self.kind == Kind::Raw && self.exact.bytes().iter().all(u8::is_ascii_digit)
    }
}

/// A value hidden as a whole word.
pub(crate) struct Word {
    pub secret: u32,
    pub exact: Needle,
}

/// How often something has been learnt in this process, by any index.
static LEARNT: AtomicUsize = AtomicUsize::new(0);

/// A name, and whether it may be told.
struct Known {
    scope: String,
    key: String,
    value: Needle,
}

/// Grams of one class over one kind of text.
pub(crate) struct Grams {
    class: Class,
    key: u64,
    first: First,
    buckets: Box<[AtomicU32]>,
    entries: Append<Entry>,
    /// Distance between sampled positions: no form has fewer grams in the index.
    stride: AtomicUsize,
}

/// What is asked first about a gram.
enum First {
    /// The one of these that is asked while few grams are known, or the one for many; both know all.
    Filters([Filter; 2]),
    /// Asked about many places at once, for grams of two lengths.
    Sieve(Arc<Sieve>),
}

/// A filter this full lets too much through.
const GRAMS_PER_WORD_MAX: usize = 4;

/// Two bits of one word for each gram.
struct Filter {
    words: Box<[AtomicU64]>,
    shift: u32,
}

impl Filter {
    fn new(bits: u32) -> Self {
        Self {
            words: (0..1usize << (bits - 6)).map(|_| AtomicU64::new(0)).collect(),
            shift: 64 - (bits - 6),
        }
    }

    fn enter(&self, hash: u64) {
        self.words[(hash >> self.shift) as usize].fetch_or(bits(hash), Ordering::Release);
    }

    /// Most grams that are not in the index are not here either.
    fn holds(&self, hash: u64) -> bool {
        let bits = bits(hash);
        self.words[(hash >> self.shift) as usize].load(Ordering::Relaxed) & bits == bits
    }
}

fn bits(hash: u64) -> u64 {
    1 << (hash >> 38 & 63) | 1 << (hash >> 32 & 63)
}

/// How many decoded bytes in a row may be part of a value or of an encoded one.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// Bytes that stand in values or are text, a bit each.
    likely: [u64; 4],
    length: usize,
}

impl Row {
    /// Whether a decoded byte may be part of a value or of an encoded one.
    #[inline]
    pub(crate) fn may_be(&self, byte: u8) -> bool {
        self.likely[usize::from(byte) / 64] >> (byte % 64) & 1 == 1
    }

    /// Whether a byte may stand between those of a value without being part of it: the other half of a character in
    /// UTF-16, a backspace, or one of a character that shows nothing.
    #[inline]
    pub(crate) const fn may_be_between(byte: u8) -> bool {
        matches!(
            byte,
            0 | 8 | 0x80 | 0x81 | 0x8B..=0x8F | 0xAD | 0xBB | 0xBF | 0xC2 | 0xE2 | 0xEF
        )
    }

    /// The bytes that may be part of a value or stand between those of one, a bit each.
    pub(crate) fn with_between(&self) -> [u64; 4] {
        static BETWEEN: [u64; 4] = {
            let mut bits = [0; 4];
            let mut byte = 0;
            while byte < 256 {
                if Row::may_be_between(byte as u8) {
                    bits[byte / 64] |= 1 << (byte % 64);
                }
                byte += 1;
            }
            bits
        };
        std::array::from_fn(|i| self.likely[i] | BETWEEN[i])
    }

    /// Whether with one more byte there are enough in a row.
    #[inline]
    pub(crate) fn reaches(&mut self, byte: u8) -> bool {
        if self.may_be(byte) {
            self.length += 1;
        } else if byte != 0 {
            // Zero is the other half of a character in UTF-16.
            self.length = 0;
        }
        self.length >= CANON_MIN
    }

    /// Whether with some more bytes there are enough in a row somewhere.
    #[inline]
    pub(crate) fn reaches_in(&mut self, bytes: impl IntoIterator<Item = u8>) -> bool {
        bytes.into_iter().any(|byte| self.reaches(byte))
    }

    /// Whether the last byte may be one of a value.
    pub(crate) fn has_begun(&self) -> bool {
        self.length > 0
    }

    /// What follows does not follow at once.
    pub(crate) fn end(&mut self) {
        self.length = 0;
    }
}

/// What a gram leads to.
#[derive(Clone, Copy)]
pub(crate) enum Candidate {
    /// A form in which the gram stands at `offset`.
    Form { form: u32, offset: usize },
    /// Many forms of one length.
    Family { len: usize, offset: usize },
}

#[derive(Clone, Copy)]
struct Entry {
    tag: u32,
    form: u32,
    offset: u32,
    /// Place of the next entry of the bucket, plus one.
    next: u32,
}

impl Grams {
    fn new(class: Class, key: u64, first: First, bucket_bits: u32) -> Self {
        Self {
            class,
            key: key | 1,
            first,
            buckets: (0..1usize << bucket_bits).map(|_| AtomicU32::new(0)).collect(),
            entries: Append::default(),
            stride: AtomicUsize::new(class.stride),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }

    /// How grams are sampled now.
    pub(crate) fn class(&self) -> Class {
        Class {
            stride: self.stride.load(Ordering::Acquire),
            ..self.class
        }
    }

    #[inline]
    fn hash(&self, gram: u64) -> u64 {
        gram.wrapping_mul(self.key)
    }

    /// Whether a gram may be in the index.
    #[inline]
    pub(crate) fn maybe(&self, gram: u64) -> bool {
        let First::Filters([few, many]) = &self.first else {
            return true;
        };
        let filter = if self.entries.len() <= few.words.len() * GRAMS_PER_WORD_MAX {
            few
        } else {
            many
        };
        filter.holds(self.hash(gram))
    }

    fn bucket(&self, gram: u64) -> (&AtomicU32, u32) {
        let mixed = self.hash(gram) ^ self.hash(gram.rotate_left(23) ^ self.key) >> 29;
        (
            &self.buckets[(mixed as usize) & (self.buckets.len() - 1)],
            (mixed >> 32) as u32,
        )
    }

    fn entries_of(&self, gram: u64, mut found: impl FnMut(&Entry)) {
        let (bucket, tag) = self.bucket(gram);
        let mut next = bucket.load(Ordering::Acquire);
        while next != 0 {
            let Some(entry) = self.entries.get(next as usize - 1) else {
                return;
            };
            if entry.tag == tag {
                found(entry);
            }
            next = entry.next;
        }
    }

    /// The forms that hold a gram, and where.
    pub(crate) fn lookup(&self, gram: u64, mut found: impl FnMut(Candidate)) {
        self.entries_of(gram, |entry| {
            let offset = (entry.offset & !FAMILY) as usize;
            found(if entry.offset & FAMILY == 0 {
                Candidate::Form {
                    form: entry.form,
                    offset,
                }
            } else {
                Candidate::Family {
                    len: entry.form as usize,
                    offset,
                }
            });
        });
    }

    fn crowd(&self, gram: u64) -> usize {
        let mut n = 0;
        self.entries_of(gram, |_| n += 1);
        n
    }

    fn insert(&self, gram: u64, form: u32, offset: usize, len: usize) {
        let mut form = form;
        let mut offset = offset as u32;
        if len > 0 && self.crowd(gram) >= CROWD_MAX {
            (form, offset) = (len as u32, offset | FAMILY);
            let mut present = false;
            self.entries_of(gram, |entry| present |= entry.form == form && entry.offset == offset);
            if present {
                return;
            }
        }
        let (bucket, tag) = self.bucket(gram);
        let next = bucket.load(Ordering::Relaxed);
        let entry = Entry {
            tag,
            form,
            offset,
            next,
        };
        let place = self.entries.push(entry) as u32 + 1;
        bucket.store(place, Ordering::Release);
        match &self.first {
            First::Filters(filters) => filters.iter().for_each(|filter| filter.enter(self.hash(gram))),
            First::Sieve(sieve) => sieve.enter(gram, self.class.gram),
        }
    }

    /// Enters as many neighbouring grams of a text as sampled positions are apart, all of them inside `part`: those that
    /// are least crowded.
    fn enter(&self, text: &[u8], form: u32, part: std::ops::Range<usize>) {
        let class = self.class;
        let mut padded = zeroize::Zeroizing::new(text.to_vec());
        padded.resize(text.len() + 8, 0);
        let gram = |at: usize| class.load(&padded, at);
        let grams = part.len() + 1 - class.gram;
        let n = class.stride.min(grams);
        self.stride.fetch_min(n, Ordering::AcqRel);
        let mut crowd = Vec::with_capacity(grams);
        let mut free = 0;
        // Of most values the first ones are shared with no other form.
        while crowd.len() < grams && free < n {
            let others = self.crowd(gram(part.start + crowd.len()));
            free = if others == 0 { free + 1 } else { 0 };
            crowd.push(others);
        }
        let best = (0..=crowd.len() - n)
            .min_by_key(|at| crowd[*at..at + n].iter().max().copied())
            .unwrap_or(0);
        (best..best + n).for_each(|at| self.insert(gram(part.start + at), form, part.start + at, text.len()));
    }

    /// Enters grams so that each part of the text that is hidden by itself, at its start and at its end, holds enough.
    fn enter_both(&self, text: &[u8], form: u32) {
        let (len, part) = (text.len(), cut_off(text.len()));
        if len - part + self.class.least() <= part {
            self.enter(text, form, len - part..part);
        } else {
            self.enter(text, form, 0..part);
            self.enter(text, form, len - part..len);
        }
    }

    /// Enters grams of the start of the text.
    fn enter_start(&self, text: &[u8], form: u32) {
        self.enter(
            text,
            form,
            0..cut_off(text.len()).max(self.class.least().min(text.len())),
        );
    }
}

/// Length of the shortest part of a text of this length that is hidden by itself.
fn cut_off(len: usize) -> usize {
    (len * 3 / 4).max(policy::TRUNCATED_BYTES).min(len)
}

/// Which of the first one to three characters of forms exist.
struct Beginnings {
    one: [AtomicU64; 4],
    two: Box<[AtomicU64]>,
    three: Box<[AtomicU64]>,
}

const THREE_BITS: usize = 1 << 18;

impl Beginnings {
    fn new() -> Self {
        let zeros = |bits: usize| (0..bits / 64).map(|_| AtomicU64::new(0)).collect();
        Self {
            one: Default::default(),
            two: zeros(1 << 16),
            three: zeros(THREE_BITS),
        }
    }

    fn place(&self, chars: &[u8]) -> Option<(&[AtomicU64], usize)> {
        match *chars {
            [a] => Some((&self.one, usize::from(a))),
            [a, b] => Some((&self.two, usize::from(a) << 8 | usize::from(b))),
            [a, b, c] => {
                let key = u32::from(a) << 16 | u32::from(b) << 8 | u32::from(c);
                Some((
                    &self.three,
                    key.wrapping_mul(0x9E37_79B1) as usize >> 14 & (THREE_BITS - 1),
                ))
            }
            _ => None,
        }
    }

    fn enter(&self, form: &[u8]) {
        for n in 1..=form.len().min(3) {
            if let Some((bits, at)) = self.place(&form[..n]) {
                bits[at / 64].fetch_or(1 << (at % 64), Ordering::Release);
            }
        }
    }

    fn contains(&self, chars: &[u8]) -> bool {
        self.place(chars)
            .is_some_and(|(bits, at)| bits[at / 64].load(Ordering::Acquire) >> (at % 64) & 1 == 1)
    }
}

/// Squeezes a form.
fn canon(exact: &[u8]) -> zeroize::Zeroizing<Vec<u8>> {
    let kept = exact.iter().filter(|b| is_kept(**b));
    zeroize::Zeroizing::new(kept.map(u8::to_ascii_lowercase).collect())
}

fn canon_padded(canon: &[u8]) -> [u8; 8] {
    let mut padded = [0; 8];
    padded[..HEAD].copy_from_slice(&canon[..HEAD]);
    padded
}

/// All that is known.
pub(crate) struct Index {
    /// Over squeezed text.
    pub(crate) long: Grams,
    pub(crate) short: Grams,
    /// Both of these.
    pub(crate) sieve: Arc<Sieve>,
    /// Forms with fewer squeezed characters than those: the first three of them.
    pub(crate) tiny: Grams,
    /// Forms that are looked for only where many letters and digits stand in a row.
    pub(crate) rare: Grams,
    /// Over the text as it is, for forms with too few letters and digits to be squeezed.
    pub(crate) sparse: Grams,
    heads: Grams,
    /// Whole squeezed forms by hash.
    whole: Grams,
    beginnings: Beginnings,
    /// First bytes of forms that do not begin with a squeezed character.
    leads: [AtomicU64; 4],
    /// All bytes of all forms.
    bytes: [AtomicU64; 4],
    pub(crate) literals: Append<Literal>,
    /// Literals in `sparse`.
    pub(crate) sparse_forms: Append<u32>,
    pub(crate) words: Append<Word>,
    secrets: Append<Known>,
    longest: AtomicU32,
    longest_counting: AtomicU32,
    /// What was learnt last, to the end; zero for nothing.
    learnt: AtomicUsize,
    longest_canon: AtomicU32,
    /// Characters of learnt values that a terminal view would write as plain ones.
    unusual: Append<char>,
    writer: Mutex<Vault>,
}

impl Default for Index {
    fn default() -> Self {
        let random = RandomState::new();
        let sieve = Arc::new(Sieve::new(random.hash_one(6)));
        let filters = |bits: [u32; 2]| First::Filters(bits.map(Filter::new));
        Self {
            long: Grams::new(LONG, random.hash_one(1), First::Sieve(sieve.clone()), 17),
            short: Grams::new(SHORT, random.hash_one(2), First::Sieve(sieve.clone()), 15),
            sieve,
            rare: Grams::new(LONG, random.hash_one(7), filters([18, 22]), 15),
            tiny: Grams::new(TINY, random.hash_one(8), filters([12, 16]), 10),
            sparse: Grams::new(SHORT, random.hash_one(3), filters([16, 18]), 12),
            heads: Grams::new(
                Class { gram: HEAD, stride: 1 },
                random.hash_one(4),
                filters([16, 20]),
                14,
            ),
            whole: Grams::new(Class { gram: 8, stride: 1 }, random.hash_one(5), filters([16, 20]), 14),
            beginnings: Beginnings::new(),
            leads: Default::default(),
            bytes: Default::default(),
            literals: Append::default(),
            sparse_forms: Append::default(),
            words: Append::default(),
            secrets: Append::default(),
            longest: AtomicU32::new(0),
            longest_counting: AtomicU32::new(0),
            learnt: AtomicUsize::new(0),
            longest_canon: AtomicU32::new(0),
            unusual: Append::default(),
            writer: Mutex::default(),
        }
    }
}

impl Index {
    /// Publishes a value's forms. Returns a notice for the user the first time, if the value cannot be hidden everywhere.
    pub(crate) fn learn(&self, secret: &Secret) -> Option<String> {
        let value = secret.bytes();
        let mut vault = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let tier = policy::tier(value);
        if self.knows(secret, tier) {
            return None;
        }
        let stored = vault.store(value);
        let place = Known {
            scope: secret.scope().into(),
            key: secret.key().into(),
            value: stored.clone(),
        };
        let id = self.secrets.push(place) as u32;
        match tier {
            Tier::Never => {}
            Tier::Word => {
                self.words.push(Word {
                    secret: id,
                    exact: stored,
                });
            }
            Tier::Full => self.publish(&mut vault, id, value),
        }
        if tier != Tier::Word {
            for part in derive::parts(value) {
                self.publish(&mut vault, id, &part);
            }
        }
        self.learnt
            .store(LEARNT.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Release);
        policy::notice(tier, secret.scope(), secret.key())
    }

    /// What was learnt last, of all indexes of this process: a scan that starts later finds no less, and one of another
    /// index has another number.
    pub(crate) fn learnt(&self) -> usize {
        self.learnt.load(Ordering::Acquire)
    }

    /// Whether this value has been learnt under this name.
    fn knows(&self, secret: &Secret, tier: Tier) -> bool {
        let value = secret.bytes();
        let known = |s: &Known| s.scope == secret.scope() && s.key == secret.key() && s.value.bytes() == value;
        let canon = canon(value);
        if tier != Tier::Full || canon.len() < CANON_MIN {
            return self.secrets.iter().any(known);
        }
        let mut found = false;
        self.same(&canon, |form| {
            let literal = self.literals.get(form as usize);
            found |= literal.is_some_and(|form| self.secrets.get(form.secret as usize).is_some_and(known));
        });
        found
    }

    fn publish(&self, vault: &mut Vault, secret: u32, value: &[u8]) {
        self.longest
            .fetch_max(value.len().min(u32::MAX as usize) as u32, Ordering::Relaxed);
        let counting = value.chunk_by(|a, b| a.checked_add(1) == Some(*b));
        self.longest_counting
            .fetch_max(counting.map(<[u8]>::len).max().unwrap_or(0) as u32, Ordering::Relaxed);
        for char in std::str::from_utf8(value)
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_ascii())
        {
            let mut utf8 = [0; 4];
            let utf8 = char.encode_utf8(&mut utf8).as_bytes();
            if views::terminal::is_noise(utf8) && !self.holds_unusual(utf8) {
                self.unusual.push(char);
            }
        }
        let wordlike = policy::is_wordlike(value);
        for (kind, exact) in forms::literals(value) {
            let canon = canon(&exact);
            let lead = exact.iter().position(|b| is_kept(*b)).unwrap_or(exact.len());
            let trail = exact.iter().rev().position(|b| is_kept(*b)).unwrap_or(0);
            let literal = Literal {
                secret,
                kind,
                exact: vault.store(&exact),
                canon: vault.store(&canon),
                lead,
                trail,
                foldable: matches!(kind, Kind::Hex | Kind::Digits)
                    || matches!(kind, Kind::Raw | Kind::Reversed) && value.len() >= policy::FOLDED_CHARS && !wordlike,
            };
            for byte in exact.iter() {
                self.bytes[usize::from(*byte) / 64].fetch_or(1 << (byte % 64), Ordering::Release);
            }
            let form = self.literals.push(literal) as u32;
            let whole = kind == Kind::Raw;
            if canon.len() < CANON_MIN {
                if exact.len() >= CANON_MIN {
                    self.sparse.enter(&exact, form, 0..exact.len());
                    self.sparse_forms.push(form);
                    if canon.len() >= TINY.gram {
                        let mut padded = [0; 8];
                        padded[..TINY.gram].copy_from_slice(&canon[..TINY.gram]);
                        self.tiny.insert(TINY.load(&padded, 0), form, 0, 0);
                        self.begin(&exact, &canon, form, lead);
                    }
                }
                continue;
            }
            self.whole.insert(self.hash_whole(&canon), form, 0, 0);
            self.begin(&exact, &canon, form, lead);
            // Three quarters of a value are recognised by themselves.
            let long = canon.len() >= if whole { LONG.least() + 4 } else { LONG.least() };
            if kind.is_rare() && canon.len() >= RARE_CHARS.max(LONG.least()) {
                self.rare.enter_start(&canon, form);
                continue;
            }
            match (long, whole) {
                (true, true) => self.long.enter_both(&canon, form),
                (true, false) => self.long.enter_start(&canon, form),
                (false, true) => self.short.enter_both(&canon, form),
                (false, false) => self.short.enter_start(&canon, form),
            }
        }
    }

    /// Enters what a form begins with, so that it is known where the end of a text may be a beginning.
    fn begin(&self, exact: &[u8], canon: &[u8], form: u32, lead: usize) {
        if canon.len() >= HEAD {
            let gram = self.heads.class.load(&canon_padded(canon), 0);
            self.heads.insert(gram, form, 0, 0);
        }
        self.beginnings.enter(canon);
        if lead > 0 {
            self.leads[usize::from(exact[0]) / 64].fetch_or(1 << (exact[0] % 64), Ordering::Release);
        }
        self.longest_canon.fetch_max(canon.len() as u32, Ordering::Relaxed);
    }

    /// A secret's name.
    pub(crate) fn name(&self, secret: u32) -> (String, String) {
        self.secrets
            .get(secret as usize)
            .map(|s| (s.scope.clone(), s.key.clone()))
            .unwrap_or_default()
    }

    /// Length of the longest value or part learnt.
    pub(crate) fn longest(&self) -> usize {
        self.longest.load(Ordering::Relaxed) as usize
    }

    /// How many bytes in a row count up in a value, like those of `abcd`.
    pub(crate) fn longest_counting(&self) -> usize {
        self.longest_counting.load(Ordering::Relaxed) as usize
    }

    /// Length of the longest squeezed form.
    pub(crate) fn longest_canon(&self) -> usize {
        self.longest_canon.load(Ordering::Relaxed) as usize
    }

    /// Whether some value holds an unusual character.
    pub(crate) fn has_unusual(&self) -> bool {
        self.unusual.len() > 0
    }

    /// Whether some value holds the unusual character in UTF-8.
    pub(crate) fn holds_unusual(&self, utf8: &[u8]) -> bool {
        let is = |held: &char| held.encode_utf8(&mut [0; 4]).as_bytes() == utf8;
        self.has_unusual() && self.unusual.iter().any(is)
    }

    /// Whether nothing can be found.
    pub(crate) fn is_empty(&self) -> bool {
        self.literals.len() == 0 && self.words.len() == 0
    }

    /// Whether some form begins with these one to three squeezed characters.
    pub(crate) fn begins(&self, chars: &[u8]) -> bool {
        self.beginnings.contains(chars)
    }

    /// A form that begins with these (at least [`HEAD`]) squeezed characters and goes on after them.
    pub(crate) fn beginning(&self, chars: &[u8]) -> Option<u32> {
        let gram = self.heads.class.load(&canon_padded(chars), 0);
        let mut found = None;
        if self.heads.maybe(gram) {
            self.heads.entries_of(gram, |entry| {
                if let Some(literal) = self.literals.get(entry.form as usize) {
                    let canon = literal.canon.bytes();
                    if found.is_none() && canon.starts_with(chars) && (canon.len() > chars.len() || literal.trail > 0) {
                        found = Some(literal.secret);
                    }
                }
            });
        }
        found
    }

    /// Forms whose squeezed text is exactly this.
    pub(crate) fn same(&self, canon: &[u8], mut found: impl FnMut(u32)) {
        self.whole.entries_of(self.hash_whole(canon), |entry| {
            if self
                .literals
                .get(entry.form as usize)
                .is_some_and(|literal| literal.canon.bytes() == canon)
            {
                found(entry.form);
            }
        });
    }

    fn hash_whole(&self, canon: &[u8]) -> u64 {
        let (words, rest) = canon.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        let step = |hash: u64, word: [u8; 8]| {
            (hash ^ u64::from_le_bytes(word))
                .wrapping_mul(self.whole.key)
                .rotate_left(29)
        };
        step(words.iter().copied().fold(canon.len() as u64, step), last)
    }

    /// Whether some value has several lines.
    pub(crate) fn has_lines(&self) -> bool {
        self.holds_byte(b'\n')
    }

    /// Whether some form holds this byte.
    pub(crate) fn holds_byte(&self, byte: u8) -> bool {
        self.bytes[usize::from(byte) / 64].load(Ordering::Acquire) >> (byte % 64) & 1 == 1
    }

    /// No decoded bytes yet.
    pub(crate) fn row(&self) -> Row {
        let printable = |i: usize| match i {
            0 => !0 << b' ' | 1 << b'\t' | 1 << b'\n' | 1 << b'\r' | 1 << 0x1B,
            1 => !0 >> 1,
            _ => 0,
        };
        Row {
            likely: std::array::from_fn(|i| printable(i) | self.bytes[i].load(Ordering::Acquire)),
            length: 0,
        }
    }

    /// Whether some form begins with this byte, which no squeezed text holds.
    pub(crate) fn leads(&self, byte: u8) -> bool {
        self.leads[usize::from(byte) / 64].load(Ordering::Acquire) >> (byte % 64) & 1 == 1
    }
}
