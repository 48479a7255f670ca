//! Percent-encoding, and quoted-printable where it looks the same with `=`.

use std::ops::Range;

use super::View;
use super::escape::{digits, number, pair};
use crate::index::Index;
use crate::squeeze::which;
use crate::verify::Text;

/// Whether what follows a `=` is a byte that quoted-printable text has to write like that, with capital digits: one above
/// ASCII, a blank, a line break or the sign itself. What no form holds is of no interest; in logs, `took=20ms` would be.
pub(crate) fn is_printable(index: &Index, rest: &[u8], complete: bool) -> bool {
    match *rest {
        // Without branches where numbers follow, which cannot be predicted.
        [first, second, ..] if FIRST[usize::from(first)] & SECOND[usize::from(second)] == 0 => false,
        [b'3', b'D', ..] => true,
        [first, second, ..] => {
            let byte = pair(first, second).unwrap_or(0);
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
        [high, low, ..] => pair(high, low).is_some(),
        _ => !complete,
    }
}

/// After which of sixty-four bytes the same stands: `after` are the next two.
pub(super) fn before_digits(bytes: &[u8; 64], after: &[u8; 2]) -> u64 {
    let digits = which(bytes, |byte| byte.is_ascii_hexdigit());
    let [one, two] = after.map(|byte| u64::from(byte.is_ascii_hexdigit()));
    let units = |byte: u8| byte == b'u' || byte == b'U';
    (digits >> 1 | one << 63) & (digits >> 2 | one << 62 | two << 63)
        | which(bytes, units) >> 1
        | u64::from(units(after[0])) << 63
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
        if let [high, low, ..] = *rest
            && let Some(value) = pair(high, low)
        {
            view.ambiguous |= value >= 0xA0;
            if wide {
                view.decode_char(char::from(value), at..at + 3);
            } else {
                view.decode(value, at..at + 3);
            }
            at += 3;
            continue;
        }
        let n = digits(rest, 2, 16);
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

    #[test]
    fn bytes_are_found_by_masks_as_one_by_one() {
        let pieces = [
            &b"%25"[..],
            b"%",
            b"%u0041",
            b"% ",
            b"a",
            b"%G0",
            b"%%",
            b"&amp;",
            b"&",
            b"<b>",
            b"</b>",
            b"&#x41;",
            b"< ",
        ];
        let mut state = 7u32;
        for _ in 0..300 {
            let mut text = Vec::new();
            while text.len() < 66 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.extend_from_slice(pieces[(state >> 24) as usize % pieces.len()]);
            }
            let (here, after) = text.split_at(64);
            let (Some(here), Some(after)) = (here.first_chunk(), after.first_chunk()) else {
                continue;
            };
            let digits = before_digits(here, after);
            let names = super::super::markup::before_names(here, after[0]);
            for at in 0..64 {
                let found = [digits, names].map(|mask| mask >> at & 1 == 1);
                match here[at] {
                    b'%' => assert_eq!(found[0], begins(&text[at + 1..], true)),
                    b'&' | b'<' => assert_eq!(found[1], super::super::markup::begins(&text[at..], true)),
                    _ => {}
                }
            }
        }
    }
}
