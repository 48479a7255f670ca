//! Base64 digits of both alphabets, many at a time: where they stand, and what they stand for.
//!
//! ```text
//!  digits   T W F u   eight bits each, six of them a value ─► twelve ─► twenty-four: three bytes
//! ```
//!
//! Invariant: with vectors and without, the same digits give the same bytes.

use crate::squeeze::sixty_four;

/// Which of sixty-four bytes are base64 digits.
#[inline]
pub(super) fn places(bytes: &[u8; 64]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if x86::has_wide() {
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        // SAFETY: the features were detected.
        return unsafe { x86::places_wide(bytes) };
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("ssse3") {
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        // SAFETY: the feature was detected.
        return unsafe { x86::places(bytes) };
    }
    places_portable(bytes)
}

/// How many base64 digits a text begins with.
#[inline]
pub(super) fn prefix(text: &[u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if x86::has_wide() {
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        // SAFETY: the features were detected.
        return unsafe { x86::prefix_wide(text) };
    }
    prefix_by(text, places)
}

#[inline(always)]
fn prefix_by(text: &[u8], places: impl Fn(&[u8; 64]) -> u64) -> usize {
    let (whole, rest) = text.as_chunks::<64>();
    for (i, block) in whole.iter().enumerate() {
        let others = !places(block);
        if others != 0 {
            return 64 * i + others.trailing_zeros() as usize;
        }
    }
    64 * whole.len() + places(&sixty_four(rest)).trailing_ones() as usize
}

/// How many base64 digits a text ends with.
pub(crate) fn suffix(text: &[u8]) -> usize {
    let (rest, whole) = text.as_rchunks::<64>();
    for (i, block) in whole.iter().rev().enumerate() {
        let others = !places(block);
        if others != 0 {
            return 64 * i + others.leading_zeros() as usize;
        }
    }
    64 * whole.len() + rest.iter().rev().take_while(|byte| is_digit(**byte)).count()
}

fn places_portable(bytes: &[u8; 64]) -> u64 {
    bytes
        .iter()
        .enumerate()
        .fold(0, |mask, (i, byte)| mask | u64::from(is_digit(*byte)) << i)
}

pub(super) fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Appends what whole groups of four digits stand for; up to three digits at the end are left out.
pub(super) fn decode(digits: &[u8], out: &mut Vec<u8>) {
    let (groups, _) = digits.as_chunks::<4>();
    out.reserve(groups.len() * 3);
    #[cfg(target_arch = "x86_64")]
    let digits = if digits.len() >= 16 && x86::has_wide() {
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        // SAFETY: the features were detected.
        unsafe {
            x86::decode_wide(digits, out)
        }
    } else {
        digits
    };
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("ssse3") {
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        // SAFETY: the feature was detected.
        let rest = unsafe { x86::decode(digits, out) };
        decode_portable(rest, out);
        return;
    }
    decode_portable(digits, out);
}

fn decode_portable(digits: &[u8], out: &mut Vec<u8>) {
    for digits in digits.as_chunks().0 {
        out.extend_from_slice(&three(digits));
    }
}

fn three([a, b, c, d]: &[u8; 4]) -> [u8; 3] {
    let word = value(*a) << 18 | value(*b) << 12 | value(*c) << 6 | value(*d);
    let [_, bytes @ ..] = word.to_be_bytes();
    bytes
}

/// What thirty-two digits stand for.
#[inline]
pub(super) fn head(digits: &[u8; 32]) -> [u8; 24] {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("ssse3") {
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        // SAFETY: the feature was detected.
        return unsafe { x86::head(digits) };
    }
    head_portable(digits)
}

fn head_portable(digits: &[u8; 32]) -> [u8; 24] {
    let mut out = [0; 24];
    for (digits, place) in digits.as_chunks().0.iter().zip(out.as_chunks_mut().0) {
        *place = three(digits);
    }
    out
}

/// Values of the digits.
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

/// The value of a digit.
#[inline]
pub(super) fn value(digit: u8) -> u32 {
    u32::from(SEXTET[usize::from(digit)])
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, __m512i, _mm_add_epi8, _mm_and_si128, _mm_cmpeq_epi8, _mm_cvtsi128_si64, _mm_madd_epi16,
        _mm_maddubs_epi16, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8, _mm_set1_epi16, _mm_set1_epi32,
        _mm_setzero_si128, _mm_shuffle_epi8, _mm_srli_epi16, _mm_srli_si128, _mm512_and_si512, _mm512_broadcast_i32x4,
        _mm512_madd_epi16, _mm512_maddubs_epi16, _mm512_maskz_loadu_epi8, _mm512_permutex2var_epi8,
        _mm512_permutexvar_epi8, _mm512_set1_epi8, _mm512_set1_epi16, _mm512_set1_epi32, _mm512_shuffle_epi8,
        _mm512_srli_epi16, _mm512_storeu_si512, _mm512_test_epi8_mask,
    };

    use crate::wide::load;

    /// Digits by nibbles: byte `h:l` is one when `HIGH[h]` and `LOW[l]` share a bit. Bytes above ASCII are none: their
    /// high nibbles have no bit.
    const fn nibbles() -> ([u8; 16], [u8; 16]) {
        let (mut low, mut high) = ([0u8; 16], [0u8; 16]);
        let mut h = 2;
        while h < 8 {
            high[h] = 1 << h;
            let mut l = 0;
            while l < 16 {
                let byte = (h * 16 + l) as u8;
                if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_') {
                    low[l] |= 1 << h;
                }
                l += 1;
            }
            h += 1;
        }
        (low, high)
    }
    const NIBBLES: ([u8; 16], [u8; 16]) = nibbles();

    /// What is added to a digit for its value, by its high nibble; `-`, `/` and `_` need something else.
    const ROLL: [u8; 16] = {
        let mut table = [0u8; 16];
        table[2] = 62u8.wrapping_sub(b'+');
        table[3] = 52u8.wrapping_sub(b'0');
        table[4] = 0u8.wrapping_sub(b'A');
        table[5] = table[4];
        table[6] = 26u8.wrapping_sub(b'a');
        table[7] = table[6];
        table
    };

    /// For those three: the digit, and what is added beyond that.
    const OTHERS: [(u8, u8); 3] = [
        (b'-', b'+'.wrapping_sub(b'-')),
        (b'/', (b'+' + 1).wrapping_sub(b'/')),
        (b'_', 63u8.wrapping_add(b'A').wrapping_sub(b'_')),
    ];

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn vector(bytes: &[u8; 16]) -> __m128i {
        let word = u128::from_le_bytes(*bytes);
        _mm_set_epi64x((word >> 64) as i64, word as i64)
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    fn high_nibbles(v: __m128i) -> __m128i {
        _mm_and_si128(_mm_srli_epi16(v, 4), _mm_set1_epi8(0x0F))
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    pub(super) fn places(bytes: &[u8; 64]) -> u64 {
        let (low, high) = (vector(&NIBBLES.0), vector(&NIBBLES.1));
        let quarters = bytes.as_chunks::<16>().0.iter().enumerate();
        quarters.fold(0, |mask, (i, quarter)| {
            let v = vector(quarter);
            let low = _mm_shuffle_epi8(low, _mm_and_si128(v, _mm_set1_epi8(0x0F)));
            let class = _mm_and_si128(low, _mm_shuffle_epi8(high, high_nibbles(v)));
            let none = _mm_movemask_epi8(_mm_cmpeq_epi8(class, _mm_setzero_si128())) as u32;
            mask | u64::from(!none & 0xFFFF) << (16 * i)
        })
    }

    /// What sixteen digits stand for: twelve bytes, and four more.
    #[inline]
    #[target_feature(enable = "ssse3")]
    fn sixteen(digits: &[u8; 16]) -> [u8; 16] {
        let v = vector(digits);
        let mut values = _mm_add_epi8(v, _mm_shuffle_epi8(vector(&ROLL), high_nibbles(v)));
        for (digit, more) in OTHERS {
            let here = _mm_cmpeq_epi8(v, _mm_set1_epi8(digit as i8));
            values = _mm_add_epi8(values, _mm_and_si128(here, _mm_set1_epi8(more as i8)));
        }
        // Two and two, then four: the first digit of each is the highest.
        let pairs = _mm_maddubs_epi16(values, _mm_set1_epi16(0x0140));
        let fours = _mm_madd_epi16(pairs, _mm_set1_epi32(0x0001_1000));
        const ORDER: [u8; 16] = [2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 0x80, 0x80, 0x80, 0x80];
        let bytes = _mm_shuffle_epi8(fours, vector(&ORDER));
        let low = _mm_cvtsi128_si64(bytes) as u64;
        let high = _mm_cvtsi128_si64(_mm_srli_si128(bytes, 8)) as u64;
        (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
    }

    #[target_feature(enable = "ssse3")]
    pub(super) fn head(digits: &[u8; 32]) -> [u8; 24] {
        let mut out = [0; 24];
        let (first, second) = (digits.first_chunk(), digits.last_chunk());
        if let (Some(first), Some(second)) = (first, second) {
            let [bytes @ .., _, _, _, _] = sixteen(first);
            out[..12].copy_from_slice(&bytes);
            let [bytes @ .., _, _, _, _] = sixteen(second);
            out[12..].copy_from_slice(&bytes);
        }
        out
    }

    /// Appends what the digits stand for, sixteen at a time; gives back the others.
    #[target_feature(enable = "ssse3")]
    pub(super) fn decode<'d>(digits: &'d [u8], out: &mut Vec<u8>) -> &'d [u8] {
        let (whole, rest) = digits.as_chunks::<16>();
        let old = out.len();
        out.resize(old + whole.len() * 12, 0);
        for (digits, place) in whole.iter().zip(out[old..].as_chunks_mut::<12>().0) {
            let [bytes @ .., _, _, _, _] = sixteen(digits);
            *place = bytes;
        }
        rest
    }

    /// Whether this processor looks up the bytes of a whole vector at once.
    #[inline]
    pub(super) fn has_wide() -> bool {
        std::arch::is_x86_feature_detected!("avx512bw") && std::arch::is_x86_feature_detected!("avx512vbmi")
    }

    #[inline]
    #[target_feature(enable = "avx512f", enable = "avx512bw")]
    pub(super) fn places_wide(bytes: &[u8; 64]) -> u64 {
        let v = load(bytes);
        let table = |nibbles: &[u8; 16]| _mm512_broadcast_i32x4(vector(nibbles));
        let nibble = _mm512_set1_epi8(0x0F);
        let low = _mm512_shuffle_epi8(table(&NIBBLES.0), _mm512_and_si512(v, nibble));
        let high = _mm512_shuffle_epi8(table(&NIBBLES.1), _mm512_and_si512(_mm512_srli_epi16(v, 4), nibble));
        _mm512_test_epi8_mask(low, high)
    }

    #[target_feature(enable = "avx512f", enable = "avx512bw")]
    pub(super) fn prefix_wide(text: &[u8]) -> usize {
        super::prefix_by(text, |block| places_wide(block))
    }

    /// The values of ASCII digits, and where the bytes of each group of sixteen stand when those of its fours are put
    /// together.
    static VALUES: [[u8; 64]; 2] = {
        let mut values = [[0; 64]; 2];
        let mut i = 0;
        while i < 128 {
            values[i / 64][i % 64] = super::SEXTET[i];
            i += 1;
        }
        values
    };
    static ORDER: [u8; 64] = {
        let mut order = [0; 64];
        let mut i = 0;
        while i < 48 {
            order[i] = (i / 3 * 4 + 2 - i % 3) as u8;
            i += 1;
        }
        order
    };

    /// Appends what whole groups of four digits stand for, sixty-four digits at a time; gives back the others.
    #[target_feature(enable = "avx512f", enable = "avx512bw", enable = "avx512vbmi")]
    #[expect(unsafe_code, reason = "loads and stores of whole vectors")]
    pub(super) fn decode_wide<'d>(digits: &'d [u8], out: &mut Vec<u8>) -> &'d [u8] {
        let (whole, rest) = digits.as_chunks::<64>();
        let (last, others) = rest.split_at(rest.len() / 4 * 4);
        let mut len = out.len();
        // A vector is stored of which three quarters count.
        out.resize(len + whole.len() * 48 + 64, 0);
        let (first, second, order) = (load(&VALUES[0]), load(&VALUES[1]), load(&ORDER));
        let mut decode = |digits: __m512i, n: usize| {
            let values = _mm512_permutex2var_epi8(first, digits, second);
            // Two and two, then four: the first digit of each is the highest.
            let pairs = _mm512_maddubs_epi16(values, _mm512_set1_epi16(0x0140));
            let fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x0001_1000));
            let bytes = _mm512_permutexvar_epi8(order, fours);
            let room = &mut out[len..len + 64];
            // SAFETY: `room` is sixty-four bytes long.
            unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), bytes) };
            len += n / 4 * 3;
        };
        for digits in whole {
            decode(load(digits), 64);
        }
        if !last.is_empty() {
            // SAFETY: as many bytes are there as the mask has bits.
            let digits = unsafe { _mm512_maskz_loadu_epi8((1 << last.len()) - 1, last.as_ptr().cast()) };
            decode(digits, last.len());
        }
        out.truncate(len);
        others
    }

    #[cfg(test)]
    mod tests {
        use super::super::is_digit;
        use super::*;

        #[test]
        fn tables_of_nibbles_know_every_digit() {
            for byte in 0..=255u8 {
                let known = NIBBLES.1[usize::from(byte >> 4)] & NIBBLES.0[usize::from(byte & 15)] != 0;
                assert_eq!(known, is_digit(byte), "{byte}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

    use super::*;

    fn noise(n: usize) -> Vec<u8> {
        (0..n as u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect()
    }

    #[test]
    fn both_alphabets_are_decoded_in_every_way() {
        for n in (0..400).map(|n| n * 3) {
            let bytes = noise(n);
            for digits in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
                let [mut fast, mut slow] = [vec![7], vec![7]];
                decode(digits.as_bytes(), &mut fast);
                decode_portable(digits.as_bytes(), &mut slow);
                assert_eq!(fast[1..], bytes);
                assert_eq!(slow[1..], bytes);
                if let Some(digits) = digits.as_bytes().first_chunk::<32>() {
                    assert_eq!(head(digits), bytes[..24]);
                    assert_eq!(head_portable(digits), bytes[..24]);
                }
            }
        }
    }

    #[test]
    fn digits_of_an_unfinished_group_are_left_out() {
        let digits = STANDARD_NO_PAD.encode(noise(60));
        for n in 0..digits.len() {
            let mut out = Vec::new();
            decode(&digits.as_bytes()[..n], &mut out);
            assert_eq!(out, noise(60)[..n / 4 * 3]);
        }
    }

    #[test]
    fn digits_at_both_ends_are_counted() {
        for n in [0, 1, 15, 63, 64, 65, 127, 128, 200] {
            let digits = vec![b'_'; n];
            for (before, after) in [
                ("", ""),
                ("", "."),
                (".", ""),
                ("a\u{e4}", "\u{e4}b"),
                (".".repeat(70).as_str(), "="),
            ] {
                let text = [before.as_bytes(), &digits, after.as_bytes()].concat();
                let rest = &text[before.len()..];
                assert_eq!(prefix(rest), n, "{before:?} {n} {after:?}");
                assert_eq!(prefix_by(rest, places_portable), n);
                assert_eq!(suffix(&text[..before.len() + n]), n);
            }
        }
    }

    #[test]
    fn places_of_digits() {
        for first in 0..4u8 {
            let bytes: [u8; 64] = std::array::from_fn(|i| i as u8 + 64 * first);
            let slow = (0..64).fold(0, |mask, i| mask | u64::from(is_digit(bytes[i])) << i);
            assert_eq!(places(&bytes), slow);
            assert_eq!(places_portable(&bytes), slow);
        }
    }
}
