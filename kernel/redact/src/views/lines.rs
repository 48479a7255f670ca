//! What the bits of a window tell about its lines, and parts of lines as one text.

use std::ops::Range;

use super::{View, dump, table};
use crate::scan::Window;

/// Whether each line is one word: neither cells of tables nor numbers of lines stand beside others.
pub(super) fn are_words(window: &Window<'_>) -> bool {
    let (keep, line) = (window.squeezed.keep.words(), window.squeezed.line.words());
    let mut words = keep.iter().zip(line).map(|(keep, line)| keep | line);
    let Some(last) = words.next_back() else {
        return true;
    };
    let rest = (window.to - window.from) % 64;
    let end = if rest == 0 { u64::MAX } else { (1 << rest) - 1 };
    last & end == end && words.all(|word| word == u64::MAX)
}

/// Whether each word is a single character, or all of them are numbers: nothing stands beside it.
pub(super) fn are_single(window: &Window<'_>) -> bool {
    let (keep, digit) = (&window.squeezed.keep, &window.squeezed.digit);
    let numbers = || keep.words() == digit.words();
    numbers() || keep.pairs().all(|(_, here, next)| here & (here >> 1 | next << 63) == 0)
}

/// Lines that may be equally wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Even {
    /// Where the first of them begins that lies in the window with the break before it.
    pub(super) first: usize,
    /// How many bytes later each other one begins.
    pub(super) step: usize,
}

/// The lines of a window as such, if there are as many breaks in it as they would have.
pub(super) fn even(window: &Window<'_>) -> Option<Even> {
    let lines = window.squeezed.line.words();
    let next = |from: usize| {
        let word = lines.get(from / 64)? & u64::MAX << (from % 64);
        let words = std::iter::once(word).chain(lines[from / 64 + 1..].iter().copied());
        let (i, word) = words.enumerate().find(|(_, word)| *word != 0)?;
        Some(64 * (from / 64 + i) + word.trailing_zeros() as usize)
    };
    let first = next(0)?;
    let step = next(first + 1)? - first;
    let count: u32 = lines.iter().map(|line| line.count_ones()).sum();
    let expected = (window.to - window.from - 1 - first) / step + 1;
    (count as usize == expected).then_some(Even {
        first: window.from + first + 1,
        step,
    })
}

/// What the lines of a window begin with.
pub(super) struct Heads {
    /// Some may be rows of a dump.
    pub(super) rows: bool,
    /// Some may have a number before their text.
    pub(super) numbered: bool,
}

impl Heads {
    /// Looks at each line's first bytes, without branches: in most texts no line is either, and nobody need ask again.
    pub(super) fn of(window: &Window<'_>) -> Self {
        let bytes = window.text.bytes;
        let (mut rows, mut numbered) = (false, false);
        // A window after the first one begins in the middle of a line.
        for line in window.lines().skip(usize::from(window.from > 0)) {
            let Some(head) = bytes[line.start..].first_chunk::<8>() else {
                // A short one at the end.
                (rows, numbered) = (true, true);
                break;
            };
            rows |= dump::may_begin(head);
            numbered |= table::may_be_numbered(head);
        }
        Self { rows, numbered }
    }
}

/// Whether a line ends with a word that may be a number of several bytes, so that the next line may go on with another one:
/// nearly all tables end with smaller numbers.
pub(super) fn may_end_with_words(window: &Window<'_>) -> bool {
    let (keep, digit) = (&window.squeezed.keep, &window.squeezed.digit);
    let mut goes_on = 0;
    // How many digits the last word has that begins with one.
    let mut last = 0;
    for (i, line) in window.squeezed.line.words().iter().enumerate() {
        let (kept, digits) = (keep.two(i), digit.two(i));
        let mut starts = kept as u64 & digits as u64 & !((kept as u64) << 1 | goes_on);
        goes_on = kept as u64 >> 63;
        let mut line = *line;
        loop {
            let before = starts & (line & line.wrapping_neg()).wrapping_sub(1);
            let mut left = before;
            while left != 0 {
                let bit = left.ilog2();
                left &= !(1 << bit);
                let length = (kept >> bit).trailing_ones();
                let plain = length == (digits >> bit).trailing_ones();
                // Decimal numbers that begin with a zero are left out. What other characters stand in one, nobody asks here.
                if !plain || window.text.bytes[window.from + 64 * i + bit as usize] != b'0' {
                    last = if plain { length } else { u32::MAX };
                    break;
                }
            }
            if line == 0 {
                break;
            }
            if last >= WORD_DIGITS_MIN {
                return true;
            }
            starts &= !before;
            line &= line - 1;
        }
    }
    false
}

/// Fewest digits of a word.
const WORD_DIGITS_MIN: u32 = 4;

/// Parts of lines, one below the other.
pub(super) fn joined(bytes: &[u8], parts: &[Range<usize>], plain: bool) -> View {
    let mut view = View::new(parts.iter().map(|part| part.len() + 1).sum(), plain);
    view.fragments = true;
    for part in parts {
        view.copy_range(bytes, part.clone());
        view.decode(b'\n', part.end..part.end);
    }
    view
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_equally_wide_are_seen() {
        let text = format!("{}\n", "x".repeat(64)).repeat(100);
        let even = |first: usize| Some(Even { first, step: 65 });
        for (text, expected) in [
            (text.clone(), even(65)),
            (format!("x\n{text}"), even(2)),
            (text[20..].to_owned(), even(45)),
            (format!("{text}x\ny\n{text}"), None),
            ("x".repeat(9000), None),
            (format!("{}\n", "x".repeat(9000)), None),
        ] {
            assert_eq!(Window::of(text.as_bytes(), true, super::even), expected);
        }
    }
}
