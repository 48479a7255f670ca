//! Compressed data: gzip, zlib, deflate, entries of zip archives, text chunks of PNG images. Bounded in output.

use std::ops::Range;
use std::sync::LazyLock;

use flate2::{Decompress, FlushDecompress, Status};
use memchr::memmem::Finder;

use super::View;
use crate::Form;
use crate::scan::{Scan, Scanner, Window};

/// Most bytes inflated in one scan, or in one of its windows.
pub(crate) const OUTPUT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Most bytes inflated of one stream.
const STREAM_BYTES_MAX: usize = 1024 * 1024;

/// Places looked at in one window.
const PLACES_MAX: usize = 64;

/// Whether data starts like a known compressed format.
pub(super) fn has_magic(head: &[u8]) -> bool {
    head.starts_with(&[0x1F, 0x8B, 8]) || head.starts_with(b"PK\x03\x04") || head.starts_with(PNG) || is_zlib(head)
}

/// Whether what is found anywhere begins with these two bytes: gzip, or a file of an archive.
pub(super) fn begins(first: u8, second: u8) -> bool {
    matches!([first, second], [0x1F, 0x8B] | [b'P', b'K'])
}

const PNG: &[u8] = b"\x89PNG\r\n\x1A\n";

fn is_zlib(head: &[u8]) -> bool {
    head.len() >= 2 && head[0] == 0x78 && (usize::from(head[0]) << 8 | usize::from(head[1])).is_multiple_of(31)
}

/// Whether a deflate stream without a header may start here.
pub(super) fn may_be_raw(head: &[u8]) -> bool {
    head.len() >= 12 && matches!(head[0] >> 1 & 3, 1 | 2)
}

/// Whether data inflates to text.
pub(super) fn raw_text(data: &[u8]) -> bool {
    let (out, _, ended) = inflate(data, false, 64);
    let plain = out
        .iter()
        .filter(|b| matches!(b, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0x80..))
        .count();
    out.len() >= 6 && plain * 8 >= out.len() * 7 && (ended || out.len() >= 32)
}

/// Inflates at most `most` bytes. Returns them, how much input they took, and whether the stream ended.
fn inflate(data: &[u8], zlib: bool, most: usize) -> (Vec<u8>, usize, bool) {
    let mut state = Decompress::new(zlib);
    let mut out = Vec::with_capacity(most.min(data.len().saturating_mul(6)).max(64));
    loop {
        let used = state.total_in() as usize;
        let status = state.decompress_vec(&data[used.min(data.len())..], &mut out, FlushDecompress::None);
        let grew = state.total_in() as usize > used;
        match status {
            Ok(Status::StreamEnd) => return (out, state.total_in() as usize, true),
            Ok(_) if out.len() >= most => return (out, state.total_in() as usize, false),
            Ok(_) if out.len() == out.capacity() => out.reserve(out.capacity().min(most - out.len()).max(1)),
            Ok(_) if grew => {}
            _ => return (out, state.total_in() as usize, false),
        }
    }
}

static GZIP: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\x1F\x8B\x08"));
static ZIP: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"PK\x03\x04"));

/// Looks for compressed data at the start of the text and for gzip anywhere.
pub(crate) fn scan(scanner: &mut Scanner<'_>, window: &Window<'_>, depth: usize, scan: &mut Scan) {
    let bytes = window.text.bytes;
    let part = &bytes[window.from..window.to];
    if window.from == 0 {
        if is_zlib(part) {
            stream(scanner, window, 0..2, true, depth, scan);
        } else if depth > 0 && may_be_raw(part) && !part.is_ascii() && scanner.may_inflate() && raw_text(part) {
            stream(scanner, window, 0..0, false, depth, scan);
        }
        if part.starts_with(PNG) {
            chunks(scanner, window, depth, scan);
        }
    }
    // Both begin with control characters.
    if !window.squeezed.trigger.any() {
        return;
    }
    for at in GZIP.find_iter(part).take(PLACES_MAX) {
        let at = window.from + at;
        if let Some(header) = gzip_header(&bytes[at..]) {
            stream(scanner, window, at..at + header, false, depth, scan);
        }
    }
    for at in ZIP.find_iter(part).take(PLACES_MAX) {
        let at = window.from + at;
        if let Some(head) = bytes.get(at..at + 30)
            && head[8] == 8
        {
            let word = |i: usize| usize::from(head[i]) | usize::from(head[i + 1]) << 8;
            let header = (30 + word(26) + word(28)).min(bytes.len() - at);
            stream(scanner, window, at..at + header, false, depth, scan);
        }
    }
}

/// Length of a gzip header.
fn gzip_header(bytes: &[u8]) -> Option<usize> {
    let flags = *bytes.get(3)?;
    let mut at = 10;
    if flags & 4 != 0 {
        at += 2 + usize::from(*bytes.get(at)?) + (usize::from(*bytes.get(at + 1)?) << 8);
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            at += 1 + bytes.get(at..)?.iter().position(|b| *b == 0)?;
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    (at < bytes.len()).then_some(at)
}

/// Inflates the stream after `header` and scans what is in it.
fn stream(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    header: Range<usize>,
    zlib: bool,
    depth: usize,
    scan: &mut Scan,
) {
    if !scanner.may_inflate() {
        return;
    }
    let bytes = window.text.bytes;
    let most = STREAM_BYTES_MAX.min(scanner.inflated);
    let data = if zlib {
        &bytes[header.start..]
    } else {
        &bytes[header.end..]
    };
    let (out, used, ended) = inflate(data, zlib, most);
    scanner.inflated -= out.len().min(most);
    let start = header.start;
    let end = if zlib { start + used } else { header.end + used };
    // A trailer follows.
    let end = if ended && !zlib && header.len() >= 10 {
        (end + 8).min(bytes.len())
    } else {
        end
    };
    let open = !ended && end == bytes.len() && !window.text.complete;
    if open {
        scan.hold(start, crate::index::HEAD, u32::MAX);
    }
    let mut view = View::default();
    view.decode_all(&out, start..end);
    scanner.have(view.bytes.len(), depth);
    let complete_end = if end == bytes.len() { end.saturating_sub(1) } else { end };
    scanner.view(window, view, complete_end, Form::Compressed, depth, [0; 4], scan);
}

/// Compressed text chunks of a PNG image.
fn chunks(scanner: &mut Scanner<'_>, window: &Window<'_>, depth: usize, scan: &mut Scan) {
    let bytes = window.text.bytes;
    let mut at = PNG.len();
    for _ in 0..PLACES_MAX {
        let Some(head) = bytes.get(at..at + 8) else { return };
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(data) = bytes.get(at + 8..(at + 8).saturating_add(length)) else {
            return;
        };
        if matches!(&head[4..8], b"zTXt" | b"iTXt" | b"iCCP")
            && let Some(zlib) = data.windows(2).position(is_zlib)
        {
            stream(scanner, window, at + 8 + zlib..at + 10 + zlib, true, depth, scan);
        }
        at += 12 + length;
    }
}
