//! Percent-encoding, and quoted-printable where it looks the same with `=`.

use std::ops::Range;

use super::View;
use super::escape::{digits, number};
use crate::verify::Text;

/// Decodes one level of `%XX` (and the old `%uXXXX`).
pub(crate) fn decode(text: Text<'_>, region: Range<usize>) -> View {
    let bytes = text.bytes;
    let mut view = View::with_capacity(region.len());
    let mut at = region.start;
    while at < region.end {
        let byte = bytes[at];
        if byte != b'%' {
            view.copy(byte, at);
            at += 1;
            continue;
        }
        let rest = &bytes[at + 1..];
        let n = digits(rest, 2, 16);
        if n == 2
            && let Some(value) = number(&rest[..2], 16)
        {
            view.decode(value as u8, at..at + 3);
            at += 3;
            continue;
        }
        if n == rest.len() && !text.complete {
            view.open_at(at);
            break;
        }
        if matches!(rest.first(), Some(b'u' | b'U')) {
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
        view.copy(byte, at);
        at += 1;
    }
    view
}
