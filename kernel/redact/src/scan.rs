//! Finds learnt secrets in a text.
//!
//! ```text
//!  text ─► squeezed ─► grams ─► index ─► compare          what needs no decoding (verify.rs)
//!    └───► triggers ─► views ─► the same again            what does (views/)
//! ```
//!
//! A text is scanned in windows that overlap by the length of the longest secret in its longest form. Views are built
//! only around triggers, keep a map back to the text they come from, and are scanned in turn, to a bounded depth and
//! within a budget proportional to the text, so that no input takes more than linear time.

use std::cell::OnceCell;
use std::ops::Range;

use crate::forms::Kind;
use crate::index::{Candidate, Grams, Index, Literal, RARE_CHARS};
use crate::sieve::Places;
use crate::squeeze::{Squeezed, is_kept};
use crate::verify::{self, Text, Verdict};
use crate::views::dull::{self, Decoded, Dull};
use crate::views::{self, Counts};
use crate::{Form, pieces, policy, runs};

/// Deepest view: JSON in a string in JSON in base64 in a URL, and one more.
pub(crate) const DEPTH_MAX: usize = 6;

/// Window of a scan; fits the second-level cache with its squeezed copy.
const WINDOW_BYTES: usize = 64 * 1024;

/// Bytes that the views of a text may hold in total, and all views of those, per byte of text, and the allowance for small
/// texts. Each has its own, so that what is deep inside takes nothing from what shows at once.
const BUDGET_PER_BYTE: usize = 4;
const BUDGET_BYTES_MIN: usize = 256 * 1024;

/// How many bytes at both ends of dull lines are looked at like any others, at least.
const DULL_BYTES: usize = 512;

/// How many more are when something among those was compared.
const DULL_MORE_BYTES: usize = 4096;

/// Longest line that can be one of a table or a dump.
pub(crate) const LINE_BYTES_MAX: usize = 2048;

/// Streams inflated in one scan, or in one of its windows: some, and more in a longer text.
const INFLATIONS_MIN: usize = 64;
const BYTES_PER_INFLATION: usize = 4096;

/// A stretch of text that reveals a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Match {
    pub start: usize,
    pub end: usize,
    pub secret: u32,
    pub form: Form,
    /// Decoded bytes of the secret in the whole match, of which this may be a piece.
    pub bytes: usize,
}

/// What a scan of a text found.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub matches: Vec<Match>,
    /// Where a secret may have begun whose rest is not there yet.
    pub live: Option<Live>,
    /// Something in the text, or in a view of it, was alike enough to a form to be compared.
    pub compared: bool,
}

/// A possible beginning of a secret at the end of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Live {
    /// Where it begins.
    pub from: usize,
    /// How many bytes of the secret are there.
    pub bytes: usize,
    /// Which secret.
    pub secret: u32,
}

impl Match {
    fn new(start: usize, end: usize, secret: u32, form: Form) -> Self {
        Self {
            start,
            end,
            secret,
            form,
            bytes: end - start,
        }
    }
}

impl Scan {
    pub(crate) fn hold(&mut self, from: usize, bytes: usize, secret: u32) {
        match &mut self.live {
            None => self.live = Some(Live { from, bytes, secret }),
            Some(live) => {
                if bytes > live.bytes {
                    live.secret = secret;
                }
                live.from = live.from.min(from);
                live.bytes = live.bytes.max(bytes);
            }
        }
    }
}

impl Index {
    /// Scans a text; `complete` says that nothing follows it.
    pub(crate) fn scan(&self, text: &[u8], complete: bool) -> Scan {
        self.scan_after(0, text, complete)
    }

    /// The same, when what stands in the first `seen` bytes alone is known.
    pub(crate) fn scan_after(&self, seen: usize, text: &[u8], complete: bool) -> Scan {
        let mut scan = Scan::default();
        if cfg!(feature = "leak-for-tests") || self.is_empty() || text.is_empty() {
            return scan;
        }
        let mut scanner = Scanner {
            index: self,
            budgets: [0; 2],
            refused: false,
            inflated: views::inflate::OUTPUT_BYTES_MAX,
            inflations: INFLATIONS_MIN + text.len() / BYTES_PER_INFLATION,
            memory: Vec::new(),
            hits: Places::default(),
            armor: Default::default(),
            marks: Default::default(),
            tokens: Vec::new(),
            elements: Vec::new(),
            runs: [None; DEPTH_MAX + 1],
            lined: 0,
            numbered: false,
            seen,
        };
        scanner.level(Text { bytes: text, complete }, 0, Counts::default(), &mut scan);
        scan
    }

    /// Bytes by which windows overlap.
    pub(crate) fn overlap(&self) -> usize {
        (self.longest() * 16).clamp(1024, 48 * 1024)
    }
}

pub(crate) struct Scanner<'i> {
    pub(crate) index: &'i Index,
    /// Bytes that views of the text may still hold, and views of those.
    budgets: [usize; 2],
    /// A view was not looked at, as there was nothing left for it.
    pub(crate) refused: bool,
    /// Bytes that may still be inflated.
    pub(crate) inflated: usize,
    /// Streams that may still be inflated.
    pub(crate) inflations: usize,
    /// Kept for its memory; squeezed texts of as many levels as there were.
    memory: Vec<Squeezed>,
    hits: Places,
    pub(crate) armor: views::armor::Known,
    pub(crate) marks: views::dense::Marks,
    pub(crate) tokens: Vec<views::tokens::Token>,
    pub(crate) elements: Vec<views::reading::Element>,
    /// Per depth, where decoding of a run of base64 digits goes on in the next window.
    pub(crate) runs: [Option<usize>; DEPTH_MAX + 1],
    /// How many of the views that are being scanned were put together from parts of lines.
    pub(crate) lined: u8,
    /// The next text to be scanned has lines of another one, without the numbers before them.
    pub(crate) numbered: bool,
    /// Bytes at the start of the text in which nothing has to be found that ends there.
    seen: usize,
}

impl Scanner<'_> {
    /// Each window of a text has at least what a text of its length would have, whatever stood before it.
    fn allow(&mut self, bytes: usize) {
        let budget = bytes.saturating_mul(BUDGET_PER_BYTE).max(BUDGET_BYTES_MIN);
        self.budgets = self.budgets.map(|left| left.max(budget));
        self.inflated = self.inflated.max(views::inflate::OUTPUT_BYTES_MAX);
        self.inflations = self.inflations.max(INFLATIONS_MIN + bytes / BYTES_PER_INFLATION);
    }

    /// Takes the bytes of a view of what is `depth` deep, if there are so many left.
    pub(crate) fn spend(&mut self, bytes: usize, depth: usize) -> Option<()> {
        let budget = &mut self.budgets[usize::from(depth > 0)];
        let left = budget.checked_sub(bytes);
        self.refused |= left.is_none();
        *budget = left?;
        Some(())
    }

    /// So many bytes are to be had in any case.
    pub(crate) fn have(&mut self, bytes: usize, depth: usize) {
        let budget = &mut self.budgets[usize::from(depth > 0)];
        *budget = bytes.max(*budget);
    }

    /// Starting to inflate is slow, so that it is not done at every place that looks like it.
    pub(crate) fn may_inflate(&mut self) -> bool {
        let may = self.inflations > 0;
        self.inflations -= usize::from(may);
        may
    }

    /// Scans one text or view. `limits`: triggers that the parent saw already.
    pub(crate) fn level(&mut self, text: Text<'_>, depth: usize, limits: Counts, scan: &mut Scan) {
        let (overlap, length) = (self.index.overlap(), text.bytes.len());
        self.runs[depth] = None;
        let numbered = std::mem::take(&mut self.numbered);
        let window = WINDOW_BYTES.max(4 * overlap);
        // Lines of which little has to be decoded; and from where on they are looked for.
        let (mut dull, mut look_from) = (Dull::none(), if depth == 0 { 0 } else { length });
        let (mut from, mut inside) = (0, false);
        loop {
            let mut to = if from + window + overlap >= length {
                length
            } else {
                from + window
            };
            if from >= look_from && !inside && to - from > 2 * (overlap + DULL_BYTES) {
                look_from = to - overlap;
                let middle = from + (to - from) / 2;
                if let Some(found) = dull::lines(text.bytes, from, middle, DULL_BYTES) {
                    (look_from, dull) = (found.end, found);
                    // So far, they have been looked at as the end of what came before.
                    inside = from == 0 && dull.start <= self.seen;
                }
            }
            // As it stands, what crosses their end is looked at together with them; and so are all rows of a dump.
            let end = if dull.decoded == Decoded::Rows {
                dull.all.end
            } else {
                dull.end
            };
            let dull_to = (end + overlap).min(length);
            if !dull.is_empty() {
                to = to.min(if inside { dull_to } else { dull.start });
            }
            let (before, compared) = ((scan.matches.len(), scan.live), scan.compared);
            let decoded = if inside { dull.decoded } else { Decoded::Everything };
            self.window(text, from..to, (overlap, numbered), (depth, decoded, limits), scan);
            if inside && to == dull_to {
                (from, inside) = (dull.end, false);
                dull = Dull::none();
                continue;
            }
            if to == length {
                break;
            }
            from = to - overlap.min(to - from);
            if !inside && to == dull.start {
                // What was found before them is in them too, perhaps.
                let found = before != (scan.matches.len(), scan.live);
                inside = !found && (compared == scan.compared || dull.decoded == Decoded::Rows);
                look_from = dull.end;
                if inside && dull.decoded == Decoded::Rows {
                    // From the line break before the first one.
                    from = dull.all.start.saturating_sub(1);
                }
                if found {
                    dull = Dull::none();
                } else if !inside {
                    // Something alike was, so that a few more are looked at.
                    let more = dull.start + DULL_MORE_BYTES;
                    let rest = text.bytes.get(more..dull.end).unwrap_or_default();
                    dull.start = memchr::memchr(b'\n', rest).map_or(dull.end, |n| more + n + 1);
                }
            }
        }
        if !self.index.sparse.is_empty() {
            self.sparse(text, scan);
        }
        if depth == 0 && self.index.words.len() > 0 {
            self.words(text, scan);
        }
    }

    /// Scans a part of a text, and its views if they are asked for.
    fn window(
        &mut self,
        text: Text<'_>,
        Range { start, end }: Range<usize>,
        (overlap, numbered): (usize, bool),
        (depth, decoded, limits): (usize, Decoded, Counts),
        scan: &mut Scan,
    ) {
        if depth == 0 {
            self.allow(end - start);
        }
        self.squeezed(text, start..end, (overlap, numbered), |scanner, window| {
            scanner.direct(window, depth, scan);
            if depth < DEPTH_MAX {
                match decoded {
                    Decoded::Everything => views::all(scanner, window, depth, limits, scan),
                    Decoded::Rows => views::dump::scan(scanner, window, true, depth, scan),
                    Decoded::Nothing => {}
                }
            }
        });
    }

    /// Looks for lists, tables and records in a part of a window.
    pub(crate) fn part(&mut self, window: &Window<'_>, part: Range<usize>, depth: usize, scan: &mut Scan) {
        let shared = (window.overlap, window.numbered);
        self.squeezed(window.text, part, shared, |scanner, part| {
            views::lists(scanner, part, false, depth, scan);
        });
    }

    /// Shows a part of a text with its squeezed text.
    fn squeezed(
        &mut self,
        text: Text<'_>,
        Range { start, end }: Range<usize>,
        (overlap, numbered): (usize, bool),
        look: impl FnOnce(&mut Self, &Window<'_>),
    ) {
        let squeezed = Squeezed::new(&text.bytes[start..end], self.memory.pop().unwrap_or_default());
        let window = Window {
            text,
            from: start,
            to: end,
            squeezed: &squeezed,
            overlap,
            numbered,
            last: end == text.bytes.len(),
            ends: &OnceCell::new(),
        };
        look(self, &window);
        self.memory.push(squeezed);
    }

    /// Everything that shows in the squeezed text.
    fn direct(&mut self, window: &Window<'_>, depth: usize, scan: &mut Scan) {
        let mut recent = Recent::default();
        let mut hits = std::mem::take(&mut self.hits);
        let (padded, index) = (window.squeezed.padded(), self.index);
        let strides = [&index.long, &index.short].map(|grams| (!grams.is_empty()).then(|| grams.class().stride));
        index
            .sieve
            .places(padded, window.squeezed.canon().len(), strides, &mut hits);
        for (grams, hits) in [(&index.long, &hits.long), (&index.short, &hits.short)] {
            let class = grams.class();
            for at in hits.iter() {
                self.look(window, grams, class.load(padded, at), at, depth, &mut recent, scan);
            }
        }
        self.hits = hits;
        let (tiny, canon) = (&index.tiny, window.squeezed.canon());
        if !tiny.is_empty() {
            for at in 0..(canon.len() + 1).saturating_sub(tiny.class().gram) {
                let gram = tiny.class().load(padded, at);
                if tiny.maybe(gram) {
                    self.look(window, tiny, gram, at, depth, &mut recent, scan);
                }
            }
        }
        if !index.rare.is_empty() {
            self.rare(window, depth, &mut recent, scan);
        }
        if window.last && !window.text.complete {
            self.live_end(window, scan);
        }
    }

    /// Compares the forms that hold a gram, which stands at `at` in the squeezed text.
    #[expect(clippy::too_many_arguments, reason = "the text, the index and the place in both")]
    fn look(
        &self,
        window: &Window<'_>,
        grams: &Grams,
        gram: u64,
        at: usize,
        depth: usize,
        recent: &mut Recent,
        scan: &mut Scan,
    ) {
        grams.lookup(gram, |candidate| match candidate {
            Candidate::Form { form, offset } => self.compare(window, form, at, offset, depth, recent, scan),
            Candidate::Family { len, offset } => {
                let start = at.wrapping_sub(offset);
                if let Some(canon) = window.squeezed.canon().get(start..start.wrapping_add(len)) {
                    self.index.same(canon, |form| {
                        self.compare(window, form, start, 0, depth, recent, scan);
                    });
                }
            }
        });
    }

    /// Rare forms, where many letters and digits of one case stand in a row.
    fn rare(&self, window: &Window<'_>, depth: usize, recent: &mut Recent, scan: &mut Scan) {
        let grams = &self.index.rare;
        let (padded, class) = (window.squeezed.padded(), grams.class());
        let last = (window.squeezed.canon().len() + 1).saturating_sub(class.gram);
        let squeezed = window.squeezed;
        let blocks = squeezed.keep.words().len();
        for first in (0..blocks).step_by(runs::BLOCKS) {
            for (i, mut starts) in (first..).zip(runs::of_one_case(squeezed, first)) {
                while starts != 0 {
                    let bit = starts.trailing_zeros() as usize;
                    let stretch = (!(starts >> bit)).trailing_zeros() as usize;
                    starts = if bit + stretch >= 64 {
                        0
                    } else {
                        starts >> (bit + stretch) << (bit + stretch)
                    };
                    let first = squeezed.before(i) + (squeezed.keep.at(i) & ((1 << bit) - 1)).count_ones() as usize;
                    let to = last.min(first + stretch + RARE_CHARS);
                    for at in (first..to).step_by(class.stride) {
                        let gram = class.load(padded, at);
                        if grams.maybe(gram) {
                            self.look(window, grams, gram, at, depth, recent, scan);
                        }
                    }
                }
            }
        }
    }

    /// A gram of `form` stands at `at` in the squeezed text, `offset` characters into the form.
    #[expect(clippy::too_many_arguments, reason = "the two texts and the two places in them")]
    fn compare(
        &self,
        window: &Window<'_>,
        form: u32,
        at: usize,
        offset: usize,
        depth: usize,
        recent: &mut Recent,
        scan: &mut Scan,
    ) {
        let _ = depth;
        scan.compared = true;
        let Some(literal) = self.index.literals.get(form as usize) else {
            return;
        };
        if recent.saw(form, at.wrapping_sub(offset)) {
            return;
        }
        let (canon, needle) = (window.squeezed.canon(), literal.canon.bytes());
        let ahead = common(&canon[at..], &needle[offset..]);
        let behind = canon[..at]
            .iter()
            .rev()
            .zip(needle[..offset].iter().rev())
            .take_while(|(a, b)| a == b)
            .count();
        let verdict = if behind == offset {
            let first = window.from + window.squeezed.position(at - offset);
            if offset + ahead == needle.len() {
                verify::whole(literal, window.text, first)
            } else if window.last && !window.text.complete && at + ahead == canon.len() {
                self.hold_from(window, literal, first, offset + ahead, scan);
                Verdict::No
            } else {
                verify::cut_off(literal, window.text, first)
            }
        } else if offset + ahead == needle.len() {
            verify::cut_off_head(
                literal,
                window.text,
                window.from + window.squeezed.position(at + ahead - 1) + 1,
            )
        } else {
            Verdict::No
        };
        match verdict {
            Verdict::Match { start, end, form } => scan.matches.push(Match::new(start, end, literal.secret, form)),
            Verdict::Live { from } if window.last => {
                self.hold_from(window, literal, from + literal.lead, needle.len(), scan)
            }
            _ => {}
        }
    }

    /// The text ends inside a form whose first squeezed character stands at `first`.
    fn hold_from(&self, window: &Window<'_>, literal: &Literal, first: usize, bytes: usize, scan: &mut Scan) {
        let from = window.back_over_lead(self.index, first);
        let from = from.min(first.saturating_sub(literal.lead));
        let before = usize::from(matches!(literal.kind, Kind::Base64 { before: 1, .. }) && from > 0);
        scan.hold(from - before, bytes, literal.secret);
    }

    /// Where the end of the text may be the beginning of a form.
    fn live_end(&self, window: &Window<'_>, scan: &mut Scan) {
        let canon = window.squeezed.canon();
        let bytes = window.text.bytes;
        // 1. Squeezed characters at the end.
        let longest = canon.len().min(self.index.longest_canon());
        for n in (1..=longest).rev() {
            let chars = &canon[canon.len() - n..];
            let secret = if n < crate::index::HEAD {
                self.index.begins(chars).then_some(u32::MAX)
            } else {
                self.index.beginning(chars)
            };
            let Some(secret) = secret else { continue };
            let from = window.from + window.squeezed.position(canon.len() - n);
            if n < crate::index::HEAD && !alone_on_its_line(bytes, from) {
                continue;
            }
            // The digit before it may hold bits of the value in base64.
            let from = window.back_over_lead(self.index, from);
            let before = usize::from(from > 0 && bytes[from - 1].is_ascii_alphanumeric());
            scan.hold(from - before, n, secret);
            break;
        }
        // 2. Punctuation at the end with which a form may begin.
        let punctuation = bytes
            .iter()
            .rev()
            .take(32)
            .take_while(|b| !is_kept(**b) && **b != b'\n')
            .count();
        if let Some(i) = bytes[bytes.len() - punctuation..]
            .iter()
            .position(|b| self.index.leads(*b))
        {
            let from = window.back_over_lead(self.index, bytes.len() - punctuation + i);
            scan.hold(from, 1, u32::MAX);
        }
    }

    /// Forms with hardly any letters or digits, over the text as it is.
    fn sparse(&self, text: Text<'_>, scan: &mut Scan) {
        let bytes = text.bytes;
        let grams = &self.index.sparse;
        let class = grams.class();
        let mut at = 0;
        while at + class.gram <= bytes.len() {
            let gram = u64::from(u32::from_le_bytes([
                bytes[at],
                bytes[at + 1],
                bytes[at + 2],
                bytes[at + 3],
            ]));
            if grams.maybe(gram) {
                grams.lookup(gram, |candidate| {
                    let (form, offset) = match candidate {
                        Candidate::Form { form, offset } => (form, offset),
                        // Forms this odd do not come in thousands that share a prefix; if they do, compare them all.
                        Candidate::Family { .. } => (u32::MAX, 0),
                    };
                    let all = self
                        .index
                        .sparse_forms
                        .iter()
                        .copied()
                        .filter(|f| form == u32::MAX || *f == form);
                    for form in all {
                        let Some(literal) = self.index.literals.get(form as usize) else {
                            continue;
                        };
                        let exact = literal.exact.bytes();
                        let offsets = if offset > 0 || form != u32::MAX {
                            offset..offset + 1
                        } else {
                            0..exact.len()
                        };
                        for offset in offsets {
                            if let Some(start) = at.checked_sub(offset)
                                && bytes[start..].starts_with(exact)
                            {
                                let end = start + exact.len();
                                scan.matches.push(Match::new(start, end, literal.secret, Form::Raw));
                            }
                        }
                    }
                });
            }
            at += class.stride;
        }
        if !text.complete {
            for literal in self
                .index
                .sparse_forms
                .iter()
                .filter_map(|form| self.index.literals.get(*form as usize))
            {
                let exact = literal.exact.bytes();
                let most = exact.len().min(bytes.len() + 1);
                if let Some(n) = (1..most).rev().find(|n| bytes.ends_with(&exact[..*n])) {
                    scan.hold(bytes.len() - n, n, literal.secret);
                }
            }
        }
    }

    /// Short values, as whole words.
    fn words(&self, text: Text<'_>, scan: &mut Scan) {
        let bytes = text.bytes;
        let inside = |b: Option<&u8>| b.is_some_and(|b| is_kept(*b) || *b == b'_');
        for word in self.index.words.iter() {
            let exact = word.exact.bytes();
            for start in memchr::memmem::find_iter(bytes, exact) {
                let end = start + exact.len();
                let before = start.checked_sub(1).and_then(|i| bytes.get(i));
                if end == bytes.len() && !text.complete && !inside(before) {
                    scan.hold(start, 1, word.secret);
                } else if !inside(before) && !inside(bytes.get(end)) {
                    if exact.iter().all(u8::is_ascii_digit) {
                        match pieces::part_of_number(text, start, end) {
                            Some(true) => continue,
                            Some(false) => {}
                            None => {
                                scan.hold(start, 1, word.secret);
                                continue;
                            }
                        }
                    }
                    scan.matches.push(Match::new(start, end, word.secret, Form::Raw));
                }
            }
            if !text.complete {
                let most = exact.len().min(bytes.len() + 1);
                if let Some(n) = (1..most).rev().find(|n| bytes.ends_with(&exact[..*n])) {
                    let before = (bytes.len() - n).checked_sub(1).and_then(|i| bytes.get(i));
                    if !inside(before) {
                        scan.hold(bytes.len() - n, n.min(policy::HINT_CHARS - 1), word.secret);
                    }
                }
            }
        }
    }
}

/// The part of a text that is being scanned.
#[derive(Clone, Copy)]
pub(crate) struct Window<'t> {
    pub text: Text<'t>,
    pub from: usize,
    pub to: usize,
    pub squeezed: &'t Squeezed,
    /// Bytes that the next window shares with this one.
    pub overlap: usize,
    /// Its lines were scanned with numbers before them.
    pub numbered: bool,
    /// It reaches the end of the text.
    pub last: bool,
    ends: &'t OnceCell<Vec<usize>>,
}

impl<'t> Window<'t> {
    /// The same, of a text that goes no further than `end` yet.
    pub(crate) fn ending_at(&self, end: usize) -> Window<'t> {
        Window {
            text: Text {
                bytes: &self.text.bytes[..end],
                ..self.text
            },
            to: self.to.min(end),
            ..*self
        }
    }

    /// Looks at a whole text as one window.
    #[cfg(test)]
    pub(crate) fn of<T>(bytes: &[u8], complete: bool, look: impl FnOnce(&Window<'_>) -> T) -> T {
        let squeezed = Squeezed::new(bytes, Squeezed::default());
        look(&Window {
            text: Text { bytes, complete },
            from: 0,
            to: bytes.len(),
            squeezed: &squeezed,
            overlap: 1024,
            numbered: false,
            last: true,
            ends: &OnceCell::new(),
        })
    }

    /// The lines that start in the window. Where the last one ends is looked for only so far.
    pub(crate) fn lines(&self) -> Lines<'_> {
        let most = self.text.bytes.len().min(self.to + LINE_BYTES_MAX);
        let ends = self.ends.get_or_init(|| {
            let mut ends = Vec::new();
            for (i, line) in self.squeezed.line.words().iter().enumerate() {
                let mut line = *line;
                while line != 0 {
                    ends.push(self.from + 64 * i + line.trailing_zeros() as usize);
                    line &= line - 1;
                }
            }
            ends.extend(memchr::memchr_iter(b'\n', &self.text.bytes[self.to..most]).map(|n| self.to + n));
            ends
        });
        Lines {
            ends,
            start: self.from,
            to: self.to,
            most,
        }
    }

    /// Goes back from a place over punctuation with which a form may begin.
    fn back_over_lead(&self, index: &Index, from: usize) -> usize {
        let before = &self.text.bytes[from.saturating_sub(32)..from];
        let n = before
            .iter()
            .rev()
            .take_while(|b| !is_kept(**b) && !b.is_ascii_whitespace())
            .count();
        let lead = before[before.len() - n..]
            .iter()
            .position(|b| index.leads(*b) || *b == b'\\');
        lead.map_or(from, |i| from - n + i)
    }
}

/// Lines of a window, one after the other.
pub(crate) struct Lines<'w> {
    ends: &'w [usize],
    start: usize,
    to: usize,
    /// Where a line ends at the latest.
    most: usize,
}

impl Iterator for Lines<'_> {
    type Item = std::ops::Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.start >= self.to {
            return None;
        }
        let (end, rest) = self.ends.split_first().unwrap_or((&self.most, &[]));
        self.ends = rest;
        let line = self.start..*end;
        self.start = end + 1;
        Some(line)
    }
}

/// A short piece at the end of a line begins a wrapped value only when it is a word, and nothing longer follows.
fn alone_on_its_line(bytes: &[u8], from: usize) -> bool {
    let rest = &bytes[from..];
    if !rest.contains(&b'\n') {
        return true;
    }
    let inside = from
        .checked_sub(1)
        .is_some_and(|i| is_kept(bytes[i]) && bytes[i].is_ascii());
    let letters = |line: &[u8]| line.iter().filter(|b| is_kept(**b) && **b & 0xC0 != 0x80).count();
    !inside && rest.split(|b| *b == b'\n').map(letters).all(|n| n <= 1)
}

/// Length of the common prefix.
#[inline]
pub(crate) fn common(a: &[u8], b: &[u8]) -> usize {
    let mut same = 0;
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        let differ = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differ != 0 {
            return same + differ.trailing_zeros() as usize / 8;
        }
        same += 8;
    }
    same + a[same..].iter().zip(&b[same..]).take_while(|(a, b)| a == b).count()
}

/// The comparisons made last: a form has several sampled grams.
#[derive(Default)]
struct Recent {
    seen: [(u32, usize); 16],
    next: usize,
}

impl Recent {
    fn saw(&mut self, form: u32, start: usize) -> bool {
        let key = (form + 1, start);
        if self.seen.contains(&key) {
            return true;
        }
        self.seen[self.next % 16] = key;
        self.next += 1;
        false
    }
}
