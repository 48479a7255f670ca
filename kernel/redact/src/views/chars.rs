//! Lists of quoted characters: `['h', 'u', '\'']`, `["h", "u"]`, `(0, 'h'), (1, 'u')`, on one line or on many.

use std::ops::Range;

use super::View;
use super::escape::{self, Escape};
use crate::Form;
use crate::scan::{Scan, Scanner, Window};

/// Shortest list.
const ELEMENTS_MIN: usize = 6;

/// Bytes at the end of an unfinished text that are looked at in any case.
const TAIL_BYTES: usize = 512;

/// Quoted characters in two blocks that make a list likely.
const PAIRS_MIN: u32 = 3;

/// Longest text between two elements.
const SEPARATOR_BYTES_MAX: usize = 64;

pub(crate) fn scan(scanner: &mut Scanner<'_>, window: &Window<'_>, depth: usize, scan: &mut Scan) {
    let bytes = window.text.bytes;
    let mut list = List::default();
    let mut free = window.from;
    let quotes =
        |span: Range<usize>| memchr::memchr2_iter(b'\'', b'"', &bytes[span.clone()]).map(move |n| span.start + n);
    for at in dense(window).into_iter().flat_map(quotes) {
        if at < free {
            continue;
        }
        let Some((char, end)) = element(bytes, at) else {
            continue;
        };
        let separator = if list.count == 0 {
            Some((0, true))
        } else {
            separator(&bytes[list.end..at])
        };
        // Letters between the elements are the same everywhere; punctuation may change (`('a', 'b'), ('c', 'd')`).
        let joins = separator.is_some_and(|(s, plain)| plain || list.count < 2 || s == list.separator);
        if !joins {
            list.scan(scanner, window, depth, scan);
            list = List::default();
        }
        if list.count == 1 {
            list.separator = separator.map_or(0, |s| s.0);
        }
        list.count += 1;
        list.end = end;
        for byte in char.bytes() {
            list.view.decode(byte, at + 1..end - 1);
        }
        free = end;
    }
    list.scan(scanner, window, depth, scan);
}

/// Stretches where quotes stand close together in pairs.
fn dense(window: &Window<'_>) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    let squeezed = window.squeezed;
    let mut previous = 0;
    let quoted = if squeezed.quote.any() {
        squeezed.quote.words()
    } else {
        &[]
    };
    for (i, quote) in quoted.iter().enumerate() {
        if *quote == 0 {
            previous = 0;
            continue;
        }
        // A quote, a letter (of up to four bytes), a quote.
        let (quotes, kept) = (squeezed.quote.two(i), squeezed.keep.two(i));
        let mut many = ((quotes & kept >> 1 & quotes >> 2) as u64).count_ones();
        let tail = kept >> 2 & (quotes >> 3 | kept >> 3 & (quotes >> 4 | kept >> 4 & quotes >> 5));
        let mut long = (quotes & kept >> 1 & tail) as u64;
        while long != 0 {
            let at = window.from + 64 * i + long.trailing_zeros() as usize;
            many += u32::from(window.text.bytes.get(at + 1).is_some_and(|b| *b >= 0x80));
            long &= long - 1;
        }
        if many + previous >= PAIRS_MIN {
            let start = (window.from + 64 * i).saturating_sub(128).max(window.from);
            let end = (window.from + 64 * (i + 3)).min(window.to);
            match spans.last_mut() {
                Some(last) if start <= last.end => last.end = end,
                _ => spans.push(start..end),
            }
        }
        previous = many;
    }
    // A list may have begun at the end of an unfinished text.
    if window.last && !window.text.complete {
        let start = window.to.saturating_sub(TAIL_BYTES).max(window.from);
        match spans.last_mut() {
            Some(last) if start <= last.end => last.end = window.to,
            _ => spans.push(start..window.to),
        }
    }
    spans
}

#[derive(Default)]
struct List {
    view: View,
    count: usize,
    separator: u32,
    end: usize,
}

impl List {
    fn scan(&mut self, scanner: &mut Scanner<'_>, window: &Window<'_>, depth: usize, scan: &mut Scan) {
        let bytes = window.text.bytes;
        let near_end = bytes.len() - self.end <= SEPARATOR_BYTES_MAX;
        if self.count >= ELEMENTS_MIN || self.count > 0 && near_end && !window.text.complete {
            let end = if near_end { bytes.len() } else { self.end };
            scanner.view(
                window,
                std::mem::take(&mut self.view),
                end,
                Form::Escaped,
                depth,
                [0; 4],
                scan,
            );
        }
    }
}

/// A quoted character and where the element ends.
fn element(bytes: &[u8], at: usize) -> Option<(String, usize)> {
    let quote = bytes[at];
    let rest = &bytes[at + 1..];
    let (char, n) = match *rest.first()? {
        b'\\' => match escape::one(rest, true) {
            Escape::Char(char, n) => (char, n),
            Escape::Byte(byte, n) => (char::from(byte), n),
            _ => return None,
        },
        byte if byte.is_ascii() => (char::from(byte), 1),
        byte => {
            let n = byte.leading_ones() as usize;
            (std::str::from_utf8(rest.get(..n)?).ok()?.chars().next()?, n)
        }
    };
    (rest.get(n) == Some(&quote)).then(|| (char.to_string(), at + n + 2))
}

/// A hash of a separator that does not see white space or counting numbers, and whether it has no letters.
fn separator(bytes: &[u8]) -> Option<(u32, bool)> {
    if bytes.len() > SEPARATOR_BYTES_MAX {
        return None;
    }
    // `U+006C` and `0x6c` count too.
    let code = bytes.windows(2).any(|pair| matches!(pair, b"U+" | b"0x"));
    let counts = |b: &u8| b.is_ascii_digit() || code && b.is_ascii_hexdigit();
    let seen = bytes.iter().filter(|b| !b.is_ascii_whitespace() && !counts(b));
    let plain = !bytes.iter().any(|b| b.is_ascii_alphabetic() || *b >= 0x80);
    let hash = seen.fold(0x811C_9DC5_u32, |hash, b| {
        (hash ^ u32::from(*b)).wrapping_mul(0x0100_0193)
    });
    Some((hash, plain))
}
