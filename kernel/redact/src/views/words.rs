//! Numbers of several bytes each: `7164780983342424136`, `0x6874, 0x7573`, `{0x74736574UL, …}`.
//!
//! A value of 8 bytes is one such number, so that there is no list to see; what tells is how many digits it has. Bits
//! find the places: fourteen digits in a row, `0x` with four more, and close together three numbers of four digits or two
//! of which one has eight.

use std::ops::Range;

use super::View;
use super::digits::{self, Digits};
use super::lines;
use super::numbers::STEPS_MAX;
use crate::Form;
use crate::index::Row;
use crate::scan::{Scan, Scanner, Window};
use crate::squeeze::{Mask, is_kept};

/// Longest text between two words; a label may stand in it.
const SEPARATOR_BYTES_MAX: usize = 32;

/// Longest word: 39 digits of one of sixteen bytes.
const WORD_DIGITS_MAX: usize = 39;

/// Longest word with its prefix and suffix that is read.
const WORD_BYTES_MAX: usize = 2 * WORD_DIGITS_MAX;

/// Fewest bytes that words may hold together.
const BYTES_MIN: usize = 6;

/// Bytes between two blocks with words in them that are looked at together.
const REACH_BYTES: usize = 64;

/// Blocks of sixty-four bytes at the end of an unfinished text in which a list may have begun.
const OPEN_BLOCKS: usize = 64;

pub(crate) fn scan(scanner: &mut Scanner<'_>, window: &Window<'_>, depth: usize, scan: &mut Scan) {
    // What stands in one line was seen with its number.
    if window.numbered && !lines::may_end_with_words(window) {
        return;
    }
    let (mut all, mut chain) = (Vec::new(), Vec::new());
    let row = scanner.index.row();
    let mut parts = Vec::new();
    for span in spans(window, &row) {
        likely_parts(window, span, &row, &mut parts);
    }
    for span in parts {
        words(window, span, &mut all);
        for word in all.drain(..) {
            let near = chain.last().is_some_and(|last: &Word| {
                word.place.start - last.place.end <= SEPARATOR_BYTES_MAX && word.hex == last.hex
            });
            if word.open {
                // The rest of it may come.
                let from = chain
                    .first()
                    .filter(|_| near)
                    .map_or(word.place.start, |first| first.place.start);
                scan.hold(from, 1, u32::MAX);
                break;
            }
            if !near {
                chained(scanner, window, &chain, depth, scan);
                chain.clear();
            }
            // What is left at the end is a small number.
            if !word.narrow {
                chain.push(word);
            } else if !chain.is_empty() {
                chained(scanner, window, &chain, depth, scan);
                chain.push(word);
                chained(scanner, window, &chain, depth, scan);
                chain.clear();
            }
        }
        chained(scanner, window, &chain, depth, scan);
        chain.clear();
    }
}

/// What words close to one another show, and the same without the first one, if that may be the number of their line.
fn chained(scanner: &mut Scanner<'_>, window: &Window<'_>, chain: &[Word], depth: usize, scan: &mut Scan) {
    readings(scanner, window, chain, depth, scan);
    if let [first, rest @ ..] = chain
        && !rest.is_empty()
    {
        let before = &window.text.bytes[..first.place.start];
        let mut before = before
            .iter()
            .rev()
            .skip_while(|b| matches!(b, b' ' | b'\t' | b'[' | b'('));
        if before.next().is_none_or(|b| *b == b'\n') {
            readings(scanner, window, rest, depth, scan);
        }
    }
}

/// Where wide numbers are that may hold a value.
fn spans(window: &Window<'_>, row: &Row) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    let (keep, digit) = (&window.squeezed.keep, &window.squeezed.digit);
    if !digit.any() {
        return spans;
    }
    let closed = if window.last && !window.text.complete {
        keep.words().len().saturating_sub(OPEN_BLOCKS)
    } else {
        usize::MAX
    };
    let blocks = keep.words().len();
    // No byte of a value or of text is as low as the highest ones of numbers of six and of eight digits.
    let known = (usize::MAX, 0);
    let mut texts = (!(0..=8).any(|byte| row.may_be(byte))).then_some(Likely {
        row,
        known,
        asked: [(Digits::default(), true); 8],
    });
    for first in (0..blocks).step_by(LOOK) {
        let Look { wide, prefixed } = if blocks < LOOK_MIN {
            Look {
                wide: (1 << blocks) - 1,
                prefixed: (1 << blocks) - 1,
            }
        } else {
            look_at(keep, digit, first)
        };
        let mut blocks = wide | prefixed;
        while blocks != 0 {
            let n = blocks.trailing_zeros() as usize;
            blocks &= blocks - 1;
            let i = first + n;
            // At the end of an unfinished text any of them may be the first ones of a list.
            let texts = texts.as_mut().filter(|_| i < closed);
            let found =
                wide >> n & 1 == 1 && is_wide(window, i, texts) || prefixed >> n & 1 == 1 && has_prefix(window, i);
            if !found {
                continue;
            }
            let at = window.from + 64 * i;
            let range = at.saturating_sub(REACH_BYTES).max(window.from)..(at + 64 + REACH_BYTES).min(window.to);
            match spans.last_mut() {
                Some(last) if range.start <= last.end => last.end = range.end,
                _ => spans.push(range),
            }
        }
    }
    spans
}

/// Whether `0x6` begins in a block.
fn has_prefix(window: &Window<'_>, block: usize) -> bool {
    let (keep, digit) = (window.squeezed.keep.two(block), window.squeezed.digit.two(block));
    let mut prefixed = prefixes(keep as u64, (keep >> 64) as u64, digit as u64, (digit >> 64) as u64);
    while prefixed != 0 {
        let at = window.from + 64 * block + prefixed.trailing_zeros() as usize;
        if matches!(window.text.bytes[at..], [b'0', b'x' | b'X', ..]) {
            return true;
        }
        prefixed &= prefixed - 1;
    }
    false
}

/// Where in a block a word begins with a digit, a letter and a digit or letter.
#[inline(always)]
fn prefixes(keep: u64, next_keep: u64, digit: u64, next: u64) -> u64 {
    let second = (keep >> 1 | next_keep << 63) & !(digit >> 1 | next << 63);
    digit & !(keep << 1) & second & (keep >> 2 | next_keep << 62)
}

/// Blocks that are looked at together.
const LOOK: usize = 64;

/// Fewer blocks are looked at one by one.
const LOOK_MIN: usize = 6;

/// What some blocks may hold, a bit for each.
struct Look {
    /// Together with the next one, three words close together, or eight digits in a row.
    wide: u64,
    /// A digit, a letter and a digit or letter: `0x6`.
    prefixed: u64,
}

/// A first look at some blocks. Each step is one over all of them, so that the compiler can take several at a time.
#[inline(always)]
fn look(keep: &[u64; LOOK + 2], digit: &[u64; LOOK + 3]) -> Look {
    // The first one is the block before them.
    let mut four = [0; LOOK + 2];
    for i in 0..LOOK + 2 {
        four[i] = four_digits(digit[i], digit[i + 1]);
    }
    let mut starts = [0; LOOK + 2];
    starts[0] = four[0] & !(keep[0] << 1);
    for i in 1..LOOK + 2 {
        starts[i] = four[i] & !(keep[i] << 1 | keep[i - 1] >> 63);
    }
    let mut eight = [0; LOOK + 2];
    for i in 0..LOOK + 1 {
        eight[i] = four[i] & (four[i] >> 4 | four[i + 1] << 60);
    }
    let (mut wide, mut prefixed) = (0, 0);
    let any = |words: &[u64; LOOK + 2]| words.iter().fold(0, |any, word| any | word) != 0;
    if any(&starts) || any(&eight) {
        // The second one of two close together, and the third one of three.
        let second = close_after(&starts, &starts);
        let third = close_after(&second, &starts);
        for i in 0..LOOK {
            let here = eight[i + 1] | eight[i + 2] | third[i + 1] | third[i + 2];
            wide |= u64::from(here != 0) << i;
        }
    }
    let mut some = [0; LOOK];
    for i in 0..LOOK {
        some[i] = prefixes(keep[i + 1], keep[i + 2], digit[i + 1], digit[i + 2]);
    }
    for (i, some) in some.iter().enumerate() {
        prefixed |= u64::from(*some != 0) << i;
    }
    Look { wide, prefixed }
}

/// Those of some places that are the fifth to sixteenth place after one of others.
#[inline(always)]
fn close_after(others: &[u64; LOOK + 2], some: &[u64; LOOK + 2]) -> [u64; LOOK + 2] {
    let mut after = [0; LOOK + 2];
    for i in 1..LOOK + 2 {
        after[i] = others[i] << 5 | others[i - 1] >> 59;
    }
    let mut found = [0; LOOK + 2];
    for n in [1, 2] {
        for i in 1..LOOK + 2 {
            found[i] = after[i] | after[i] << n | after[i - 1] >> (64 - n);
        }
        after = found;
    }
    for i in 1..LOOK + 2 {
        found[i] |= after[i] << 4 | after[i - 1] >> 60 | after[i] << 8 | after[i - 1] >> 56;
    }
    for i in 1..LOOK + 2 {
        found[i] &= some[i];
    }
    found
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f", enable = "avx512vl", enable = "avx512bw", enable = "avx512dq")]
fn look_widest(keep: &[u64; LOOK + 2], digit: &[u64; LOOK + 3]) -> Look {
    look(keep, digit)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn look_wide(keep: &[u64; LOOK + 2], digit: &[u64; LOOK + 3]) -> Look {
    look(keep, digit)
}

/// A first look at the blocks from `first` on.
fn look_at(keep: &Mask, digit: &Mask, first: usize) -> Look {
    let keep = keep.some(first);
    let digit = digit.some(first);
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512vl")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512dq")
    {
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        // SAFETY: the features were detected.
        return unsafe { look_widest(&keep, &digit) };
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        // SAFETY: the feature was detected.
        return unsafe { look_wide(&keep, &digit) };
    }
    look(&keep, &digit)
}

/// Where four digits in a row begin in a block.
#[inline]
fn four_digits(digit: u64, next: u64) -> u64 {
    let two = digit & (digit >> 1 | next << 63);
    let more = next & next >> 1;
    two & (two >> 2 | more << 62)
}

/// Which numbers of up to eight digits may have all of their bytes in a value or in text, asked for two blocks at a time.
struct Likely<'r> {
    row: &'r Row,
    /// The second block that was asked for last, and its numbers.
    known: (usize, u64),
    /// Some of the numbers that were asked for.
    asked: [(Digits, bool); 8],
}

impl Likely<'_> {
    /// Places in a second block from which on it is not seen how many digits a number has.
    const UNSEEN: u64 = u64::MAX << (64 - digits::MOST);

    /// Those of some numbers, a bit where each begins.
    fn of(&mut self, window: &Window<'_>, block: usize, starts: u128) -> u128 {
        let (first, second) = (starts as u64, (starts >> 64) as u64);
        let first = if self.known.0 == block {
            first & self.known.1 | self.ask(window, block, first & Self::UNSEEN)
        } else {
            self.ask(window, block, first)
        };
        let second = self.ask(window, block + 1, second);
        self.known = (block + 1, second);
        u128::from(second) << 64 | u128::from(first)
    }

    fn ask(&mut self, window: &Window<'_>, block: usize, mut starts: u64) -> u64 {
        let (bytes, digit) = (window.text.bytes, window.squeezed.digit.two(block));
        let mut found = 0;
        while starts != 0 {
            let bit = starts.trailing_zeros();
            starts &= starts - 1;
            let at = window.from + 64 * block + bit as usize;
            let end = at + (digit >> bit).trailing_ones() as usize;
            let may = if end - at > digits::MOST {
                true
            } else {
                let digits = Digits::of(bytes, &(at..end));
                // Years come again and again.
                let asked = &mut self.asked[digits.slot()];
                if digits != asked.0 {
                    *asked = (digits, Pairs { before: true }.hold(digits.decimal(), self.row));
                }
                asked.1 || at > 0 && bytes[at - 1] == b'-'
            };
            found |= u64::from(may) << bit;
        }
        found
    }
}

/// Whether numbers of enough digits begin in a block, or stand close together. `texts`: and may hold a value, the bytes of
/// which are in this row.
fn is_wide(window: &Window<'_>, block: usize, texts: Option<&mut Likely<'_>>) -> bool {
    let (keep, digit) = (window.squeezed.keep.two(block), window.squeezed.digit.two(block));
    let two = digit & digit >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    if (eight & eight >> 6) as u64 != 0 {
        return true;
    }
    // Words of four digits or more, close after one another: three of them, or two with one of eight.
    let wide = digit & !(keep << 1) & four;
    // One of nine digits has four bytes, and holds enough. Of others two must. Those of six and of eight digits are the
    // first or the last one of a value, or a fraction between two others.
    let (long, short) = match texts {
        Some(likely) => {
            let (six, seven) = (four & two >> 4, four & four >> 3);
            let long = wide & eight & digit >> 8;
            let short = likely.of(window, block, wide & (!six | seven & !eight));
            // Most numbers hold nothing.
            if long | short == 0 {
                return false;
            }
            (long, long | short)
        }
        None => (wide & eight, wide),
    };
    let ends = |starts: u128| keep.wrapping_add(starts) & !keep;
    // Up to eight places before.
    let before = |starts: u128| {
        let near = starts >> 1 | starts >> 2;
        let near = near | near >> 2;
        near | near >> 4
    };
    // The first one begins in the block; it may end in the next one.
    let inside = (1 << (64 + 16)) - 1;
    let near = ends(wide) & before(wide);
    if near & inside == 0 {
        return false;
    }
    let after = |near: u128| {
        let after = near >> 5 | near >> 6;
        let after = after | after >> 2;
        let after = after | after >> 4;
        after | after >> 8
    };
    let (first, last) = (ends(short) & before(wide), ends(wide) & before(short));
    let pairs = first & last;
    let two = near & after(pairs) | pairs & after(near) | last & after(first);
    (near & (ends(long) | before(long)) | two) & inside != 0
}

/// Where a word begins with a digit.
struct Start {
    at: usize,
    /// How many digits it begins with, as far as the next block goes.
    digits: usize,
}

/// The words of some blocks that begin with a digit.
struct Starts<'w> {
    keep: &'w Mask,
    digit: &'w Mask,
    from: usize,
    blocks: Range<usize>,
    /// The block whose words are next, its digits, and where those words begin.
    block: usize,
    digits: u64,
    starts: u64,
    /// A word goes on from the block before.
    goes_on: u64,
}

impl<'w> Starts<'w> {
    fn of(window: &'w Window<'_>, blocks: Range<usize>) -> Self {
        let (keep, digit) = (&window.squeezed.keep, &window.squeezed.digit);
        Self {
            keep,
            digit,
            from: window.from,
            block: 0,
            digits: 0,
            starts: 0,
            goes_on: blocks.start.checked_sub(1).map_or(0, |i| keep.at(i) >> 63),
            blocks,
        }
    }

    /// How many bytes there are of the word that was found last, as far as the next block goes.
    #[inline(always)]
    fn inside(&self, start: &Start) -> usize {
        let bit = (start.at - self.from) % 64;
        (self.keep.two(self.block) >> bit).trailing_ones() as usize
    }
}

impl Iterator for Starts<'_> {
    type Item = Start;

    #[inline(always)]
    fn next(&mut self) -> Option<Start> {
        while self.starts == 0 {
            self.block = self.blocks.next()?;
            let kept = self.keep.at(self.block);
            self.digits = self.digit.at(self.block);
            self.starts = kept & self.digits & !(kept << 1 | self.goes_on);
            self.goes_on = kept >> 63;
        }
        let bit = self.starts.trailing_zeros() as usize;
        self.starts &= self.starts - 1;
        let mut digits = (self.digits >> bit).trailing_ones() as usize;
        if bit + digits == 64 {
            digits += self.digit.at(self.block + 1).trailing_ones() as usize;
        }
        Some(Start {
            at: self.from + 64 * self.block + bit,
            digits,
        })
    }
}

/// Whether what ends here may go on after the text.
fn is_near_end(bytes: &[u8], end: usize) -> bool {
    bytes.len() - end <= SEPARATOR_BYTES_MAX + WORD_DIGITS_MAX
}

/// The parts of a stretch whose numbers may hold a value: asked without reading more of them than their digits.
fn likely_parts(window: &Window<'_>, span: Range<usize>, row: &Row, parts: &mut Vec<Range<usize>>) {
    let bytes = window.text.bytes;
    if row.may_be(0) {
        parts.push(span);
        return;
    }
    let blocks = (span.start - window.from) / 64..(span.end - window.from).div_ceil(64);
    let mut pairs = Pairs::default();
    let (mut last_value, mut steps) = (0, 0);
    // Numbers close to one another, and whether they may hold a value.
    let (mut chain, mut holds) = (span.start..span.start, false);
    let mut starts = Starts::of(window, blocks);
    while let Some(start) = starts.next() {
        let Start { at, digits } = start;
        let end = at + digits;
        let after = bytes.get(end).copied().unwrap_or(b' ');
        let plain = digits <= digits::MOST && !matches!(after | 0x20, b'x' | b'u' | b'l' | b'n' | b'i');
        if at < span.start || plain && (bytes[at] == b'0' || is_kept(after)) || is_fraction(bytes, at) {
            continue;
        }
        // A sign belongs to its number.
        if at > chain.end + SEPARATOR_BYTES_MAX + 1 {
            parts.extend(std::mem::take(&mut holds).then_some(chain));
            chain = at..at;
            pairs.before = false;
        }
        if !plain {
            chain.end = at + starts.inside(&start);
            holds = true;
            continue;
        }
        chain.end = end;
        let value = Digits::of(bytes, &(at..end)).decimal();
        let negative = at > 0 && bytes[at - 1] == b'-';
        // Numbers that only count hold nothing.
        steps = if value == last_value + 1 { steps + 1 } else { 0 };
        last_value = value;
        if steps > STEPS_MAX {
            parts.extend(std::mem::take(&mut holds).then_some(chain));
            chain = end..end;
            pairs.before = false;
            continue;
        }
        holds |= pairs.hold(if negative { value.wrapping_neg() } else { value }, row) || is_near_end(bytes, end);
        // A small number is the last one.
        if digits < 4 {
            parts.extend(std::mem::take(&mut holds).then_some(chain));
            chain = end..end;
            pairs.before = false;
        }
    }
    parts.extend(holds.then_some(chain.start..span.end));
}

/// Looks for words of up to four bytes that may hold enough of a value: one has all four, or two in a row have all of
/// their two or three bytes. All others are the first or the last one of a value.
#[derive(Default)]
pub(super) struct Pairs {
    /// The bytes of the last number may be part of a value, and are fewer than four.
    before: bool,
}

impl Pairs {
    #[inline]
    pub(super) fn hold(&mut self, value: u32, row: &Row) -> bool {
        let may_be = |byte: u8| (byte == 0) | row.may_be(byte);
        let [first, second, third, last] = value.to_le_bytes();
        let (low, high) = (may_be(first) & may_be(second), third == 0xFF && last == 0xFF);
        // A negative number of two bytes, or one of four.
        if value > 0xFF_FFFF && !(high && second >= 0x80) {
            self.before = false;
            return row.may_be(last);
        }
        // Two characters of UTF-16 have a zero between them.
        if !high && third != 0 && second == 0 {
            return true;
        }
        let here = low & (high | may_be(third));
        here & std::mem::replace(&mut self.before, here)
    }
}

/// A number of two to sixteen bytes.
struct Word {
    place: Range<usize>,
    value: u128,
    /// How many bytes it has at least.
    bytes: usize,
    /// It is written in hexadecimal digits.
    hex: bool,
    /// It has too few digits to be a word by itself.
    narrow: bool,
    /// It stands at the end of an unfinished text.
    open: bool,
}

/// The wide numbers of a stretch.
fn words(window: &Window<'_>, span: Range<usize>, words: &mut Vec<Word>) {
    let bytes = window.text.bytes;
    words.clear();
    // A number is read from its start.
    let from = span.start.saturating_sub(WORD_DIGITS_MAX).max(window.from) - window.from;
    let mut starts = Starts::of(window, from / 64..(span.end - window.from).div_ceil(64));
    while let Some(start) = starts.next() {
        let inside = starts.inside(&start);
        let Start { at, digits } = start;
        if at >= span.end || inside > WORD_BYTES_MAX || is_fraction(bytes, at) {
            continue;
        }
        // What is kept of the next blocks and of the text after the window is not among these bits.
        let end = if (at - window.from) % 64 + inside < 128 && at + inside < window.to {
            at + inside
        } else {
            at + bytes[at..]
                .iter()
                .take(WORD_BYTES_MAX + 1)
                .take_while(|b| is_kept(**b))
                .count()
        };
        if end < span.start {
            continue;
        }
        if digits == end - at && digits <= digits::MOST {
            words.extend(plain(window, at..end));
        } else if end - at <= WORD_BYTES_MAX
            && let Some(word) = word(bytes, at..end)
        {
            let open = word.place.end == bytes.len() && !window.text.complete;
            words.push(Word { open, ..word });
        }
    }
}

/// Digits after `0.` are a fraction.
fn is_fraction(bytes: &[u8], at: usize) -> bool {
    bytes[..at].ends_with(b"0.") && is_zero(&bytes[..at - 1])
}

/// Whether a text ends with a zero that is no part of a longer number or name.
fn is_zero(text: &[u8]) -> bool {
    matches!(
        text,
        [b'0'] | [.., b' ' | b'\t' | b'\n' | b',' | b';' | b'|' | b'[' | b'(' | b'-', b'0']
    )
}

/// A word of a few decimal digits.
#[inline]
fn plain(window: &Window<'_>, place: Range<usize>) -> Option<Word> {
    let bytes = window.text.bytes;
    // Zeros before a decimal number say that it is an offset.
    if bytes[place.start] == b'0' {
        return None;
    }
    let value = Digits::of(bytes, &place).decimal();
    let negative = place.start > 0 && bytes[place.start - 1] == b'-';
    let unsigned = u128::from(value);
    Some(Word {
        value: if negative { unsigned.wrapping_neg() } else { unsigned },
        bytes: if value > 0xFFFF { 4 } else { 2 },
        hex: false,
        narrow: place.len() < 4,
        open: place.end == bytes.len() && !window.text.complete,
        place: place.start - usize::from(negative)..place.end,
    })
}

fn word(bytes: &[u8], place: Range<usize>) -> Option<Word> {
    let text = &bytes[place.clone()];
    let (digits, hex) = match text {
        [b'0', b'x' | b'X', rest @ ..] => (rest, true),
        _ => (text, false),
    };
    let class = |b: &u8| if hex { b.is_ascii_hexdigit() } else { b.is_ascii_digit() };
    let count = digits.iter().take_while(|b| class(b)).count();
    // Zeros before a decimal number say that it is an offset.
    if !is_type(&digits[count..]) || count == 0 || count > WORD_DIGITS_MAX || !hex && digits[0] == b'0' {
        return None;
    }
    let value = value(&digits[..count], if hex { 16 } else { 10 })?;
    let negative = !hex && place.start > 0 && bytes[place.start - 1] == b'-';
    let least = if hex { count.div_ceil(2) } else { 0 };
    let bits = (128 - value.leading_zeros() as usize).div_ceil(8).max(least);
    let size = [2, 4, 8, 16].into_iter().find(|size| bits <= *size)?;
    let value = if negative { value.wrapping_neg() } else { value };
    Some(Word {
        place: place.start - usize::from(negative)..place.end,
        value,
        bytes: size,
        hex,
        narrow: count < if hex { 3 } else { 4 },
        open: false,
    })
}

/// What a word ends with that says its type, or nothing.
fn is_type(suffix: &[u8]) -> bool {
    let mut lower = [0; 4];
    let Some(lower) = lower.get_mut(..suffix.len()) else {
        return false;
    };
    lower.copy_from_slice(suffix);
    lower.make_ascii_lowercase();
    matches!(
        &*lower,
        b"" | b"u"
            | b"l"
            | b"ul"
            | b"ll"
            | b"ull"
            | b"n"
            | b"u16"
            | b"u32"
            | b"u64"
            | b"u128"
            | b"i16"
            | b"i32"
            | b"i64"
            | b"i128"
    )
}

/// What digits stand for, if it is no more than sixteen bytes.
fn value(digits: &[u8], radix: u32) -> Option<u128> {
    let digit = |byte: &u8| char::from(*byte).to_digit(radix).unwrap_or(0);
    // Of so few digits it is no more than eight.
    let (few, rest) = digits.split_at(digits.len().min(16));
    let few = few
        .iter()
        .fold(0u64, |value, byte| value * u64::from(radix) + u64::from(digit(byte)));
    rest.iter().try_fold(u128::from(few), |value, byte| {
        value.checked_mul(radix.into())?.checked_add(digit(byte).into())
    })
}

/// Both orders of the bytes of some words.
fn readings(scanner: &mut Scanner<'_>, window: &Window<'_>, chain: &[Word], depth: usize, scan: &mut Scan) {
    let size = chain.iter().map(|word| word.bytes).max().unwrap_or(0);
    let Some(last) = chain.last().filter(|_| size * chain.len() >= BYTES_MIN) else {
        return;
    };
    let near = is_near_end(window.text.bytes, last.place.end);
    let row = scanner.index.row();
    let mut pairs = Pairs::default();
    if !near
        && size <= 4
        && !last.hex
        && !row.may_be(0)
        && !chain.iter().any(|word| pairs.hold(word.value as u32, &row))
    {
        return;
    }
    let end = if near { window.text.bytes.len() } else { last.place.end };
    let open = end == window.text.bytes.len() && !window.text.complete;
    let form = if last.hex { Form::Hex } else { Form::Numbers };
    for little in [false, true] {
        // The last one may stand for fewer bytes.
        let trims = |i: usize| !little && i + 1 == chain.len();
        let shown = || {
            chain
                .iter()
                .enumerate()
                .map(|(i, word)| (word, word.shown(size, little, trims(i))))
        };
        let mut row = row;
        if !open && !shown().any(|(_, (all, range))| row.reaches_in(all[range].iter().copied())) {
            continue;
        }
        let make = |plain: bool, _: Option<usize>| {
            let mut view = View::new(size * chain.len(), plain);
            for (word, (all, range)) in shown() {
                for byte in &all[range] {
                    view.decode(*byte, word.place.clone());
                }
            }
            view
        };
        scanner.lazily(window, &make, end, form, depth, [0; 4], scan);
    }
}

impl Word {
    /// The bytes of a number of so many, the lowest one first or last, without zeros before it if it is trimmed.
    #[inline]
    fn shown(&self, size: usize, little: bool, trims: bool) -> ([u8; 16], Range<usize>) {
        if little {
            return (self.value.to_le_bytes(), 0..size);
        }
        let zeros = if trims {
            self.value.leading_zeros() as usize / 8
        } else {
            0
        };
        (self.value.to_be_bytes(), zeros.max(16 - size)..16)
    }
}
