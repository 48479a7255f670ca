//! Hexadecimal, octal and character dumps with offsets: `xxd`, `hexdump -C`, `od` and their relatives.
//!
//! The bytes of consecutive rows make one text. A byte that is part of a secret is hidden in the character column too.

use std::ops::Range;

use super::escape::number;
use super::layout::Layout;
use super::{View, digits, dull};
use crate::Form;
use crate::scan::{Scan, Scanner, Window};

/// Longest row.
const ROW_BYTES_MAX: usize = 512;

/// Shortest row: four digits, a blank and a cell.
const ROW_BYTES_MIN: usize = 6;

/// A row and where its cells start.
struct Row {
    range: Range<usize>,
    cells: usize,
}

/// Scans what the rows of a window show. `uniform`: they are those of one dump, with bytes in hexadecimal.
pub(crate) fn scan(scanner: &mut Scanner<'_>, window: &Window<'_>, uniform: bool, depth: usize, scan: &mut Scan) {
    let bytes = window.text.bytes;
    let mut rows: Vec<Row> = Vec::new();
    // A window after the first one begins in the middle of a line.
    let skip = usize::from(window.from > 0);
    let unfinished = |line: &Range<usize>| line.end == bytes.len() && !window.text.complete;
    for line in window.lines().skip(skip) {
        if let Some(cells) = offset(&bytes[line.clone()]) {
            let cells = line.start + cells;
            rows.push(Row { range: line, cells });
        } else if !rows.is_empty() && bytes[line.clone()].trim_ascii() != b"*" && !unfinished(&line) {
            // A star stands for rows that repeat the one before.
            all_readings(scanner, window, &rows, line.start, uniform, depth, scan);
            rows.clear();
        }
    }
    if !rows.is_empty() {
        // The next row may have begun.
        let end = rows.last().map_or(0, |row| (row.range.end + 1).min(bytes.len()));
        let begun = window.last
            && !window.text.complete
            && !bytes[end..].contains(&b'\n')
            && bytes.len() - end <= ROW_BYTES_MAX;
        let end = if begun { bytes.len() } else { end };
        all_readings(scanner, window, &rows, end, uniform, depth, scan);
    }
}

/// What a byte at the head of a row is, a bit each: a digit of an offset, what stands before one or after it, and the two
/// characters of its prefix.
static HEAD: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = match i as u8 {
            b' ' | b'\t' | b'|' => INDENT | AFTER,
            b':' => AFTER,
            b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' => HEX | AFTER,
            b'x' | b'X' => X,
            _ => 0,
        };
        i += 1;
    }
    table
};
const HEX: u8 = 1;
const INDENT: u8 = 2;
const AFTER: u8 = 4;
const X: u8 = 8;

/// Whether a line that begins with this, and may be shorter, may be a row.
#[inline(always)]
pub(super) fn may_begin(line: &[u8; 8]) -> bool {
    let [first, second, third, fourth, after, ..] = *line;
    let kind = |byte: u8| HEAD[usize::from(byte)];
    let digits = || kind(second) & kind(third) & kind(fourth) & HEX != 0;
    kind(first) & INDENT != 0
        || kind(after) & AFTER != 0 && kind(first) & HEX != 0 && digits() && ends_offset(&line[4..])
        || first == b'0' && kind(second) & X != 0
}

/// Whether something that follows an offset stands after the next digits, or too many of them do. Ids are followed by
/// something else, mostly.
fn ends_offset(rest: &[u8]) -> bool {
    let kind = |byte: u8| HEAD[usize::from(byte)];
    let mut rest = rest.iter().skip_while(|byte| kind(**byte) & HEX != 0);
    rest.next().is_none_or(|byte| kind(*byte) & AFTER != 0)
}

/// Where a row's cells start, if the line has an offset before them.
#[inline]
fn offset(line: &[u8]) -> Option<usize> {
    // Most lines end here: a word, mostly, or a date.
    let may = line.first_chunk().is_none_or(may_begin);
    if may { offset_of(line) } else { None }
}

fn offset_of(line: &[u8]) -> Option<usize> {
    if !(ROW_BYTES_MIN..=ROW_BYTES_MAX).contains(&line.len()) {
        return None;
    }
    let indent = line.iter().position(|b| !matches!(b, b' ' | b'\t' | b'|'))?;
    let rest = &line[indent..];
    let prefix = if rest.starts_with(b"0x") { 2 } else { 0 };
    if !rest[prefix..].first_chunk::<4>()?.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let digits = hex_digits(&rest[prefix..]);
    if digits > 16 {
        return None;
    }
    let after = &rest[prefix + digits..];
    // A date or a word, mostly.
    if !matches!(after.first(), Some(b' ' | b'\t' | b':' | b'|')) {
        return None;
    }
    let marks = after.iter().take_while(|b| matches!(b, b':' | b'|')).count();
    let blanks = after[marks..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    if blanks + marks == 0 || marks > 1 {
        return None;
    }
    let cells = &after[marks + blanks..];
    // A word of hexadecimal digits or a character follows, then a blank.
    let word = cells.iter().take(19).take_while(|b| !matches!(b, b' ' | b'\t')).count();
    (1..=18)
        .contains(&word)
        .then_some(indent + prefix + digits + marks + blanks)
}

/// How many hexadecimal digits a text begins with.
#[inline]
fn hex_digits(text: &[u8]) -> usize {
    text.iter().take_while(|b| b.is_ascii_hexdigit()).count()
}

/// Whether a line up to its first border is an offset and bytes, so that there is nothing in it but what its row shows:
/// pairs of digits with a blank after each, or with more of them after every fourth one and before the border.
pub(super) fn is_row(line: &[u8], border: usize) -> bool {
    first_cell(line, border).is_some()
}

/// Where the first of these pairs of such a line begins.
fn first_cell(line: &[u8], border: usize) -> Option<usize> {
    let start = offset(line).filter(|cells| *cells < border && !line[..*cells].contains(&b'|'))?;
    // What follows the border is no more of them.
    if matches!(line[border + 1..], [b' ', digit, ..] if digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut at = start;
    for n in 1.. {
        let [a, b, rest @ ..] = &line[at..border] else {
            return None;
        };
        let blanks = rest.iter().take_while(|b| **b == b' ').count();
        if !(a.is_ascii_hexdigit() && b.is_ascii_hexdigit()) {
            return None;
        }
        if blanks == rest.len() {
            return Some(start);
        }
        if blanks != 1 && (blanks == 0 || n % 4 != 0) {
            return None;
        }
        at += 2 + blanks;
    }
    None
}

/// Where the bytes of a row stand, if it is nothing but an offset and bytes before its border.
fn cells_of(line: &[u8]) -> Option<Layout> {
    let border = memchr::memchr(b'|', line)?;
    let start = first_cell(line, border)?;
    Layout::of(line, hex_digits(line), start..border)
}

/// Rows of one dump around one of its rows, each with the offset after those of the row before: from the first to the last
/// one. Nothing, where their cells may be decimal numbers.
pub(super) fn rows_around(bytes: &[u8], from: usize, middle: &Range<usize>) -> Option<Range<usize>> {
    let layout = cells_of(&bytes[middle.clone()])?;
    let mut shown = Vec::new();
    let read = |line: &[u8]| {
        if !layout.fits(line) {
            return None;
        }
        shown.clear();
        layout.read(line, &mut shown);
        // Without letters they are hexadecimal only where characters say so, or where they are all the same.
        let hexadecimal = layout.has_letters(line) || shown.iter().all(|byte| *byte == shown[0]);
        let characters = layout.characters(line, &shown)?;
        layout.offset(line).filter(|_| hexadecimal || characters > 0)
    };
    dull::around(bytes, from, middle, read, |first, second| {
        first.checked_add(layout.bytes() as u32) == Some(*second)
    })
}

/// Whether rows have offsets that only count, and a border after them or a number and a fraction: those are rows of a
/// table, which are read as such.
fn are_numbered(bytes: &[u8], rows: &[Row]) -> bool {
    let number = |row: &Row| {
        let line = &bytes[row.range.clone()];
        let indent = line.iter().take_while(|byte| matches!(byte, b' ' | b'|')).count();
        let digits = digits::leading_in(&line[indent..]);
        let blank = matches!(line.get(indent + digits), Some(b' '));
        let is_one = digits <= NUMBER_DIGITS_MAX && blank && of_a_table(&bytes[row.cells..row.range.end]);
        if is_one {
            number(&line[indent..indent + digits], 10)
        } else {
            None
        }
    };
    let mut before = None;
    rows.len() >= NUMBERED_MIN
        && rows.iter().all(|row| {
            let here = number(row);
            let counts = before.is_none() || before.zip(here).is_some_and(|(before, here)| before + 1 == here);
            before = here;
            counts && here.is_some()
        })
}

/// Whether cells begin with a border, or with a number and a fraction, where the row is no longer than one of a table.
fn of_a_table(cells: &[u8]) -> bool {
    let blanks = |text: &[u8]| text.iter().take_while(|byte| **byte == b' ').count();
    if cells.starts_with(b"|") {
        return true;
    }
    if cells.len() > TABLE_CELLS_MAX {
        return false;
    }
    let first = digits::leading_in(cells);
    let rest = &cells[first..];
    let rest = &rest[blanks(rest)..];
    let rest = rest.strip_prefix(b"-").unwrap_or(rest);
    let (whole, fraction) = rest.split_at(digits::leading_in(rest));
    let after = fraction.strip_prefix(b".").map_or(0, digits::leading_in);
    first > 0 && !whole.is_empty() && after >= FRACTION_DIGITS_MIN
}

/// Fewest digits after the point of a number that is no list.
const FRACTION_DIGITS_MIN: usize = 4;

/// Most bytes of such cells: whoever reads columns takes no longer lines.
const TABLE_CELLS_MAX: usize = 64;

/// Fewest rows.
const NUMBERED_MIN: usize = 16;

/// Most digits of their numbers.
const NUMBER_DIGITS_MAX: usize = 6;

fn all_readings(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    rows: &[Row],
    end: usize,
    uniform: bool,
    depth: usize,
    scan: &mut Scan,
) {
    if !uniform && are_numbered(window.text.bytes, rows) {
        return;
    }
    for (nth, view) in read(window, rows, uniform, true).into_iter().enumerate() {
        if view.bytes.len() >= 4 || view.open.is_some() {
            let make = |plain: bool, _: Option<usize>| std::mem::take(&mut read(window, rows, uniform, plain)[nth]);
            scanner.again(window, view, &make, end, Form::Hex, depth, [0; 4], scan);
        }
    }
}

/// What rows show, in every way to read their cells.
fn read(window: &Window<'_>, rows: &[Row], uniform: bool, plain: bool) -> [View; 6] {
    let bytes = window.text.bytes;
    let mut views: [View; 6] = std::array::from_fn(|_| View::new(0, plain));
    let [big, little, octal, chars, bits, texts] = &mut views;
    // The character column stands at the same place in every row; a short row is filled up with blanks.
    let mut column: Option<usize> = None;
    let mut border = false;
    let mut open = None;
    let mut found = Vec::new();
    let mut layout = None;
    for Row { range, cells } in rows {
        let (cells, mut end) = (*cells, range.end);
        let line = &bytes[range.clone()];
        if uniform && plain {
            layout = layout.or_else(|| cells_of(line));
            if let Some(layout) = layout.as_ref().filter(|layout| layout.fits(line)) {
                big.skip();
                layout.read(line, &mut big.bytes);
                continue;
            }
        }
        if end == bytes.len() && !window.text.complete {
            // The last word may be a part of one.
            let part = bytes[cells..end]
                .iter()
                .rev()
                .take_while(|b| !matches!(b, b' ' | b'\t'))
                .count();
            end -= part;
            open = Some(end);
        }
        let fixed = column.filter(|at| range.start + at < end && agrees(line, *at, border));
        let fixed = fixed.map(|at| range.start + at);
        let shown = hex_row(bytes, cells..end, fixed, &mut found, big, little);
        if let (None, Some(at)) = (column, shown) {
            column = Some(at - range.start);
            border = bytes[at - 1] == b'|';
        }
        if uniform {
            continue;
        }
        bit_row(bytes, cells..end, &mut found, bits);
        // A border ends the numbers in any base.
        let before = shown.map(|at| at - 1).filter(|at| bytes[*at] == b'|');
        number_row(bytes, cells..before.unwrap_or(end), octal);
        char_row(bytes, cells..end, range.start, chars);
    }
    *texts = texts_in(big);
    for view in &mut views {
        view.fragments = true;
        view.open = open;
    }
    views
}

/// Shortest text among bytes that are none.
const TEXT_BYTES_MIN: usize = 12;

/// The texts among the bytes of a dump, one below the other: all of it may be no text, in which nothing is decoded.
fn texts_in(dump: &View) -> View {
    let mut texts = View::new(0, dump.plain);
    let is_text = |byte: u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    let mut at = 0;
    for run in dump.bytes.chunk_by(|a, b| is_text(*a) == is_text(*b)) {
        let text = at..at + run.len();
        at = text.end;
        if run.len() < TEXT_BYTES_MIN || !is_text(run[0]) || run.len() == dump.bytes.len() {
            continue;
        }
        if dump.plain {
            texts.skip();
            texts.bytes.extend_from_slice(run);
            texts.bytes.push(b'\n');
            continue;
        }
        for (i, byte) in text.zip(run) {
            let Some(source) = dump.source(i) else { continue };
            texts.decode(*byte, source);
            texts.also.push(dump.also.get(i).cloned().unwrap_or_default());
        }
        texts.decode(b'\n', 0..0);
        texts.also.push(0..0);
    }
    texts
}

/// Whether a row may have its character column where those before have theirs, after a border or after blanks.
fn agrees(line: &[u8], column: usize, border: bool) -> bool {
    if border {
        return line[column - 1] == b'|';
    }
    // The first one of the characters may be a border itself.
    memchr::memchr(b'|', line).is_none_or(|border| border == column || !is_row(line, border))
}

/// Groups of hexadecimal digits of one width, then perhaps a character column.
/// Returns where the column stands.
fn hex_row(
    bytes: &[u8],
    cells: Range<usize>,
    fixed: Option<usize>,
    found: &mut Vec<(u8, usize)>,
    big: &mut View,
    little: &mut View,
) -> Option<usize> {
    let mut at = cells.start;
    let mut width = 0;
    found.clear();
    let first = big.bytes.len();
    let column = loop {
        let prefix = if bytes[at..cells.end].starts_with(b"0x") { 2 } else { 0 };
        let from = at + prefix;
        if fixed.is_some_and(|fixed| from >= fixed) {
            break at;
        }
        let digits = hex_digits(&bytes[from..cells.end]);
        let ended = bytes
            .get(from + digits)
            .is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'|' | b'.'));
        if digits == 0 || digits % 2 == 1 || width > 0 && digits > width || !ended || digits > 16 {
            break at;
        }
        width = width.max(digits);
        for pair in (from..from + digits).step_by(2) {
            let digit = |b: u8| char::from(b).to_digit(16).unwrap_or(0) as u8;
            found.push((digit(bytes[pair]) << 4 | digit(bytes[pair + 1]), pair));
        }
        at = from + digits;
        let blanks = bytes[at..cells.end]
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
        let next = at + blanks;
        if next >= cells.end {
            break next;
        }
        let before_column = fixed.is_some_and(|fixed| next < fixed);
        if before_column && bytes[next] != b'|' {
            at = next;
            continue;
        }
        // Two blanks end the bytes, unless there is a gap in the middle of the row and more bytes follow.
        let goes_on = || {
            let pair = hex_digits(&bytes[next..cells.end]) == width;
            let pair_ends = bytes.get(next + width).is_none_or(|b| b.is_ascii_whitespace());
            // `hexdump -x` puts words far apart.
            let apart = width == 4 && blanks >= 3;
            (found.len().is_multiple_of(4) && width == 2 || apart) && pair && pair_ends
        };
        if bytes[next] == b'|' || blanks >= 2 && !goes_on() {
            let bar = bytes[next] == b'|';
            let more = bar
                && bytes.get(next + 1) == Some(&b' ')
                && bytes[next + 2..cells.end].first().is_some_and(u8::is_ascii_hexdigit);
            if more {
                at = next + 2;
                continue;
            }
            break next;
        }
        at = next;
    };
    for (byte, from) in found.iter() {
        big.decode(*byte, *from..*from + 2);
    }
    // The character column shows one character per byte.
    let column = fixed.unwrap_or_else(|| column + usize::from(matches!(bytes.get(column), Some(b'|' | b'>' | b'*'))));
    let ends = (column < cells.end && !found.is_empty()).then_some(column);
    let shown = cells.end.saturating_sub(column);
    let place = |i: usize| (column + i) as u32..(column + i) as u32 + 1;
    let text = bytes.get(column..column + found.len()).filter(|_| shown >= found.len());
    if !big.plain {
        big.also.resize(first, 0..0);
        if text.is_some_and(|text| column_shows(text, found)) {
            big.also.extend((0..found.len()).map(place));
        }
        big.also.resize(big.bytes.len(), 0..0);
    }
    if width > 2 {
        found.chunks_mut(width / 2).for_each(<[_]>::reverse);
        let first = little.bytes.len();
        for (byte, from) in found.iter() {
            little.decode(*byte, *from..*from + 2);
        }
        if !little.plain {
            little.also.resize(first, 0..0);
            if text.is_some_and(|text| column_shows(text, found)) {
                little.also.extend((0..found.len()).map(place));
            }
            little.also.resize(little.bytes.len(), 0..0);
        }
    }
    ends
}

/// Bytes in binary.
fn bit_row(bytes: &[u8], cells: Range<usize>, found: &mut Vec<(u8, usize)>, view: &mut View) {
    let is_byte = |w: &Range<usize>| w.len() == 8 && bytes[w.clone()].iter().all(|b| matches!(b, b'0' | b'1'));
    let first = view.bytes.len();
    found.clear();
    for word in words(bytes, cells.clone()).take_while(is_byte) {
        let value = bytes[word.clone()].iter().fold(0, |value, b| value << 1 | (b - b'0'));
        found.push((value, word.start));
        view.decode(value, word);
    }
    let Some((_, last)) = found.last().filter(|_| !view.plain) else {
        return;
    };
    let last = last + 8;
    let blanks = bytes[last..cells.end].iter().take_while(|b| **b == b' ').count();
    // Six bytes a row; a short row is filled up with blanks.
    let column = if found.len() == 6 { last + 2 } else { last + blanks };
    view.also.resize(first, 0..0);
    if bytes
        .get(column..column + found.len())
        .is_some_and(|text| column_shows(text, found))
    {
        view.also
            .extend((0..found.len()).map(|i| (column + i) as u32..(column + i) as u32 + 1));
    }
    view.also.resize(view.bytes.len(), 0..0);
}

fn column_shows(text: &[u8], found: &[(u8, usize)]) -> bool {
    let same = text
        .iter()
        .zip(found)
        .filter(|(char, (byte, _))| **char == *byte || !(b' '..=b'~').contains(byte))
        .count();
    same * 4 >= found.len() * 3
}

/// Decimal or three-digit octal bytes.
fn number_row(bytes: &[u8], cells: Range<usize>, view: &mut View) {
    let words = words(bytes, cells);
    let digits = |base: u32| {
        words
            .clone()
            .all(|w| w.len() <= 4 && bytes[w].iter().all(|b| char::from(*b).is_digit(base) || *b == b'-'))
    };
    let octal = words.clone().all(|w| w.len() == 3) && digits(8);
    // Words of two bytes, the low one first: five decimal digits, or six octal ones.
    let wide = |length: usize| {
        words
            .clone()
            .all(|w| w.len() == length && bytes[w].iter().all(u8::is_ascii_digit))
    };
    if let Some(base) = [(5, 10), (6, 8)]
        .into_iter()
        .find(|(length, _)| wide(*length))
        .map(|(_, base)| base)
    {
        for word in words {
            let value = number(&bytes[word.clone()], base).and_then(|value| u16::try_from(value).ok());
            let Some(value) = value else { return };
            for byte in value.to_le_bytes() {
                view.decode(byte, word.clone());
            }
        }
        return;
    }
    if !octal && !digits(10) {
        return;
    }
    for word in words {
        let text = std::str::from_utf8(&bytes[word.clone()]).unwrap_or_default();
        match i16::from_str_radix(text, if octal { 8 } else { 10 }) {
            Ok(value) if (-128..=255).contains(&value) => view.decode(value as u8, word),
            _ => return,
        }
    }
}

/// `od -c`: cells of four columns with a character, an escape or three octal digits.
fn char_row(bytes: &[u8], cells: Range<usize>, row: usize, view: &mut View) {
    // The first cell starts right after the offset of seven digits.
    let start = row + 7;
    if start >= cells.start || !(cells.end - start).is_multiple_of(4) {
        return;
    }
    for at in (start..cells.end).step_by(4) {
        let cell = &bytes[at..at + 4];
        let (byte, from) = match *cell {
            [b' ', b' ', b' ', char] => (char, at + 3),
            [b' ', b' ', b'\\', kind] => {
                let byte = match kind {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    b'0' => 0,
                    b'a' => 7,
                    b'b' => 8,
                    b'f' => 12,
                    b'v' => 11,
                    _ => return,
                };
                (byte, at + 2)
            }
            [b' ', ref octal @ ..] => match number(octal, 8).and_then(|n| u8::try_from(n).ok()) {
                Some(byte) => (byte, at + 1),
                None => return,
            },
            _ => return,
        };
        view.decode(byte, from..at + 4);
    }
}

/// What stands between blanks.
fn words(bytes: &[u8], cells: Range<usize>) -> impl Iterator<Item = Range<usize>> + Clone {
    let is_blank = |b: &u8| matches!(b, b' ' | b'\t');
    let mut at = cells.start;
    std::iter::from_fn(move || {
        at += bytes[at..cells.end].iter().position(|b| !is_blank(b))?;
        let start = at;
        at += bytes[at..cells.end].iter().take_while(|b| !is_blank(b)).count();
        Some(start..at)
    })
}
