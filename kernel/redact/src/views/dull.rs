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

/// Which lines of a column have to be decoded: those where it holds something else than numbers that only count, or than
/// fractions, and some around them. Nothing, if that is much of it. `open`: so many of the last ones have to be in any
/// case.
pub(super) fn others(text: &[u8], open: usize) -> Option<Vec<Range<usize>>> {
    let lines = text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n');
    let mut others: Vec<Range<usize>> = Vec::new();
    let mut add = |from: usize, to: usize| match others.last_mut() {
        Some(last) if from <= last.end => last.end = last.end.max(to),
        _ => others.push(from..to),
    };
    let (mut before, mut count, mut breaks): (Option<Cell>, usize, usize) = (None, 0, 0);
    for line in lines {
        let here = Cell::of(line);
        let follows = match (&before, &here) {
            (_, Cell::Other) => false,
            (None, _) => true,
            (Some(before), here) => here.follows(before),
        };
        if !follows {
            add(count.saturating_sub(LINES_MIN), count + LINES_MIN);
            breaks += 1;
            // Most columns are something else altogether.
            if breaks > BREAKS_MIN && breaks * BREAK_LINES_MIN > count {
                return None;
            }
        }
        before = Some(here);
        count += 1;
    }
    if open > 0 {
        add(count.saturating_sub(open), count);
    }
    if let Some(last) = others.last_mut() {
        last.end = last.end.min(count);
    }
    let many = others.iter().map(Range::len).sum::<usize>() > count / 2;
    (count > LINES_MIN && !many).then_some(others)
}

/// In so many lines one may break a column.
const BREAK_LINES_MIN: usize = 16;
const BREAKS_MIN: usize = 4;

/// What a cell of a column holds.
enum Cell {
    Number(u32),
    Fractions(Fractions),
    Other,
}

impl Cell {
    fn of(line: &[u8]) -> Self {
        if let Some(padded) = one_fraction(line) {
            return Self::Fractions(Fractions { index: None, padded });
        }
        if let Some(number) = (line.len() <= 9).then(|| number(line, 10)).flatten() {
            return Self::Number(number);
        }
        match read_fractions(line) {
            Some(fractions) if fractions.index.is_none() => Self::Fractions(fractions),
            _ => Self::Other,
        }
    }

    fn follows(&self, before: &Self) -> bool {
        match (before, self) {
            (Self::Number(first), Self::Number(second)) => first + 1 == *second,
            (Self::Fractions(first), Self::Fractions(second)) => second.follows(first),
            _ => false,
        }
    }
}

/// Whether the one fraction of a line, with six digits after its point, may be a small number with zeros before it; nothing,
/// where a line is something else.
#[inline]
fn one_fraction(line: &[u8]) -> Option<usize> {
    let [whole, b'.', fraction @ ..] = line.strip_prefix(b"-").unwrap_or(line) else {
        return None;
    };
    let fraction = <&[u8; 6]>::try_from(fraction).ok()?;
    (whole.is_ascii_digit() && dense::is_fraction(ending_with(fraction), 6))
        .then(|| usize::from(fraction.starts_with(b"000")))
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
        let column = |cell: fn(usize) -> String| (0..900).map(|n| cell(n) + "\n").collect::<String>();
        let ranges = |text: &str, open: usize| {
            let found = super::others(text.as_bytes(), open)?;
            Some(
                found
                    .into_iter()
                    .map(|lines| (lines.start, lines.end))
                    .collect::<Vec<_>>(),
            )
        };
        let others = |cell: fn(usize) -> String| ranges(&column(cell), 0);
        assert_eq!(others(|n| (n + 70).to_string()), Some(vec![]));
        assert_eq!(others(|n| format!("-{}.{:06}", n % 3, 137_204 + n)), Some(vec![]));
        // Where it is something else, and around that.
        assert_eq!(others(|n| (n + 70 + n / 450).to_string()), Some(vec![(418, 482)]));
        let one = |n: usize| format!("0.{:06}", 137_204 + n) + if n == 300 { " x" } else { "" };
        assert_eq!(others(one), Some(vec![(268, 333)]));
        let two = |n: usize| {
            if n == 300 || n == 310 {
                String::new()
            } else {
                n.to_string()
            }
        };
        assert_eq!(others(two), Some(vec![(268, 343)]));
        let last = |n: usize| if n == 899 { "x".to_owned() } else { n.to_string() };
        assert_eq!(others(last), Some(vec![(867, 900)]));
        assert_eq!(ranges(&column(|n| n.to_string()), 40), Some(vec![(860, 900)]));
        // All of it.
        for other in [
            column(|n| (2 * n).to_string()),
            column(|n| format!("0.000{:03}", 100 + n)),
            "7\n8\n9\n".to_owned(),
        ] {
            assert_eq!(ranges(&other, 0), None, "{other}");
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
