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

/// Whether something compressed may begin with a byte, and whether it may with two.
pub(super) fn may_begin(byte: u8) -> bool {
    matches!(byte, 0x1F | b'P' | 0x89 | 0x78)
}

pub(super) fn may_begin_with(first: u8, second: u8) -> bool {
    begins(first, second) || [first, second] == PNG[..2] || is_zlib(&[first, second])
}

const PNG: &[u8] = b"\x89PNG\r\n\x1A\n";

fn is_zlib(head: &[u8]) -> bool {
    head.len() >= 2 && head[0] == 0x78 && (usize::from(head[0]) << 8 | usize::from(head[1])).is_multiple_of(31)
}

/// Whether a deflate stream without a header may start here (RFC 1951, 3.2): told by its first symbols, as half of all
/// noise begins like one.
pub(super) fn may_be_raw(head: &[u8]) -> bool {
    if head.len() < RAW_BYTES_MIN {
        return false;
    }
    // A flush before the first byte leaves a block without any.
    if let [first, 0, 0, 0xFF, 0xFF, ..] = head
        && first & 0b111 == 0
    {
        return true;
    }
    let mut bits = Bits::of(head);
    bits.take(1);
    match bits.take(2) {
        Some(1) => is_fixed(bits).unwrap_or(true),
        Some(2) => is_dynamic(bits).unwrap_or(true),
        _ => false,
    }
}

/// Shortest deflate stream that is looked for without a header.
const RAW_BYTES_MIN: usize = 12;

/// The first bits of some data, the lowest one of each byte first.
struct Bits {
    value: u128,
    left: u32,
}

impl Bits {
    fn of(data: &[u8]) -> Self {
        let mut first = [0; 16];
        let length = data.len().min(first.len());
        first[..length].copy_from_slice(&data[..length]);
        Self {
            value: u128::from_le_bytes(first),
            left: 8 * length as u32,
        }
    }

    /// The next `n` bits, up to sixteen, if there are so many.
    fn take(&mut self, n: u32) -> Option<u32> {
        let taken = self.value as u32 & ((1 << n) - 1);
        self.left = self.left.checked_sub(n)?;
        self.value >>= n;
        Some(taken)
    }

    /// The next `n` bits of a code, which has its highest one first, without taking them.
    fn code(&self, n: u32) -> Option<u32> {
        (self.left >= n).then(|| (self.value as u32).reverse_bits() >> (u32::BITS - n))
    }
}

/// Whether symbols in the fixed codes begin with a byte and repeat only what was there (3.2.6). Nothing, if the data ends
/// before that is known.
fn is_fixed(mut bits: Bits) -> Option<bool> {
    let mut bytes = 0;
    loop {
        let symbol = match bits.code(9)? {
            code @ ..0x60 => {
                bits.take(7);
                256 + (code >> 2)
            }
            code @ ..0x180 => {
                bits.take(8);
                (code >> 1) - 0x30
            }
            code @ ..0x190 => {
                bits.take(8);
                280 + (code >> 1) - 0xC0
            }
            code => {
                bits.take(9);
                144 + code - 0x190
            }
        };
        let length = match symbol {
            0..=255 => {
                bytes += 1;
                continue;
            }
            // Another block may follow.
            256 => return Some(true),
            257..=264 => symbol - 254,
            265..=284 => {
                let more = (symbol - 261) / 4;
                3 + ((4 + (symbol - 265) % 4) << more) + bits.take(more)?
            }
            285 => 258,
            _ => return Some(false),
        };
        let code = bits.code(5)?;
        bits.take(5);
        let distance = match code {
            0..=3 => code + 1,
            4..=29 => {
                let more = code / 2 - 1;
                1 + ((2 + code % 2) << more) + bits.take(more)?
            }
            _ => return Some(false),
        };
        if distance > bytes {
            return Some(false);
        }
        bytes += length;
    }
}

/// Whether codes of its own begin as such: those for the lengths of the others use all there are (3.2.7).
fn is_dynamic(mut bits: Bits) -> Option<bool> {
    let literals = bits.take(5)?;
    bits.take(5)?;
    let lengths = bits.take(4)? + 4;
    let (mut sum, mut used) = (0, 0);
    for _ in 0..lengths {
        let length = bits.take(3)?;
        if length > 0 {
            sum += 0x80 >> length;
            used += 1;
        }
    }
    Some(literals <= 29 && (sum == 0x80 || used == 1))
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::write::DeflateEncoder;
    use flate2::{Compress, Compression, FlushCompress};

    use super::*;

    /// A flush before the first byte leaves a block without any.
    #[test]
    fn streams_that_begin_with_an_empty_block_are_inflated() {
        for flush in [FlushCompress::Partial, FlushCompress::Sync, FlushCompress::Full] {
            let mut state = Compress::new(Compression::default(), false);
            let mut data = Vec::with_capacity(1000);
            state.compress_vec(b"", &mut data, flush).unwrap();
            let begun = data.len();
            state
                .compress_vec(b"user=admin&password=planted-value", &mut data, FlushCompress::Finish)
                .unwrap();
            assert!(begun > 0 && may_be_raw(&data) && raw_text(&data), "{data:?}");
        }
    }

    /// What a compressor makes is always taken for it, noise hardly ever.
    #[test]
    fn streams_without_a_header_are_told_from_noise() {
        let mut state = 7u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        let mut taken = 0;
        for n in 0..4000 {
            let length = 8 + next() as usize % 200;
            let mut text = |letters: u32| (0..length).map(|_| b'!' + (next() % letters) as u8).collect::<Vec<_>>();
            let text = text([2, 20, 90][n % 3]);
            for level in [1, 6, 9] {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
                encoder.write_all(&text).unwrap();
                let data = encoder.finish().unwrap();
                let stored = data[0] >> 1 & 3 == 0;
                assert!(stored || data.len() < RAW_BYTES_MIN || may_be_raw(&data), "{text:?}");
                for end in RAW_BYTES_MIN..data.len().min(20) {
                    assert!(stored || may_be_raw(&data[..end]), "{end} of {text:?}");
                }
            }
            let noise: Vec<u8> = (0..16).map(|_| next() as u8).collect();
            taken += usize::from(may_be_raw(&noise));
        }
        assert!(taken < 400, "{taken} of 4000");
    }
}
