//! Lines that each show one byte or one character of a value beside other things: `byte[3] = 0x74 (t)`, `3  t  116`,
//! `char: t`.
//!
//! ```text
//!  byte[0] = 0x68 (h)      number 0 from the left   0 1 2 3 …
//!  byte[1] = 0x75 (u)      number 1 from the left   68 75 …        a column of numbers
//!  byte[2] = 0x33 (3)      number 0 from the right  68 75 3 …
//!  └─ alike ─┘     └ ┘     what is not alike        0x68 (h …      no character
//! ```
//!
//! Lines are grouped where they are short and follow one another; nothing else is expected of them, as what shows the
//! value is a column that spells it.

use std::ops::Range;

use super::tokens::{Token, tokenise};
use super::{View, numbers};
use crate::Form;
use crate::scan::{Scan, Scanner, Window};
use crate::squeeze::{Block, is_kept};

/// Longest line that is taken for one of these. Most lines of logs are longer.
const RECORD_BYTES_MAX: usize = 80;

/// Fewest lines.
const RECORDS_MIN: usize = 6;

/// Numbers of a line that are looked at from either side.
const COLUMNS: usize = 4;

/// Longest text in which lines alike differ: an escaped character and its quotes.
const MIDDLE_BYTES_MAX: usize = 8;

pub(crate) fn scan(scanner: &mut Scanner<'_>, window: &Window<'_>, depth: usize, scan: &mut Scan) {
    let bytes = window.text.bytes;
    if window.squeezed.any.line == 0 && window.text.complete {
        return;
    }
    let long = long_words(window);
    let mut group: Vec<Range<usize>> = Vec::new();
    // At the end of an unfinished text more lines may come.
    let unfinished = window.last && !window.text.complete;
    let mut rest = false;
    for line in window.lines() {
        if unfinished && line.end == bytes.len() {
            // Not all of it is there.
            rest = line.len() <= RECORD_BYTES_MAX;
            break;
        }
        if line.len() <= RECORD_BYTES_MAX && !line.is_empty() && !has_long_word(window, &long, &line) {
            group.push(line);
        } else if !group.is_empty() && !line.is_empty() {
            columns(scanner, window, &group, false, depth, scan);
            group.clear();
        }
    }
    columns(scanner, window, &group, rest, depth, scan);
}

/// Where words are longer than those of such lines: a bit for each place where thirty-two letters and digits begin.
fn long_words(window: &Window<'_>) -> Vec<u64> {
    let blocks = &window.squeezed.blocks;
    let after = |i: usize| blocks.get(i + 1).map_or(0, |next| next.keep);
    let long = |(i, block): (usize, &Block)| {
        if block.keep == 0 {
            return 0;
        }
        let keep = u128::from(after(i)) << 64 | u128::from(block.keep);
        let two = keep & keep >> 1;
        let four = two & two >> 2;
        let eight = four & four >> 4;
        let sixteen = eight & eight >> 8;
        (sixteen & sixteen >> 16) as u64
    };
    blocks.iter().enumerate().map(long).collect()
}

/// Whether a short line of a window has a word that is too long.
fn has_long_word(window: &Window<'_>, long: &[u64], line: &Range<usize>) -> bool {
    let (from, to) = (line.start - window.from, line.end - window.from);
    (from / 64..=to / 64).any(|i| {
        let word = long.get(i).copied().unwrap_or(0);
        let before = from.saturating_sub(64 * i);
        let word = if before < 64 { word >> before << before } else { 0 };
        let end = to - (64 * i).min(to);
        word & if end >= 64 { u64::MAX } else { (1 << end) - 1 } != 0
    })
}

/// Every column of some lines. `begun`: more of them may follow.
fn columns(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    group: &[Range<usize>],
    begun: bool,
    depth: usize,
    scan: &mut Scan,
) {
    let Some(last) = group
        .last()
        .filter(|_| group.len() >= if begun { 1 } else { RECORDS_MIN })
    else {
        return;
    };
    // What is there of the next line tells nothing.
    let window = &if begun { window.ending_at(last.end) } else { *window };
    middles(scanner, window, group, begun, depth, scan);
    let mut tokens = Vec::new();
    let mut lines: Vec<Range<usize>> = Vec::new();
    for line in group.iter().chain(std::iter::once(&(0..0))) {
        let first = tokens.len();
        if window.text.bytes[line.clone()].iter().any(u8::is_ascii_digit) {
            tokenise(window.text.bytes, line.start, line.end, false, &mut tokens);
        }
        if tokens.len() > first {
            lines.push(first..tokens.len());
        } else if line.is_empty() || window.text.bytes[line.clone()].iter().any(|b| is_kept(*b)) {
            // A rule of a table ends nothing.
            numbered(scanner, window, &tokens, &lines, begun && line.is_empty(), depth, scan);
            tokens.clear();
            lines.clear();
        }
    }
}

/// Columns of numbers; `lines` are ranges of `tokens`.
fn numbered(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    tokens: &[Token],
    lines: &[Range<usize>],
    begun: bool,
    depth: usize,
    scan: &mut Scan,
) {
    if lines.len() < if begun { 1 } else { RECORDS_MIN } {
        return;
    }
    let most = lines.iter().map(Range::len).max().unwrap_or(0);
    // One number a line is a plain list, but for what stands around it.
    let left = (0..most.min(COLUMNS)).map(|n| (n, false));
    let right = (0..most.min(COLUMNS)).map(|n| (n, true));
    let uneven = lines.iter().any(|line| line.len() != most);
    for (n, from_right) in left.chain(right.filter(|_| uneven || most > COLUMNS)) {
        let pick = |line: &Range<usize>| {
            let line = &tokens[line.clone()];
            let place = if from_right {
                line.len().checked_sub(n + 1)
            } else {
                Some(n)
            };
            place.and_then(|place| line.get(place)).copied()
        };
        // Where a line has too few numbers, the column ends.
        let mut column: Vec<Token> = Vec::with_capacity(lines.len());
        for line in lines {
            match pick(line) {
                Some(token) => column.push(token),
                None if column.is_empty() => {}
                None => {
                    numbers::column(scanner, window, &column, depth, scan);
                    column.clear();
                }
            }
        }
        numbers::column(scanner, window, &column, depth, scan);
    }
}

/// What is different in lines that begin and end alike.
fn middles(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    group: &[Range<usize>],
    begun: bool,
    depth: usize,
    scan: &mut Scan,
) {
    let bytes = window.text.bytes;
    let mut first = 0;
    while first + 1 < group.len() {
        let head = &bytes[group[first].clone()];
        let mut alike = Alike::all();
        let mut last = first;
        for (n, line) in group.iter().enumerate().skip(first + 1) {
            let line = &bytes[line.clone()];
            if !line.iter().any(|b| is_kept(*b)) && n + 1 < group.len() {
                continue;
            }
            let Some(less) = alike.and(head, line) else { break };
            alike = less;
            last = n;
        }
        let count = last + 1 - first;
        let ends = begun && last + 1 == group.len();
        if count >= if ends { 2 } else { RECORDS_MIN } {
            let lines = group[first..=last].iter();
            let lines = lines.filter(|line| bytes[(*line).clone()].iter().any(|b| is_kept(*b)));
            let mut view = View::with_capacity(4 * count);
            for line in lines {
                let (from, to) = alike.middle(&bytes[line.clone()]);
                let mut middle = line.start + from..line.start + to;
                // Some are quoted, others not.
                if let [quote @ (b'\'' | b'"'), _, .., end] = bytes[middle.clone()]
                    && quote == end
                {
                    middle = middle.start + 1..middle.end - 1;
                }
                view.copy_range(bytes, middle);
            }
            view.skip();
            let end = if ends { bytes.len() } else { group[last].end };
            scanner.view(window, view, end, Form::Spaced, depth, [0; 4], scan);
        }
        first = last.max(first + 1);
    }
}

/// How much lines have in common at both ends, in units: a character, any number, any white space.
#[derive(Clone, Copy)]
struct Alike {
    head: usize,
    tail: usize,
}

impl Alike {
    fn all() -> Self {
        Self {
            head: usize::MAX,
            tail: usize::MAX,
        }
    }

    /// What is alike in these two lines too, if enough of them is.
    fn and(self, a: &[u8], b: &[u8]) -> Option<Self> {
        let head = common(units(a), units(b), self.head);
        let tail = common(ends(a), ends(b), self.tail);
        let less = Self { head, tail };
        let letters = |line: &[u8]| {
            let (from, to) = less.middle(line);
            from < to && to - from <= MIDDLE_BYTES_MAX && to - from < line.len()
        };
        (letters(a) && letters(b)).then_some(less)
    }

    /// Where the middle of a line is.
    fn middle(self, line: &[u8]) -> (usize, usize) {
        let from = units(line).take(self.head).map(|unit| unit.1).sum::<usize>();
        let tail = ends(line).take(self.tail).map(|unit| unit.1).sum::<usize>();
        (
            from.min(line.len()),
            line.len().saturating_sub(tail).max(from.min(line.len())),
        )
    }
}

fn common(a: impl Iterator<Item = (u8, usize)>, b: impl Iterator<Item = (u8, usize)>, most: usize) -> usize {
    a.zip(b).take(most).take_while(|(a, b)| a.0 == b.0).count()
}

/// What a unit is, for comparing, and its length.
fn unit<'b>(mut rest: impl Iterator<Item = &'b u8>) -> Option<(u8, usize)> {
    let first = rest.next()?;
    let class = |b: &u8| match b {
        b'0'..=b'9' => b'0',
        b' ' | b'\t' => b' ',
        other => *other,
    };
    let n = match class(first) {
        b'0' | b' ' => 1 + rest.take_while(|b| class(b) == class(first)).count(),
        _ => 1,
    };
    Some((class(first), n))
}

fn units(line: &[u8]) -> impl Iterator<Item = (u8, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let next = unit(line[at..].iter())?;
        at += next.1;
        Some(next)
    })
}

/// The same from the end.
fn ends(line: &[u8]) -> impl Iterator<Item = (u8, usize)> {
    let mut to = line.len();
    std::iter::from_fn(move || {
        let next = unit(line[..to].iter().rev())?;
        to -= next.1;
        Some(next)
    })
}
