//! Lines that only count: `line 41`, `line 42`, `line 43` …, alike but for numbers that are one more in each line.
//!
//! Programs print thousands of them. Each is looked at as it stands. Nothing in them is decoded when there is nothing to
//! decode in one of them: no sign with which an escape begins, no list, no run of base64 digits. And what shows only in
//! several lines together shows in none of them: no value is spelt by texts that do not change and by more than
//! [`STEPS_MAX`](super::numbers::STEPS_MAX) numbers that count.

use std::ops::Range;

use super::digits::{self, Digits};
use super::dull::{line_at, line_before};
use super::sextets::is_digit;
use crate::scan::common;

/// The lines that count around one, from the first to the last one.
pub(super) fn around(bytes: &[u8], from: usize, middle: &Range<usize>) -> Option<Range<usize>> {
    // Before others are looked for, which may be many.
    if !is_plain(&bytes[middle.clone()]) {
        return None;
    }
    let counts = |first: &Range<usize>, second: &Range<usize>| counts(&bytes[first.clone()], &bytes[second.clone()]);
    let mut last = middle.clone();
    let mut steps = Steps::default();
    loop {
        // Where the next line is as long and counts, it has the same bytes, and no line break among them.
        let start = last.end + 1;
        let alike = start..start + last.len();
        if bytes.get(alike.end) == Some(&b'\n') && counts(&last, &alike) {
            steps.learn(&bytes[last.start..start], &bytes[start..=alike.end]);
            let ahead = steps.ahead(&bytes[start..]);
            last = alike.start + ahead..alike.end + ahead;
            continue;
        }
        match line_at(bytes, start).filter(|next| counts(&last, next)) {
            Some(next) => last = next,
            None => break,
        }
    }
    // All of them are like the last one, which has the longest numbers.
    if last == *middle || !is_plain(&bytes[last.clone()]) {
        return None;
    }
    let mut head = middle.clone();
    while let Some(before) = line_before(bytes, head.start, from).filter(|line| counts(line, &head)) {
        head = before;
    }
    Some(head.start..last.end)
}

/// How lines of one length go on until one of their numbers has no digit left to count with.
#[derive(Default)]
struct Steps {
    /// Where the digits stand that count, in a line.
    digits: Vec<usize>,
    /// What is added to each byte from line to line: for as many lines as there may be, one after the other.
    add: Vec<u8>,
    /// Bytes of a line.
    line: usize,
    /// Whether the last two lines differ by that.
    known: bool,
    /// Memory for a line in which digits are carried over.
    next: Vec<u8>,
}

impl Steps {
    /// Learns it from two lines that count.
    fn learn(&mut self, first: &[u8], second: &[u8]) {
        let add = |i: usize| second[i].wrapping_sub(first[i]);
        let line = first.len();
        self.known = (0..line).all(|i| add(i) <= 1);
        if !self.known || self.line == line && (0..line).all(|i| add(i) == self.add[i]) {
            return;
        }
        self.line = line;
        self.digits.clear();
        self.digits.extend((0..line).filter(|i| add(*i) == 1));
        self.add.clear();
        for _ in 1..=9 {
            self.add.extend((0..line).map(add));
        }
    }

    /// How many bytes after the second of those lines, with which a text begins, the last one begins up to which all are
    /// as long and count.
    fn ahead(&mut self, text: &[u8]) -> usize {
        let mut at = 0;
        while self.known {
            let (Some(line), Some(rest)) = (text.get(at..at + self.line), text.get(at + self.line..)) else {
                break;
            };
            // Until the first digit is a nine, all of them change by the same.
            let left = |i: &usize| usize::from(b'9' - line[*i]);
            let n = self.digits.iter().map(left).min().unwrap_or(0) * self.line;
            if n > 0 {
                let (Some(here), Some(next)) = (text.get(at..at + n), rest.get(..n)) else {
                    break;
                };
                let sums = here.iter().zip(&self.add).map(|(byte, add)| byte.wrapping_add(*add));
                // Without branches, so that many bytes are compared at once.
                if sums.zip(next).fold(0, |differ, (sum, byte)| differ | (sum ^ byte)) != 0 {
                    break;
                }
            } else {
                self.next.clear();
                self.next.extend_from_slice(line);
                if !self.digits.iter().all(|digit| count(&mut self.next[..=*digit])) || !rest.starts_with(&self.next) {
                    break;
                }
            }
            at += n.max(self.line);
        }
        at
    }
}

/// Makes the number at the end of a text one more, unless it gets one digit more.
fn count(text: &mut [u8]) -> bool {
    for byte in text.iter_mut().rev() {
        match byte {
            b'9' => *byte = b'0',
            b'0'..=b'8' => {
                *byte += 1;
                return true;
            }
            _ => break,
        }
    }
    false
}

/// Numbers of a line that are no list, and how many of those may have several bytes each.
const NUMBERS_MAX: usize = 4;
const WIDE_MAX: usize = 2;

/// Letters, digits and signs of base64 in a row that are no run of it.
const WORD_BYTES_MAX: usize = 15;

/// Whether there is nothing in a line that could be decoded, a number included that is one of several.
fn is_plain(line: &[u8]) -> bool {
    let (mut numbers, mut wide, mut digits, mut word) = (0, 0, 0, 0);
    for (i, byte) in line.iter().enumerate() {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        numbers += usize::from(digits == 1);
        wide += usize::from(digits == 4);
        word = if is_digit(*byte) { word + 1 } else { 0 };
        let decodes = match byte {
            b'\\' | b'%' | b'&' | b'<' => true,
            b'=' => line.get(i + 1).is_none_or(u8::is_ascii_hexdigit),
            b'\t' | b' '..=b'~' => false,
            _ => true,
        };
        if decodes || word > WORD_BYTES_MAX {
            return false;
        }
    }
    numbers <= NUMBERS_MAX && wide <= WIDE_MAX
}

/// Whether the second line is the first one with one more in some of its numbers.
fn counts(mut a: &[u8], mut b: &[u8]) -> bool {
    let mut counted = false;
    loop {
        let same = common(a, b);
        match (&a[same..], &b[same..]) {
            ([], []) => return counted,
            // Nine of ten numbers differ in their last digit only.
            ([digit @ b'0'..=b'8', first @ ..], [next, second @ ..])
                if *next == digit + 1
                    && [first, second]
                        .iter()
                        .all(|rest| !rest.first().is_some_and(u8::is_ascii_digit)) =>
            {
                (a, b, counted) = (first, second, true);
                continue;
            }
            _ => {}
        }
        // The number in which they differ.
        let before = a[..same].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        (a, b) = (&a[same - before..], &b[same - before..]);
        let Some((first, second)) = number(a).zip(number(b)) else {
            return false;
        };
        if first.0 + 1 != second.0 {
            return false;
        }
        (a, b) = (&a[first.1..], &b[second.1..]);
        counted = true;
    }
}

/// The number with which a text begins, and how many digits it has.
fn number(text: &[u8]) -> Option<(u32, usize)> {
    let digits = match text.first_chunk() {
        Some(head) => digits::leading(*head),
        None => text.iter().take_while(|byte| byte.is_ascii_digit()).count(),
    };
    let whole = (1..=digits::MOST).contains(&digits) && !text.get(digits).is_some_and(u8::is_ascii_digit);
    whole.then(|| (Digits::of(text, &(0..digits)).decimal(), digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_count_are_told_from_others() {
        for (a, b) in [
            ("line 1", "line 2"),
            ("line 9", "line 10"),
            ("12: 999 of 2000", "13: 1000 of 2000"),
            ("7", "8"),
            ("item 0041 of 7 is done", "item 0042 of 7 is done"),
            ("0.99", "0.100"),
        ] {
            assert!(counts(a.as_bytes(), b.as_bytes()), "{a}, {b}");
        }
        for (a, b) in [
            ("line 1", "line 1"),
            ("line 1", "line 3"),
            ("line 2", "line 1"),
            ("line 1 a", "line 2 b"),
            ("line 1", "line 2 "),
            ("line 1", "Line 2"),
            ("a", "b"),
            ("", "1"),
            ("123456789", "123456790"),
            ("1 1", "2 3"),
        ] {
            assert!(!counts(a.as_bytes(), b.as_bytes()), "{a}, {b}");
        }
    }

    #[test]
    fn lines_of_one_length_are_counted_at_once() {
        let lines = |range: std::ops::Range<u32>| range.map(|i| format!("{i}: x {}\n", 3 * i)).collect::<String>();
        let counting = |range: std::ops::Range<u32>| range.map(|i| format!("{i}: x {}\n", i + 3)).collect::<String>();
        let text = counting(121..997);
        for (first, lines_ahead) in [(121, 875), (122, 874), (130, 866), (994, 2), (995, 1)] {
            let mut steps = Steps::default();
            // Also after lines that count otherwise.
            for other in [
                "7: x 10\n8: x 11\n",
                "30: x 88\n31: x 88\n",
                &counting(first..first + 2),
            ] {
                let line = other.len() / 2;
                steps.learn(&other.as_bytes()[..line], &other.as_bytes()[line..]);
            }
            let rest = &text[11 * (first as usize - 121)..];
            let ahead = steps.ahead(rest.as_bytes()) / 11;
            assert!(ahead <= lines_ahead && ahead + 9 > lines_ahead, "{first}: {ahead}");
            assert_eq!(steps.ahead(&rest.as_bytes()[..10]), 0);
            // Up to a line that is another one, and not beyond.
            for change in [5, 15, 50] {
                let mut changed = rest.as_bytes().to_vec();
                if let Some(byte) = changed.get_mut(11 * change + 5) {
                    *byte = b'y';
                }
                let ahead = steps.ahead(&changed) / 11;
                assert!(ahead < change, "{first}: {ahead}, {change}");
            }
        }
        let mut steps = Steps::default();
        steps.learn(b"12: x 36\n", b"13: x 39\n");
        assert_eq!(steps.ahead(lines(13..30).as_bytes()), 0);
    }

    #[test]
    fn lines_with_something_to_decode_are_told_from_others() {
        for line in [
            "",
            "line 41",
            "2026: item 41 of 9000 (a/b)\tok",
            "i = 41",
            "| 12 | a-b_c | 3.5",
        ] {
            assert!(is_plain(line.as_bytes()), "{line}");
        }
        for line in [
            "K7%2D41",
            "K7\\u002d41",
            "K7&#45;41",
            "<b>41",
            "\u{1b}[1m41",
            "K7=41",
            "41=",
            "\u{e4} 41",
            "41\r",
            "1, 2, 3, 4, 5",
            "12345 12345 12345",
            "cGxhbnRlZFQwa2Vu 41",
        ] {
            assert!(!is_plain(line.as_bytes()), "{line}");
        }
    }
}
