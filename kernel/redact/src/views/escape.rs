//! Backslash escapes: Rust's, JSON's, C's, Python's, the shell's `$'…'`.

use std::ops::Range;

use super::View;
use super::tokens::DIGIT_VALUE;
use crate::verify::Text;

/// Decodes one level of escapes. `\xE4` is a byte in some languages and a character in others: two views then, `wide` is
/// the second one.
pub(crate) fn decode(text: Text<'_>, region: Range<usize>, wide: bool, plain: bool) -> View {
    let bytes = text.bytes;
    let mut view = View::new(region.len(), plain);
    let mut at = region.start;
    while at < region.end {
        view.checkpoint(at);
        if bytes[at] != b'\\' {
            let plain = memchr::memchr(b'\\', &bytes[at..region.end]).unwrap_or(region.end - at);
            view.copy_range(bytes, at..at + plain);
            at += plain;
            continue;
        }
        // Backslashes that escape backslashes: half of a run of them.
        let pairs = bytes[at..region.end].iter().take_while(|b| **b == b'\\').count() / 2;
        if pairs > 0 {
            view.decode_each(b'\\', at, 2, pairs);
            at += 2 * pairs;
            continue;
        }
        match one(&bytes[at..], text.complete) {
            Escape::Byte(byte, n) => {
                view.ambiguous |= byte >= 0x80;
                if wide {
                    view.decode_char(char::from(byte), at..at + n);
                } else {
                    view.decode(byte, at..at + n);
                }
                at += n;
            }
            Escape::Char(char, n) => {
                view.decode_char(char, at..at + n);
                at += n;
            }
            Escape::Nothing(n) => {
                view.skip();
                at += n;
            }
            Escape::Open => {
                view.open_at(at);
                break;
            }
            Escape::None => {
                view.copy(b'\\', at);
                at += 1;
            }
        }
    }
    view
}

pub(super) enum Escape {
    Byte(u8, usize),
    Char(char, usize),
    /// A line continuation.
    Nothing(usize),
    /// Not finished yet.
    Open,
    None,
}

/// Reads the escape at the start of `bytes`.
pub(super) fn one(bytes: &[u8], complete: bool) -> Escape {
    let open = if complete { Escape::None } else { Escape::Open };
    let Some(&kind) = bytes.get(1) else { return open };
    let simple = |byte| Escape::Byte(byte, 2);
    match kind {
        b'n' => simple(b'\n'),
        b't' => simple(b'\t'),
        b'r' => simple(b'\r'),
        b'b' => simple(8),
        b'f' => simple(12),
        b'v' => simple(11),
        b'a' => simple(7),
        b'e' | b'E' => simple(27),
        b'0'..=b'7' => {
            let n = digits(&bytes[1..], 3, 8);
            if n < 3 && bytes.len() == 1 + n && !complete {
                return Escape::Open;
            }
            match number(&bytes[1..1 + n], 8).and_then(|n| u8::try_from(n).ok()) {
                Some(byte) => Escape::Byte(byte, 1 + n),
                None => match number(&bytes[1..n], 8).and_then(|n| u8::try_from(n).ok()) {
                    Some(byte) => Escape::Byte(byte, n),
                    None => simple(kind),
                },
            }
        }
        b'x' | b'u' | b'U' if bytes.get(2) == Some(&b'{') => {
            let n = digits(&bytes[3..], 8, 16);
            match bytes.get(3 + n) {
                Some(b'}') if n > 0 => match number(&bytes[3..3 + n], 16).and_then(char::from_u32) {
                    Some(char) => Escape::Char(char, 4 + n),
                    None => Escape::None,
                },
                None => open,
                _ => Escape::None,
            }
        }
        b'x' => {
            let n = digits(&bytes[2..], 2, 16);
            if n < 2 && bytes.len() == 2 + n {
                return open;
            }
            match number(&bytes[2..2 + n], 16) {
                Some(value) => Escape::Byte(value as u8, 2 + n),
                None => simple(b'x'),
            }
        }
        b'u' | b'U' => unicode(bytes, if kind == b'u' { 4 } else { 8 }, open),
        b'\r' if bytes.get(2) == Some(&b'\n') => Escape::Nothing(3),
        b'\n' => Escape::Nothing(2),
        other if other.is_ascii() => simple(other),
        _ => Escape::None,
    }
}

/// `\uXXXX`, with a second half if it is the first of a surrogate pair, or `\UXXXXXXXX`.
fn unicode(bytes: &[u8], width: usize, open: Escape) -> Escape {
    // What nearly all of them are.
    if width == 4
        && let [_, _, a, b, c, d, ..] = *bytes
        && let Some((high, low)) = pair(a, b).zip(pair(c, d))
        && let Some(char) = char::from_u32(u32::from(high) << 8 | u32::from(low))
    {
        return Escape::Char(char, 6);
    }
    let n = digits(&bytes[2..], width, 16);
    if n < width {
        return if bytes.len() == 2 + n {
            open
        } else {
            Escape::Byte(bytes[1], 2)
        };
    }
    let Some(first) = number(&bytes[2..2 + width], 16) else {
        return Escape::None;
    };
    if let Some(char) = char::from_u32(first) {
        return Escape::Char(char, 2 + width);
    }
    if !(0xD800..0xDC00).contains(&first) || width != 4 {
        return Escape::None;
    }
    let rest = &bytes[6..];
    if rest.len() < 6 && b"\\u".starts_with(&rest[..rest.len().min(2)]) {
        return open;
    }
    let second = rest
        .strip_prefix(b"\\u")
        .filter(|hex| digits(hex, 4, 16) == 4)
        .and_then(|hex| number(&hex[..4], 16));
    match second.filter(|second| (0xDC00..0xE000).contains(second)) {
        Some(second) => match char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)) {
            Some(char) => Escape::Char(char, 12),
            None => Escape::None,
        },
        None => Escape::None,
    }
}

/// How many digits of a base stand at the start, at most `most`.
#[inline]
pub(super) fn digits(bytes: &[u8], most: usize, base: u32) -> usize {
    bytes
        .iter()
        .take(most)
        .take_while(|b| digit(**b).is_some_and(|digit| digit < base))
        .count()
}

/// The value of up to eight digits.
#[inline]
pub(super) fn number(digits: &[u8], base: u32) -> Option<u32> {
    let mut value = (!digits.is_empty()).then_some(0u32)?;
    for byte in digits {
        let digit = digit(*byte).filter(|digit| *digit < base)?;
        value = value.checked_mul(base)?.checked_add(digit)?;
    }
    Some(value)
}

#[inline]
fn digit(byte: u8) -> Option<u32> {
    let value = DIGIT_VALUE[usize::from(byte)];
    (value < 16).then_some(u32::from(value))
}

/// The value of two hexadecimal digits.
#[inline]
pub(super) fn pair(high: u8, low: u8) -> Option<u8> {
    let [high, low] = [high, low].map(|byte| DIGIT_VALUE[usize::from(byte)]);
    ((high | low) < 16).then_some(high << 4 | low)
}
