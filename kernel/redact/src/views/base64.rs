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

/// Lines of this length or more that hold nothing else are taken for one run.
const LINE_BYTES_MIN: usize = 32;

pub(crate) fn scan(scanner: &mut Scanner<'_>, window: &Window<'_>, depth: usize, scan: &mut Scan) {
    let mut free = 0;
    let blocks = &window.squeezed.blocks;
    for (i, block) in blocks.iter().enumerate() {
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
        tail(window, scan);
    }
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Looks at the run that contains `at`; returns where to go on.
fn run(scanner: &mut Scanner<'_>, window: &Window<'_>, at: usize, depth: usize, scan: &mut Scan) -> usize {
    let bytes = window.text.bytes;
    let floor = if window.from == 0 { 0 } else { window.from };
    let mut start = at;
    while start > floor && is_digit(bytes[start - 1]) {
        start -= 1;
    }
    if start == floor && floor > 0 && is_digit(bytes[start - 1]) {
        // It began in the window before.
        return end_of_run(bytes, at);
    }
    let end = end_of_run(bytes, at);
    if !is_ascii(&bytes[start..end]) {
        return end;
    }
    let hex = bytes[start..end].iter().take(24).all(u8::is_ascii_hexdigit);
    if hex {
        let head = hex_bytes(&bytes[start..end.min(start + 48)]);
        if let Some(content) = content(&head) {
            let all = start..start + bytes[start..end].iter().take_while(|b| b.is_ascii_hexdigit()).count();
            let view = hex_view(bytes, all.clone(), scanner.budget);
            decoded(scanner, window, view, all, content, Form::Hex, depth, scan);
            return end;
        }
    }
    let head = head_bytes(&bytes[start..end.min(start + 32)]);
    match content(&head) {
        Some(content) => {
            let lines = lines(bytes, start, end);
            let to = lines.last().map_or(end, |line| line.end);
            let view = view(bytes, &lines, scanner.budget);
            decoded(scanner, window, view, start..to, content, Form::Base64, depth, scan);
            to
        }
        None => {
            if inflate::may_be_raw(&head) && looks_encoded(bytes, start, end) {
                let lines = lines(bytes, start, end);
                let to = lines.last().map_or(end, |line| line.end);
                let view = view(bytes, &lines, scanner.budget);
                if inflate::raw_text(&view.bytes) {
                    decoded(
                        scanner,
                        window,
                        view,
                        start..to,
                        Content::Compressed,
                        Form::Base64,
                        depth,
                        scan,
                    );
                    return to;
                }
            }
            end
        }
    }
}

fn is_ascii(run: &[u8]) -> bool {
    run.is_ascii()
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

fn end_of_run(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..]
        .iter()
        .position(|b| !is_digit(*b))
        .unwrap_or(bytes.len() - at)
}

/// The lines of a wrapped run that starts with `start..end`.
fn lines(bytes: &[u8], start: usize, end: usize) -> Vec<Range<usize>> {
    let mut lines: Vec<Range<usize>> = Vec::new();
    lines.push(Range { start, end });
    let mut last = end;
    let mut width = end - start;
    while width >= LINE_BYTES_MIN {
        let rest = &bytes[last..];
        let breaks = rest
            .iter()
            .take_while(|b| matches!(b, b'\r' | b'\n' | b' ' | b'\t'))
            .count();
        if !rest[..breaks].contains(&b'\n') || breaks > 64 {
            break;
        }
        let from = last + breaks;
        let to = end_of_run(bytes, from.min(bytes.len()));
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
    let plain = |b: &u8| matches!(b, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0x1B);
    if head.iter().all(plain) {
        return Some(Content::Text);
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
    let ascii = head.iter().filter(|b| plain(b)).count();
    (valid && ascii * 2 >= head.len()).then_some(Content::Text)
}

/// Letters of both cases and digits, or padding: not a path or an identifier.
fn looks_encoded(bytes: &[u8], start: usize, end: usize) -> bool {
    let run = &bytes[start..end];
    run.len() >= 20
        && run.iter().any(u8::is_ascii_digit)
        && run.iter().any(u8::is_ascii_uppercase)
        && run.iter().any(u8::is_ascii_lowercase)
}

fn sextet(byte: u8) -> u32 {
    u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    })
}

fn head_bytes(run: &[u8]) -> Vec<u8> {
    let quads = run.chunks_exact(4).flat_map(|quad| {
        let word = quad.iter().fold(0, |word, b| word << 6 | sextet(*b));
        [(word >> 16) as u8, (word >> 8) as u8, word as u8]
    });
    quads.collect()
}

/// All of a base64 text, whatever its line width.
pub(crate) fn decode_all(text: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = text.iter().copied().filter(|b| is_digit(*b)).collect();
    view(&digits, std::slice::from_ref(&(0..digits.len())), usize::MAX).bytes
}

fn hex_bytes(run: &[u8]) -> Vec<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).unwrap_or(0) as u8;
    run.chunks_exact(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

fn hex_view(bytes: &[u8], run: Range<usize>, budget: usize) -> View {
    let pairs = (run.len() / 2).min(budget);
    let mut view = View::with_capacity(pairs);
    for (i, byte) in hex_bytes(&bytes[run.start..run.start + 2 * pairs])
        .into_iter()
        .enumerate()
    {
        view.decode(byte, run.start + 2 * i..run.start + 2 * i + 2);
    }
    view
}

fn view(bytes: &[u8], lines: &[Range<usize>], budget: usize) -> View {
    let total: usize = lines.iter().map(ExactSizeIterator::len).sum();
    let mut view = View::with_capacity((total / 4 * 3 + 3).min(budget));
    let mut word = 0;
    let mut sources = [0; 4];
    let mut have = 0;
    for at in lines.iter().cloned().flatten() {
        word = word << 6 | sextet(bytes[at]);
        sources[have] = at;
        have += 1;
        if have == 4 {
            for (i, shift) in [16, 8, 0].into_iter().enumerate() {
                view.decode((word >> shift) as u8, sources[i]..sources[i + 1] + 1);
            }
            (word, have) = (0, 0);
            if view.bytes.len() >= budget.saturating_sub(3) {
                return view;
            }
        }
    }
    for i in 1..have {
        view.decode((word >> (6 * have - 8 * i)) as u8, sources[i - 1]..sources[i] + 1);
    }
    view
}

/// A run at the end that is still too short to be looked at.
fn tail(window: &Window<'_>, scan: &mut Scan) {
    let bytes = window.text.bytes;
    let n = bytes
        .iter()
        .rev()
        .take(RUN_BYTES_MIN)
        .take_while(|b| is_digit(**b))
        .count();
    let run = &bytes[bytes.len() - n..];
    if n < 4 || n == RUN_BYTES_MIN {
        return;
    }
    let head = head_bytes(run);
    let compressed = head.starts_with(&[0x1F, 0x8B]) || head.starts_with(&[0x78]) && n >= 4;
    let text = n >= 8 && head.iter().all(|b| matches!(b, b' '..=b'~' | 0));
    let hex = n >= 4 && run.iter().all(u8::is_ascii_hexdigit) && run.starts_with(b"1f8b");
    if compressed || text || hex {
        scan.hold(bytes.len() - n, 1, u32::MAX);
    }
}
