//! Plain characters and borders, sixty-four bytes at a time.
//!
//! ```text
//!  │ 41 ┆ the │     borders have three bytes: E2, 94 to 97, and one more
//!  | 41 | the |     what they look like
//! ```

use super::View;
use super::terminal::SPECIAL;

/// Appends what sixty-four bytes begin with that is nothing but plain characters, control characters that stand by
/// themselves, which go, and borders. Returns how many bytes of them that are; nothing, where vectors are not that wide.
#[inline]
pub(super) fn simple(text: &[u8; 64], next: Option<u8>, blanks: bool, view: &mut View) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    if crate::wide::has_compress() {
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        // SAFETY: the features were detected.
        return Some(unsafe { x86::simple(text, next, blanks, view) });
    }
    let _ = (text, next, blanks, view);
    None
}

/// How many bytes a text begins with that are plain characters and borders, and how many places of a line those take.
/// Hardly more than `most` places are counted.
#[inline]
pub(super) fn shown(text: &[u8], most: usize) -> (usize, usize) {
    let one = |at: usize| match text[at..] {
        [byte, ..] if byte.is_ascii() && !SPECIAL[usize::from(byte)] => 1,
        [0xE2, 0x94..=0x97, 0x80..=0xBF, ..] => 3,
        _ => 0,
    };
    let (mut at, mut width) = (0, 0);
    // Most of them are short.
    while width < most.min(SHORT_WIDTH) {
        match one(at) {
            0 => return (at, width),
            n => (at, width) = (at + n, width + 1),
        }
    }
    #[cfg(target_arch = "x86_64")]
    if crate::wide::has_compress() {
        while width < most
            && let Some(some) = text[at..].first_chunk()
        {
            #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
            // SAFETY: the features were detected.
            let (bytes, places) = unsafe { x86::shown(some) };
            (at, width) = (at + bytes, width + places);
            // A border may stand across the end.
            if bytes < 62 {
                break;
            }
        }
    }
    while width < most {
        match one(at) {
            0 => break,
            n => (at, width) = (at + n, width + 1),
        }
    }
    (at, width)
}

/// So many places are looked at one by one.
const SHORT_WIDTH: usize = 8;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m512i, _mm512_cmpeq_epi8_mask, _mm512_cmpge_epu8_mask, _mm512_cmple_epu8_mask, _mm512_cmplt_epu8_mask,
        _mm512_mask_mov_epi8, _mm512_maskz_compress_epi8, _mm512_set1_epi8, _mm512_storeu_si512,
    };

    use super::View;
    use crate::wide::load;

    /// Fewer bytes are read one by one.
    const BYTES_MIN: u32 = 12;

    /// Where borders and blocks begin: they have three bytes, of which the second one tells what they are.
    #[inline]
    #[target_feature(enable = "avx512f", enable = "avx512bw")]
    fn borders(v: __m512i) -> u64 {
        let within = |first: u8, last: u8| {
            let from = _mm512_cmpge_epu8_mask(v, _mm512_set1_epi8(first as i8));
            from & _mm512_cmple_epu8_mask(v, _mm512_set1_epi8(last as i8))
        };
        let first = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(0xE2u8 as i8));
        first & within(0x94, 0x97) >> 1 & within(0x80, 0xBF) >> 2
    }

    /// How many bytes are plain characters and borders, and how many of them begin one.
    #[target_feature(enable = "avx512f", enable = "avx512bw", enable = "popcnt")]
    pub(super) fn shown(text: &[u8; 64]) -> (usize, usize) {
        let v = load(text);
        let borders = borders(v);
        let rest = borders << 1 | borders << 2;
        let plain =
            _mm512_cmpge_epu8_mask(v, _mm512_set1_epi8(0x20)) & _mm512_cmplt_epu8_mask(v, _mm512_set1_epi8(0x7F));
        let n = (plain | borders | rest).trailing_ones();
        let inside = u64::MAX.checked_shr(64 - n).unwrap_or(0);
        (n as usize, (inside & !rest).count_ones() as usize)
    }

    #[target_feature(
        enable = "avx512f",
        enable = "avx512bw",
        enable = "avx512vbmi",
        enable = "avx512vbmi2",
        enable = "popcnt"
    )]
    #[expect(unsafe_code, reason = "a store of a whole vector")]
    pub(super) fn simple(text: &[u8; 64], next: Option<u8>, blanks: bool, view: &mut View) -> usize {
        let v = load(text);
        let byte = |byte: u8| _mm512_set1_epi8(byte as i8);
        let is = |value: u8| _mm512_cmpeq_epi8_mask(v, byte(value));
        let escape = is(0x1B);
        let control = _mm512_cmplt_epu8_mask(v, byte(0x20)) & !(escape | is(b'\t') | is(b'\n'));
        let ends = is(b'\r') & (is(b'\n') >> 1 | u64::from(next == Some(b'\n')) << 63);
        let borders = borders(v);
        let others = escape | is(0x7F) | is(0xC2) | is(0xCC) | is(0xCD) | is(0xEF) | is(0xE2) & !borders;
        let n = others.trailing_zeros();
        if n < BYTES_MIN {
            return 0;
        }
        let inside = u64::MAX >> (64 - n);
        let (drop, borders) = (control & !ends & inside, borders & inside);
        let (rest, shown) = if blanks {
            (
                borders << 1 | borders << 2,
                _mm512_mask_mov_epi8(v, borders, byte(b'|')),
            )
        } else {
            (0, v)
        };
        let keep = inside & !(drop | rest);
        let length = view.bytes.len();
        view.bytes.resize(length + 64, 0);
        let packed = _mm512_maskz_compress_epi8(keep, shown);
        // SAFETY: there is room for sixty-four bytes.
        unsafe { _mm512_storeu_si512(view.bytes[length..].as_mut_ptr().cast(), packed) };
        view.bytes.truncate(length + keep.count_ones() as usize);
        view.ambiguous |= borders != 0;
        if !blanks {
            view.unusual += borders.count_ones() as usize;
        }
        if drop != 0 {
            view.leave_out();
        } else if keep != inside {
            view.skip();
        }
        n as usize
    }
}
