//! Where a list of numbers may stand: many numbers with the same byte after each, or with two bytes in turn.
//!
//! ```text
//!  text    10.0.1.2 port 80, [104, 117, 110, 116, 101, 114]
//!  marks     ... ␣      ,        ,    ,    ,    ,    ,   ]     the byte after every number, packed
//!  equal     11                  1    1    1    1    1         neighbours that are equal, sixty-four at a time
//! ```
//!
//! Only where four neighbours in a row are equal, or nine at a distance of two, are the numbers looked at one by one.

use std::ops::Range;

use super::numbers::{ELEMENTS_MIN, STEPS_MAX};
use super::tokens::{SEPARATOR_BYTES_MAX, TOKEN_BYTES_MAX};
use crate::scan::Window;
use crate::squeeze::{Squeezed, places};

/// Bytes at the end of an unfinished text that are looked at in any case: a list may have begun there.
const TAIL_BYTES: usize = 512;

/// The dense stretches, and the end of an unfinished text.
pub(super) fn spans(window: &Window<'_>, marks: &mut Marks) -> Vec<(usize, usize)> {
    let mut spans = dense(window, marks);
    if window.last && !window.text.complete {
        let from = window.to.saturating_sub(TAIL_BYTES).max(window.from);
        match spans.last_mut() {
            Some(last) if from <= last.1 => last.1 = window.to,
            _ => spans.push((from, window.to)),
        }
    }
    spans
}

/// Stretches that may hold a list.
fn dense(window: &Window<'_>, marks: &mut Marks) -> Vec<(usize, usize)> {
    if !window.squeezed.digit.any() {
        return Vec::new();
    }
    marks.read(window);
    let mut spans = Vec::new();
    for blocks in marks.candidates() {
        let mut at = blocks.start;
        let mut last = Last::default();
        while at < blocks.end {
            let look = at..blocks.end.min(at + LOOK_BLOCKS);
            one_by_one(window, look.clone(), &mut last, &mut spans);
            at = look.end;
            let place = |block: usize| window.from + 64 * block;
            let Some(span) = spans.last_mut() else { continue };
            if look.len() == LOOK_BLOCKS && span.0 <= place(look.start) && span.1 >= place(look.end) {
                // A list this long goes on, most likely; what is looked at in vain costs no more than a list.
                at = blocks.end.min(at + TRUST_BLOCKS);
                span.1 = span.1.max(span_end(window, place(at)));
                last.end();
            }
        }
    }
    spans
}

/// Blocks whose numbers are looked at one by one, and blocks after them that are not if those hold nothing but a list.
const LOOK_BLOCKS: usize = 8;
const TRUST_BLOCKS: usize = 56;

/// How far a list may go on whose last number known ends at `at`.
fn span_end(window: &Window<'_>, at: usize) -> usize {
    (at + SEPARATOR_BYTES_MAX + TOKEN_BYTES_MAX).min(window.to)
}

/// The byte after every number of a window.
#[derive(Default)]
pub(crate) struct Marks {
    bytes: Vec<u8>,
    /// How many there are before each block.
    before: Vec<u32>,
}

/// What begins a code of a terminal.
const ESCAPE: u8 = 0x1B;

/// Numbers of a code. A list of more of them may show something else than colours and places.
const CODE_NUMBERS_MAX: u32 = 5;

/// Where words end that begin with a number of a code (`\x1b[1;31mA`): without codes the text is read again.
fn of_codes(text: &[u8; 64], keep: u64, digit: u64) -> u64 {
    let mut begins = (places(text, ESCAPE) & places(text, b'[') >> 1) << 2;
    if begins == 0 {
        return 0;
    }
    let separator = places(text, b';');
    let (inside, letter) = (digit | separator, keep & !digit);
    let mut numbers = 0;
    while begins != 0 {
        let from = begins.trailing_zeros();
        begins &= begins - 1;
        let len = (inside >> from).trailing_ones();
        let code = u64::MAX.checked_shr(64 - len).unwrap_or(0) << from;
        if letter.checked_shr(from + len).unwrap_or(0) & 1 == 1 && (separator & code).count_ones() < CODE_NUMBERS_MAX {
            numbers |= digit & code;
        }
    }
    keep.wrapping_add(numbers & !(numbers << 1)) & !keep
}

/// Room after the last mark.
const PADDING: usize = 64 + 2;

/// Where words with a digit end in each block: adding a digit to its word carries over to the place after the word.
#[inline(always)]
pub(super) fn ends(keep: u64, digit: u64, carry: &mut u64) -> u64 {
    let (sum, first) = keep.overflowing_add(digit);
    let (sum, second) = sum.overflowing_add(*carry);
    *carry = u64::from(first | second);
    sum & !keep
}

impl Marks {
    /// Those of a window instead of those before.
    fn read(&mut self, window: &Window<'_>) {
        let squeezed = window.squeezed;
        let blocks = squeezed.keep.words().len();
        // At most every second byte ends a word.
        self.bytes.resize(32 * blocks + PADDING, 0);
        self.before.clear();
        let text = &window.text.bytes[window.from..];
        let (whole, rest) = text.as_chunks::<64>();
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);
        let n = whole.len().min(blocks);
        let mut state = (0, 0);
        #[cfg(target_arch = "x86_64")]
        let vectors = crate::wide::has_compress();
        #[cfg(not(target_arch = "x86_64"))]
        let vectors = false;
        for (blocks, text) in [(0..n, &whole[..n]), (n..blocks, &[last][..])] {
            state = match vectors {
                #[cfg(target_arch = "x86_64")]
                #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
                // SAFETY: the features were detected.
                true => unsafe { x86::pack(self, squeezed, blocks, text, state) },
                _ => self.pack(squeezed, blocks, text, state),
            };
        }
        self.before.push(state.0 as u32);
        self.bytes.truncate(state.0 + PADDING);
        self.bytes[state.0..].fill(0);
    }

    fn pack(
        &mut self,
        squeezed: &Squeezed,
        blocks: Range<usize>,
        text: &[[u8; 64]],
        (mut len, mut carry): (usize, u64),
    ) -> (usize, u64) {
        let masks = squeezed.keep.words()[blocks.clone()]
            .iter()
            .zip(&squeezed.digit.words()[blocks]);
        for ((keep, digit), text) in masks.zip(text) {
            self.before.push(len as u32);
            if digit | carry == 0 {
                continue;
            }
            let mut found = ends(*keep, *digit, &mut carry);
            if found != 0 {
                found &= !of_codes(text, *keep, *digit);
            }
            // Eight at a time, of which those that there are stay: how many cannot be predicted.
            let (mut at, end) = (len, len + found.count_ones() as usize);
            while at < end {
                let Some(room) = self.bytes[at..].first_chunk_mut::<8>() else {
                    break;
                };
                for mark in room {
                    *mark = MARK[usize::from(text[found.trailing_zeros() as usize % 64])];
                    found &= found.wrapping_sub(1);
                }
                at += 8;
            }
            len = end;
        }
        (len, carry)
    }

    fn len(&self) -> usize {
        self.bytes.len() - PADDING
    }

    /// Ranges of blocks in which lists may be.
    fn candidates(&self) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        let least = ELEMENTS_MIN - 2;
        if self.len() <= least {
            return found;
        }
        let mut at = 0;
        while at < self.len() {
            let (one, two) = (self.equal(at, 1), self.equal(at, 2));
            let pairs = one & one >> 1;
            let twins = two & two >> 1;
            let four = twins & twins >> 2;
            let hits = (pairs & pairs >> 2 | four & four >> 4 & two >> 8) & STEP_MASK;
            if hits != 0 {
                let first = at + hits.trailing_zeros() as usize;
                let last = at + 63 - hits.leading_zeros() as usize;
                // From two before, to where the shortest list would be seen.
                let from = self.block_of(first.saturating_sub(2));
                let to = self.block_of((last + 2 * ELEMENTS_MIN).min(self.len() - 1)) + 1;
                match found.last_mut() {
                    Some(last) if from <= last.end => last.end = to,
                    _ => found.push(from..to),
                }
            }
            at += STEP;
        }
        found
    }

    fn block_of(&self, mark: usize) -> usize {
        self.before
            .partition_point(|before| *before as usize <= mark)
            .saturating_sub(1)
    }

    /// Which of sixty-two marks are equal to the one that follows at a distance.
    fn equal(&self, at: usize, distance: usize) -> u64 {
        let load = |at: usize| self.bytes.get(at..).and_then(<[u8]>::first_chunk::<64>).copied();
        let (Some(here), Some(there)) = (load(at), load(at + distance)) else {
            // The last ones.
            let rest = self.len().saturating_sub(at + distance).min(64);
            return (0..rest).fold(0, |mask, i| {
                mask | u64::from(self.bytes[at + i] == self.bytes[at + i + distance]) << i
            });
        };
        let left = self.len().saturating_sub(at + distance);
        crate::squeeze::same(&here, &there) & if left >= 64 { u64::MAX } else { (1 << left) - 1 }
    }
}

/// Marks looked at in one step: as many as are followed by enough others.
const STEP: usize = 48;
const STEP_MASK: u64 = (1 << STEP) - 1;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        _mm512_cmpeq_epi8_mask, _mm512_mask2_permutex2var_epi8, _mm512_maskz_compress_epi8, _mm512_movepi8_mask,
        _mm512_set1_epi8, _mm512_storeu_si512,
    };

    use super::{ESCAPE, MARK, Marks, Range, Squeezed, ends};
    use crate::wide::load;

    #[target_feature(
        enable = "avx512f",
        enable = "avx512bw",
        enable = "avx512vbmi",
        enable = "avx512vbmi2",
        enable = "popcnt"
    )]
    #[expect(unsafe_code, reason = "stores of whole vectors")]
    pub(super) fn pack(
        marks: &mut Marks,
        squeezed: &Squeezed,
        blocks: Range<usize>,
        text: &[[u8; 64]],
        (mut len, mut carry): (usize, u64),
    ) -> (usize, u64) {
        let (tables, _) = MARK.as_chunks::<64>();
        let (first, second) = (load(&tables[0]), load(&tables[1]));
        let masks = squeezed.keep.words()[blocks.clone()]
            .iter()
            .zip(&squeezed.digit.words()[blocks]);
        for ((keep, digit), text) in masks.zip(text) {
            marks.before.push(len as u32);
            if digit | carry == 0 {
                continue;
            }
            let found = ends(*keep, *digit, &mut carry);
            if found == 0 {
                continue;
            }
            let v = load(text);
            let escapes = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(ESCAPE as i8));
            let found = if escapes == 0 {
                found
            } else {
                found & !super::of_codes(text, *keep, *digit)
            };
            // A byte above ASCII is its own mark.
            let mark = _mm512_mask2_permutex2var_epi8(first, v, !_mm512_movepi8_mask(v), second);
            let packed = _mm512_maskz_compress_epi8(found, mark);
            let room = &mut marks.bytes[len..len + 64];
            // SAFETY: `room` is sixty-four bytes long.
            unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), packed) };
            len += found.count_ones() as usize;
        }
        (len, carry)
    }
}

/// What is known of the last numbers.
#[derive(Default)]
struct Last {
    /// The bytes after the last two, where those ended, and how long each byte has been repeated.
    marks: [u8; 2],
    ends: [usize; 2],
    same: usize,
    turns: usize,
    /// The text that the last one ends, and whether it is a fraction.
    text: u64,
    fraction: bool,
    count: Count,
}

impl Last {
    /// What follows does not follow at once.
    fn end(&mut self) {
        let count = std::mem::take(&mut self.count);
        *self = Self {
            count,
            ..Self::default()
        };
    }
}

/// Stretches of some blocks in which numbers have the same byte after each, or two bytes in turn. `last`: what came before
/// them.
fn one_by_one(window: &Window<'_>, range: Range<usize>, last: &mut Last, spans: &mut Vec<(usize, usize)>) {
    let bytes = window.text.bytes;
    let mut carry = 0;
    let mut before = std::mem::take(last);
    let (keep, digit) = (&window.squeezed.keep, &window.squeezed.digit);
    if let Some(block) = range.start.checked_sub(1) {
        // A word may go on from the block before.
        let word = keep.at(block).leading_ones();
        carry = u64::from(word == 64 || digit.at(block) & !(u64::MAX >> word) != 0);
    }
    for i in range {
        if digit.at(i) | carry == 0 {
            continue;
        }
        let mut found = ends(keep.at(i), digit.at(i), &mut carry);
        while found != 0 {
            let at = window.from + 64 * i + found.trailing_zeros() as usize;
            found &= found - 1;
            // Without branches: in a log nothing here can be predicted.
            let mark = bytes.get(at).map_or(0, |byte| MARK[usize::from(*byte)]);
            let (one, two) = (
                usize::from(mark == before.marks[1]),
                usize::from(mark == before.marks[0]),
            );
            // A word that does not end like a number is none.
            let number = bytes
                .get(at.wrapping_sub(1))
                .is_some_and(|byte| LAST[usize::from(*byte)]);
            let near = usize::from(number & (at - before.ends[1] <= SEPARATOR_BYTES_MAX + TOKEN_BYTES_MAX));
            let text = bytes[at.saturating_sub(8)..]
                .first_chunk::<8>()
                .map_or(0, |text| u64::from_le_bytes(*text));
            // Near the start of a text there are fewer than eight bytes before.
            let text = text << (64 - 8 * at.clamp(1, 8));
            // In some texts nothing else comes, and all of it is as it was.
            if text == before.text
                && one & two == 1
                && near == 1
                && before.same + 2 < ELEMENTS_MIN
                && before.turns + 3 < 2 * ELEMENTS_MIN
                && text >> 48 != WHOLE
                && mark != b'.'
            {
                before.count.steps = 0;
                (before.ends, before.fraction) = ([before.ends[1], at], false);
                continue;
            }
            // The same number again, or one of a single digit, tells nothing.
            let step = usize::from((at > before.ends[1] + 2) & (text != before.text));
            // The zero of a float tells that it is a whole number.
            let float = usize::from(text >> 48 == WHOLE);
            before.text = text;
            // Neither a fraction nor a single digit between two of them tells anything.
            let single =
                before.fraction & (mark == b'.') & !(text >> 48 & 0xFF).to_le_bytes()[0].is_ascii_alphanumeric();
            before.fraction = (before.marks[1] == b'.') & is_fraction(text, at - before.ends[1] - 1);
            let told = usize::from(!(before.fraction | single));
            // Numbers that only count are no list.
            let near = near * usize::from(!before.count.goes_on(text));
            before.same = (before.same + step) * one * near;
            before.turns = (before.turns + (step | float) * told) * two * near;
            before.marks = [before.marks[1], mark];
            before.ends = [before.ends[1], at];
            // The last number of a list has something else after it.
            if before.same + 2 >= ELEMENTS_MIN || before.turns + 3 >= 2 * ELEMENTS_MIN {
                let back = if before.same + 2 >= ELEMENTS_MIN {
                    ELEMENTS_MIN
                } else {
                    2 * ELEMENTS_MIN
                };
                let from = at.saturating_sub(back * (SEPARATOR_BYTES_MAX / 2)).max(window.from);
                let to = span_end(window, at);
                match spans.last_mut() {
                    Some(span) if from <= span.1 => span.1 = to,
                    _ => spans.push((from, to)),
                }
            }
        }
    }
    *last = before;
}

/// The last two bytes of a whole number as a float: `.0`.
const WHOLE: u64 = u16::from_le_bytes(*b".0") as u64;

/// How many numbers in a row were each one more than the last.
#[derive(Default)]
struct Count {
    last: u64,
    steps: usize,
}

impl Count {
    /// Whether with the number that a text ends with there are more of them than a value has.
    #[inline]
    fn goes_on(&mut self, text: u64) -> bool {
        let digits = text ^ 0x3030_3030_3030_3030;
        let others = (((digits & 0x7F7F_7F7F_7F7F_7F7F) + 0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
        let before = 64 - others.leading_zeros();
        let number = if before < 64 { digits >> before << before } else { 0 };
        // The last digit is in the highest byte; after a nine there is a zero.
        let step = number.wrapping_sub(self.last) == 1 << 56 || (number >> 56 == 0) & (self.last >> 56 == 9);
        self.steps = if step { self.steps + 1 } else { 0 };
        self.last = number;
        self.steps > STEPS_MAX
    }
}

/// Whether a number after a point is a fraction: so many digits as neither bytes nor words are written with, and not
/// those of a whole number or of a byte in binary. `text` ends with it.
#[inline]
pub(super) fn is_fraction(text: u64, len: usize) -> bool {
    let last = text >> 16 ^ 0x3030_3030_3030;
    let digits = ((last + 0x7676_7676_7676) | last) & 0x8080_8080_8080 == 0;
    matches!(len, 6 | 8 | 11..=16) & digits & (last & 0x0E0E_0E0E_0E0E != 0)
}

/// White space is one kind of separator; so are commas, and brackets that close a list in a list.
static MARK: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = if matches!(i as u8, b'\n' | b'\r' | b'\t' | b',' | b']' | b')') {
            b' '
        } else {
            i as u8
        };
        i += 1;
    }
    table
};

/// A digit, or the last letter of a number's type.
static LAST: [bool; 256] = {
    let mut table = [false; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = (i as u8).is_ascii_hexdigit() || matches!(i as u8, b'h' | b'H' | b'L' | b'n');
        i += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_codes_are_told_from_others() {
        for (text, ends) in [
            ("\u{1b}[31mA\u{1b}[0m 12 ", vec![6, 10]),
            ("\u{1b}[1;31;4mA", vec![3, 6, 10]),
            ("\u{1b}[1;2;3;4;5;6mA", vec![]),
            ("12\u{1b}[34\u{1b}[56\u{1b}[", vec![]),
            ("12\u{1b}[m34\u{1b}[m", vec![]),
            ("12\u{1b}, 34\u{1b}34", vec![]),
            ("\u{1b}[12;7Hx12 5", vec![4, 10]),
        ] {
            let mut bytes = [b' '; 64];
            bytes[..text.len()].copy_from_slice(text.as_bytes());
            let mask = |is: fn(&u8) -> bool| (0..64).fold(0, |mask, i| mask | u64::from(is(&bytes[i])) << i);
            let found = of_codes(&bytes, mask(u8::is_ascii_alphanumeric), mask(u8::is_ascii_digit));
            assert_eq!(
                (0..64).filter(|i| found >> i & 1 == 1).collect::<Vec<_>>(),
                ends,
                "{text:?}"
            );
        }
    }

    /// Runs of equal neighbours, counted one by one.
    fn slow(marks: &[u8]) -> Vec<usize> {
        let run = |at: usize, distance: usize, n: usize| {
            (at..at + n).all(|i| i + distance < marks.len() && marks[i] == marks[i + distance])
        };
        (0..marks.len()).filter(|at| run(*at, 1, 4) || run(*at, 2, 9)).collect()
    }

    #[test]
    fn every_run_of_equal_marks_is_a_candidate() {
        let mut state = 12345u32;
        for round in 0..400 {
            let len = round % 150;
            let mut bytes: Vec<u8> = (0..len)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    b",;."[(state >> 24) as usize % (1 + round % 3)]
                })
                .collect();
            let found = slow(&bytes);
            bytes.resize(len + PADDING, 0);
            // A block for every mark.
            let marks = Marks {
                bytes,
                before: (0..=len as u32).collect(),
            };
            let candidates = marks.candidates();
            for at in &found {
                assert!(candidates.iter().any(|range| range.contains(at)), "{round}: {at}");
            }
            assert_eq!(found.is_empty(), candidates.is_empty(), "{round}");
        }
    }
}
