//! Percent-encoding, and quoted-printable where it looks the same with `=`.

use std::ops::Range;

use super::View;
use super::escape::{digits, number};
use crate::index::Index;
use crate::verify::Text;

/// Whether what follows a `=` is a byte that quoted-printable text has to write like that, with capital digits: one above
/// ASCII, a blank, a line break or the sign itself. What no form holds is of no interest; in logs, `took=20ms` would be.
pub(crate) fn is_printable(index: &Index, rest: &[u8], complete: bool) -> bool {
    match *rest {
        // Without branches where numbers follow, which cannot be predicted.
        [first, second, ..] if FIRST[usize::from(first)] & SECOND[usize::from(second)] == 0 => false,
        [b'3', b'D', ..] => true,
        [first, second, ..] => {
            let byte = number(&[first, second], 16).unwrap_or(0) as u8;
            index.holds_byte(byte)
        }
        [b'A'..=b'F' | b'0' | b'2' | b'3'] | [] => !complete,
        _ => false,
    }
}

/// Pairs of digits of interest, a bit for each kind: 0xA0 and above; tab and line breaks; a blank; the sign.
static FIRST: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 6 {
        table[b'A' as usize + i] = 1;
        i += 1;
    }
    table[b'0' as usize] = 2;
    table[b'2' as usize] = 4;
    table[b'3' as usize] = 8;
    table
};

/// The second digits of those.
static SECOND: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 16 {
        table[b"0123456789ABCDEF"[i] as usize] = 1;
        i += 1;
    }
    table[b'9' as usize] |= 2;
    table[b'A' as usize] |= 2;
    table[b'0' as usize] |= 4;
    table[b'D' as usize] |= 2 | 8;
    table
};

/// Whether what follows a `%` makes a byte or a character of it.
pub(super) fn begins(rest: &[u8], complete: bool) -> bool {
    match *rest {
        [b'u' | b'U', ..] => true,
        [high, low, ..] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        _ => !complete,
    }
}

/// Decodes one level of `%XX` (and the old `%uXXXX`), or of `=XX` and soft line breaks when that is the `sign`. Bytes above
/// ASCII are characters of Latin-1 when the text is read `wide`.
pub(crate) fn decode(text: Text<'_>, region: Range<usize>, sign: u8, wide: bool, plain: bool) -> View {
    let bytes = text.bytes;
    let mut view = View::new(region.len(), plain);
    let mut at = region.start;
    while at < region.end {
        view.checkpoint(at);
        if bytes[at] != sign {
            let same = memchr::memchr(sign, &bytes[at..region.end]).unwrap_or(region.end - at);
            view.copy_range(bytes, at..at + same);
            at += same;
            continue;
        }
        let rest = &bytes[at + 1..];
        if rest.first() == Some(&sign) {
            view.copy(sign, at);
            at += 1;
            continue;
        }
        let soft = match rest {
            [b'\n', ..] => 2,
            [b'\r', b'\n', ..] => 3,
            _ => 0,
        };
        if sign == b'=' && soft > 0 {
            view.skip();
            at += soft;
            continue;
        }
        let n = digits(rest, 2, 16);
        if n == 2
            && let Some(value) = number(&rest[..2], 16)
        {
            view.ambiguous |= value >= 0xA0;
            match char::from_u32(value).filter(|_| wide) {
                Some(char) => view.decode_char(char, at..at + 3),
                None => view.decode(value as u8, at..at + 3),
            }
            at += 3;
            continue;
        }
        if n == rest.len() && !text.complete {
            view.open_at(at);
            break;
        }
        if sign == b'%' && matches!(rest.first(), Some(b'u' | b'U')) {
            let n = digits(&rest[1..], 4, 16);
            if n == 4
                && let Some(char) = number(&rest[1..5], 16).and_then(char::from_u32)
            {
                view.decode_char(char, at..at + 6);
                at += 6;
                continue;
            }
            if n + 1 == rest.len() && !text.complete {
                view.open_at(at);
                break;
            }
        }
        view.copy(sign, at);
        at += 1;
    }
    view
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    #[test]
    fn quoted_printable_bytes_are_those_that_it_has_to_write_so() {
        let index = Index::default();
        let value = (0..=255).collect::<Vec<u8>>();
        assert_eq!(index.learn(&Secret::new("s", "k", value)), None);
        for byte in 0..=255u8 {
            let of_interest = byte >= 0xA0 || matches!(byte, b'\t' | b'\n' | b'\r' | b' ' | b'=');
            assert_eq!(
                is_printable(&index, format!("{byte:02X}").as_bytes(), true),
                of_interest,
                "{byte}"
            );
            assert_eq!(
                is_printable(&index, format!("{byte:02X}").as_bytes(), false),
                of_interest,
                "{byte}"
            );
        }
        assert!(!is_printable(&index, b"e9", true) && !is_printable(&index, b"G0", true));
        assert!(is_printable(&index, b"2", false) && !is_printable(&index, b"2", true));
    }
}
