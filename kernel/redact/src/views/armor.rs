//! Stretches of base64 digits in which nothing else can stand: neither lists nor tables nor records are looked for there.
//!
//! ```text
//!  Signed-off-by: a person                 looked at in every way, with a margin on both sides
//!  MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A…       lines of base64 digits: only their content is looked at
//!  MIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo…
//! ```
//!
//! Digits, plus, slash, hyphen and underscore are all that it takes to write numbers too, and lines may differ in one
//! character each; so stretches are no armor where a word may be a number, where there are many digits or signs close
//! together, nor lines that begin or end alike. (Armor: RFC 9580, section 6.)

use std::ops::Range;

use super::bits::Bits;
use super::lines::{self, Even};
use super::sextets;
use crate::scan::{LINE_BYTES_MAX, Window};
use crate::squeeze::{sixty_four, some};

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

/// Bytes that are looked at in every way on both sides of lines with something that is no armor.
const MARGIN_BYTES: usize = 256;

/// Blocks at the end of an unfinished text that are, as something may have begun there.
const OPEN_BLOCKS: usize = 4;

/// What is known of a window with many base64 digits; nothing of others.
#[derive(Default)]
pub(crate) struct Known {
    /// Where they stand, and where hexadecimal ones do, sixty-four places to a word.
    pub(super) places: Vec<u64>,
    hex: Vec<u64>,
    /// Its lines, if they may be equally wide.
    pub(super) even: Option<Even>,
}

/// What of a window is no armor, with margins; nothing, if that is much of it.
pub(super) fn others(window: &Window<'_>, known: &mut Known) -> Option<Vec<Range<usize>>> {
    let Known { places, hex, even } = known;
    places.clear();
    *even = None;
    let bytes = &window.text.bytes[window.from..window.to];
    let (line, digit) = (&window.squeezed.line, &window.squeezed.digit);
    let blocks = line.words().len();
    // Without lines there is little to be left out.
    if blocks < BLOCKS_MIN || !line.any() {
        return None;
    }
    let is_other = |i: &usize| {
        let (line, digit) = (line.at(*i), digit.at(*i));
        line.count_ones() > LINES_MAX
            || digit.count_ones() > DIGITS_MAX
            || sextets::places(&sixty_four(&bytes[64 * i..])) | line != u64::MAX
    };
    let sample = (0..blocks).step_by(SAMPLE).filter(is_other);
    // A quarter of those that are looked at first.
    if sample.take(blocks / SAMPLE / 4 + 1).count() * SAMPLE * 4 > blocks {
        return None;
    }
    sextets::all_places(bytes, places, hex);
    *even = lines::even(window);
    let mut others = Bits::new(blocks);
    of_blocks(window, known, &mut others);
    of_lines(window, known, &mut others);
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
        let (start, end) = (window.from + 64 * row.start, window.from + 64 * row.end);
        let (start, end) = whole_lines(window, start, end.min(window.to));
        let start = start.saturating_sub(MARGIN_BYTES).max(window.from);
        let end = (end + MARGIN_BYTES).min(window.to);
        let more = match parts.last_mut() {
            Some(last) if start <= last.end => {
                let before = last.end;
                last.end = end.max(before);
                last.end - before
            }
            _ => {
                parts.push(start..end);
                end - start
            }
        };
        left = left.checked_sub(more)?;
    }
    Some(parts)
}

/// A place and what there is of the lines around it, if those may be rows of a table.
fn whole_lines(window: &Window<'_>, start: usize, end: usize) -> (usize, usize) {
    let bytes = &window.text.bytes[..window.to];
    let near = start.saturating_sub(LINE_BYTES_MAX).max(window.from);
    let first = memchr::memrchr(b'\n', &bytes[near..start]).map_or(start, |n| near + n + 1);
    let rest = &bytes[end..(end + LINE_BYTES_MAX).min(window.to)];
    (first, memchr::memchr(b'\n', rest).map_or(end, |n| end + n))
}

/// Two words that may be numbers are a list of them if they begin so close to one another: on the same line, or on the next
/// one.
const NEAR_BYTES: usize = 100;

/// Adds the blocks that are something else than base64 digits and ends of lines, or that may show numbers.
fn of_blocks(window: &Window<'_>, known: &Known, others: &mut Bits) {
    let (squeezed, blocks) = (window.squeezed, known.places.len());
    // Where the last word begins that may be a number.
    let mut last = None;
    for first in (0..blocks).step_by(GROUP) {
        let mut line = squeezed.line.some(first);
        if blocks - first <= GROUP {
            // Behind the end nothing is wrong.
            let rest = (window.to - window.from) % 64;
            line[blocks - first] |= if rest == 0 { 0 } else { u64::MAX << rest };
            line[blocks - first + 1..].fill(u64::MAX);
        }
        let masks = Masks {
            keep: squeezed.keep.some(first),
            digit: squeezed.digit.some(first),
            line,
            places: some(&known.places, first),
            hex: some(&known.hex, first),
        };
        let Found {
            mut others_in,
            numbers,
            prefixes,
        } = look_at(&masks);
        while others_in != 0 {
            others.set(first + others_in.trailing_zeros() as usize, true);
            others_in &= others_in - 1;
        }
        for (i, (numbers, prefixes)) in (first..).zip(numbers.into_iter().zip(prefixes)) {
            let mut numbers = numbers | with_zero(window.text.bytes, window.from + 64 * i, prefixes);
            while numbers != 0 {
                let at = 64 * i + numbers.trailing_zeros() as usize;
                numbers &= numbers - 1;
                if let Some(last) = last.replace(at).filter(|last| at - last <= NEAR_BYTES) {
                    (last / 64..=i).for_each(|block| others.set(block, true));
                }
            }
        }
    }
}

/// Blocks of sixty-four bytes that are looked at together.
const GROUP: usize = 8;

/// The bits of those, and of the blocks before and after them.
type Words = [u64; GROUP + 2];

/// What is known of the bytes of some blocks.
struct Masks {
    keep: Words,
    digit: Words,
    line: Words,
    places: Words,
    hex: Words,
}

/// What is found in some blocks.
struct Found {
    /// Those that are no armor, a bit each.
    others_in: u64,
    /// Where words begin that may be numbers, and where words do that are such with `0x` or `0o` only.
    numbers: [u64; GROUP],
    prefixes: [u64; GROUP],
}

fn look_at(masks: &Masks) -> Found {
    #[cfg(target_arch = "x86_64")]
    if crate::wide::has_compress() {
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        // SAFETY: the features were detected.
        return unsafe { look_wide(masks) };
    }
    look(masks)
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
fn look_wide(masks: &Masks) -> Found {
    look(masks)
}

#[inline(always)]
fn look(masks: &Masks) -> Found {
    let Masks {
        keep,
        digit,
        line,
        places,
        hex,
    } = masks;
    let mut others = [0; GROUP];
    let (mut numbers, mut prefixes) = ([0; GROUP], [0; GROUP]);
    for n in 0..GROUP {
        let i = n + 1;
        let ahead = |mask: &Words, by: u32| mask[i] >> by | mask[i + 1] << (64 - by);
        let starts = keep[i] & !(keep[i] << 1 | keep[i - 1] >> 63);
        // In a row from there on: one digit, two, three, four; and hexadecimal ones.
        let one = starts & digit[i];
        let two = one & ahead(digit, 1);
        let three = two & ahead(digit, 2);
        let four_hex = starts & hex[i] & ahead(hex, 1) & ahead(hex, 2) & ahead(hex, 3);
        let five = four_hex & ahead(hex, 4);
        let six = five & ahead(hex, 5);
        let seven = six & ahead(hex, 6);
        let wide = seven & ahead(hex, 7);
        // A word of two or three digits, one that begins with four, and one of four to seven hexadecimal digits.
        let small = two & !ahead(keep, 2) | three & !ahead(keep, 3) | three & ahead(digit, 3);
        let hexadecimal =
            four_hex & !ahead(keep, 4) | five & !ahead(keep, 5) | six & !ahead(keep, 6) | seven & !ahead(keep, 7);
        numbers[n] = small | hexadecimal;
        // `0x` and two digits; and six more, which are a value by themselves.
        let prefixed = one & ahead(keep, 1) & !ahead(hex, 1) & ahead(hex, 2) & ahead(hex, 3);
        let long =
            prefixed & ahead(hex, 4) & ahead(hex, 5) & ahead(hex, 6) & ahead(hex, 7) & ahead(hex, 8) & ahead(hex, 9);
        prefixes[n] = prefixed;
        others[n] = !(places[i] | line[i]) | wide | long | eight_digits(digit, i) | list(places, keep, i);
    }
    let mut others_in = 0;
    for n in 0..GROUP {
        let many = digit[n + 1].count_ones() > DIGITS_MAX;
        others_in |= u64::from((others[n] != 0) | many) << n;
    }
    Found {
        others_in,
        numbers,
        prefixes,
    }
}

/// Where eight digits in a row begin.
#[inline(always)]
fn eight_digits(digit: &Words, i: usize) -> u64 {
    let (here, next) = (digit[i], digit[i + 1]);
    let two = [here & (here >> 1 | next << 63), next & next >> 1];
    let four = [two[0] & (two[0] >> 2 | two[1] << 62), two[1] & two[1] >> 2];
    four[0] & (four[0] >> 4 | four[1] << 60)
}

/// The last ones of five signs that stand close after one another: numbers of up to four digits may be between them.
#[inline(always)]
fn list(places: &Words, keep: &Words, i: usize) -> u64 {
    let signs = [places[i - 1] & !keep[i - 1], places[i] & !keep[i]];
    let mut chain = signs;
    for _ in 0..4 {
        let near = |by: u32| [chain[0] << by, chain[1] << by | chain[0] >> (64 - by)];
        let all = [2, 3, 4, 5, 6].map(near);
        let any = |n: usize| all[0][n] | all[1][n] | all[2][n] | all[3][n] | all[4][n];
        chain = [signs[0] & any(0), signs[1] & any(1)];
    }
    chain[1]
}

/// Which of some words begin with `0x` or `0o`.
#[inline]
fn with_zero(bytes: &[u8], from: usize, mut words: u64) -> u64 {
    let mut found = 0;
    while words != 0 {
        let bit = words.trailing_zeros();
        words &= words - 1;
        let is = matches!(bytes[from + bit as usize..], [b'0', b'x' | b'X' | b'o' | b'O', ..]);
        found |= u64::from(is) << bit;
    }
    found
}

/// Adds the blocks of lines that are short, or that may differ from the line before in a few characters only.
fn of_lines(window: &Window<'_>, known: &Known, others: &mut Bits) {
    let bytes = window.text.bytes;
    let even = known.even.filter(|even| even.step > LINE_BYTES_MIN);
    if even.is_some_and(|even| of_even_lines(window, even, others)) {
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
    use super::super::random::Random;
    use super::*;

    fn digits(n: usize) -> String {
        let mut random = Random(5);
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        (0..n).map(|_| char::from(alphabet[random.below(64)])).collect()
    }

    fn lines(n: usize, width: usize) -> String {
        let digits = digits(n * width);
        let lines = (0..n).map(|i| digits[i * width..][..width].to_owned() + "\n");
        lines.collect()
    }

    /// What of a text is no armor, and how much that is.
    fn others_of(text: &str, complete: bool) -> Option<(Vec<Range<usize>>, usize)> {
        let found = Window::of(text.as_bytes(), complete, |window| {
            others(window, &mut Known::default())
        })?;
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
            "/0x68756e74/0x65723232/",
            "/b7d0b6d0b2d0b1d0-",
            "_30056u/29806u-",
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
