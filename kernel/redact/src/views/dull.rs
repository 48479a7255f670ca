//! Stretches of many lines alike in which little can be hidden, so that little of them is decoded.
//!
//! ```text
//!  line 41, line 42, line 43 …                    lines that count (counting.rs)             nothing is decoded
//!  7  0.137204  -1.482217                         tables of fractions, with an index         nothing is decoded
//!  00000010  68 75 6e 74 65 72 32 …  |hunter2…|   rows of one dump, each after the other     only their bytes are
//! ```
//!
//! Each line is looked at as it stands, like any other. The first and the last ones of a stretch are decoded in every way:
//! something else may go on there, or begin.

use std::ops::Range;

use super::escape::number;
use super::numbers::STEPS_MAX;
use super::{counting, dense, dump};

/// Longest line that is compared.
const LINE_BYTES_MAX: usize = 512;

/// Fewest bytes of such lines that are told apart.
const BYTES_MIN: usize = 1024;

/// How many of such lines at both ends are none, at least: their numbers may be the first or the last ones of a value.
const LINES_MIN: usize = 2 * STEPS_MAX;

/// What of a text is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decoded {
    Everything,
    /// The rows of a dump, which show nothing else.
    Rows,
    Nothing,
}

/// Whole lines alike, but for the first and the last ones.
#[derive(Debug, Clone)]
pub(crate) struct Dull {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// With those.
    pub(crate) all: Range<usize>,
    pub(crate) decoded: Decoded,
}

impl Dull {
    pub(crate) fn none() -> Self {
        Self {
            start: 0,
            end: 0,
            all: 0..0,
            decoded: Decoded::Nothing,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start >= self.end
    }
}

/// The lines alike around a place, but for the first and the last ones of them, of `margin` bytes or more; nowhere before
/// `from`. Nothing, where there are few.
pub(crate) fn lines(bytes: &[u8], from: usize, place: usize, margin: usize) -> Option<Dull> {
    let near = from.max(place.saturating_sub(LINE_BYTES_MAX));
    let middle = line_at(bytes, near + memchr::memrchr(b'\n', &bytes[near..place])? + 1)?;
    let (all, decoded) = counting::around(bytes, from, &middle)
        .or_else(|| fractions(bytes, from, &middle))
        .map(|all| (all, Decoded::Nothing))
        .or_else(|| dump::rows_around(bytes, from, &middle).map(|all| (all, Decoded::Rows)))?;
    // Whole lines of them.
    let last = memchr::memrchr(b'\n', &bytes[all.start..all.end]).map_or(all.start, |n| all.start + n + 1);
    let margin = margin.max(LINES_MIN * (all.end + 1 - last));
    let start = (all.start + margin..all.end).find(|at| bytes[*at] == b'\n')? + 1;
    let end = all.end.checked_sub(margin).filter(|end| *end >= start + BYTES_MIN)?;
    let end = memchr::memrchr(b'\n', &bytes[start..end])? + start + 1;
    Some(Dull {
        start,
        end,
        all,
        decoded,
    })
}

/// The lines around one, from the first to the last one, of which each follows the one before. `read` tells what follows is
/// about, and nothing where a line is none of them.
pub(super) fn around<T>(
    bytes: &[u8],
    from: usize,
    middle: &Range<usize>,
    mut read: impl FnMut(&[u8]) -> Option<T>,
    follows: impl Fn(&T, &T) -> bool,
) -> Option<Range<usize>> {
    let found = read(&bytes[middle.clone()])?;
    let (mut head, mut first) = (middle.clone(), None);
    while let Some(line) = line_before(bytes, head.start, from)
        && let Some(before) = read(&bytes[line.clone()])
        && follows(&before, first.as_ref().unwrap_or(&found))
    {
        (head, first) = (line, Some(before));
    }
    let (mut tail, mut last) = (middle.clone(), found);
    while let Some(line) = line_at(bytes, tail.end + 1)
        && let Some(next) = read(&bytes[line.clone()])
        && follows(&last, &next)
    {
        (tail, last) = (line, next);
    }
    Some(head.start..tail.end)
}

/// The line that begins at a place, if it ends soon.
pub(super) fn line_at(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let rest = bytes.get(start..)?;
    memchr::memchr(b'\n', &rest[..rest.len().min(LINE_BYTES_MAX)]).map(|n| start..start + n)
}

/// The line before the one that begins at a place, if it begins soon before, and not before `from`.
pub(super) fn line_before(bytes: &[u8], start: usize, from: usize) -> Option<Range<usize>> {
    let end = start.checked_sub(1).filter(|end| *end > from)?;
    let near = from.max(end.saturating_sub(LINE_BYTES_MAX));
    match memchr::memrchr(b'\n', &bytes[near..end]) {
        Some(n) => Some(near + n + 1..end),
        None => (near == 0).then_some(0..end),
    }
}

/// What a line of fractions has.
#[derive(Debug, PartialEq, Eq)]
struct Fractions {
    /// A number before them.
    index: Option<u32>,
    /// How many of them may be a small number with zeros before it.
    padded: usize,
}

/// Lines of fractions around one, each with an index before them that counts, or none of them with one.
fn fractions(bytes: &[u8], from: usize, middle: &Range<usize>) -> Option<Range<usize>> {
    around(bytes, from, middle, read_fractions, |first, second| {
        second.follows(first)
    })
}

impl Fractions {
    /// Whether a line of them may stand after another one.
    fn follows(&self, first: &Self) -> bool {
        let counts = match (first.index, self.index) {
            (Some(first), Some(second)) => first + 1 == second,
            (None, None) => true,
            _ => false,
        };
        // A number of the kind that a byte is, right after another one: `0.000104`, `0.000117`.
        counts && first.padded + self.padded < 2
    }
}

/// What a line has that is nothing but fractions, with an index or without one.
fn read_fractions(line: &[u8]) -> Option<Fractions> {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (mut index, mut fractions, mut padded) = (None, 0, 0);
    let mut rest = line;
    loop {
        let blanks = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b','))
            .count();
        rest = &rest[blanks..];
        if rest.is_empty() {
            return (fractions > 0).then_some(Fractions { index, padded });
        }
        let unsigned = rest.strip_prefix(b"-").unwrap_or(rest);
        let (whole, after) = unsigned.split_at(digits(unsigned));
        match after {
            [b'.', after @ ..] => {
                let (fraction, after) = after.split_at(digits(after));
                let last = fraction.last_chunk::<6>()?;
                if whole.len() != 1 || !dense::is_fraction(ending_with(last), fraction.len()) {
                    return None;
                }
                fractions += 1;
                padded += usize::from(fraction[..fraction.len() - 3].iter().all(|digit| *digit == b'0'));
                rest = after;
            }
            _ if fractions == 0
                && index.is_none()
                && unsigned.len() == rest.len()
                && (1..=9).contains(&whole.len()) =>
            {
                index = number(whole, 10);
                rest = after;
            }
            _ => return None,
        }
        if !matches!(rest, [] | [b' ' | b'\t' | b',', ..]) {
            return None;
        }
    }
}

/// Whether a text is nothing but many lines with a number each that only counts, or a fraction each.
pub(super) fn is_column(text: &[u8]) -> bool {
    let lines = || text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n');
    if lines().nth(LINES_MIN).is_none() {
        return false;
    }
    let mut next = None;
    let counts = lines().all(|line| {
        let here = if line.len() <= 9 { number(line, 10) } else { None };
        here.is_some() && std::mem::replace(&mut next, here.map(|here| here + 1)).is_none_or(|next| here == Some(next))
    });
    let mut before: Option<Fractions> = None;
    counts
        || lines().all(|line| {
            let here = read_fractions(line).filter(|here| here.index.is_none());
            here.is_some_and(|here| {
                let follows = before.as_ref().is_none_or(|before| here.follows(before));
                before = Some(here);
                follows
            })
        })
}

/// The last eight bytes of a text, of which these are the last six.
fn ending_with([a, b, c, d, e, f]: &[u8; 6]) -> u64 {
    u64::from_le_bytes([0, 0, *a, *b, *c, *d, *e, *f])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_around_a_place_are_whole_and_inside() {
        let counting: String = (0..2000).map(|i| format!("line {i}\n")).collect();
        let rows: String = (0..2000)
            .map(|i| format!("{i} 0.{} -1.500002\n", 200_000 + i))
            .collect();
        for (lines_of, decoded) in [
            (counting, Decoded::Nothing),
            (rows, Decoded::Nothing),
            (rows_of_a_dump(), Decoded::Rows),
        ] {
            let text = format!("before\n{lines_of}after\nand more\n");
            let (first, last) = (7, 7 + lines_of.len());
            let step = lines_of.len() / 113;
            for place in (first + 90..last - 90).step_by(step) {
                let found = lines(text.as_bytes(), 0, place, 4000).unwrap();
                assert_eq!(found.decoded, decoded);
                assert!(found.start >= first + 4000 && found.start < first + 4090, "{place}");
                assert!(found.end <= last - 4000 && found.end > last - 4090, "{place}");
                // And not fewer than so many lines.
                let found = lines(text.as_bytes(), 0, place, 1).unwrap();
                for rest in [&text[first..found.start], &text[found.end..last]] {
                    assert!(rest.lines().count() >= LINES_MIN, "{place}: {rest}");
                }
                for end in [found.start, found.end] {
                    assert_eq!(text.as_bytes()[end - 1], b'\n', "{place}");
                }
            }
            assert!(lines(text.as_bytes(), 0, 3, 100).is_none());
            assert!(lines(text.as_bytes(), 0, text.len() - 3, 100).is_none());
            let from = first + 9000;
            assert!(lines(text.as_bytes(), from, from + 4000, 100).unwrap().start >= from + 100);
        }
    }

    #[test]
    fn columns_that_count_or_hold_fractions_are_told_from_others() {
        let column = |cell: fn(usize) -> String| (0..90).map(|n| cell(n) + "\n").collect::<String>();
        assert!(is_column(column(|n| (n + 70).to_string()).as_bytes()));
        assert!(is_column(
            column(|n| format!("-{}.{:06}", n % 3, 137_204 + n)).as_bytes()
        ));
        for other in [
            column(|n| (2 * n).to_string()),
            column(|n| (n + 70 + n / 89).to_string()),
            column(|n| format!("0.{:06}", 137_204 + n) + if n == 50 { " x" } else { "" }),
            column(|n| if n == 50 { String::new() } else { n.to_string() }),
            column(|n| format!("0.000{:03}", 100 + n)),
            "7\n8\n9\n".to_owned(),
        ] {
            assert!(!is_column(other.as_bytes()), "{other}");
        }
    }

    fn rows_of_a_dump() -> String {
        let row = |i: usize| {
            let bytes: Vec<u8> = (0..16).map(|n| (i * 31 + n * 7) as u8).collect();
            let cells: String = bytes.iter().map(|byte| format!("{byte:02x} ")).collect();
            let shown = |byte: &u8| {
                if matches!(byte, b' '..=b'~') {
                    char::from(*byte)
                } else {
                    '.'
                }
            };
            format!(
                "{:08x}  {cells} |{}|\n",
                16 * i,
                bytes.iter().map(shown).collect::<String>()
            )
        };
        (0..2000).map(row).collect()
    }

    #[test]
    fn fractions_are_told_from_lists() {
        for (line, index) in [
            ("0.137204", None),
            (" 1.482217 -0.000300  2.100002", None),
            ("41,0.13720411,-1.48221799", Some(41)),
            ("7\t0.137204113372", Some(7)),
            // Six digits are a fraction, whatever they are.
            ("0.104117", None),
        ] {
            let found = read_fractions(line.as_bytes());
            let padded = usize::from(line.contains("0.000300"));
            assert_eq!(found, Some(Fractions { index, padded }), "{line}");
        }
        for line in [
            "",
            "41",
            "41 42 0.137204",
            "0.137204 41",
            "1.000000 0.110100",
            "104.137204",
            "0.1372040",
            "0.137204e5",
            "0.137204; 0.137204",
            "-7 0.137204",
            "x 0.137204",
        ] {
            assert_eq!(read_fractions(line.as_bytes()), None, "{line}");
        }
    }
}
