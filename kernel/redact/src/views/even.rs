//! Long lists of bytes that are all written alike: `104, 117, 110, …`, `68 75 6e …`.
//!
//! ```text
//!  let a = [104, 117, 110, 116, 101, …, 50]; let n = 7
//!           └ 1 ┘└ 2 ┘                   └─ what follows is no part of the list: else it is read like any other
//! ```
//!
//! Nearly all long lists are like this, so that they are read without asking of each word what it may be.

use std::ops::Range;

use super::tokens::{DIGIT_VALUE, ROWS, SEPARATOR_BYTES_MAX, Token, separators, tokenise};
use crate::squeeze::is_kept;

/// Shorter lists are read like any others.
const ELEMENTS_MIN: usize = 256;

/// Words at the beginning of a text of which one may be the first number.
const TRIES: usize = 16;

/// Text around a list in which there may be something that belongs to it.
const AROUND_BYTES: usize = 256;

/// Of thirty-two numbers, fewer are one more than one of the three before: the list numbers nothing.
const STEPS_MAX: usize = 5;

/// A list of bytes.
pub(super) struct Even {
    /// Where each number begins.
    places: Vec<u32>,
    pub(super) values: Vec<u8>,
    /// Where the last one ends.
    pub(super) end: usize,
    /// They are pairs of hexadecimal digits.
    pub(super) hex: bool,
}

impl Even {
    /// The list that begins near the start of a part of a text, if there is one.
    pub(super) fn find(bytes: &[u8], from: usize, to: usize) -> Option<Self> {
        let mut at = from;
        for _ in 0..TRIES {
            at += bytes.get(at..to)?.iter().position(u8::is_ascii_hexdigit)?;
            let mut end = at;
            for hex in [false, true] {
                let list = Self::read(bytes, at, to, hex);
                if list.values.len() >= ELEMENTS_MIN {
                    return Some(list).filter(|list| list.is_even() && list.stands_alone(bytes, from, to));
                }
                end = end.max(list.end);
            }
            at = end + bytes[end..to.max(end)].iter().take_while(|b| is_word(**b)).count();
        }
        None
    }

    /// Reads as many numbers as there are.
    fn read(bytes: &[u8], from: usize, to: usize, hex: bool) -> Self {
        let mut list = Self {
            places: Vec::new(),
            values: Vec::new(),
            end: from,
            hex,
        };
        let mut at = from;
        // What stands after the first number: as up to two bytes of a word, and its hash.
        let (mut first, mut mask, mut hash) = (0, 0, 0);
        while at < to {
            let text = load(bytes, at);
            let Some((value, len)) = (if hex { pair(text) } else { decimal(text) }) else {
                break;
            };
            let after = text >> (8 * len);
            let alike = mask != 0 && after & mask == first;
            if !alike && is_word(after as u8) {
                break;
            }
            list.places.push(at as u32);
            list.values.push(value);
            list.end = at + len;
            if alike {
                at = list.end + if mask > 0xFF { 2 } else { 1 };
                continue;
            }
            let between = bytes[list.end..].iter().take(SEPARATOR_BYTES_MAX + 1);
            let between = &bytes[list.end..][..between.take_while(|b| is_between(**b)).count()];
            if mask == 0 {
                hash = separators(between).0;
                mask = if between.len() > 1 { 0xFFFF } else { 0xFF };
                first = after & mask;
            }
            if between.is_empty() || hash == 0 || separators(between).0 != hash {
                break;
            }
            at = list.end + between.len();
        }
        list
    }

    /// Whether the numbers are bytes, in one base only, and number nothing.
    fn is_even(&self) -> bool {
        let count = |is: fn(u8) -> bool| self.values.iter().map(|value| usize::from(is(*value))).sum::<usize>();
        if self.hex {
            let letters = count(|value| value >> 4 > 9 && value & 15 > 9);
            let mixed = count(|value| (value >> 4 > 9) != (value & 15 > 9));
            return mixed > 0 && letters * 16 > self.values.len();
        }
        let wide = count(|value| value > 99);
        wide > 0 && wide < self.values.len() && !self.counts()
    }

    /// Whether some of the numbers may count up.
    fn counts(&self) -> bool {
        let [first, second, third] = [1, 2, 3].map(|n| &self.values[n..]);
        let near = self.values.iter().zip(first.iter().zip(second).zip(third));
        let steps = near.map(|(value, ((a, b), c))| {
            let next = value.wrapping_add(1);
            u8::from(*a == next) | u8::from(*b == next) | u8::from(*c == next)
        });
        let steps: Vec<u8> = steps.collect();
        let sums: Vec<u8> = steps.chunks(16).map(|steps| steps.iter().sum()).collect();
        sums.windows(2).any(|two| usize::from(two[0] + two[1]) >= STEPS_MAX)
    }

    /// Whether no number before it or after it belongs to the list.
    fn stands_alone(&self, bytes: &[u8], from: usize, to: usize) -> bool {
        let joins =
            |own: &Token, other: &Token| other.before == own.before || other.loose == own.loose || other.loose == ROWS;
        let (first, last) = (self.start(0), self.start(self.values.len() - 1));
        // Where letters are no numbers, those of a hexadecimal list are not looked at.
        let ways: &[bool] = if self.hex { &[true] } else { &[true, false] };
        ways.iter().all(|letters| {
            let mut tokens = Vec::new();
            tokenise(bytes, from, self.start(2), *letters, &mut tokens);
            let begins = tokens.iter().position(|token| token.start() == first);
            let Some((begins, own)) = begins.and_then(|i| Some((i, *tokens.get(i + 1)?))) else {
                return false;
            };
            let joined_before = begins > 0 && joins(&own, &tokens[begins]);
            tokens.clear();
            tokenise(bytes, last, to.min(self.end + AROUND_BYTES), *letters, &mut tokens);
            !joined_before && !tokens.get(1).is_some_and(|next| joins(&own, next))
        })
    }

    fn start(&self, i: usize) -> usize {
        self.places[i] as usize
    }

    /// Where a number stands.
    pub(super) fn number(&self, bytes: &[u8], i: usize) -> Range<usize> {
        let start = self.start(i);
        start
            ..start
                + bytes[start..]
                    .iter()
                    .take(3)
                    .take_while(|b| b.is_ascii_hexdigit())
                    .count()
    }

    /// Takes away the last number, which may not be finished.
    pub(super) fn pop(&mut self, bytes: &[u8]) {
        self.places.pop();
        self.values.pop();
        if let Some(last) = self.places.len().checked_sub(1) {
            self.end = self.number(bytes, last).end;
        }
    }

    /// Numbers of which at least `least` in a row may be numbers of another base too: three octal digits, or two decimal
    /// ones.
    pub(super) fn in_another_base(&self, least: usize) -> Vec<Range<usize>> {
        let which = if self.hex { DECIMAL } else { OCTAL };
        let may_be = |value: u8| ANOTHER_BASE[usize::from(value)] & which != 0;
        let mut rows: Vec<Range<usize>> = Vec::new();
        let mut row = 0;
        for (i, value) in self.values.iter().enumerate() {
            // Without branches: what comes next cannot be predicted.
            row = (row + 1) * usize::from(may_be(*value));
            if row == least {
                let first = i + 1 - least;
                let more = self.values[first..].iter().take_while(|value| may_be(**value));
                rows.push(first..first + more.count());
            }
        }
        rows
    }

    /// The number with which the last part begins that is not shorter than so many bytes.
    pub(super) fn last_part(&self, bytes: usize) -> usize {
        let after = self.places.partition_point(|at| *at as usize + bytes <= self.end);
        self.start(after.saturating_sub(1))
    }
}

const DECIMAL: u8 = 1;
const OCTAL: u8 = 2;

/// What two hexadecimal digits, or a decimal number, may be too.
static ANOTHER_BASE: [u8; 256] = {
    let mut table = [0; 256];
    let mut value = 0;
    while value < 256 {
        if value >> 4 < 10 && value & 15 < 10 {
            table[value] |= DECIMAL;
        }
        if value > 99 && value / 10 % 10 < 8 && value % 10 < 8 {
            table[value] |= OCTAL;
        }
        value += 1;
    }
    table
};

/// Eight bytes at a place of a text; after its end there are zeros.
#[inline(always)]
fn load(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    u64::from_le_bytes(rest.first_chunk().copied().unwrap_or_else(|| {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        last
    }))
}

/// A byte in decimal, and how many digits it has.
#[inline(always)]
fn decimal(text: u64) -> Option<(u8, usize)> {
    let digits = text as u32 ^ 0x3030_3030;
    // Of the first byte that is none, the highest bit is set; what it carries changes only bytes after it.
    let others = (digits.wrapping_add(0x7676_7676) | digits) & 0x8080_8080;
    let len = others.trailing_zeros() as usize / 8;
    if !(1..=3).contains(&len) {
        return None;
    }
    let [_, hundreds, tens, ones] = (digits << (32 - 8 * len)).to_le_bytes().map(u32::from);
    let value = 100 * hundreds + 10 * tens + ones;
    // Zeros before a number say something else. Without branches: how long numbers are cannot be predicted.
    let fits = (value <= 0xFF) & ((value > 99) | (len < 3));
    fits.then_some((value as u8, len))
}

/// A byte as two hexadecimal digits.
#[inline(always)]
fn pair(text: u64) -> Option<(u8, usize)> {
    let [high, low, ..] = text.to_le_bytes().map(|byte| DIGIT_VALUE[usize::from(byte)]);
    ((high | low) < 16).then_some((high << 4 | low, 2))
}

fn is_word(byte: u8) -> bool {
    is_kept(byte) || byte == b'_'
}

/// Whether a byte may stand between two numbers.
fn is_between(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t' | b'\n' | b'\r' | b',' | b';' | b':' | b'.' | b'|' | b'/'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for value in 0..=300u32 {
            for (text, len) in [
                (format!("{value}, "), value.to_string().len()),
                (format!("{value:02}"), value.to_string().len().max(2)),
                (format!("{value:03} "), 3),
            ] {
                let padded = text.len() - text.trim_end_matches([',', ' ']).len();
                let zero = text.len() - padded == 3 && value < 100;
                let wanted = u8::try_from(value).ok().filter(|_| !zero).map(|value| (value, len));
                assert_eq!(decimal(load(text.as_bytes(), 0)), wanted, "{text}");
            }
            if let Ok(byte) = u8::try_from(value) {
                for text in [format!("{byte:02x} "), format!("{byte:02X}")] {
                    assert_eq!(pair(load(text.as_bytes(), 0)), Some((byte, 2)));
                }
            }
        }
        for text in ["", "-", "1234", "a1", "x", "g0", " 1"] {
            assert_eq!(decimal(load(text.as_bytes(), 0)), None, "{text}");
        }
        for text in ["", "1", "1g", "g1", " 1"] {
            assert_eq!(pair(load(text.as_bytes(), 0)), None, "{text}");
        }
    }

    /// Bytes of which none is one more than those before.
    fn values(n: usize) -> impl Iterator<Item = u8> {
        (0..n).map(|i| (i * 91 % 251) as u8)
    }

    fn list(n: usize, between: &str, hex: bool) -> String {
        let numbers = values(n).map(|value| if hex { format!("{value:02x}") } else { value.to_string() });
        numbers.collect::<Vec<_>>().join(between)
    }

    #[test]
    fn a_list_is_read_whole_or_not_at_all() {
        let find = |text: &str| Even::find(text.as_bytes(), 0, text.len());
        for (between, hex) in [
            (", ", false),
            (",", false),
            (" ", true),
            (":", true),
            ("\n", false),
            (", ", true),
        ] {
            let alone = list(300, between, hex);
            for (before, after) in [
                ("", ""),
                ("let n = 300; let a = [", "];"),
                ("x(", ") and 7"),
                ("", "\"x"),
            ] {
                let text = format!("{before}{alone}{after}");
                let found = find(&text);
                assert_eq!(
                    found.as_ref().map(|list| list.values.clone()),
                    Some(values(300).collect()),
                    "{text}"
                );
                let list = found.unwrap();
                assert_eq!(list.end, before.len() + alone.len());
                let written = (0..300).map(|i| &text[list.number(text.as_bytes(), i)]);
                assert_eq!(written.collect::<Vec<_>>().join(between), alone);
            }
            // What goes on in another way is read like any other list.
            for other in [
                format!("0x07{between}{alone}"),
                format!("{alone}{between}0x07{between}8"),
            ] {
                assert!(find(&other).is_none(), "{other}");
            }
            assert!(find(&list(ELEMENTS_MIN - 1, between, hex)).is_none());
        }
        // Lines are broken somewhere.
        let broken = [list(200, ", ", false), list(100, ", ", false)].join(",\n    ");
        assert_eq!(find(&broken).map(|list| list.values.len()), Some(300));
        let numbered: Vec<String> = (0..300).map(|i| (i % 256).to_string()).collect();
        assert!(find(&numbered.join(", ")).is_none());
    }

    #[test]
    fn rows_of_another_base_are_found() {
        let text = format!(
            "{}, 111, 122, 133, 144, 155, 166, 9, {}",
            list(200, ", ", false),
            list(100, ", ", false)
        );
        let list = Even::find(text.as_bytes(), 0, text.len()).unwrap();
        let rows = list.in_another_base(6);
        let octal = |value: &u8| *value > 99 && !value.to_string().contains(['8', '9']);
        assert!(rows.contains(&(200..206)), "{rows:?}");
        assert!(rows.iter().all(|row| list.values[row.clone()].iter().all(octal)));
        assert_eq!(list.last_part(1), list.start(306));
        assert!(text.len() - list.last_part(100) >= 100);
    }
}
