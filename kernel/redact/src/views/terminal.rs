//! What a terminal does not show, or shows differently: colour codes, invisible characters, overwritten characters.

use std::ops::Range;

use super::{View, borders};
use crate::index::Index;
use crate::squeeze::{places, which};
use crate::verify::Text;

/// Longest control string (a hyperlink's address, a title).
const STRING_BYTES_MAX: usize = 4 * 1024;

/// Leaves out control sequences and invisible characters; in a second view, unusual blanks, quotes and borders are plain
/// ones (`blanks`).
pub(crate) fn strip(index: &Index, text: Text<'_>, region: Range<usize>, blanks: bool, plain: bool) -> View {
    let bytes = text.bytes;
    let mut view = View::new(region.len(), plain);
    let mut at = region.start;
    let mut next_try = at;
    while at < region.end {
        view.checkpoint(at);
        // Where that does not help, it is not tried again at once.
        if plain
            && at >= next_try
            && let Some(text) = bytes[at..region.end].first_chunk::<64>()
        {
            next_try = at + 64;
            let next = bytes.get(at + 64).copied();
            let taken = if index.has_unusual() {
                None
            } else {
                borders::simple(text, next, blanks, &mut view)
            };
            let taken = taken.unwrap_or_else(|| if without_controls(text, next, &mut view) { 64 } else { 0 });
            if taken > 0 {
                at += taken;
                next_try = at;
                continue;
            }
        }
        // Mostly a few characters between two sequences.
        let few = region.end.min(at + 8);
        let from = at;
        while at < few && !SPECIAL[usize::from(bytes[at])] {
            view.copy(bytes[at], at);
            at += 1;
        }
        if at - from == 8 {
            let same = plain_ones(&bytes[at..region.end]);
            view.copy_range(bytes, at..at + same);
            at += same;
        }
        if at == region.end {
            break;
        }
        // In some texts, between all letters.
        if is_joiner(&bytes[at..]) {
            view.leave_out();
            at += 3;
            continue;
        }
        // A control character by itself.
        if bytes[at] < 0x20 && !matches!(bytes[at], 0x1B | b'\t' | b'\n') && bytes.get(at + 1) != Some(&b'\n') {
            view.leave_out();
            at += 1;
            continue;
        }
        match piece(index, &bytes[at..]) {
            Piece::As(byte, n) => {
                view.ambiguous = true;
                // Bars and borders are many of one character.
                let count = 1 + repeats(&bytes[at..region.end], n);
                if blanks {
                    view.decode_each(byte, at, n, count);
                } else {
                    view.unusual += count;
                    view.copy_range(bytes, at..at + n * count);
                }
                at += n * count;
            }
            Piece::Plain => {
                view.copy(bytes[at], at);
                at += 1;
            }
            Piece::Nothing(n) => {
                view.leave_out();
                at += n;
            }
            Piece::Open if !text.complete => {
                view.open_at(at);
                break;
            }
            Piece::Open => {
                view.leave_out();
                at += 1;
            }
        }
    }
    view
}

/// How many plain characters a text begins with.
fn plain_ones(text: &[u8]) -> usize {
    let (blocks, rest) = text.as_chunks::<64>();
    for (i, block) in blocks.iter().enumerate() {
        let special = which(block, is_special);
        if special != 0 {
            return 64 * i + special.trailing_zeros() as usize;
        }
    }
    text.len() - rest.len() + rest.iter().take_while(|b| !SPECIAL[usize::from(**b)]).count()
}

/// How often a character of so many bytes stands once more after itself.
#[inline]
fn repeats(text: &[u8], n: usize) -> usize {
    fn count<const N: usize>(text: &[u8]) -> usize {
        match text.as_chunks::<N>().0 {
            [first, rest @ ..] => rest.iter().take_while(|next| *next == first).count(),
            [] => 0,
        }
    }
    match n {
        2 => count::<2>(text),
        3 => count::<3>(text),
        _ => 0,
    }
}

/// Appends sixty-four bytes without control characters that stand by themselves; false when there is anything else among
/// them that is not plain.
#[inline]
fn without_controls(text: &[u8; 64], next: Option<u8>, view: &mut View) -> bool {
    let control = |b: u8| (b < 0x20) & (b != 0x1B) & (b != b'\t') & (b != b'\n');
    let other = |b: u8| (b == 0x1B) | (b == 0x7F) | (b == 0xC2) | (b == 0xCC) | (b == 0xCD) | (b == 0xE2) | (b == 0xEF);
    let controls = text.iter().fold(false, |any, b| any | control(*b));
    let others = text.iter().fold(false, |any, b| any | other(*b));
    if others || !controls {
        return false;
    }
    let mut out = [0; 64];
    let mut n = 0;
    for (i, byte) in text.iter().enumerate() {
        let after = text.get(i + 1).copied().or(next);
        // There are never more than those before.
        out[n & 63] = *byte;
        let kept = !control(*byte) | (*byte == b'\r') & (after == Some(b'\n'));
        n += usize::from(kept);
    }
    view.bytes.extend_from_slice(&out[..n]);
    if n < 64 {
        view.leave_out();
    }
    true
}

/// UTF-16: where zero bytes alternate with others. Where its units may start, and whether their low byte is first.
pub(crate) fn wide(text: Text<'_>, region: &Range<usize>) -> [Option<(usize, bool)>; 2] {
    let text = &text.bytes[region.clone()];
    if memchr::memchr(0, text).is_none() {
        return [None, None];
    }
    // Zero bytes beside others.
    let (units, _) = text.as_chunks::<2>();
    let even = units.iter().filter(|unit| unit[0] == 0 && unit[1] != 0).count();
    let odd = units.iter().filter(|unit| unit[0] != 0 && unit[1] == 0).count();
    if even.max(odd) < 4 {
        return [None, None];
    }
    let parity = usize::from(odd > even);
    // The zero byte is the second one of its unit, or the first.
    [Some((1 - parity, true)), Some((parity, false))]
}

/// Whether a text has only characters that are shown as they are.
pub(crate) fn is_plain(text: &[u8]) -> bool {
    text.iter()
        .fold(true, |all, b| all & (matches!(b, b' '..=b'~' | b'\t' | b'\n')))
}

/// UTF-16 units as characters.
pub(crate) fn narrow(text: Text<'_>, region: &Range<usize>, start: usize, little: bool, plain: bool) -> View {
    let bytes = &text.bytes[region.clone()];
    let mut view = View::new(bytes.len(), plain);
    let mut high = None;
    let mut at = start;
    while let Some(pair) = bytes.get(at..).and_then(<[u8]>::first_chunk).copied() {
        // Mostly all of them are ASCII.
        if plain
            && high.is_none()
            && let Some(units) = bytes[at..].first_chunk::<32>().and_then(|text| ascii(text, little))
        {
            view.skip();
            view.bytes.extend_from_slice(&units);
            at += 32;
            continue;
        }
        let unit = u32::from(if little {
            u16::from_le_bytes(pair)
        } else {
            u16::from_be_bytes(pair)
        });
        let place = region.start + at..region.start + at + 2;
        match (high.take(), unit) {
            (_, 0xD800..=0xDBFF) => high = Some((unit, place.start)),
            (Some((first, from)), 0xDC00..=0xDFFF) => {
                let code = 0x10000 + ((first - 0xD800) << 10) + (unit - 0xDC00);
                view.decode_char(char::from_u32(code).unwrap_or('\u{FFFD}'), from..place.end);
            }
            _ => view.decode_char(char::from_u32(unit).unwrap_or('\u{FFFD}'), place),
        }
        at += 2;
    }
    view
}

/// Sixteen units as characters, if all of them are ASCII.
#[inline]
fn ascii(text: &[u8; 32], little: bool) -> Option<[u8; 16]> {
    let (units, _) = text.as_chunks::<2>();
    let of = |unit: &[u8; 2]| if little { *unit } else { [unit[1], unit[0]] };
    let other = units
        .iter()
        .map(of)
        .fold(0, |other, [low, high]| other | high | low & 0x80);
    (other == 0).then(|| std::array::from_fn(|i| of(&units[i])[0]))
}

/// Whether characters may be overwritten.
pub(crate) fn moves(text: Text<'_>, region: &Range<usize>) -> bool {
    let bytes = &text.bytes[region.clone()];
    let moves = |i: usize| match bytes[i] {
        8 => true,
        b'\r' => bytes.get(i + 1).is_some_and(|next| *next != b'\n'),
        _ => Move::of(&bytes[i..bytes.len().min(i + 8)]).is_some(),
    };
    // Not a search for each of them: in some texts they stand side by side.
    let (whole, rest) = bytes.as_chunks::<64>();
    let is_mover = |byte: &u8| matches!(byte, 8 | b'\r' | 0x1B);
    let in_whole = |(block, text): (usize, &[u8; 64])| {
        let mut some = [8, b'\r', 0x1B].iter().fold(0, |some, byte| some | places(text, *byte));
        std::iter::from_fn(move || {
            let at = (some != 0).then(|| 64 * block + some.trailing_zeros() as usize);
            some &= some.wrapping_sub(1);
            at
        })
        .any(moves)
    };
    let first = bytes.len() - rest.len();
    whole.iter().enumerate().any(in_whole)
        || rest
            .iter()
            .enumerate()
            .any(|(i, byte)| is_mover(byte) && moves(first + i))
}

/// What a control sequence does to the place where the next character stands.
#[derive(Clone, Copy)]
enum Move {
    Left(usize),
    Right(usize),
    To(usize),
    /// Clears the rest of the line.
    Clear,
}

impl Move {
    /// The farthest column that is looked at.
    const COLUMN_MAX: usize = 512;

    fn of(sequence: &[u8]) -> Option<Self> {
        let rest = sequence.strip_prefix(b"\x1B[")?;
        let digits = rest.iter().take(4).take_while(|b| b.is_ascii_digit()).count();
        let kind = rest.get(digits)?;
        // Most sequences are colours.
        if !matches!(kind, b'D' | b'C' | b'G' | b'K') {
            return None;
        }
        let number = super::escape::number(&rest[..digits], 10).map(|n| (n as usize).min(Self::COLUMN_MAX));
        match kind {
            b'D' => Some(Move::Left(number.unwrap_or(1).max(1))),
            b'C' => Some(Move::Right(number.unwrap_or(1).max(1))),
            b'G' => Some(Move::To(number.unwrap_or(1).saturating_sub(1))),
            b'K' if number.unwrap_or(0) == 0 => Some(Move::Clear),
            _ => None,
        }
    }
}

/// A line of a terminal and the place of the next character.
#[derive(Default)]
struct Screen {
    line: Vec<Cell>,
    column: usize,
}

impl Screen {
    #[inline]
    fn put(&mut self, cell: Cell) {
        match self.line.get_mut(self.column) {
            Some(old) => *old = cell,
            None => {
                // Places that were jumped over are blank.
                while self.line.len() < self.column {
                    self.line.push(Cell::new(b' ', cell.from as usize..cell.from as usize));
                }
                self.line.push(cell);
            }
        }
        self.column += 1;
    }

    fn go(&mut self, to: Move) {
        match to {
            Move::Left(n) => self.column = self.column.saturating_sub(n),
            Move::Right(n) => self.column = (self.column + n).min(self.line.len().max(Move::COLUMN_MAX)),
            Move::To(column) => self.column = column,
            Move::Clear => self.line.truncate(self.column),
        }
    }
}

/// What a terminal shows in the end when characters are overwritten. With `erases`, backspaces and returns take away
/// what they go back over.
pub(crate) fn overwrite(index: &Index, text: Text<'_>, region: Range<usize>, erases: bool) -> View {
    let mut view = View::with_capacity(region.len().min(4096));
    view.fragments = true;
    let mut screen = Screen::default();
    let mut at = region.start;
    while at < region.end {
        let byte = text.bytes[at];
        if byte.is_ascii() && !SPECIAL[usize::from(byte)] {
            screen.put(Cell::new(byte, at..at + 1));
            at += 1;
            continue;
        }
        if byte == 8 {
            screen.column = screen.column.saturating_sub(1);
            if erases {
                screen.line.truncate(screen.column);
            }
            at += 1;
            continue;
        }
        if byte == b'\r' && returns(text.bytes, at) {
            screen.column = 0;
            at += 1;
            while let Some(next) = overwritten(&text.bytes[..region.end], at) {
                at = next;
            }
            if erases {
                screen.line.clear();
            }
            continue;
        }
        // Control sequences go; backspaces and returns move.
        let (byte, n) = match piece(index, &text.bytes[at..]) {
            Piece::Nothing(_) if byte == b'\r' => (byte, 1),
            Piece::Plain => (byte, 1),
            Piece::As(byte, n) => (byte, n),
            Piece::Nothing(n) => {
                if let Some(to) = Move::of(&text.bytes[at..at + n]) {
                    screen.go(to);
                }
                at += n;
                continue;
            }
            Piece::Open => {
                at += 1;
                continue;
            }
        };
        match byte {
            b'\n' => {
                screen.line.drain(..).for_each(|cell| cell.show(&mut view));
                view.decode(byte, at..at + n);
                screen.column = 0;
            }
            b'\r' => screen.column = 0,
            0x80..=0xBF if (1..=screen.line.len()).contains(&screen.column) => {
                screen.line[screen.column - 1].extend(byte, at + n);
            }
            _ => screen.put(Cell::new(byte, at..at + n)),
        }
        at += n;
    }
    screen.line.drain(..).for_each(|cell| cell.show(&mut view));
    view
}

/// What stands at the start of a line and is overwritten by as many characters or more: where those begin.
#[inline]
fn overwritten(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let (n, width) = borders::shown(rest, WIDTH_MAX);
    let after = rest.get(n..)?.strip_prefix(b"\r")?;
    (width > 0 && borders::shown(after, width).1 >= width).then_some(at + n + 1)
}

/// Widest line of which it is asked whether all of it is overwritten.
const WIDTH_MAX: usize = 256;

/// A carriage return that is not a line's end.
fn returns(bytes: &[u8], at: usize) -> bool {
    bytes.get(at + 1).is_some_and(|next| *next != b'\n')
}

/// A place on a line with the character it shows.
#[derive(Clone, Copy)]
struct Cell {
    bytes: [u8; 4],
    len: u8,
    from: u32,
    to: u32,
}

impl Cell {
    fn new(byte: u8, source: Range<usize>) -> Self {
        Self {
            bytes: [byte, 0, 0, 0],
            len: 1,
            from: source.start as u32,
            to: source.end as u32,
        }
    }

    /// Another byte of the same character.
    fn extend(&mut self, byte: u8, to: usize) {
        if let Some(free) = self.bytes.get_mut(usize::from(self.len)) {
            *free = byte;
            self.len += 1;
            self.to = to as u32;
        }
    }

    fn show(self, view: &mut View) {
        for byte in &self.bytes[..usize::from(self.len)] {
            view.decode(*byte, self.from as usize..self.to as usize);
        }
    }
}

/// Whether a character above ASCII is invisible, or a blank or border that stands for a plain one.
pub(crate) fn is_noise(bytes: &[u8]) -> bool {
    is_joiner(bytes) || !matches!(above_ascii(bytes), Piece::Plain)
}

/// Where among sixty-four bytes arrows, borders and blocks begin, which all are noise. `after`: the byte after them.
#[inline]
pub(super) fn borders(bytes: &[u8; 64], after: u8) -> u64 {
    let is_second = |byte: u8| matches!(byte, 0x86 | 0x87 | 0x94..=0x97);
    places(bytes, 0xE2) & (which(bytes, is_second) >> 1 | u64::from(is_second(after)) << 63)
}

/// Blanks without a width, joiners and marks of direction, which show nothing.
#[inline]
fn is_joiner(bytes: &[u8]) -> bool {
    matches!(bytes, [0xE2, 0x80, 0x8B..=0x8F, ..])
}

/// Whether a byte may begin anything but a plain character.
const fn is_special(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, 0x7F | 0xC2 | 0xCC | 0xCD | 0xE2 | 0xEF)
}

/// The same as a table.
pub(super) static SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = is_special(i as u8);
        i += 1;
    }
    table
};

enum Piece {
    Plain,
    /// That many bytes show nothing.
    Nothing(usize),
    /// That many bytes show one plain character.
    As(u8, usize),
    /// A control sequence that is not finished.
    Open,
}

fn piece(index: &Index, bytes: &[u8]) -> Piece {
    match bytes[0] {
        0x1B => sequence(bytes),
        b'\t' | b'\n' => Piece::Plain,
        b'\r' if bytes.get(1) == Some(&b'\n') => Piece::Plain,
        0..=0x1F | 0x7F => Piece::Nothing(1),
        0xC2 | 0xCC | 0xCD | 0xE2 | 0xEF => match above_ascii(bytes) {
            Piece::As(_, n) if index.holds_unusual(&bytes[..n]) => Piece::Plain,
            other => other,
        },
        _ => Piece::Plain,
    }
}

/// An escape sequence.
fn sequence(bytes: &[u8]) -> Piece {
    match bytes.get(1) {
        None => Piece::Open,
        Some(b'[') => control(bytes, 2),
        Some(b']' | b'P' | b'X' | b'^' | b'_') => string(bytes, 2),
        Some(b' '..=b'/') => match bytes[2..].iter().take(8).position(|b| !matches!(b, b' '..=b'/')) {
            Some(n) => Piece::Nothing(n + 3),
            None => Piece::Open,
        },
        Some(0x30..=0x7E) => Piece::Nothing(2),
        Some(_) => Piece::Nothing(1),
    }
}

/// CSI: parameters, then a final byte.
fn control(bytes: &[u8], start: usize) -> Piece {
    match bytes[start..].iter().take(128).position(|b| !matches!(b, 0x20..=0x3F)) {
        // Anything else is not part of a sequence and stays visible.
        Some(n) if matches!(bytes[start + n], 0x40..=0x7E) => Piece::Nothing(start + n + 1),
        Some(n) => Piece::Nothing(start + n),
        None if bytes.len() - start < 128 => Piece::Open,
        None => Piece::Nothing(start),
    }
}

/// OSC and the like: up to BEL or ST.
fn string(bytes: &[u8], start: usize) -> Piece {
    let end = bytes.len().min(STRING_BYTES_MAX);
    for i in start..end {
        match bytes[i] {
            7 => return Piece::Nothing(i + 1),
            0x1B => match bytes.get(i + 1) {
                Some(b'\\') => return Piece::Nothing(i + 2),
                None => return Piece::Open,
                Some(_) => return Piece::Nothing(i),
            },
            0xC2 if bytes.get(i + 1) == Some(&0x9C) => return Piece::Nothing(i + 2),
            _ => {}
        }
    }
    if bytes.len() < STRING_BYTES_MAX {
        Piece::Open
    } else {
        Piece::Nothing(start)
    }
}

fn above_ascii(bytes: &[u8]) -> Piece {
    match *bytes {
        [0xC2, 0x9B, ..] => control(bytes, 2),
        [0xC2, 0x9D | 0x90 | 0x98 | 0x9E | 0x9F, ..] => string(bytes, 2),
        [0xC2, 0x80..=0x9F | 0xAD, ..] => Piece::Nothing(2),
        [0xC2, 0xA0, ..] => Piece::As(b' ', 2),
        [0xC2, 0xB7 | 0xA6, ..] => Piece::As(b'.', 2),
        // Combining marks, which strike through or underline.
        [0xCC, 0x80..=0xBF, ..] | [0xCD, 0x80..=0xAF, ..] => Piece::Nothing(2),
        [0xE2, 0x80, 0x80..=0x8A | 0xAF, ..] | [0xE2, 0x81, 0x9F, ..] => Piece::As(b' ', 3),
        [0xE2, 0x80, 0x8B..=0x8F | 0xAA..=0xAE, ..] | [0xE2, 0x81, 0xA0..=0xAF, ..] => Piece::Nothing(3),
        [0xE2, 0x80, 0xA8 | 0xA9, ..] => Piece::As(b'\n', 3),
        [0xE2, 0x80, 0x90..=0x95, ..] => Piece::As(b'-', 3),
        [0xE2, 0x80, 0x98..=0x9B, ..] => Piece::As(b'\'', 3),
        [0xE2, 0x80, 0x9C..=0x9F, ..] => Piece::As(b'"', 3),
        [0xE2, 0x80, 0xA2..=0xA5 | 0xA7, ..] => Piece::As(b'.', 3),
        [0xE2, 0x83, 0x90..=0xBF, ..] => Piece::Nothing(3),
        [0xE2, 0x86 | 0x87, 0x80..=0xBF, ..] => Piece::As(b'>', 3),
        [0xE2, 0x94..=0x97, 0x80..=0xBF, ..] => Piece::As(b'|', 3),
        [0xEF, 0xBB, 0xBF, ..] => Piece::Nothing(3),
        [0xEF, 0xB8, 0x80..=0x8F | 0xA0..=0xAF, ..] => Piece::Nothing(3),
        // Not all of it is there yet.
        [0xC2 | 0xCC | 0xCD] | [0xE2 | 0xEF] | [0xE2 | 0xEF, _] => Piece::Open,
        // Full-width forms.
        [0xEF, 0xBC, low @ 0x81..=0xBF, ..] => Piece::As(low - 0x81 + b'!', 3),
        [0xEF, 0xBD, low @ 0x80..=0x9E, ..] => Piece::As(low - 0x80 + b'`', 3),
        _ => Piece::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of plain characters, control characters and a few sequences.
    fn texts() -> impl Iterator<Item = Vec<u8>> {
        let pieces: [&[u8]; 13] = [
            b"ab",
            b"x",
            b"12%\r",
            b"\r\n",
            b"\r",
            b"\0",
            b"\x08",
            b"\t",
            b"\x1b[1m",
            "\u{a0}".as_bytes(),
            "\u{2502} ".as_bytes(),
            "\u{2588}".as_bytes(),
            "\u{e9}\u{2192}".as_bytes(),
        ];
        let mut state = 7u32;
        (0..600usize).map(move |round| {
            let mut text = Vec::new();
            while text.len() < 40 + round {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.extend_from_slice(pieces[(state >> 24) as usize % (3 + round % 11)]);
            }
            text
        })
    }

    #[test]
    fn a_view_without_a_map_is_the_one_with_it() {
        let index = Index::default();
        for bytes in texts() {
            let text = Text {
                bytes: &bytes,
                complete: true,
            };
            for blanks in [false, true] {
                let [fast, slow] = [true, false].map(|plain| strip(&index, text, 0..bytes.len(), blanks, plain));
                assert_eq!(fast.bytes, slow.bytes, "{bytes:?}");
                assert_eq!(fast.changed, slow.changed, "{bytes:?}");
                assert_eq!(fast.ambiguous, slow.ambiguous, "{bytes:?}");
                assert_eq!(fast.unusual, slow.unusual, "{bytes:?}");
            }
        }
    }

    #[test]
    fn what_is_overwritten_does_not_show() {
        let index = Index::default();
        for bytes in texts() {
            if !bytes.is_ascii() || bytes.contains(&0x1B) {
                continue;
            }
            let text = Text {
                bytes: &bytes,
                complete: true,
            };
            let (mut shown, mut line, mut column) = (Vec::new(), Vec::new(), 0usize);
            for byte in &bytes {
                match byte {
                    b'\r' => column = 0,
                    b'\n' => {
                        shown.append(&mut line);
                        shown.push(b'\n');
                        column = 0;
                    }
                    8 => column = column.saturating_sub(1),
                    0 => {}
                    _ => {
                        if column < line.len() {
                            line[column] = *byte;
                        } else {
                            line.push(*byte);
                        }
                        column += 1;
                    }
                }
            }
            shown.append(&mut line);
            assert_eq!(overwrite(&index, text, 0..bytes.len(), false).bytes, shown, "{bytes:?}");
        }
    }

    #[test]
    fn units_are_read_in_either_way_alike() {
        for (i, text) in [
            "a plain text of more than sixteen letters, and more",
            "ä 😀 and then a plain text of many letters",
        ]
        .iter()
        .enumerate()
        {
            for little in [false, true] {
                let units = text
                    .encode_utf16()
                    .flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() });
                let bytes: Vec<u8> = vec![0; i].into_iter().chain(units).collect();
                let parent = Text {
                    bytes: &bytes,
                    complete: true,
                };
                for plain in [false, true] {
                    let view = narrow(parent, &(0..bytes.len()), i, little, plain);
                    assert_eq!(view.bytes, text.as_bytes());
                }
            }
        }
    }
}
