//! Stretches of base64 digits in which nothing else can stand: neither lists nor tables nor records are looked for there.
//!
//! ```text
//!  Signed-off-by: a person                 looked at in every way, with a margin on both sides
//!  MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A…       lines of base64 digits: only their content is looked at
//!  MIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo…
//! ```
//!
//! Digits, plus, slash, hyphen and underscore are all that it takes to write numbers too, and lines may differ in one
//! character each; so stretches are no armor where there are many digits or signs close together, nor lines that begin or
//! end alike. (Armor: RFC 9580, section 6.)

use std::ops::Range;

use super::bits::Bits;
use super::lines::{self, Even};
use super::sextets;
use crate::scan::Window;
use crate::squeeze::sixty_four;

/// Fewest blocks of sixty-four bytes of a window that is asked for armor.
const BLOCKS_MIN: usize = 64;

/// One of so many blocks is looked at first.
const SAMPLE: usize = 32;

/// Shortest line. A line for each byte of a value is seldom that long.
const LINE_BYTES_MIN: usize = 40;

/// More lines do not end in sixty-four bytes.
const LINES_MAX: u32 = 64u32.div_ceil(LINE_BYTES_MIN as u32);

/// More digits of sixty-four bytes are no noise: ten are in the middle.
const DIGITS_MAX: u32 = 26;

/// Bytes that are looked at in every way on both sides of what is no armor.
const MARGIN_BYTES: usize = 256;

/// Blocks at the end of an unfinished text that are, as something may have begun there.
const OPEN_BLOCKS: usize = 4;

/// What of a window is no armor, with margins; nothing, if that is much of it. Tells where the digits are, if there are
/// many.
pub(super) fn others(window: &Window<'_>, digits: &mut Vec<u64>) -> Option<Vec<Range<usize>>> {
    digits.clear();
    let bytes = &window.text.bytes[window.from..window.to];
    let blocks = window.squeezed.keep.words().len();
    if blocks < BLOCKS_MIN {
        return None;
    }
    // Without lines there is little to be left out.
    if !window.squeezed.line.any() {
        return None;
    }
    let others = (0..blocks).step_by(SAMPLE).filter(|i| {
        let (line, digit) = (window.squeezed.line.at(*i), window.squeezed.digit.at(*i));
        let others = || !(sextets::places(&sixty_four(&bytes[64 * i..])) | line);
        (line.count_ones() > LINES_MAX) | (digit.count_ones() > DIGITS_MAX) || others() != 0
    });
    // A quarter of those that are looked at first.
    if others.take(blocks / SAMPLE / 4 + 1).count() * SAMPLE * 4 > blocks {
        return None;
    }
    sextets::all_places(bytes, digits);
    let mut others = Bits::new(blocks);
    for first in (0..blocks).step_by(GROUP) {
        let mut found = of_blocks(window, digits, first);
        while found != 0 {
            others.set(first + found.trailing_zeros() as usize, true);
            found &= found - 1;
        }
    }
    of_lines(window, &mut others);
    if window.last && !window.text.complete {
        (blocks - OPEN_BLOCKS..blocks).for_each(|i| others.set(i, true));
    }
    parts(window, &others)
}

/// These blocks of a window, with margins, if they are not much of it.
fn parts(window: &Window<'_>, others: &Bits) -> Option<Vec<Range<usize>>> {
    let mut left = (window.to - window.from) / 4;
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    while let Some(row) = others.row(from) {
        from = row.end;
        let start = (window.from + 64 * row.start)
            .saturating_sub(MARGIN_BYTES)
            .max(window.from);
        let end = (window.from + 64 * row.end + MARGIN_BYTES).min(window.to);
        let more = match parts.last_mut() {
            Some(last) if start <= last.end => end - std::mem::replace(&mut last.end, end),
            _ => {
                parts.push(start..end);
                end - start
            }
        };
        left = left.checked_sub(more)?;
    }
    Some(parts)
}

/// Blocks of sixty-four bytes that are looked at together.
const GROUP: usize = 8;

/// Which of some blocks from one on are something else than base64 digits and ends of lines, or may show numbers: a bit
/// for each.
#[inline]
fn of_blocks(window: &Window<'_>, digits: &[u64], first: usize) -> u64 {
    let squeezed = window.squeezed;
    let (keep, digit) = (squeezed.keep.words_from(first), squeezed.digit.words_from(first));
    let mut line = squeezed.line.words_from::<GROUP>(first);
    let mut places = [0; GROUP];
    let n = digits.len() - first;
    places[..n.min(GROUP)].copy_from_slice(&digits[first..first + n.min(GROUP)]);
    if n <= GROUP {
        // Behind the end nothing is wrong.
        let rest = (window.to - window.from) % 64;
        line[n - 1] |= if rest == 0 { 0 } else { u64::MAX << rest };
        line[n..].fill(u64::MAX);
    }
    let (others, prefixes) = look_at(&keep, &digit, &line, &places);
    let mut prefixes = prefixes & !others;
    let mut found = others;
    while prefixes != 0 {
        let i = prefixes.trailing_zeros() as usize;
        prefixes &= prefixes - 1;
        let at = window.from + 64 * (first + i);
        found |= u64::from(has_prefix(window.text.bytes, at, keep[i], digit[i])) << i;
    }
    found
}

type Words = [u64; GROUP];

/// Which blocks are something else or show a list, and which have a digit and a letter after a sign.
fn look_at(keep: &Words, digit: &Words, line: &Words, places: &Words) -> (u64, u64) {
    #[cfg(target_arch = "x86_64")]
    if crate::wide::has_compress() {
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        // SAFETY: the features were detected.
        return unsafe { look_wide(keep, digit, line, places) };
    }
    look(keep, digit, line, places)
}

/// The same, for which the compiler takes vectors of eight words.
#[cfg(target_arch = "x86_64")]
#[target_feature(
    enable = "avx512f",
    enable = "avx512bw",
    enable = "avx512vbmi",
    enable = "avx512vbmi2",
    enable = "popcnt"
)]
fn look_wide(keep: &Words, digit: &Words, line: &Words, places: &Words) -> (u64, u64) {
    look(keep, digit, line, places)
}

#[inline(always)]
fn look(keep: &Words, digit: &Words, line: &Words, places: &Words) -> (u64, u64) {
    let (mut others, mut prefixes) = ([0; GROUP], [0; GROUP]);
    for i in 0..GROUP {
        let (keep, digit, places) = (keep[i], digit[i], places[i]);
        let two = digit & digit >> 1;
        let four = two & two >> 2;
        let signs = places & !keep;
        others[i] = !(places | line[i]) | four & four >> 4 | list(signs);
        prefixes[i] = prefix(keep, digit);
    }
    let mut found = (0, 0);
    for i in 0..GROUP {
        let many = digit[i].count_ones() > DIGITS_MAX;
        found.0 |= u64::from((others[i] != 0) | many) << i;
        found.1 |= u64::from(prefixes[i] != 0) << i;
    }
    found
}

/// The last ones of five signs that stand close after one another: numbers of up to four digits may be between them.
#[inline(always)]
fn list(signs: u64) -> u64 {
    let mut chain = signs;
    for _ in 0..4 {
        let near = chain << 2 | chain << 3;
        chain = signs & (near | near << 2 | chain << 6);
    }
    chain
}

/// Where a digit and a letter stand after something else.
#[inline(always)]
fn prefix(keep: u64, digit: u64) -> u64 {
    digit & !(keep << 1) & (keep & !digit) >> 1
}

/// Whether a number with `0x` begins in a block, after a sign or the end of a line.
fn has_prefix(bytes: &[u8], at: usize, keep: u64, digit: u64) -> bool {
    let mut starts = prefix(keep, digit);
    while starts != 0 {
        let at = at + starts.trailing_zeros() as usize;
        starts &= starts - 1;
        if matches!(bytes[at..], [b'0', b'x' | b'X', ..]) {
            return true;
        }
    }
    false
}

/// Adds the blocks of lines that are short, or that may differ from the line before in a few characters only.
fn of_lines(window: &Window<'_>, others: &mut Bits) {
    let bytes = window.text.bytes;
    if lines::even(window).is_some_and(|even| even.step > LINE_BYTES_MIN && of_even_lines(window, even, others)) {
        return;
    }
    // Where the line before begins, and its first and last bytes; nowhere, if not all of it lies in the window.
    let (mut before, mut ends) = (usize::MAX, (0, 0));
    let mut start = if window.from == 0 { 0 } else { usize::MAX };
    for (i, line) in window.squeezed.line.words().iter().enumerate() {
        let mut line = *line;
        while line != 0 {
            let end = window.from + 64 * i + line.trailing_zeros() as usize;
            line &= line - 1;
            let from = std::mem::replace(&mut start, end + 1);
            if from == usize::MAX {
                continue;
            }
            let here = (word(bytes, from), word(bytes, end.saturating_sub(7)));
            let alike = before != usize::MAX && (here.0 == ends.0 || here.1 == ends.1);
            if alike | (end - from < LINE_BYTES_MIN) {
                let first = if before == usize::MAX { from } else { before };
                for block in (first - window.from) / 64..=i {
                    others.set(block, true);
                }
            }
            (before, ends) = (from, here);
        }
    }
}

/// Eight bytes from a place on.
#[inline]
fn word(bytes: &[u8], place: usize) -> u64 {
    bytes[place..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

/// The same of lines that are equally wide; says whether they are.
fn of_even_lines(window: &Window<'_>, Even { first, step }: Even, others: &mut Bits) -> bool {
    let bytes = window.text.bytes;
    // The first line ends before them.
    let mut before = (0, word(bytes, first.saturating_sub(8)));
    let mut even = before.1 >> 56 == u64::from(b'\n');
    for end in (first + step - 1..window.to).step_by(step) {
        let here = (word(bytes, end + 1 - step), word(bytes, end - 7));
        even &= here.1 >> 56 == u64::from(b'\n');
        if (here.0 == before.0) | (here.1 == before.1) {
            let start = (end - window.from).saturating_sub(2 * step);
            (start / 64..=(end - window.from) / 64).for_each(|block| others.set(block, true));
        }
        before = here;
    }
    even
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(n: usize) -> String {
        let mut state = 5u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[(state >> 26) as usize])
        };
        (0..n).map(|_| next()).collect()
    }

    fn lines(n: usize, width: usize) -> String {
        let digits = digits(n * width);
        let lines = (0..n).map(|i| digits[i * width..][..width].to_owned() + "\n");
        lines.collect()
    }

    /// What of a text is no armor, and how much that is.
    fn others_of(text: &str, complete: bool) -> Option<(Vec<Range<usize>>, usize)> {
        let found = Window::of(text.as_bytes(), complete, |window| others(window, &mut Vec::new()))?;
        let total = found.iter().map(Range::len).sum();
        Some((found, total))
    }

    #[test]
    fn places_that_are_no_armor_are_told_with_margins() {
        let text = lines(300, 76);
        // In noise a few places look like lists.
        let (_, some) = others_of(&text, true).unwrap();
        assert!(some < text.len() / 10, "{some}");
        let (found, _) = others_of(&text, false).unwrap();
        assert!(
            found
                .last()
                .is_some_and(|last| last.end == text.len() && last.len() >= MARGIN_BYTES)
        );
        for other in [
            "104-117-110-116-101-114",
            "68+75+6e+74+65+72",
            "/0x68756e74/",
            "7164780983342424136",
            "a = b",
            "\u{e4}",
            "short\n",
        ] {
            let at = 77 * 150;
            let text = [&text[..at], other, &text[at..]].concat();
            let (found, total) = others_of(&text, true).unwrap();
            assert!(total < text.len() / 8, "{other}");
            let around = found
                .iter()
                .find(|part| part.contains(&at))
                .unwrap_or_else(|| panic!("{other}"));
            assert!(
                around.start + MARGIN_BYTES <= at && around.end >= at + other.len() + MARGIN_BYTES - 64,
                "{other}"
            );
        }
    }

    #[test]
    fn lines_alike_are_no_armor() {
        let line = digits(75);
        let alike = |middle: usize| {
            let lines = (0..300).map(|i| {
                let other = char::from(b'a' + (i * 7 % 26) as u8);
                format!("{}{other}{}\n", &line[..middle], &line[middle..])
            });
            lines.collect::<String>()
        };
        for middle in [0, 30, 75] {
            assert!(others_of(&alike(middle), true).is_none(), "{middle}");
        }
        for text in [
            "some words of a text\n".repeat(1000),
            "1234567890".repeat(1000),
            lines(300, 30),
        ] {
            assert!(others_of(&text, true).is_none(), "{}", &text[..40]);
        }
        assert!(others_of(&lines(40, 76), true).is_none());
    }
}
