//! Columns of tables and the text beside line numbers: what is wrapped there is interrupted by other columns.

use std::ops::Range;

use super::digits::Digits;
use super::{View, counted, digits, dull, dump, lines};
use crate::Form;
use crate::scan::{DEPTH_MAX, LINE_BYTES_MAX, Scan, Scanner, Window};
use crate::squeeze::{high, places};

/// A line with vertical borders.
struct Line {
    range: Range<usize>,
    /// A character is a byte.
    ascii: bool,
    /// Which bytes of a short one are no blanks.
    shown: Option<u64>,
}

/// Scans columns, and texts of lines that are numbered or begin alike. `numbered`: some lines may have a number.
pub(super) fn scan(scanner: &mut Scanner<'_>, window: &Window<'_>, numbered: bool, depth: usize, scan: &mut Scan) {
    // A table has several lines, or will have.
    if !window.squeezed.line.any() && window.last && window.text.complete {
        return;
    }
    // Line numbers in a table or a table with line numbers, but no more than that.
    if scanner.lined > 1 {
        return;
    }
    scanner.lined += 1;
    if window.squeezed.bars {
        tables(scanner, window, depth, scan);
    }
    // At the end of an unfinished text the number of the next line may come.
    let near_end = !window.text.complete && window.text.bytes.len() <= window.to + LINE_BYTES_MAX + NEAR_BYTES;
    if window.squeezed.digit.any() && (numbered || near_end) {
        gutters(scanner, window, depth, scan);
    }
    if scanner.index.has_lines() || scanner.index.holds_byte(b' ') {
        texts(scanner, window, depth, scan);
    } else {
        last_words(scanner, window, depth, scan);
    }
    scanner.lined -= 1;
}

/// Most borders of a line that are looked at: what a line costs must not grow with their square.
const BORDERS_MAX: usize = 64;

/// A number and what stands around it at the start of a line.
const GUTTER_BYTES_MAX: usize = 16;

/// What may stand after the last line of an unfinished text: the beginning of the next one's number.
const NEAR_BYTES: usize = 8;

/// Longest text that lines may begin with alike.
const PREFIX_BYTES_MAX: usize = 200;

/// Scans parts of lines that follow one another as one text. `begun`: more of them may follow.
fn joined(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    parts: &mut Vec<Range<usize>>,
    begun: bool,
    depth: usize,
    scan: &mut Scan,
) {
    let bytes = window.text.bytes;
    if parts.len() >= if begun { 1 } else { 2 } {
        let end = parts.last().map_or(0, |last| (last.end + 1).min(bytes.len()));
        let end = if begun { bytes.len() } else { end };
        let make = |plain: bool, _: Option<usize>| lines::joined(bytes, parts, plain);
        scanner.lazily(window, &make, end, Form::Wrapped, depth, [0; 4], scan);
    }
    parts.clear();
}

/// Words that lines share of which the last ones may belong to the text: so many of them.
const WORDS: usize = 6;

/// The text of lines that begin alike, when some value has several words or lines: its lines may begin with words that all
/// of them share.
fn texts(scanner: &mut Scanner<'_>, window: &Window<'_>, depth: usize, scan: &mut Scan) {
    let bytes = window.text.bytes;
    let lines: Vec<Range<usize>> = window.lines().collect();
    let shared: Vec<[u8; WORDS]> = lines
        .windows(2)
        .map(|two| shared_words(&bytes[two[0].clone()], &bytes[two[1].clone()]))
        .collect();
    let mut parts = Vec::new();
    for nth in 0..WORDS {
        for (two, shared) in lines.windows(2).zip(&shared) {
            match usize::from(shared[nth]) {
                0 if parts.is_empty() => {}
                0 => joined(scanner, window, &mut parts, false, depth, scan),
                at => {
                    if parts.is_empty() {
                        parts.push(two[0].start + at..two[0].end);
                    }
                    parts.push(two[1].start + at..two[1].end);
                }
            }
        }
        joined(scanner, window, &mut parts, false, depth, scan);
    }
}

/// Lines that begin alike (a logger's prefix, but for the digits in it), and hold one word more: a wrapped value.
fn last_words(scanner: &mut Scanner<'_>, window: &Window<'_>, depth: usize, scan: &mut Scan) {
    let bytes = window.text.bytes;
    let unfinished = window.last && !window.text.complete;
    if !unfinished && memchr::memchr(b' ', &bytes[window.from..window.to]).is_none() {
        return;
    }
    let mut parts: Vec<Range<usize>> = Vec::new();
    // The end of the last part.
    let mut end = usize::MAX;
    for Alike { before, line, at } in alike(window) {
        let goes_on = end == before.end;
        let width = parts.last().filter(|_| goes_on).map_or(usize::MAX, Range::len);
        let is_wider = line.len() - at > width;
        if is_wider && unfinished && line.end == bytes.len() {
            break;
        }
        if is_wider || !goes_on {
            joined(scanner, window, &mut parts, false, depth, scan);
        }
        if !is_wider {
            if parts.is_empty() {
                parts.push(before.start + at..before.end);
            }
            parts.push(line.start + at..line.end);
            end = line.end;
        }
    }
    let begun = unfinished
        && may_go_on(window, &mut parts, end, |parts| {
            joined(scanner, window, parts, false, depth, scan);
        });
    joined(scanner, window, &mut parts, begun, depth, scan);
}

/// Whether the parts of lines at the end of an unfinished text, the last one of which ends at `end`, go on there: with
/// the next line's, which may have begun or not. `finish` is told of those that do not.
fn may_go_on(
    window: &Window<'_>,
    parts: &mut Vec<Range<usize>>,
    end: usize,
    mut finish: impl FnMut(&mut Vec<Range<usize>>),
) -> bool {
    let bytes = window.text.bytes;
    let (before, last) = window.lines().fold((None, None), |(_, last), line| (last, Some(line)));
    let Some(last) = last else { return false };
    if last.end + 1 == bytes.len() && bytes.ends_with(b"\n") {
        // The line after these has not begun yet.
        if end != last.end {
            finish(parts);
            parts.extend(last_word(&bytes[last.clone()]).map(|at| last.start + at..last.end));
        }
        return true;
    }
    let Some(before) = before.filter(|_| last.end == bytes.len() && end != last.end) else {
        return false;
    };
    if end != before.end {
        finish(parts);
    }
    let word = match parts.last() {
        Some(word) => Some(word.start - before.start),
        None => last_word(&bytes[before.clone()]),
    };
    let Some(at) = word.filter(|at| begins_like(&bytes[last.clone()], &bytes[before.start..before.start + at])) else {
        return false;
    };
    // The next one of them is not finished.
    if parts.is_empty() {
        parts.push(before.start + at..before.end);
    }
    parts.extend((at < last.len()).then_some(last.start + at..last.end));
    true
}

/// Two lines of which the second one begins like the first one up to its last word, which starts at `at` in both.
struct Alike {
    before: Range<usize>,
    line: Range<usize>,
    at: usize,
}

/// Lines that begin like the line before and have one word more.
fn alike(window: &Window<'_>) -> Vec<Alike> {
    let bytes = window.text.bytes;
    let mut found = Vec::new();
    let (mut before, mut blank) = (0..0, usize::MAX);
    for line in window.lines() {
        // Of most lines one question tells that they are not alike. Which one cannot be predicted, so there are no
        // branches.
        let fits = (line.len() <= before.len()) & (blank < line.len()) & (blank < PREFIX_BYTES_MAX);
        let here = if fits { blank } else { 0 };
        let same = |i: usize| digit(bytes[before.start + i]) == digit(bytes[line.start + i]);
        if fits & (bytes.get(line.start + here) == Some(&b' ')) & (before.len() >= 8.max(here + 5))
            && same(here.saturating_sub(1))
        {
            let (first, second) = (&bytes[before.clone()], &bytes[line.clone()]);
            let start = &first[..blank + 1];
            if blank + 1 < line.len() && has_letter(start) && begins_like(second, start) {
                found.push(Alike {
                    before,
                    line: line.clone(),
                    at: blank + 1,
                });
            }
        }
        blank = last_blank(bytes, &line);
        before = line;
    }
    found
}

/// Whether a text has a letter: without a branch for each byte.
#[inline]
fn has_letter(text: &[u8]) -> bool {
    text.iter().fold(false, |has, byte| has | byte.is_ascii_alphabetic())
}

fn digit(byte: u8) -> u8 {
    if byte.is_ascii_digit() { b'0' } else { byte }
}

/// Where the text of both lines may start, if they begin alike with a word: after the last of the words that they share,
/// and after those before it. Zeros where there are fewer.
fn shared_words(a: &[u8], b: &[u8]) -> [u8; WORDS] {
    const { assert!(PREFIX_BYTES_MAX <= u8::MAX as usize) };
    let mut start = &a[..same_start(a, b)];
    let mut places = [0; WORDS];
    let Some(letter) = start.iter().position(u8::is_ascii_alphabetic) else {
        return places;
    };
    for place in &mut places {
        let Some(blank) = memchr::memrchr2(b' ', b'\t', start).filter(|blank| *blank > letter) else {
            break;
        };
        *place = blank as u8 + 1;
        start = &start[..blank];
    }
    places
}

/// How many bytes both lines begin with, but for their digits.
fn same_start(a: &[u8], b: &[u8]) -> usize {
    let most = a.len().min(b.len()).min(PREFIX_BYTES_MAX);
    let (a, b) = (&a[..most], &b[..most]);
    let (first, second) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
    let mut same = 0;
    for (a, b) in first.iter().zip(second) {
        if a != b && a.iter().zip(b).any(|(a, b)| digit(*a) != digit(*b)) {
            break;
        }
        same += 8;
    }
    let rest = a[same..].iter().zip(&b[same..]);
    same + rest.take_while(|(a, b)| digit(**a) == digit(**b)).count()
}

/// Whether an unfinished line may become one that begins with this.
fn begins_like(line: &[u8], start: &[u8]) -> bool {
    // From the end: lines of a log differ in their words, and begin with much that they share.
    let pairs = line.iter().zip(start).rev();
    let same = pairs.into_iter().all(|(a, b)| digit(*a) == digit(*b));
    same && !line.get(start.len()..).is_some_and(|rest| rest.contains(&b' '))
}

/// Where the last word of a line starts, if it may be a piece of a wrapped value.
fn last_word(line: &[u8]) -> Option<usize> {
    if line.len() < 8 || line[line.len() - 4..].contains(&b' ') {
        return None;
    }
    let at = memchr::memrchr(b' ', line)? + 1;
    (at <= PREFIX_BYTES_MAX && line[..at].iter().any(u8::is_ascii_alphabetic)).then_some(at)
}

/// Where the last blank of a line stands in it; nowhere, if there is none.
#[inline]
fn last_blank(bytes: &[u8], line: &Range<usize>) -> usize {
    let near = line
        .end
        .checked_sub(64)
        .and_then(|from| bytes[from..].first_chunk::<64>());
    let blanks = near.map_or(0, |near| places(near, b' '));
    let after = blanks.leading_zeros() as usize;
    if after < line.len().min(64) {
        return line.len() - 1 - after;
    }
    memchr::memrchr(b' ', &bytes[line.clone()]).unwrap_or(usize::MAX)
}

fn tables(scanner: &mut Scanner<'_>, window: &Window<'_>, depth: usize, scan: &mut Scan) {
    // A window after the first one begins in the middle of a line, whose borders are at other places.
    if window.from > 0 {
        return blocks(scanner, window, window.lines().skip(1), depth, scan);
    }
    let bars = |line: &Range<usize>| memchr::memchr_iter(b'|', &window.text.bytes[line.clone()]);
    let mut two = window.lines().take(2);
    let alike = two
        .next()
        .zip(two.next())
        .is_none_or(|(first, second)| bars(&first).eq(bars(&second)));
    if !alike {
        // So may a text. A value that begins there has a character on each line and a rule between them, at most.
        let first = 2 * scanner.index.longest() + FIRST_LINES;
        blocks(scanner, window, window.lines().take(first), depth, scan);
        blocks(scanner, window, window.lines().skip(1), depth, scan);
        return;
    }
    blocks(scanner, window, window.lines(), depth, scan);
}

/// Lines that are looked at together with the first one of a text, where it is not like the second one, at least.
const FIRST_LINES: usize = 32;

/// Blocks of lines that share some borders.
fn blocks(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    lines: impl Iterator<Item = Range<usize>>,
    depth: usize,
    scan: &mut Scan,
) {
    let bytes = window.text.bytes;
    let mut block: Vec<Line> = Vec::new();
    // Places (in characters) of the borders that all lines of the block share, and of those of a line.
    let (mut shared, mut own): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
    // The borders of the line before, if it was a short one.
    let mut before = None;
    for range in lines {
        let line = &bytes[range.clone()];
        let mut ascii = true;
        let short = short(bytes, &range);
        let borders = short.map(|short| short.borders);
        if borders.is_none() || borders != before {
            own.clear();
            if let Some(mut places) = borders {
                while places != 0 {
                    own.push(places.trailing_zeros());
                    places &= places - 1;
                }
            } else if line.len() <= LINE_BYTES_MAX {
                own.extend(memchr::memchr_iter(b'|', line).map(|at| at as u32));
                ascii = own.is_empty() || line.is_ascii();
            }
            if !ascii {
                own.clear();
                let starts = line.iter().filter(|b| **b & 0xC0 != 0x80);
                own.extend((0..).zip(starts).filter(|(_, b)| **b == b'|').map(|(i, _)| i));
            }
            own.truncate(BORDERS_MAX);
            before = borders;
        }
        if block.is_empty() {
            shared.clone_from(&own);
        } else if range.end == bytes.len() && shared.starts_with(&own) {
            // The last line may be cut off: borders that it lacks are no reason to drop them. It has the first one.
        } else if shared != own {
            let common = shared
                .iter()
                .copied()
                .filter(|b| own.binary_search(b).is_ok())
                .collect::<Vec<u32>>();
            if common.is_empty() {
                columns(scanner, window, &block, &shared, depth, scan);
                block.clear();
                shared.clone_from(&own);
            } else {
                shared = common;
            }
        }
        if !own.is_empty() {
            let shown = short.and_then(|short| short.shown);
            block.push(Line { range, ascii, shown });
        }
    }
    columns(scanner, window, &block, &shared, depth, scan);
}

/// Where something stands in a line.
#[derive(Clone, Copy)]
struct Short {
    borders: u64,
    /// What is no blank, if no other white space is there.
    shown: Option<u64>,
}

/// What stands in a line that has fewer than sixty-four bytes, all of them ASCII.
#[inline]
fn short(bytes: &[u8], line: &Range<usize>) -> Option<Short> {
    let text = bytes[line.start..].first_chunk::<64>().filter(|_| line.len() < 64)?;
    let inside = (1 << line.len()) - 1;
    let spaces = [b'\t', 0x0C, b'\r'].map(|space| places(text, space));
    let others = (spaces[0] | spaces[1] | spaces[2]) & inside;
    (high(text) & inside == 0).then(|| Short {
        borders: places(text, b'|') & inside,
        shown: (others == 0).then(|| !places(text, b' ') & inside),
    })
}

/// Scans each column of a block by itself.
fn columns(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    block: &[Line],
    borders: &[u32],
    depth: usize,
    scan: &mut Scan,
) {
    let Some(last) = block.last() else { return };
    let end = (last.range.end + 1).min(window.text.bytes.len());
    let open = end == window.text.bytes.len() && !window.text.complete;
    if block.len() < 2 && !open {
        return;
    }
    let is_row = |line: &Line, to: usize| line.ascii && dump::is_row(&window.text.bytes[line.range.clone()], to);
    for column in 0..=borders.len() {
        let from = column.checked_sub(1).map_or(0, |i| borders[i] as usize + 1);
        let to = borders.get(column).map(|to| *to as usize);
        // Nothing stands before a border at the start of lines, and nothing after one at their end.
        let is_empty = |line: &Line| line.ascii && to.unwrap_or(line.range.len()) <= from;
        if !open && block.iter().all(is_empty) {
            continue;
        }
        // A dump's bytes, which are read as such.
        if column == 0 && to.is_some_and(|to| block.iter().all(|line| is_row(line, to))) {
            continue;
        }
        let cells = |rows: &[Line], plain: bool| {
            let mut view = View::new(32 * rows.len(), plain);
            view.fragments = true;
            for line in rows {
                cell(window.text.bytes, line, from, to, &mut view);
            }
            view
        };
        let make = |plain: bool, _: Option<usize>| cells(block, plain);
        let view = make(true, None);
        if !open && !view.bytes.iter().any(|b| *b != b'\n') {
            continue;
        }
        // Numbers that only count, or fractions, are looked at as they stand: nothing in them is decoded, but what stands
        // among them, or may have begun at the end of an unfinished text.
        let begun = if open {
            4 * scanner.index.longest() + FIRST_LINES
        } else {
            0
        };
        let Some(others) = dull::others(&view.bytes, begun) else {
            scanner.again(window, view, &make, end, Form::Wrapped, depth, [0; 4], scan);
            continue;
        };
        scanner.again(window, view, &make, end, Form::Wrapped, DEPTH_MAX - 1, [0; 4], scan);
        for rows in others {
            let end = if rows.end == block.len() {
                end
            } else {
                block[rows.end].range.start
            };
            let make = |plain: bool, _: Option<usize>| cells(&block[rows.clone()], plain);
            scanner.lazily(window, &make, end, Form::Wrapped, depth, [0; 4], scan);
        }
    }
}

/// Appends the text of a cell, without the blanks around it, and a line break.
fn cell(bytes: &[u8], line: &Line, from: usize, to: Option<usize>, view: &mut View) {
    let text = &bytes[line.range.clone()];
    if let Some(shown) = line.shown {
        let to = to.map_or(text.len(), |to| to.min(text.len()));
        let mut inside = shown & u64::MAX.checked_shl(from as u32).unwrap_or(0) & ((1 << to) - 1);
        let start = if inside == 0 {
            to
        } else {
            inside.trailing_zeros() as usize
        };
        let end = |inside: u64| start.max(64 - inside.leading_zeros() as usize);
        // A border that other rows do not share is no text of the cell.
        if inside != 0 && text[end(inside) - 1] == b'|' {
            inside &= !(1 << (end(inside) - 1));
        }
        let place = line.range.start + start..line.range.start + end(inside);
        view.copy_range(bytes, place.clone());
        view.decode(b'\n', place.end..place.end);
        return;
    }
    let place = |n: usize| {
        if line.ascii {
            return line.range.start + n.min(text.len());
        }
        let mut starts = (0..text.len()).filter(|i| text[*i] & 0xC0 != 0x80);
        line.range.start + starts.nth(n).unwrap_or(text.len())
    };
    let from = place(from);
    let to = to.map_or(line.range.end, place).max(from);
    let inner = &bytes[from..to];
    let start = from + (inner.len() - inner.trim_ascii_start().len());
    // A border that other rows do not share is no text of the cell.
    let trimmed = bytes[start..to].trim_ascii_end();
    let end = start + trimmed.strip_suffix(b"|").unwrap_or(trimmed).trim_ascii_end().len();
    view.copy_range(bytes, start..end);
    view.decode(b'\n', end..end);
}

/// Lines that begin with a number one higher than the line before.
fn gutters(scanner: &mut Scanner<'_>, window: &Window<'_>, depth: usize, scan: &mut Scan) {
    let bytes = window.text.bytes;
    let mut block: Vec<Range<usize>> = Vec::new();
    let mut expected = None;
    let finish = |block: &mut Vec<Range<usize>>, begun: bool, scanner: &mut Scanner<'_>, scan: &mut Scan| {
        if let Some(last) = block.last() {
            let end = if begun {
                bytes.len()
            } else {
                (last.end + 1).min(bytes.len())
            };
            let open = end == bytes.len() && !window.text.complete;
            if block.len() >= 2 || open {
                let compared = std::mem::take(&mut scan.compared);
                scanner.numbered = true;
                scanner.lazily(
                    window,
                    &|plain, _| lines::joined(bytes, block, plain),
                    end,
                    Form::Wrapped,
                    depth,
                    [0; 4],
                    scan,
                );
                scanner.numbered = false;
                // A character a line: the numbers are part of what shows them.
                let letters = || block[..block.len() - 1].iter().all(|text| text.len() <= 4);
                let shown = scan.compared;
                scan.compared |= compared;
                if (shown || open) && block.len() >= counted::COUNTED_MIN && letters() {
                    let from = block[0].start.saturating_sub(GUTTER_BYTES_MAX);
                    counted::lines(scanner, window, (from, end), depth, scan);
                }
            }
            block.clear();
        }
    };
    let mut begun = false;
    let (mut previous, mut before_last): (Option<Range<usize>>, Option<Range<usize>>) = (None, None);
    let mut after_row = false;
    for range in window.lines() {
        let numbered = gutter(&bytes[range.clone()]);
        let is_row = numbered.is_some() && begins_row(&bytes[range.clone()]);
        match numbered {
            Some((number, text)) => {
                if expected != Some(number) {
                    if !block.is_empty() {
                        finish(&mut block, false, scanner, scan);
                    }
                    // The first one may stand after other text, but not in a row of a table.
                    let rows = after_row && is_row;
                    let previous = previous.clone().filter(|line| !rows || line.len() != range.len());
                    if let Some(first) = previous.and_then(|line| after_number(bytes, line, number)) {
                        block.push(first);
                    }
                }
                block.push(range.start + text..range.end);
                expected = Some(number + 1);
            }
            // The number of the next one has begun.
            None if range.end == bytes.len()
                && !window.text.complete
                && range.len() <= 8
                && !bytes[range.clone()].iter().any(u8::is_ascii_alphabetic) =>
            {
                begun = true;
            }
            None => {
                if !block.is_empty() {
                    finish(&mut block, false, scanner, scan);
                }
                expected = None;
            }
        }
        after_row = is_row;
        before_last = previous.replace(range);
    }
    // The first one of an unfinished text; the number of the next one may have begun.
    if block.is_empty() && !window.text.complete {
        let lines = [before_last, previous].into_iter().flatten();
        let near = lines.filter(|line| bytes.len() - line.end.min(bytes.len()) <= NEAR_BYTES);
        let mut first = near.filter_map(|line| (1..=2).find_map(|next| after_number(bytes, line.clone(), next)));
        block.extend(first.next_back());
        begun = true;
    }
    finish(&mut block, begun, scanner, scan);
}

/// Whether a line begins with blanks, a number and a blank, as most rows of tables do.
#[inline]
fn begins_row(line: &[u8]) -> bool {
    let indent = line.iter().take_while(|byte| **byte == b' ').count();
    let digits = digits::leading_in(&line[indent..]);
    digits > 0 && line.get(indent + digits) == Some(&b' ')
}

/// The text of a line after the number that comes before `next`.
fn after_number(bytes: &[u8], line: Range<usize>, next: u32) -> Option<Range<usize>> {
    let number = next.checked_sub(1)?;
    let text = &bytes[line.clone()];
    if !may_hold(bytes, &line, number) {
        return None;
    }
    let number = number.to_string();
    let mut head = text.get(..LINE_BYTES_MAX.min(text.len()))?;
    // The last place that looks like one; the text itself may hold the same digits.
    while let Some(at) = memchr::memmem::rfind(head, number.as_bytes()) {
        if at > 0
            && !text[at - 1].is_ascii_alphanumeric()
            && let Some((_, start)) = gutter(&text[at..])
        {
            return Some(line.start + at + start..line.end);
        }
        head = &head[..at];
    }
    None
}

/// Whether the digits of a number may stand in a line.
#[inline]
fn may_hold(bytes: &[u8], line: &Range<usize>, mut number: u32) -> bool {
    let Some(text) = bytes[line.start..].first_chunk().filter(|_| line.len() < 64) else {
        return true;
    };
    // From the last digit on.
    let mut ends = (1 << line.len()) - 1;
    while ends != 0 {
        ends &= places(text, b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
        ends >>= 1;
    }
    ends != 0
}

/// Whether a line that begins with this, and may be shorter, may have a number before its text.
#[inline(always)]
pub(super) fn may_be_numbered(head: &[u8; 8]) -> bool {
    let digits = digits::leading(*head);
    let after = NUMBERED[usize::from(head[digits % 8])];
    (NUMBERED[usize::from(head[0])] & OPENS != 0) | (digits > 0) & (after & ENDS != 0)
}

/// What may stand before a line's number, and what after it.
static NUMBERED: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let byte = i as u8;
        table[i] =
            if matches!(byte, b' ' | b'[' | b'(') { OPENS } else { 0 } | if ends_number(byte) { ENDS } else { 0 };
        i += 1;
    }
    table
};
const OPENS: u8 = 1;
const ENDS: u8 = 2;

/// A line's number and where its text starts.
#[inline]
fn gutter(line: &[u8]) -> Option<(u32, usize)> {
    // Most lines end here: a word, mostly, or a date.
    let may = line.first_chunk().is_none_or(may_be_numbered);
    if may { gutter_of(line) } else { None }
}

/// Whether a byte may follow a line's number.
#[inline]
const fn ends_number(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b']' | b')' | b':' | b'|' | b'.' | b',' | b'=')
}

/// Whether what follows a number is its fraction, with something else after it.
fn is_fraction(after: &[u8]) -> bool {
    let [b'.', fraction @ ..] = after else { return false };
    let n = digits::leading_in(fraction);
    let n = n + fraction[n..].iter().take_while(|b| b.is_ascii_digit()).count();
    n > 1 && matches!(fraction.get(n), Some(b' ' | b'\t' | b',' | b';' | b'|'))
}

fn gutter_of(line: &[u8]) -> Option<(u32, usize)> {
    let indent = line.iter().take_while(|b| matches!(b, b' ' | b'[' | b'(')).count();
    let digits = digits::leading_in(&line[indent..]);
    if digits == 0 || digits > 6 {
        return None;
    }
    let after = &line[indent + digits..];
    if !after.first().is_some_and(|b| ends_number(*b)) || is_fraction(after) {
        return None;
    }
    let is_blank = |n: usize| matches!(after.get(n), Some(b' ' | b'\t'));
    let blanks = |from: usize, most: usize| (from..from + most).take_while(|n| is_blank(*n)).count();
    // One mark; a second one belongs to the text, which may be a single sign.
    let mut mark = blanks(0, 2);
    mark += usize::from(matches!(after.get(mark), Some(b']' | b')')));
    mark += usize::from(matches!(after.get(mark), Some(b':' | b'|' | b'.' | b',' | b'=')));
    mark += blanks(mark, 3usize.saturating_sub(mark));
    if mark == 0 || line.len() > LINE_BYTES_MAX {
        return None;
    }
    let number = Digits::of(line, &(indent..indent + digits)).decimal();
    Some((number, indent + digits + mark))
}
