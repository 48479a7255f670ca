//! What a list of numbers stands for: bytes, characters, or words of several bytes each.

use std::ops::Range;

use super::View;
use super::inflate;
use super::numbers::{STEPS_MAX, is_odd};
use super::tokens::{Base, SEPARATOR_BYTES_MAX};
use crate::Form;
use crate::index::{CANON_MIN, Row};
use crate::scan::{Scan, Scanner, Window};

/// A number of a list.
#[derive(Clone, Copy)]
pub(crate) struct Element {
    pub(super) number: u32,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) digits: u8,
}

/// How values become bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Each value is a byte.
    Bytes,
    /// Each value is a code point or a UTF-16 unit.
    Chars,
    /// Each value is a word, its first byte the highest one.
    Big,
    /// Each value is a word, its first byte the lowest one.
    Little,
}

/// Reads a list in every way.
pub(super) fn readings(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    values: &[Element],
    base: Base,
    depth: usize,
    scan: &mut Scan,
) {
    let bytes = window.text.bytes;
    let last = values.last().map_or(0, |last| last.to as usize);
    let open = region_end(window, last) == bytes.len() && !window.text.complete;
    // Of numbers that only count, the last ones may be the first ones of a value whose others are not there yet.
    let begun = values
        .len()
        .saturating_sub(STEPS_MAX.max(scanner.index.longest_counting() + 1));
    let values = if open && begun > STEPS_MAX && values.windows(2).all(|two| two[0].number + 1 == two[1].number) {
        &values[begun..]
    } else {
        values
    };
    let most = values.iter().map(|v| v.number).max().unwrap_or(0);
    let (likely, longest) = (scanner.index.row(), scanner.index.longest());
    let mut wanted = Vec::with_capacity(3);
    if most <= 0xFF {
        wanted.push(Reading::Bytes);
    }
    let odd = || values.iter().filter(|v| is_odd(v.number)).count();
    if (0x80..=0x10_FFFF).contains(&most) && odd() * 8 <= values.len() {
        wanted.push(Reading::Chars);
    }
    let words = match base {
        Base::Hex => values.iter().all(|v| matches!(v.digits, 4 | 8 | 16)),
        Base::Decimal => most > 0xFF,
        _ => false,
    };
    // How many bytes a decimal number stands for shows in the highest of them.
    let width = match (base, most) {
        (Base::Hex, _) => None,
        (_, 0..=0xFFFF) => Some(2),
        (_, u32::MAX) => Some(8),
        _ => Some(4),
    };
    if words {
        wanted.extend([Reading::Big, Reading::Little]);
    }
    let form = if base == Base::Hex { Form::Hex } else { Form::Numbers };
    let length = values.len();
    for reading in wanted {
        let mut look = |some: Range<usize>| {
            let values = &values[some.start..some.end.min(values.len())];
            let make = |plain: bool, _: Option<usize>| read(bytes, values, reading, width, plain);
            let last = values.last().map_or(0, |last| last.to as usize);
            scanner.lazily(window, &make, region_end(window, last), form, depth, [0; 4], scan);
        };
        // Most lists are no text, and what is none is not worth decoding once more.
        let shown = Shown::of(&likely, bytes, values, reading, width);
        let found = !shown.stretches.is_empty();
        if may_be_packed(bytes, values, reading, width) || (open || found) && shown.nearly_all {
            look(0..length);
            continue;
        }
        // At the end a value may have begun, in up to four numbers for a character.
        let tail = length.saturating_sub(4 * longest + 4);
        let ended = |some: &Range<usize>| !open || some.end < length || some.start > tail;
        if open && shown.begun && shown.stretches.iter().all(ended) {
            look(tail..length);
        }
        shown.stretches.into_iter().for_each(&mut look);
    }
}

/// Where the text of a list ends whose last number ends at `last`. What follows may be a separator, when more may come.
pub(super) fn region_end(window: &Window<'_>, last: usize) -> usize {
    let length = window.text.bytes.len();
    if length - last <= SEPARATOR_BYTES_MAX {
        length
    } else {
        last
    }
}

/// Numbers that show whether something compressed begins with them.
const MAGIC_BYTES: usize = 12;

/// The character of which these are the halves in UTF-16.
fn pair(first: u32, second: u32) -> u32 {
    0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
}

/// Whether numbers may stand for something compressed, which may begin inside a list of bytes.
fn may_be_packed(bytes: &[u8], values: &[Element], reading: Reading, decimal: Option<usize>) -> bool {
    let head = read(bytes, &values[..values.len().min(MAGIC_BYTES)], reading, decimal, true);
    if inflate::has_magic(&head.bytes) {
        return true;
    }
    reading == Reading::Bytes
        && (values
            .windows(2)
            .any(|two| inflate::begins(two[0].number as u8, two[1].number as u8))
            || inflate::may_be_raw(&head.bytes) && values.iter().any(|v| v.number >= 0x80))
}

/// Where in some numbers a value, or text, may be.
struct Shown {
    /// Stretches of the numbers with enough bytes in a row that may be part of one.
    stretches: Vec<Range<usize>>,
    /// Nearly all of their bytes may be.
    nearly_all: bool,
    /// The last one of their bytes may be, so that one may have begun.
    begun: bool,
}

impl Shown {
    fn of(row: &Row, bytes: &[u8], values: &[Element], reading: Reading, decimal: Option<usize>) -> Self {
        let mut found = Found {
            likely: row,
            bytes: reading == Reading::Bytes,
            stretches: Vec::new(),
            start: 0,
            length: 0,
            counts: [0; 2],
        };
        let mut high = None;
        for (i, v) in values.iter().enumerate() {
            match reading {
                Reading::Bytes => found.add(i, v.number as u8),
                // Half of a character goes with the other one.
                Reading::Chars => match (high.take(), v.number) {
                    (_, first @ 0xD800..=0xDBFF) => high = Some(first),
                    (Some(first), second @ 0xDC00..=0xDFFF) => found.add_char(i, pair(first, second)),
                    (_, code) => found.add_char(i, code),
                },
                Reading::Big | Reading::Little => {
                    let width = decimal.unwrap_or(usize::from(v.digits) / 2);
                    let known = v.number < u32::MAX && width <= 4 && bytes[v.from as usize] != b'-';
                    let value = if known {
                        u64::from(v.number)
                    } else {
                        wide(bytes, v, decimal)
                    };
                    for n in 0..width {
                        let place = if reading == Reading::Big { width - 1 - n } else { n };
                        found.add(i, (value >> (8 * place)) as u8);
                    }
                }
            }
        }
        let begun = found.length > 0 || high.is_some();
        found.close(values.len());
        let [no, yes] = found.counts;
        Self {
            nearly_all: no * 4 <= yes,
            begun,
            stretches: found.stretches,
        }
    }
}

/// Looks for bytes in a row that may be part of a value.
struct Found<'r> {
    likely: &'r Row,
    /// Each number is a byte.
    bytes: bool,
    stretches: Vec<Range<usize>>,
    /// With which number the row begins.
    start: usize,
    length: usize,
    /// How many bytes may be none, and how many may be part of a value.
    counts: [usize; 2],
}

impl Found<'_> {
    /// One more byte, of the `i`th number.
    #[inline(always)]
    fn add(&mut self, i: usize, byte: u8) {
        let may_be = self.likely.may_be(byte);
        if !may_be && (byte == 0 || self.bytes && Row::may_be_between(byte)) {
            return;
        }
        self.counts[usize::from(may_be)] += 1;
        if !may_be {
            self.close(i);
            return;
        }
        if self.length == 0 {
            self.start = i;
        }
        self.length += 1;
    }

    /// The row does not go on after the `i`th number.
    #[inline]
    fn close(&mut self, i: usize) {
        if std::mem::take(&mut self.length) < CANON_MIN {
            return;
        }
        // What stands beside a row shows whether a word ends there.
        let (from, to) = (self.start.saturating_sub(1), i + 1);
        match self.stretches.last_mut() {
            Some(last) if from <= last.end => last.end = to,
            _ => self.stretches.push(from..to),
        }
    }

    /// One more character.
    #[inline]
    fn add_char(&mut self, i: usize, code: u32) {
        if code < 0x80 {
            self.add(i, code as u8);
        } else {
            let char = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            for byte in char.encode_utf8(&mut [0; 4]).bytes() {
                self.add(i, byte);
            }
        }
    }
}

/// A number of up to eight bytes as it is written.
fn wide(bytes: &[u8], v: &Element, decimal: Option<usize>) -> u64 {
    word(
        &bytes[v.from as usize..v.to as usize],
        if decimal.is_some() { 10 } else { 16 },
    )
}

/// A number of up to eight bytes.
fn word(text: &[u8], radix: u32) -> u64 {
    let digits = text.strip_prefix(b"0x").or(text.strip_prefix(b"0X")).unwrap_or(text);
    digits
        .iter()
        .map_while(|b| char::from(*b).to_digit(radix))
        .fold(0, |value: u64, digit| {
            value.wrapping_mul(u64::from(radix)).wrapping_add(u64::from(digit))
        })
}

/// The text that numbers stand for.
fn read(bytes: &[u8], values: &[Element], reading: Reading, decimal: Option<usize>, plain: bool) -> View {
    let mut view = View::new(values.len(), plain);
    if plain && reading == Reading::Bytes {
        view.skip();
        view.bytes.extend(values.iter().map(|v| v.number as u8));
        return view;
    }
    let mut high = None;
    for v in values {
        let (value, from, to) = (v.number, v.from as usize, v.to as usize);
        match reading {
            Reading::Bytes => view.decode(value as u8, from..to),
            Reading::Chars => match (high.take(), value) {
                (_, 0xD800..=0xDBFF) => high = Some((value, from)),
                (Some((first, from)), 0xDC00..=0xDFFF) => {
                    view.decode_char(char::from_u32(pair(first, value)).unwrap_or('\u{FFFD}'), from..to);
                }
                _ => view.decode_char(char::from_u32(value).unwrap_or('\u{FFFD}'), from..to),
            },
            Reading::Big | Reading::Little => {
                let width = decimal.unwrap_or(usize::from(v.digits) / 2);
                let value = wide(bytes, v, decimal);
                for i in 0..width {
                    let shift = if reading == Reading::Big { width - 1 - i } else { i };
                    view.decode((value >> (8 * shift)) as u8, from..to);
                }
            }
        }
    }
    view
}
