//! The numbers of a line, sixty-four bytes at a time.
//!
//! ```text
//!  41,0.137204,104,2026-11-28
//!    1 1      1   1    1  1  1     where each ends
//!                 1          1     where one ends that may be a byte of a value
//! ```

use std::arch::x86_64::{
    __m512i, _mm512_adds_epu8, _mm512_cmpeq_epi8_mask, _mm512_cmple_epu8_mask, _mm512_cmplt_epu8_mask,
    _mm512_mask_mov_epi8, _mm512_mask_sub_epi8, _mm512_maskz_mov_epi8, _mm512_maskz_permutexvar_epi8,
    _mm512_movepi8_mask, _mm512_or_si512, _mm512_permutex2var_epi8, _mm512_set1_epi8, _mm512_setzero_si512,
    _mm512_sub_epi8, _mm512_test_epi8_mask,
};
use std::ops::Range;

use super::columns::{FIRST, Reader, SECOND, byte_count, packed};
use super::digits::Digits;
use super::inflate;
use crate::wide::load;

/// Longest line whose numbers each end at a bit of one word.
pub(super) const LINE_BYTES_MAX: usize = 63;

/// A number that may be a byte of a value or of text: in decimal, in hexadecimal, in octal; or zero.
pub(super) struct Byte {
    pub(super) decimal: Option<u32>,
    pub(super) likely: [bool; 3],
    pub(super) zero: bool,
}

/// The words with digits of a line, a bit where each of them ends; the line's first byte has the first bit.
#[derive(Default)]
pub(super) struct Masks {
    pub(super) kept: u64,
    starts: u64,
    pub(super) number: u64,
    /// Those that have other characters too, and those of one, of two and of three digits.
    pub(super) mixed: u64,
    digits: [u64; 3],
    /// Some of them are no numbers, or not all of one.
    pub(super) strange: bool,
}

impl Masks {
    #[inline]
    #[target_feature(enable = "avx512f", enable = "avx512bw")]
    pub(super) fn of(bytes: &[u8], line: &Range<usize>) -> Self {
        let v = at(bytes, line.start, 0);
        let lower = _mm512_or_si512(v, _mm512_set1_epi8(0x20));
        let below = |v: __m512i, first: u8, n: u8| {
            let v = _mm512_sub_epi8(v, _mm512_set1_epi8(first as i8));
            _mm512_cmplt_epu8_mask(v, _mm512_set1_epi8(n as i8))
        };
        let digit = below(v, b'0', 10);
        let kept = digit | below(lower, b'a', 26) | _mm512_movepi8_mask(v);
        let is = |byte: u8| _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(byte as i8));
        let (joint, quote, colon) = (is(b'_'), is(b'\'') | is(b'"'), is(b':'));
        let inside = !(u64::MAX << line.len());
        let (kept, digit) = (kept & inside, digit & inside);
        let starts = kept & !(kept << 1);
        // A digit that is added to its word carries over to the place after the word.
        let ends = |some: u64| kept.wrapping_add(some) & !kept;
        let (number, mixed) = (ends(digit), ends(kept & !digit));
        let plain = number & !mixed;
        let digits = [
            plain & starts << 1,
            plain & starts << 2,
            plain & starts << 3 & kept << 2,
        ];
        // A word that goes on before or after a joint, a digit that is shown as a character, the name of a list.
        let joined = joint | kept.wrapping_add(joint << 1 & starts) & !kept;
        let shown = digits[0] & (quote | is(b'(')) << 2 & (quote | is(b')'));
        let named = if is(b'[') == 0 { 0 } else { colon | quote & colon >> 1 };
        Self {
            kept,
            starts,
            number,
            mixed,
            digits,
            strange: number & (joined | shown | named) != 0,
        }
    }

    #[inline(always)]
    pub(super) fn short(&self) -> u64 {
        self.digits[0] | self.digits[1] | self.digits[2]
    }

    #[inline(always)]
    pub(super) fn numbers(&self) -> usize {
        self.number.count_ones() as usize
    }

    /// How many numbers end before a place.
    #[inline(always)]
    pub(super) fn nth(&self, bit: u32) -> usize {
        (self.number & !(u64::MAX << bit)).count_ones() as usize
    }

    /// The word that ends at a place.
    #[inline(always)]
    pub(super) fn place(&self, line: &Range<usize>, bit: u32) -> Range<usize> {
        let start = (self.starts & !(u64::MAX << bit)).checked_ilog2().unwrap_or(0);
        line.start + start as usize..line.start + bit as usize
    }

    /// Whether numbers of three digits may be two bytes with which something compressed begins.
    pub(super) fn begin_packed(&self, bytes: &[u8], line: &Range<usize>) -> bool {
        let mut three = self.digits[2];
        std::iter::from_fn(|| {
            let bit = three.trailing_zeros();
            three &= three.wrapping_sub(1);
            (bit < 64).then(|| Digits::of(bytes, &self.place(line, bit)))
        })
        .any(|digits| begins_packed(digits.decimal()) || begins_packed(digits.hex()))
    }
}

/// What the numbers of up to three digits of a line may be, a bit where each of them ends.
#[derive(Default)]
pub(super) struct Values {
    likely: [u64; 3],
    zero: u64,
    /// What one of them is, [`BEGINS`] and so on.
    pub(super) kinds: u8,
}

/// What is asked of a byte, a bit each: whether it may be part of a value or of text; whether something compressed
/// that is found anywhere may begin with it, or may with it as the second byte; whether it may be the first byte of a
/// list of compressed data; whether it is zero.
pub(super) const LIKELY: u8 = 1;
pub(super) const BEGINS: u8 = 2;
pub(super) const GOES_ON: u8 = 4;
pub(super) const HEAD: u8 = 8;
pub(super) const ZERO: u8 = 16;

impl Values {
    #[inline]
    #[target_feature(enable = "avx512f", enable = "avx512bw", enable = "avx512vbmi")]
    pub(super) fn of(bytes: &[u8], line: &Range<usize>, masks: &Masks, tables: &Tables) -> Self {
        let [one, two, three] = masks.digits;
        let all = one | two | three;
        if all == 0 {
            return Self::default();
        }
        let zero = _mm512_set1_epi8(b'0' as i8);
        let digit = |n: usize| _mm512_sub_epi8(at(bytes, line.start, n), zero);
        let (ones, second, third) = (digit(1), digit(2), digit(3));
        let several = two | three;
        let times =
            |mask: u64, digit: __m512i, table: &[u8; 64]| _mm512_maskz_permutexvar_epi8(mask, digit, load(table));
        let sum = |a: __m512i, b: __m512i| _mm512_adds_epu8(a, b);
        let decimal = sum(ones, sum(times(several, second, &TENS), times(three, third, &HUNDREDS)));
        let hex = sum(ones, times(several, second, &SIXTEENS));
        let octal = sum(
            ones,
            sum(times(three, second, &EIGHTS), times(three, third, &SIXTY_FOURS)),
        );
        // Below zero it is a byte from 128 on. A sign follows no letter and no digit.
        let text = at(bytes, line.start, 0);
        let named = masks.kept & !_mm512_movepi8_mask(text);
        let signs = _mm512_cmpeq_epi8_mask(text, _mm512_set1_epi8(b'-' as i8)) & !(named << 1);
        let negative = one & signs << 2 | two & signs << 3 | three & signs << 4;
        let negative = negative & _mm512_cmple_epu8_mask(decimal, _mm512_set1_epi8(128u8 as i8));
        let shown = _mm512_mask_sub_epi8(decimal, negative, _mm512_setzero_si512(), decimal);
        // One of three digits in hexadecimal is no byte, unless the first one is zero. In octal there are three.
        let short = all & !(three & !_mm512_cmpeq_epi8_mask(third, _mm512_setzero_si512()));
        let ask = |value: __m512i, places: u64| _mm512_maskz_mov_epi8(places, tables.ask(value));
        let (decimal, hex, octal) = (ask(shown, all), ask(hex, short), ask(octal, three));
        let any = _mm512_or_si512(decimal, _mm512_or_si512(hex, octal));
        let has = |what: __m512i, bit: u8| _mm512_test_epi8_mask(what, _mm512_set1_epi8(bit as i8));
        let zeros = all & _mm512_cmpeq_epi8_mask(shown, _mm512_setzero_si512());
        let kind = |bit: u8| u8::from(has(any, bit) != 0) * bit;
        Self {
            likely: [has(decimal, LIKELY), has(hex, LIKELY), has(octal, LIKELY)],
            zero: zeros,
            kinds: kind(LIKELY) | kind(BEGINS) | kind(GOES_ON) | kind(HEAD) | (u8::from(zeros != 0) * ZERO),
        }
    }

    /// The number at a place, which ends at a bit.
    #[inline(always)]
    pub(super) fn byte(&self, bytes: &[u8], place: &Range<usize>, bit: u32) -> Option<Byte> {
        let is = |mask: u64| mask >> bit & 1 == 1;
        let byte = Byte {
            decimal: Some(Digits::of(bytes, place).decimal()),
            likely: [is(self.likely[0]), is(self.likely[1]), is(self.likely[2])],
            zero: is(self.zero),
        };
        (byte.zero || byte.likely != [false; 3]).then_some(byte)
    }
}

/// What each byte may be.
pub(super) struct Tables([[u8; 64]; 4]);

impl Tables {
    pub(super) fn of(reader: &Reader<'_, '_>) -> Self {
        let mut tables = [[0; 64]; 4];
        for byte in 0..=u8::MAX {
            let packed = packed(byte.into());
            let is = [
                (reader.chars.may_be(byte.into()) && byte != 0, LIKELY),
                (packed & FIRST > 0, BEGINS),
                (packed & SECOND > 0, GOES_ON),
                (inflate::may_begin(byte), HEAD),
            ];
            let kinds = is.iter().filter(|(is, _)| *is).fold(0, |all, (_, bit)| all | bit);
            tables[usize::from(byte) / 64][usize::from(byte) % 64] = kinds;
        }
        Self(tables)
    }

    #[inline]
    #[target_feature(enable = "avx512f", enable = "avx512bw", enable = "avx512vbmi")]
    fn ask(&self, bytes: __m512i) -> __m512i {
        let [a, b, c, d] = &self.0;
        let low = _mm512_permutex2var_epi8(load(a), bytes, load(b));
        let high = _mm512_permutex2var_epi8(load(c), bytes, load(d));
        _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(bytes), high)
    }
}

/// What a digit stands for in front of others; 255 where no byte is that high.
const fn times(n: usize) -> [u8; 64] {
    let mut table = [u8::MAX; 64];
    let mut digit = 0;
    while digit < 10 && digit * n < 256 {
        table[digit] = (digit * n) as u8;
        digit += 1;
    }
    table
}

static TENS: [u8; 64] = times(10);
static HUNDREDS: [u8; 64] = times(100);
static SIXTEENS: [u8; 64] = times(16);
static EIGHTS: [u8; 64] = times(8);
static SIXTY_FOURS: [u8; 64] = times(64);

/// The sixty-four bytes that begin so many places before one of a text; outside of it there is nothing.
#[inline]
#[target_feature(enable = "avx512f")]
fn at(bytes: &[u8], place: usize, back: usize) -> __m512i {
    let inside = place
        .checked_sub(back)
        .and_then(|from| bytes.get(from..)?.first_chunk());
    match inside {
        Some(inside) => load(inside),
        None => load(&near_an_end(bytes, place, back)),
    }
}

#[cold]
fn near_an_end(bytes: &[u8], place: usize, back: usize) -> [u8; 64] {
    std::array::from_fn(|i| {
        (place + i)
            .checked_sub(back)
            .and_then(|i| bytes.get(i))
            .copied()
            .unwrap_or(0)
    })
}

/// Whether something compressed may begin with the bytes of a number, in either order.
pub(super) fn begins_packed(value: u32) -> bool {
    let bytes = value.to_le_bytes();
    match bytes[..byte_count(value)] {
        [] => false,
        [first] => inflate::may_begin(first),
        [first, second, ..] if inflate::may_begin_with(first, second) => true,
        [.., before, last] => inflate::may_begin_with(last, before) || value == u32::MAX,
    }
}
