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
    for span in dense(window) {
        free = free.max(span.start);
        while let Some(at) = next_quote(window, free..span.end) {
            let Some((_, end)) = element(bytes, at) else {
                free = at + 1;
                continue;
            };
            if !list.joins(bytes, at) {
                list.scan(scanner, window, depth, scan);
                list.places.clear();
            }
            list.push(bytes, at, end);
            free = end;
        }
    }
    list.scan(scanner, window, depth, scan);
}

/// The first quote in a part of a window.
#[inline]
fn next_quote(window: &Window<'_>, part: Range<usize>) -> Option<usize> {
    let from = part.start - window.from;
    let mut before = u64::MAX << (from % 64);
    for (i, quote) in window.squeezed.quote.words().iter().enumerate().skip(from / 64) {
        let quotes = quote & std::mem::replace(&mut before, u64::MAX);
        let at = window.from + 64 * i;
        if quotes != 0 || at >= part.end {
            return Some(at + quotes.trailing_zeros() as usize).filter(|at| *at < part.end);
        }
    }
    None
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

/// Quoted characters that follow one another.
#[derive(Default)]
struct List {
    /// Where each of them begins.
    places: Vec<u32>,
    /// The hash of what stands between the first two.
    separator: u32,
    /// What stands between the last two.
    between: Range<usize>,
    end: usize,
}

impl List {
    /// Whether the element at `at` is one of this list.
    #[inline]
    fn joins(&self, bytes: &[u8], at: usize) -> bool {
        let between = &bytes[self.end..at];
        match self.places.len() {
            0 => true,
            // Mostly they are all the same.
            2.. if between == &bytes[self.between.clone()] => true,
            // Letters between the elements are the same everywhere; punctuation may change (`('a', 'b'), ('c', 'd')`).
            n => separator(between).is_some_and(|(hash, plain)| plain || n < 2 || hash == self.separator),
        }
    }

    #[inline]
    fn push(&mut self, bytes: &[u8], at: usize, end: usize) {
        self.between = self.end..at;
        if self.places.len() == 1 {
            self.separator = separator(&bytes[self.between.clone()]).map_or(0, |separator| separator.0);
        }
        self.places.push(at as u32);
        self.end = end;
    }

    fn scan(&self, scanner: &mut Scanner<'_>, window: &Window<'_>, depth: usize, scan: &mut Scan) {
        let bytes = window.text.bytes;
        let near_end = bytes.len() - self.end <= SEPARATOR_BYTES_MAX;
        let begun = !self.places.is_empty() && near_end && !window.text.complete;
        if self.places.len() < ELEMENTS_MIN && !begun {
            return;
        }
        let make = |plain: bool, _: Option<usize>| {
            let mut view = View::new(self.places.len(), plain);
            for at in self.places.iter().map(|at| *at as usize) {
                if let Some((char, end)) = element(bytes, at) {
                    view.decode_char(char, at + 1..end - 1);
                }
            }
            view
        };
        let end = if near_end { bytes.len() } else { self.end };
        scanner.lazily(window, &make, end, Form::Escaped, depth, [0; 4], scan);
    }
}

/// A quoted character and where the element ends.
#[inline]
fn element(bytes: &[u8], at: usize) -> Option<(char, usize)> {
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
    (rest.get(n) == Some(&quote)).then_some((char, at + n + 2))
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
