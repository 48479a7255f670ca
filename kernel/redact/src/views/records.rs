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

use super::units::{self, Units};
use super::{View, columns};
use crate::Form;
use crate::scan::{Scan, Scanner, Window};
use crate::squeeze::is_kept;

/// Longest line that is taken for one of these. Most lines of logs are longer.
const RECORD_BYTES_MAX: usize = 80;

/// Fewest lines.
const RECORDS_MIN: usize = 6;

/// Longest text in which lines alike differ: an escaped character and its quotes.
const MIDDLE_BYTES_MAX: usize = 8;

pub(crate) fn scan(scanner: &mut Scanner<'_>, window: &Window<'_>, depth: usize, scan: &mut Scan) {
    // What is left of lines alike is no such line again.
    if scanner.lined > 0 {
        return;
    }
    // At the end of an unfinished text more lines may come.
    let may_go_on = window.last && !window.text.complete;
    if !may_go_on && (!window.squeezed.line.any() || window.lines().nth(RECORDS_MIN - 1).is_none()) {
        return;
    }
    scanner.lined += 1;
    groups(scanner, window, depth, scan);
    scanner.lined -= 1;
}

fn groups(scanner: &mut Scanner<'_>, window: &Window<'_>, depth: usize, scan: &mut Scan) {
    let bytes = window.text.bytes;
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
        if line.len() <= RECORD_BYTES_MAX && !line.is_empty() && !has_long_word(window, &line) {
            group.push(line);
        } else if !group.is_empty() && !line.is_empty() {
            all_of(scanner, window, &group, false, depth, scan);
            group.clear();
        }
    }
    all_of(scanner, window, &group, rest, depth, scan);
}

/// Whether a short line of a window has a word that is too long: thirty-two letters and digits.
fn has_long_word(window: &Window<'_>, line: &Range<usize>) -> bool {
    let keep = &window.squeezed.keep;
    let (from, to) = (line.start - window.from, line.end - window.from);
    (from / 64..=to / 64).any(|i| {
        let two = keep.two(i);
        let two = two & two >> 1;
        let four = two & two >> 2;
        let eight = four & four >> 4;
        let sixteen = eight & eight >> 8;
        let starts = (sixteen & sixteen >> 16) as u64;
        let before = from.saturating_sub(64 * i);
        let starts = if before < 64 { starts >> before << before } else { 0 };
        let end = to - (64 * i).min(to);
        starts & if end >= 64 { u64::MAX } else { (1 << end) - 1 } != 0
    })
}

/// Every column of some lines. `begun`: more of them may follow.
fn all_of(
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
    if window.squeezed.digit.any() {
        columns::scan(scanner, window, group, begun, depth, scan);
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
    // Lines without letters and digits end nothing.
    let kept = |line: &Range<usize>| bytes[line.clone()].iter().any(|b| is_kept(*b));
    let group: Vec<(usize, &Range<usize>)> = group.iter().enumerate().filter(|(_, line)| kept(line)).collect();
    let neighbours = units::neighbours(bytes, group.iter().map(|(_, line)| *line), MIDDLE_BYTES_MAX);
    let mut first = 0;
    while first + 1 < group.len() {
        // Nothing is different in them.
        if neighbours.same.has(first) {
            first += 1;
            continue;
        }
        let last = first
            + (first..group.len() - 1)
                .take_while(|n| neighbours.alike.has(*n))
                .count();
        let begun = begun && last + 1 == group.len();
        if group[last].0 + 1 - group[first].0 >= if begun { 2 } else { RECORDS_MIN } {
            alike(scanner, window, &group[first..=last], begun, depth, scan);
        }
        first = last + 1;
    }
}

/// The same in lines of which each may be alike with the next one.
fn alike(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    group: &[(usize, &Range<usize>)],
    begun: bool,
    depth: usize,
    scan: &mut Scan,
) {
    let bytes = window.text.bytes;
    let units = |line: &Range<usize>| Units::of(bytes, line.clone());
    let mut first = 0;
    while first + 1 < group.len() {
        let mut alike = Alike::all();
        let head = units(group[first].1);
        let mut last = first;
        for (n, (_, line)) in group.iter().enumerate().skip(first + 1) {
            let Some(less) = alike.and(&head, &units(line)) else {
                break;
            };
            alike = less;
            last = n;
        }
        let count = group[last].0 + 1 - group[first].0;
        let ends = begun && last + 1 == group.len();
        if count >= if ends { 2 } else { RECORDS_MIN } {
            let mut view = View::with_capacity(4 * count);
            for (_, line) in &group[first..=last] {
                let (from, to) = alike.middle(&units(line));
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
            let end = if ends { bytes.len() } else { group[last].1.end };
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
    fn and(self, a: &Units<'_>, b: &Units<'_>) -> Option<Self> {
        // Nothing is different in the first two.
        if self.head == usize::MAX && a.line() == b.line() {
            return None;
        }
        let (head, starts) = a.heads(b, self.head);
        // All of it is alike: nothing is different.
        if starts.0 == a.line().len() || starts.1 == b.line().len() {
            return None;
        }
        let (tail, ends) = a.tails(b, self.tail);
        let letters = |line: &[u8], start: usize, end: usize| {
            let middle = line.len().saturating_sub(start + end);
            middle > 0 && middle <= MIDDLE_BYTES_MAX && middle < line.len()
        };
        (letters(a.line(), starts.0, ends.0) && letters(b.line(), starts.1, ends.1)).then_some(Self { head, tail })
    }

    /// Where the middle of a line is.
    fn middle(self, line: &Units<'_>) -> (usize, usize) {
        let from = line.heads(line, self.head).1.0;
        let tail = line.tails(line, self.tail).1.0;
        (from, line.line().len().saturating_sub(tail).max(from))
    }
}
