//! Base64 and hexadecimal runs whose content is text or compressed data.
//!
//! The value itself inside base64 or hexadecimal digits is found without decoding (its encoded forms are in the index).
//! Decoding finds what is encoded once more in between: escapes, UTF-16, base64 again, gzip.

use std::cell::Cell;
use std::ops::Range;

use super::View;
use super::armor::Known;
use super::inflate;
use super::lines::Even;
use super::sextets::{self, is_digit};
use crate::Form;
use crate::runs::has_sixteen;
use crate::scan::{Scan, Scanner, Window};
use crate::squeeze::sixty_four;

/// Digits at the start of a run that tell what it holds.
const HEAD_DIGITS: usize = 32;

/// Shortest run that is looked at.
const RUN_BYTES_MIN: usize = 16;

/// Digits that show whether there is deflate data without a header.
const RAW_BYTES: usize = 512;

/// Lines of this length or more that hold nothing else are taken for one run.
const LINE_BYTES_MIN: usize = 32;

/// Looks at every run.
pub(crate) fn scan(scanner: &mut Scanner<'_>, window: &Window<'_>, known: &Known, depth: usize, scan: &mut Scan) {
    let digits = Digits::new(window, &known.places);
    let even = known.even.filter(|lines| lines.step > HEAD_DIGITS);
    let quiet = even.and_then(|lines| noisy_lines_left_out(window, &digits, lines));
    let live = |i: usize| match &quiet {
        Some(live) => live.get(i).copied().unwrap_or(0),
        None => digits.of(i),
    };
    let mut free = window.from;
    let (keep, mut block) = (&window.squeezed.keep, 0);
    let may_begin =
        |i: usize| quiet.as_ref().is_none_or(|live| live[i] != 0) && has_sixteen(keep.at(i), keep.at(i + 1));
    while let Some(i) = (block..keep.words().len()).find(|i| may_begin(*i)) {
        block = i + 1;
        // Bytes above ASCII are kept in the squeezed text too.
        let mut starts = stretches(keep.two(i) & (u128::from(live(i + 1)) << 64 | u128::from(live(i))));
        let base = window.from + 64 * i;
        loop {
            // What belongs to the run before is done with.
            starts &= u64::MAX.checked_shl(free.saturating_sub(base) as u32).unwrap_or(0);
            if starts == 0 {
                break;
            }
            let at = base + starts.trailing_zeros() as usize;
            free = run(scanner, window, &digits, at, depth, scan).max(at + 1);
            if free >= base + 64 {
                block = (free - window.from) / 64;
                break;
            }
        }
    }
    if window.last && !window.text.complete {
        let bytes = &window.text.bytes[window.from..];
        let n = bytes.iter().rev().take(RAW_BYTES).take_while(|b| is_digit(**b)).count();
        let start = window.to - n;
        // Signs may have come so often that there is no long stretch of letters yet.
        if n >= RUN_BYTES_MIN && start >= free {
            run(scanner, window, &digits, start, depth, scan);
        }
        tail(window, scan);
    }
}

/// The digits of a window without the lines that hold noise and go on from the line before, where lines are equally wide.
/// Most lines of a long text in base64 are such lines, if its content is no text.
fn noisy_lines_left_out(window: &Window<'_>, digits: &Digits<'_>, Even { first, step }: Even) -> Option<Vec<u64>> {
    const SAMPLE: usize = 16;
    let bytes = &window.text.bytes[..window.to];
    let places = (first..window.to).step_by(step);
    let mut noise = 0;
    sextets::each_noise(bytes, places.clone().step_by(SAMPLE), |_| noise += 1);
    if noise * SAMPLE * 2 < places.len() {
        return None;
    }
    let mut live = digits.all.to_vec();
    sextets::each_noise(bytes, places, |start| {
        let goes_on = bytes[start - 1] == b'\n' && start >= window.from + 2 && is_digit(bytes[start - 2]);
        let end = digits.end_of_run(start);
        if !goes_on || end - start < HEAD_DIGITS {
            return;
        }
        let (start, end) = (start - window.from, end - window.from);
        let (from, to) = (u64::MAX << (start % 64), u64::MAX << (end % 64));
        if start / 64 == end / 64 {
            live[start / 64] &= !from | to;
        } else {
            live[start / 64] &= !from;
            live[start / 64 + 1..end / 64].fill(0);
            if let Some(last) = live.get_mut(end / 64) {
                *last &= to;
            }
        }
    });
    Some(live)
}

/// Where sixteen places in a row begin, in the first sixty-four.
#[inline]
fn stretches(places: u128) -> u64 {
    let mut long = places & places >> 1;
    long &= long >> 2;
    long &= long >> 4;
    long &= long >> 8;
    long as u64
}

/// Where the digits stand in a window, looked for where that is asked.
struct Digits<'w> {
    window: &'w Window<'w>,
    /// Those of all blocks, or of none.
    all: &'w [u64],
    /// The last few blocks that were asked for.
    known: [Cell<(usize, u64)>; 4],
}

impl<'w> Digits<'w> {
    fn new(window: &'w Window<'w>, all: &'w [u64]) -> Self {
        Self {
            window,
            all,
            known: [const { Cell::new((usize::MAX, 0)) }; 4],
        }
    }

    /// The digits of a block.
    #[inline]
    fn of(&self, block: usize) -> u64 {
        if !self.all.is_empty() {
            return self.all.get(block).copied().unwrap_or(0);
        }
        let known = &self.known[block % 4];
        let (of, mask) = known.get();
        if of == block {
            return mask;
        }
        let mask = self.look(block);
        known.set((block, mask));
        mask
    }

    #[inline]
    fn look(&self, block: usize) -> u64 {
        let part = &self.window.text.bytes[self.window.from..self.window.to];
        let Some(rest) = part.get(64 * block..) else { return 0 };
        sextets::places(&sixty_four(rest))
    }

    /// Where the run that goes on at `at` begins, within the window.
    fn start_of_run(&self, at: usize) -> usize {
        let mut start = at - self.window.from;
        while start > 0 {
            let block = (start - 1) / 64;
            // The bit of the byte before is the highest one.
            let before = self.of(block) << (63 - (start - 1) % 64);
            start -= before.leading_ones() as usize;
            if start > 64 * block {
                break;
            }
        }
        self.window.from + start
    }

    /// Where the run that begins at `at` ends, within the window.
    #[inline]
    fn end_of_run(&self, at: usize) -> usize {
        let from = at - self.window.from;
        if let Some(digits) = self.all.get(from / 64) {
            let others = !digits >> (from % 64);
            if others != 0 {
                return at + others.trailing_zeros() as usize;
            }
            let rest = &self.all[from / 64 + 1..];
            let whole = rest.iter().take_while(|digits| **digits == u64::MAX).count();
            let last = rest.get(whole).map_or(0, |digits| digits.trailing_ones());
            return self.window.from + 64 * (from / 64 + 1 + whole) + last as usize;
        }
        at + sextets::prefix(&self.window.text.bytes[at..self.window.to])
    }
}

/// Looks at the run that contains `at`; returns where to go on. Only what lies in the window is decoded: what goes on in
/// the next one is decoded there, from the place where a group of digits starts.
fn run(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    digits: &Digits<'_>,
    at: usize,
    depth: usize,
    scan: &mut Scan,
) -> usize {
    let bytes = &window.text.bytes[..window.to];
    let mut start = digits.start_of_run(at);
    let end = digits.end_of_run(at);
    let resumed = scanner.runs[depth].filter(|resume| (start..end).contains(resume));
    if start == window.from && start > 0 && is_digit(bytes[start - 1]) {
        match resumed {
            Some(resume) => start = resume,
            // It began in the window before, and is nothing that can be decoded.
            None => return end,
        }
    }
    // Deflate without a header does not start in the middle of other data.
    let goes_on = start >= 2 && bytes[start - 1] == b'\n' && is_digit(bytes[start - 2]);
    if goes_on
        && end - start >= HEAD_DIGITS
        && bytes[start..]
            .first_chunk()
            .is_some_and(|digits| sextets::head(digits).is_noise())
    {
        return end;
    }
    if is_hex(&bytes[start..end]) {
        let head = hex_bytes(&bytes[start..end.min(start + 48)]);
        if let Some(content) = content(&head) {
            let all = start..start + bytes[start..end].iter().take_while(|b| b.is_ascii_hexdigit()).count();
            resume_at(scanner, window, depth, start, std::slice::from_ref(&all), 2);
            let mut view = View::with_capacity(all.len() / 2);
            view.hex_from(all.start);
            view.bytes.extend_from_slice(&hex_bytes(&bytes[all.clone()]));
            decoded(scanner, window, view, all, content, Form::Hex, depth, scan);
            return end;
        }
    }
    if bytes[start..end]
        .iter()
        .take(BITS_MIN)
        .all(|b| matches!(b, b'0' | b'1'))
        && end - start >= BITS_MIN
    {
        bits(scanner, window, start..end, depth, scan);
        return end;
    }
    let (head, n) = sextets::first(&bytes[start..end.min(start + HEAD_DIGITS)]);
    let head = &head[..n];
    let content = content(head).or_else(|| {
        let may = !goes_on
            && inflate::may_be_raw(head)
            && looks_encoded(&bytes[start..end.min(start + RAW_BYTES)])
            && scanner.may_inflate();
        let data = may.then(|| {
            view(
                bytes,
                &lines(window, digits, start, end.min(start + 4 * RAW_BYTES), RAW_BYTES),
            )
            .bytes
        });
        data.filter(|data| inflate::raw_text(data)).map(|_| Content::Compressed)
    });
    if let Some(content) = content {
        let lines = lines(window, digits, start, end, usize::MAX);
        let to = lines.last().map_or(end, |line| line.end);
        resume_at(scanner, window, depth, start, &lines, 4);
        let view = view(bytes, &lines);
        decoded(scanner, window, view, start..to, content, Form::Base64, depth, scan);
        return to;
    }
    if is_base32(&bytes[start..end]) {
        let lines = lines(window, digits, start, end, usize::MAX);
        let to = lines.last().map_or(end, |line| line.end);
        resume_at(scanner, window, depth, start, &lines, 8);
        let places: Vec<usize> = lines.into_iter().flatten().collect();
        let text = base32(bytes, &places);
        if content_of(&text) == Some(Content::Text) {
            let mut view = View::default();
            for (i, byte) in text.into_iter().enumerate() {
                let last = (i * 8 + 7) / 5;
                view.decode(byte, places[i * 8 / 5]..places[last.min(places.len() - 1)] + 1);
            }
            decoded(
                scanner,
                window,
                view,
                start..to,
                Content::Text,
                Form::Base32,
                depth,
                scan,
            );
            return to;
        }
    }
    end
}

/// Shortest run of zeros and ones that is looked at: six bytes.
const BITS_MIN: usize = 48;

/// Bytes as eight zeros and ones each, without anything between them.
fn bits(scanner: &mut Scanner<'_>, window: &Window<'_>, run: Range<usize>, depth: usize, scan: &mut Scan) {
    let bytes = window.text.bytes;
    let (groups, _) = bytes[run.clone()].as_chunks::<8>();
    let whole = groups
        .iter()
        .take_while(|group| group.iter().all(|b| matches!(b, b'0' | b'1')))
        .count();
    let make = |plain: bool, _: Option<usize>| {
        let mut view = View::new(whole, plain);
        for (i, group) in groups[..whole].iter().enumerate() {
            let byte = group.iter().fold(0, |byte, bit| byte << 1 | (bit - b'0'));
            view.decode(byte, run.start + 8 * i..run.start + 8 * i + 8);
        }
        view
    };
    scanner.lazily(window, &make, run.end, Form::Numbers, depth, [0; 4], scan);
}

/// Remembers where the next window finds the start of a group of `group` digits in this run.
fn resume_at(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    depth: usize,
    start: usize,
    lines: &[Range<usize>],
    group: usize,
) {
    if lines.last().is_none_or(|line| line.end != window.to) || window.last {
        return;
    }
    let next = window.to - window.overlap;
    let mut digits = 0;
    for line in lines {
        if line.end > next && next >= start {
            let into = next.saturating_sub(line.start);
            let skip = (group - (digits + into) % group) % group;
            scanner.runs[depth] = Some(line.start + into + skip);
            return;
        }
        digits += line.len();
    }
}

/// Whether a run begins with hexadecimal digits.
fn is_hex(run: &[u8]) -> bool {
    match run.first_chunk::<24>() {
        // Without branches: in noise none of them can be predicted.
        Some(head) => head.iter().fold(true, |all, b| all & b.is_ascii_hexdigit()),
        None => run.iter().all(u8::is_ascii_hexdigit),
    }
}

/// Capital letters and the digits 2 to 7, or small letters and those.
fn is_base32(run: &[u8]) -> bool {
    let Some(head) = run.first_chunk::<RUN_BYTES_MIN>() else {
        return false;
    };
    // Without branches, what most runs are not.
    let count = |is: fn(&u8) -> bool| head.iter().map(|b| u8::from(is(b))).sum::<u8>();
    let (upper, lower) = (count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    (upper == 0 || lower == 0)
        && run.iter().any(u8::is_ascii_digit)
        && (run.iter().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'))
            || run.iter().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7')))
}

fn base32(bytes: &[u8], places: &[usize]) -> Vec<u8> {
    let (mut word, mut bits) = (0u32, 0);
    let mut out = Vec::with_capacity(places.len() * 5 / 8);
    for &at in places {
        let byte = bytes[at];
        let value = match byte {
            b'2'..=b'7' => byte - b'2' + 26,
            _ => (byte | 0x20).wrapping_sub(b'a') & 31,
        };
        (word, bits) = (word << 5 | u32::from(value), bits + 5);
        if bits >= 8 {
            bits -= 8;
            out.push((word >> bits) as u8);
        }
    }
    out
}

/// What a decoded text looks like at its start.
fn content_of(text: &[u8]) -> Option<Content> {
    content(&text[..text.len().min(24)])
}

#[expect(
    clippy::too_many_arguments,
    reason = "a view, where it comes from and where its matches go"
)]
fn decoded(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    view: View,
    source: Range<usize>,
    content: Content,
    form: Form,
    depth: usize,
    scan: &mut Scan,
) {
    let rest = &window.text.bytes[source.end..];
    let open = !window.text.complete && rest.iter().all(|b| matches!(b, b'\r' | b'\n' | b'='));
    if open && content == Content::Compressed {
        // Only the whole shows what is inside.
        scan.hold(source.start, crate::index::HEAD, u32::MAX);
    }
    let end = if open { window.text.bytes.len() } else { source.end };
    scanner.view(window, view, end, form, depth, [0; 4], scan);
}

/// The lines of a wrapped run that starts with `start..end`.
fn lines(window: &Window<'_>, digits: &Digits<'_>, start: usize, end: usize, most: usize) -> Vec<Range<usize>> {
    let bytes = &window.text.bytes[..window.to];
    let mut lines: Vec<Range<usize>> = Vec::new();
    lines.push(Range { start, end });
    let mut last = end;
    let mut width = end - start;
    while width >= LINE_BYTES_MIN && last - start < most {
        let rest = &bytes[last..];
        let breaks = if let [b'\n', next, ..] = rest
            && is_digit(*next)
        {
            1
        } else {
            rest.iter()
                .take_while(|b| matches!(b, b'\r' | b'\n' | b' ' | b'\t'))
                .count()
        };
        if !rest[..breaks].contains(&b'\n') || breaks > 64 {
            break;
        }
        let from = last + breaks;
        let to = if from < bytes.len() {
            digits.end_of_run(from)
        } else {
            from
        };
        // Every line but the last has the same width.
        if to == from || to - from > width && lines.len() > 1 {
            break;
        }
        lines.push(from..to);
        last = to;
        if to - from < width && lines.len() > 1 {
            break;
        }
        width = to - from;
    }
    lines
}

/// What a decoded head looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Text,
    Compressed,
}

fn content(head: &[u8]) -> Option<Content> {
    if head.len() < 8 {
        return None;
    }
    if inflate::has_magic(head) {
        return Some(Content::Compressed);
    }
    let count = |is: fn(u8) -> bool| head.iter().filter(|byte| is(**byte)).count();
    let plain = count(sextets::is_plain);
    if plain == head.len() {
        return Some(Content::Text);
    }
    if sextets::are_noise(head.len(), plain, count(|byte| byte == 0)) {
        return None;
    }
    // UTF-16, with or without a byte order mark.
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|b| **b == 0).count();
    let units = head.len() / 2;
    if zeros(0) * 4 >= units * 3 || zeros(1) * 4 >= units * 3 {
        return Some(Content::Text);
    }
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    (valid && plain * 2 >= head.len()).then_some(Content::Text)
}

/// Letters of both cases and digits, or padding: not a path or an identifier.
fn looks_encoded(run: &[u8]) -> bool {
    run.len() >= 20
        && run.iter().any(u8::is_ascii_digit)
        && run.iter().any(u8::is_ascii_uppercase)
        && run.iter().any(u8::is_ascii_lowercase)
}

/// All of a base64 text, whatever its line width.
pub(crate) fn decode_all(text: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = text.iter().copied().filter(|b| is_digit(*b)).collect();
    view(&digits, std::slice::from_ref(&(0..digits.len()))).bytes
}

fn hex_bytes(run: &[u8]) -> Vec<u8> {
    let digit = |b: u8| {
        if b.is_ascii_digit() {
            b - b'0'
        } else {
            (b | 0x20).wrapping_sub(b'a' - 10)
        }
    };
    let (pairs, _) = run.as_chunks::<2>();
    pairs
        .iter()
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]) & 15)
        .collect()
}

fn view(bytes: &[u8], lines: &[Range<usize>]) -> View {
    let total: usize = lines.iter().map(ExactSizeIterator::len).sum();
    let mut view = View::with_capacity(total / 4 * 3 + 3);
    // Digits of a group that began on an earlier line.
    let mut word = 0;
    let mut sources = [0; 4];
    let mut have = 0;
    for line in lines {
        let mut at = line.start;
        while at < line.end {
            if have == 0 && line.end - at >= 4 {
                let whole = (line.end - at) / 4 * 4;
                view.base64_from(at);
                sextets::decode(&bytes[at..at + whole], &mut view.bytes);
                at += whole;
                continue;
            }
            word = word << 6 | sextets::value(bytes[at]);
            sources[have] = at;
            have += 1;
            at += 1;
            if have == 4 {
                for (i, shift) in [16, 8, 0].into_iter().enumerate() {
                    view.decode((word >> shift) as u8, sources[i]..sources[i + 1] + 1);
                }
                (word, have) = (0, 0);
            }
        }
    }
    for i in 1..have {
        view.decode((word >> (6 * have - 8 * i)) as u8, sources[i - 1]..sources[i] + 1);
    }
    view
}

/// A run at the end that is still too short to be looked at: whether what it will hold is text or compressed shows
/// later.
fn tail(window: &Window<'_>, scan: &mut Scan) {
    let bytes = window.text.bytes;
    let run = bytes[window.from..]
        .iter()
        .rev()
        .take(RAW_BYTES)
        .take_while(|b| is_digit(**b));
    let n = run.count();
    let start = bytes.len() - n;
    let short = n > 0 && n < RUN_BYTES_MIN + 4;
    // Deflate without a header is recognised by what it inflates to.
    let raw = || {
        let mut head = Vec::new();
        sextets::decode(&bytes[start..(start + 32).min(bytes.len())], &mut head);
        n < RAW_BYTES / 4 && inflate::may_be_raw(&head) && looks_encoded(&bytes[start..])
    };
    if short || raw() {
        scan.hold(start, 1, u32::MAX);
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use crate::{Redactor, Secret};

    #[test]
    fn digits_right_after_a_character_above_ascii_are_decoded() {
        let redactor = Redactor::new();
        let secret = Secret::new("s", "k", b"pl\"anted\"value".to_vec());
        assert_eq!(redactor.learn(&secret).notice(), None);
        let escaped = serde_json::json!("pl\"anted\"value").to_string();
        let text = format!("\u{2192}{} end", STANDARD.encode(escaped));
        let redacted = redactor.text(&text);
        assert!(
            redacted.starts_with('\u{2192}') && redacted.ends_with(" end"),
            "{redacted}"
        );
        assert!(redacted.contains(crate::TOKEN), "{redacted}");
    }
}
