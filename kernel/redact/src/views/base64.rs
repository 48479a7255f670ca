//! Base64 and hexadecimal runs whose content is text or compressed data.
//!
//! The value itself inside base64 or hexadecimal digits is found without decoding (its encoded forms are in the index).
//! Decoding finds what is encoded once more in between: escapes, UTF-16, base64 again, gzip.

use std::ops::Range;

use super::View;
use super::inflate;
use crate::Form;
use crate::scan::{Scan, Scanner, Window};

/// Shortest run that is looked at.
const RUN_BYTES_MIN: usize = 16;

/// Digits that show whether there is deflate data without a header.
const RAW_BYTES: usize = 512;

/// Lines of this length or more that hold nothing else are taken for one run.
const LINE_BYTES_MIN: usize = 32;

pub(crate) fn scan(scanner: &mut Scanner<'_>, window: &Window<'_>, depth: usize, scan: &mut Scan) {
    let mut free = 0;
    let blocks = &window.squeezed.blocks;
    for (i, block) in blocks.iter().enumerate() {
        if window.from + 64 * (i + 1) <= free {
            continue;
        }
        let next = blocks.get(i + 1).map_or(0, |next| next.keep);
        let keep = u128::from(next) << 64 | u128::from(block.keep);
        let mut long = keep & keep >> 1;
        long &= long >> 2;
        long &= long >> 4;
        long &= long >> 8;
        let mut starts = long as u64;
        while starts != 0 {
            let bit = starts.trailing_zeros() as usize;
            let at = window.from + 64 * i + bit;
            // The rest of this stretch belongs to the same run.
            let stretch = (!(starts >> bit)).trailing_zeros() as usize;
            starts = if bit + stretch >= 64 {
                0
            } else {
                starts >> (bit + stretch) << (bit + stretch)
            };
            if at >= free {
                free = run(scanner, window, at, depth, scan);
            }
        }
    }
    if window.last && !window.text.complete {
        let bytes = &window.text.bytes[window.from..];
        let n = bytes.iter().rev().take(RAW_BYTES).take_while(|b| is_digit(**b)).count();
        let start = window.to - n;
        // Signs may have come so often that there is no long stretch of letters yet.
        if n >= RUN_BYTES_MIN && start >= free {
            run(scanner, window, start, depth, scan);
        }
        tail(window, scan);
    }
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Looks at the run that contains `at`; returns where to go on. Only what lies in the window is decoded: what goes on in
/// the next one is decoded there, from the place where a group of digits starts.
fn run(scanner: &mut Scanner<'_>, window: &Window<'_>, at: usize, depth: usize, scan: &mut Scan) -> usize {
    let bytes = &window.text.bytes[..window.to];
    let mut start = at;
    while start > window.from && is_digit(bytes[start - 1]) {
        start -= 1;
    }
    let end = end_of_run(window, at);
    let resumed = scanner.runs[depth].filter(|resume| (start..end).contains(resume));
    if start == window.from && start > 0 && is_digit(bytes[start - 1]) {
        match resumed {
            Some(resume) => start = resume,
            // It began in the window before, and is nothing that can be decoded.
            None => return end,
        }
    }
    if !bytes[start..end].is_ascii() {
        return end;
    }
    let hex = bytes[start..end].iter().take(24).all(u8::is_ascii_hexdigit);
    if hex {
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
    let mut head = [0; 24];
    let head = decode_head(&bytes[start..end.min(start + 32)], &mut head);
    let content = content(head).or_else(|| {
        // Deflate without a header, which does not start in the middle of other data.
        let goes_on = start >= 2 && bytes[start - 1] == b'\n' && is_digit(bytes[start - 2]);
        let may = !goes_on
            && inflate::may_be_raw(head)
            && looks_encoded(&bytes[start..end.min(start + RAW_BYTES)])
            && scanner.may_inflate();
        let data = may.then(|| view(bytes, &lines(window, start, end.min(start + 4 * RAW_BYTES), RAW_BYTES)).bytes);
        data.filter(|data| inflate::raw_text(data)).map(|_| Content::Compressed)
    });
    if let Some(content) = content {
        let lines = lines(window, start, end, usize::MAX);
        let to = lines.last().map_or(end, |line| line.end);
        resume_at(scanner, window, depth, start, &lines, 4);
        let view = view(bytes, &lines);
        decoded(scanner, window, view, start..to, content, Form::Base64, depth, scan);
        return to;
    }
    if is_base32(&bytes[start..end]) {
        let lines = lines(window, start, end, usize::MAX);
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

/// Capital letters and the digits 2 to 7, or small letters and those.
fn is_base32(run: &[u8]) -> bool {
    run.len() >= RUN_BYTES_MIN
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

/// Where the digits that begin at `at` end, within the window.
fn end_of_run(window: &Window<'_>, at: usize) -> usize {
    let bytes = window.text.bytes;
    let first = (at - window.from) / 64;
    let mut into = (at - window.from) % 64;
    let mut end = window.to;
    'blocks: for (i, block) in window.squeezed.blocks.iter().enumerate().skip(first) {
        let mut stops = !block.keep >> into << into;
        into = 0;
        while stops != 0 {
            let stop = window.from + 64 * i + stops.trailing_zeros() as usize;
            if stop >= window.to || !is_digit(bytes[stop]) {
                end = stop.min(window.to);
                break 'blocks;
            }
            stops &= stops - 1;
        }
    }
    // Bytes above ASCII are kept in the squeezed text too.
    let run = &bytes[at..end];
    if run.is_ascii() {
        end
    } else {
        at + run.iter().position(|b| !b.is_ascii()).unwrap_or(run.len())
    }
}

/// The lines of a wrapped run that starts with `start..end`.
fn lines(window: &Window<'_>, start: usize, end: usize, most: usize) -> Vec<Range<usize>> {
    let bytes = &window.text.bytes[..window.to];
    let mut lines: Vec<Range<usize>> = Vec::new();
    lines.push(Range { start, end });
    let mut last = end;
    let mut width = end - start;
    while width >= LINE_BYTES_MIN && last - start < most {
        let rest = &bytes[last..];
        let breaks = rest
            .iter()
            .take_while(|b| matches!(b, b'\r' | b'\n' | b' ' | b'\t'))
            .count();
        if !rest[..breaks].contains(&b'\n') || breaks > 64 {
            break;
        }
        let from = last + breaks;
        let to = if from < bytes.len() {
            end_of_run(window, from)
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
    // Without branches: in noise none of them can be predicted.
    let (ascii, zero) = head.iter().fold((0u8, 0u8), |(ascii, zero), b| {
        let plain = (b.wrapping_sub(b' ') < 0x5F) | (*b == b'\t') | (*b == b'\n') | (*b == b'\r') | (*b == 0x1B);
        (ascii + u8::from(plain), zero + u8::from(*b == 0))
    });
    let (ascii, zero) = (usize::from(ascii), usize::from(zero));
    if ascii == head.len() {
        return Some(Content::Text);
    }
    // Noise, most likely.
    if ascii * 2 < head.len() && zero * 8 < head.len() * 3 {
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
    (valid && ascii * 2 >= head.len()).then_some(Content::Text)
}

/// Letters of both cases and digits, or padding: not a path or an identifier.
fn looks_encoded(run: &[u8]) -> bool {
    run.len() >= 20
        && run.iter().any(u8::is_ascii_digit)
        && run.iter().any(u8::is_ascii_uppercase)
        && run.iter().any(u8::is_ascii_lowercase)
}

/// Values of base64 digits of both alphabets.
static SEXTET: [u8; 256] = {
    let mut table = [0; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut i = 0;
    while i < 64 {
        table[alphabet[i] as usize] = i as u8;
        i += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
};

fn sextet(byte: u8) -> u32 {
    u32::from(SEXTET[usize::from(byte)])
}

/// Decodes the first groups of a run.
fn decode_head<'h>(digits: &[u8], out: &'h mut [u8; 24]) -> &'h [u8] {
    let (groups, _) = digits.as_chunks::<4>();
    let mut n = 0;
    for ([a, b, c, d], place) in groups.iter().zip(out.as_chunks_mut::<3>().0) {
        let word = sextet(*a) << 18 | sextet(*b) << 12 | sextet(*c) << 6 | sextet(*d);
        let [_, first, second, third] = word.to_be_bytes();
        *place = [first, second, third];
        n += 3;
    }
    &out[..n]
}

/// Decodes groups of four digits.
fn decode_groups(digits: &[u8], out: &mut Vec<u8>) {
    let (groups, _) = digits.as_chunks::<4>();
    let old = out.len();
    out.resize(old + groups.len() * 3, 0);
    let (places, _) = out[old..].as_chunks_mut::<3>();
    for ([a, b, c, d], place) in groups.iter().zip(places) {
        let word = sextet(*a) << 18 | sextet(*b) << 12 | sextet(*c) << 6 | sextet(*d);
        let [_, first, second, third] = word.to_be_bytes();
        *place = [first, second, third];
    }
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
                decode_groups(&bytes[at..at + whole], &mut view.bytes);
                at += whole;
                continue;
            }
            word = word << 6 | sextet(bytes[at]);
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
        let mut head = [0; 24];
        n < RAW_BYTES / 4
            && inflate::may_be_raw(decode_head(&bytes[start..(start + 32).min(bytes.len())], &mut head))
            && looks_encoded(&bytes[start..])
    };
    if short || raw() {
        scan.hold(start, 1, u32::MAX);
    }
}
