//! Lines that only count: `line 41`, `line 42`, `line 43` …, alike but for numbers that are one more in each line.
//!
//! Programs print thousands of them. Each is looked at as it stands. Nothing in them is decoded when there is nothing to
//! decode in one of them: no sign with which an escape begins, no list, no run of base64 digits. And what shows only in
//! several lines together shows in none of them: no value is spelt by texts that do not change and by more than
//! [`STEPS_MAX`] numbers that count.

use std::ops::Range;

use super::digits::{self, Digits};
use super::numbers::STEPS_MAX;
use super::sextets::is_digit;
use crate::scan::common;

/// Longest line that is compared.
const LINE_BYTES_MAX: usize = 512;

/// Fewest bytes of such lines that are told apart.
const BYTES_MIN: usize = 4096;

/// How many of such lines at both ends are none, at least: their numbers may be the first or the last ones of a value.
const LINES_MIN: usize = 2 * STEPS_MAX;

/// Where whole lines around a place only count, but for the first and the last ones of them, of `margin` bytes or more;
/// nowhere before `from`. Nothing, where there are few.
pub(crate) fn lines(bytes: &[u8], from: usize, place: usize, margin: usize) -> Option<Range<usize>> {
    let near = from.max(place.saturating_sub(LINE_BYTES_MAX));
    let middle = line_at(bytes, near + memchr::memrchr(b'\n', &bytes[near..place])? + 1)?;
    let counts = |first: &Range<usize>, second: &Range<usize>| counts(&bytes[first.clone()], &bytes[second.clone()]);
    let mut last = middle.clone();
    loop {
        // Where the next line is as long and counts, it has the same bytes, and no line break among them.
        let start = last.end + 1;
        let alike = start..start + last.len();
        if bytes.get(alike.end) == Some(&b'\n') && counts(&last, &alike) {
            last = alike;
            continue;
        }
        match line_at(bytes, start).filter(|next| counts(&last, next)) {
            Some(next) => last = next,
            None => break,
        }
    }
    // All of them are like the last one, which has the longest numbers.
    if last == middle || !is_plain(&bytes[last.clone()]) {
        return None;
    }
    let margin = margin.max(LINES_MIN * (last.len() + 1));
    let mut head = middle;
    while let Some(before) = line_before(bytes, head.start, from).filter(|line| counts(line, &head)) {
        head = before;
    }
    // Whole lines of them.
    let start = (head.start + margin..last.end).find(|at| bytes[*at] == b'\n')? + 1;
    let end = last.end.checked_sub(margin).filter(|end| *end >= start + BYTES_MIN)?;
    Some(start..memchr::memrchr(b'\n', &bytes[start..end])? + start + 1)
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

/// The line that begins at a place, if it ends soon.
fn line_at(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let rest = bytes.get(start..)?;
    memchr::memchr(b'\n', &rest[..rest.len().min(LINE_BYTES_MAX)]).map(|n| start..start + n)
}

/// The line before the one that begins at a place, if it begins soon before, and after `from`.
fn line_before(bytes: &[u8], start: usize, from: usize) -> Option<Range<usize>> {
    let end = start.checked_sub(1).filter(|end| *end > from)?;
    let near = from.max(end.saturating_sub(LINE_BYTES_MAX));
    memchr::memrchr(b'\n', &bytes[near..end]).map(|n| near + n + 1..end)
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

    #[test]
    fn lines_around_a_place_are_whole_and_inside() {
        let counting: String = (0..2000).map(|i| format!("line {i}\n")).collect();
        let text = format!("before\n{counting}after\nand more\n");
        let (first, last) = (7, 7 + counting.len());
        for place in (first + 20..last - 20).step_by(97) {
            let found = lines(text.as_bytes(), 0, place, 500).unwrap();
            assert!(found.start >= first + 500 && found.start < first + 520, "{place}");
            assert!(found.end <= last - 500 && found.end > last - 520, "{place}");
            // And not fewer than so many lines.
            let found = lines(text.as_bytes(), 0, place, 1).unwrap();
            for rest in [&text[first..found.start], &text[found.end..last]] {
                assert!(rest.lines().count() >= LINES_MIN, "{place}: {rest}");
            }
            for end in [found.start, found.end] {
                assert_eq!(text.as_bytes()[end - 1], b'\n', "{place}");
            }
        }
        assert_eq!(lines(text.as_bytes(), 0, 3, 100), None);
        assert_eq!(lines(text.as_bytes(), 0, text.len() - 3, 100), None);
        let from = first + 9000;
        assert!(lines(text.as_bytes(), from, from + 4000, 100).unwrap().start >= from + 100);
    }
}
