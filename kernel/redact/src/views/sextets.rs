//! Base64 digits of both alphabets, many at a time: where they stand, and what they stand for.
//!
//! ```text
//!  digits   T W F u   eight bits each, six of them a value ─► twelve ─► twenty-four: three bytes
//! ```
//!
//! Invariant: with vectors and without, the same digits give the same bytes.

use super::inflate;
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

/// The same of each sixty-four bytes of a text; and which are hexadecimal digits.
pub(super) fn all_places(text: &[u8], places: &mut Vec<u64>, hex: &mut Vec<u64>) {
    #[cfg(target_arch = "x86_64")]
    if x86::has_wide() {
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        // SAFETY: the features were detected.
        unsafe {
            x86::all_places_wide(text, places, hex);
        }
        return;
    }
    let is_hex = |bytes: &[u8; 64]| {
        let bits = bytes.iter().map(|byte| u64::from(byte.is_ascii_hexdigit()));
        bits.enumerate().fold(0, |mask, (i, bit)| mask | bit << i)
    };
    all_by(text, |block| (self::places(block), is_hex(block)), places, hex);
}

#[inline(always)]
fn all_by(text: &[u8], of: impl Fn(&[u8; 64]) -> (u64, u64), places: &mut Vec<u64>, hex: &mut Vec<u64>) {
    places.clear();
    hex.clear();
    let (whole, rest) = text.as_chunks::<64>();
    let last = (!rest.is_empty()).then(|| sixty_four(rest));
    for block in whole.iter().chain(&last) {
        let (here, digits) = of(block);
        places.push(here);
        hex.push(digits);
    }
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
    if digits.len() >= 16 && std::arch::is_x86_feature_detected!("ssse3") {
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        // SAFETY: the feature was detected.
        let rest = unsafe { x86::decode(digits, out) };
        decode_portable(rest, out);
        return;
    }
    decode_portable(digits, out);
}

/// What up to thirty-two digits stand for, and how many bytes that is.
pub(super) fn first(digits: &[u8]) -> ([u8; Head::BYTES], usize) {
    let mut bytes = [0; Head::BYTES];
    let groups = digits.as_chunks().0;
    for (digits, place) in groups.iter().zip(bytes.as_chunks_mut().0) {
        *place = three(digits);
    }
    (bytes, 3 * groups.len())
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

/// What thirty-two digits look like, and the twenty-four bytes that they stand for. Small enough for a register.
#[cfg_attr(test, derive(Debug, PartialEq, Eq))]
pub(super) struct Head {
    pub(super) first: [u8; 2],
    /// How many of the bytes are [plain](is_plain).
    pub(super) plain: u8,
    pub(super) zeros: u8,
    /// Whether the bytes are no UTF-8, seen by which of them begin a character and which go on with one.
    pub(super) broken: bool,
    /// Whether the first twenty-four digits are hexadecimal ones.
    pub(super) hex: bool,
    /// Whether there are letters of both cases among the first sixteen digits.
    pub(super) mixed: bool,
}

impl Head {
    pub(super) const BYTES: usize = 24;

    /// Whether the bytes are neither text nor compressed, nor the digits those of another encoding.
    #[inline(always)]
    pub(super) fn is_noise(&self) -> bool {
        let plain = if self.broken { 0 } else { self.plain };
        let noise = are_noise(Self::BYTES, plain.into(), self.zeros.into());
        let magic = inflate::may_begin_with(self.first[0], self.first[1]);
        noise & self.mixed & !self.hex & !magic
    }
}

/// Whether decoded bytes, of which some are plain and some are zero, are most likely noise.
#[inline(always)]
pub(super) fn are_noise(bytes: usize, plain: usize, zeros: usize) -> bool {
    plain * 2 < bytes && zeros * 8 < bytes * 3
}

/// A byte that text is made of.
pub(super) fn is_plain(byte: u8) -> bool {
    (byte.wrapping_sub(b' ') < 0x5F) | (byte == b'\t') | (byte == b'\n') | (byte == b'\r') | (byte == 0x1B)
}

/// Whether something goes on with a character that none begins, or one of some bytes begins and nothing goes on. Bits of
/// bytes above ASCII, and of those that begin a character.
#[inline(always)]
fn is_broken(high: u32, begins: u32) -> bool {
    let goes_on = high & !begins;
    // The last one may go on behind the end.
    goes_on & !(high << 1) | begins & !(1 << 23) & !(goes_on >> 1) != 0
}

#[inline]
pub(super) fn head(digits: &[u8; 32]) -> Head {
    #[cfg(target_arch = "x86_64")]
    if x86::has_wide() {
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        // SAFETY: the features were detected.
        return unsafe { x86::head_wide(digits) };
    }
    head_portable(digits)
}

/// Whether thirty-two digits stand for noise: neither for text nor for what has a header, nor are they of another
/// encoding. Of some noise it is not seen.
#[inline(always)]
fn is_noise_by(digits: &[u8; 32]) -> bool {
    let (head, first) = (head_portable(digits), &digits[..16]);
    let beyond_hex = first.iter().any(|digit| (b'g'..=b'z').contains(digit));
    beyond_hex && head.mixed && head.is_noise()
}

/// Calls `see` with each of some places at which digits stand for noise.
pub(super) fn each_noise(text: &[u8], places: impl Iterator<Item = usize>, see: impl FnMut(usize)) {
    #[cfg(target_arch = "x86_64")]
    if x86::has_wide() {
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        // SAFETY: the features were detected.
        unsafe {
            x86::each_noise_wide(text, places, see);
        }
        return;
    }
    each_noise_by(text, places, is_noise_by, see);
}

#[inline(always)]
fn each_noise_by(
    text: &[u8],
    places: impl Iterator<Item = usize>,
    is_noise: impl Fn(&[u8; 32]) -> bool,
    mut see: impl FnMut(usize),
) {
    for place in places {
        if text[place..].first_chunk().is_some_and(&is_noise) {
            see(place);
        }
    }
}

fn head_portable(digits: &[u8; 32]) -> Head {
    let (bytes, _) = first(digits);
    let mask = |is: fn(u8) -> bool| (0..Head::BYTES).fold(0, |mask, i| mask | u32::from(is(bytes[i])) << i);
    Head {
        first: [bytes[0], bytes[1]],
        plain: mask(is_plain).count_ones() as u8,
        zeros: mask(|byte| byte == 0).count_ones() as u8,
        broken: is_broken(mask(|byte| byte >= 0x80), mask(|byte| byte >= 0xC0)),
        hex: digits[..24].iter().all(u8::is_ascii_hexdigit),
        mixed: digits[..16].iter().any(u8::is_ascii_uppercase) && digits[..16].iter().any(u8::is_ascii_lowercase),
    }
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
        _mm512_castsi512_si128, _mm512_cmpeq_epi8_mask, _mm512_cmpgt_epu8_mask, _mm512_cmple_epu8_mask,
        _mm512_madd_epi16, _mm512_maddubs_epi16, _mm512_maskz_loadu_epi8, _mm512_movepi8_mask, _mm512_or_si512,
        _mm512_permutex2var_epi8, _mm512_permutexvar_epi8, _mm512_set1_epi8, _mm512_set1_epi16, _mm512_set1_epi32,
        _mm512_shuffle_epi8, _mm512_srli_epi16, _mm512_storeu_si512, _mm512_sub_epi8, _mm512_test_epi8_mask,
        _mm512_testn_epi8_mask,
    };

    use super::{Head, inflate};
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
    pub(super) fn all_places_wide(text: &[u8], places: &mut Vec<u64>, hex: &mut Vec<u64>) {
        places.reserve(text.len() / 64 + 1);
        hex.reserve(text.len() / 64 + 1);
        super::all_by(text, |block| (places_wide(block), hex_digits(load(block))), places, hex);
    }

    /// Which of some bytes are hexadecimal digits.
    #[inline]
    #[target_feature(enable = "avx512f", enable = "avx512bw")]
    fn hex_digits(v: __m512i) -> u64 {
        within(v, b'0', b'9') | within(_mm512_or_si512(v, splat(0x20)), b'a', b'f')
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn splat(byte: u8) -> __m512i {
        _mm512_set1_epi8(byte as i8)
    }

    /// Which of some bytes lie between two, or are one of these.
    #[inline]
    #[target_feature(enable = "avx512f", enable = "avx512bw")]
    fn within(v: __m512i, first: u8, last: u8) -> u64 {
        _mm512_cmple_epu8_mask(_mm512_sub_epi8(v, splat(first)), splat(last - first))
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

    /// What digits stand for: three bytes for four of them, one after the other.
    #[inline]
    #[target_feature(enable = "avx512f", enable = "avx512bw", enable = "avx512vbmi")]
    fn bytes_of(digits: __m512i) -> __m512i {
        let values = _mm512_permutex2var_epi8(load(&VALUES[0]), digits, load(&VALUES[1]));
        // Two and two, then four: the first digit of each is the highest.
        let pairs = _mm512_maddubs_epi16(values, _mm512_set1_epi16(0x0140));
        let fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x0001_1000));
        _mm512_permutexvar_epi8(load(&ORDER), fours)
    }

    #[target_feature(enable = "avx512f", enable = "avx512bw", enable = "avx512vbmi", enable = "popcnt")]
    pub(super) fn each_noise_wide(text: &[u8], places: impl Iterator<Item = usize>, see: impl FnMut(usize)) {
        super::each_noise_by(text, places, |digits| is_noise_wide(digits), see);
    }

    /// By which bytes go on with characters only: noise nearly always shows there.
    #[inline]
    #[target_feature(enable = "avx512f", enable = "avx512bw", enable = "avx512vbmi", enable = "popcnt")]
    fn is_noise_wide(digits: &[u8; 32]) -> bool {
        let v = thirty_two(digits);
        // Beyond the hexadecimal ones, and capital letters.
        let lower = _mm512_cmpgt_epu8_mask(v, splat(b'f'));
        let upper = _mm512_cmpeq_epi8_mask(_mm512_and_si512(v, splat(0x60)), splat(0x40));
        let decoded = bytes_of(v);
        let first = |mask: u64, n: u32| mask as u32 & ((1 << n) - 1);
        let high = first(_mm512_movepi8_mask(decoded), 24);
        let begins = high & first(_mm512_test_epi8_mask(decoded, splat(0x40)), 24);
        let zeros = first(_mm512_testn_epi8_mask(decoded, decoded), 24).count_ones();
        let [one, two] = first_two(decoded);
        super::is_broken(high, begins)
            & super::are_noise(Head::BYTES, 0, zeros as usize)
            & (first(lower, 16) != 0)
            & (first(upper, 16) != 0)
            & !inflate::may_begin_with(one, two)
    }

    #[inline]
    #[target_feature(enable = "avx512f", enable = "avx512bw")]
    #[expect(unsafe_code, reason = "a load of some bytes of a vector")]
    fn thirty_two(digits: &[u8; 32]) -> __m512i {
        // SAFETY: thirty-two bytes are there.
        unsafe { _mm512_maskz_loadu_epi8(0xFFFF_FFFF, digits.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn first_two(v: __m512i) -> [u8; 2] {
        (_mm_cvtsi128_si64(_mm512_castsi512_si128(v)) as u16).to_le_bytes()
    }

    #[inline]
    #[target_feature(enable = "avx512f", enable = "avx512bw", enable = "avx512vbmi", enable = "popcnt")]
    pub(super) fn head_wide(digits: &[u8; 32]) -> Head {
        let is = |v: __m512i, byte: u8| _mm512_cmpeq_epi8_mask(v, splat(byte));
        let v = thirty_two(digits);
        let hex = hex_digits(v);
        let (upper, lower) = (within(v, b'A', b'Z'), within(v, b'a', b'z'));
        let decoded = bytes_of(v);
        let plain = within(decoded, b' ', b'~')
            | is(decoded, b'\t')
            | is(decoded, b'\n')
            | is(decoded, b'\r')
            | is(decoded, 0x1B);
        let (high, bit) = (
            _mm512_movepi8_mask(decoded),
            _mm512_test_epi8_mask(decoded, splat(0x40)),
        );
        let first = |mask: u64, n: u32| mask & ((1 << n) - 1);
        Head {
            first: first_two(decoded),
            plain: first(plain, 24).count_ones() as u8,
            zeros: first(is(decoded, 0), 24).count_ones() as u8,
            broken: super::is_broken(first(high, 24) as u32, first(high & bit, 24) as u32),
            hex: first(!hex, 24) == 0,
            mixed: first(upper, 16) != 0 && first(lower, 16) != 0,
        }
    }

    /// Appends what whole groups of four digits stand for, sixty-four digits at a time; gives back the others.
    #[target_feature(enable = "avx512f", enable = "avx512bw", enable = "avx512vbmi")]
    #[expect(unsafe_code, reason = "loads and stores of whole vectors")]
    pub(super) fn decode_wide<'d>(digits: &'d [u8], out: &mut Vec<u8>) -> &'d [u8] {
        let (whole, rest) = digits.as_chunks::<64>();
        let (last, others) = rest.split_at(rest.len() / 4 * 4);
        // A vector is stored of which three quarters count.
        out.reserve(whole.len() * 48 + 64);
        let (room, mut len) = (out.spare_capacity_mut(), 0);
        let mut decode = |digits: __m512i, n: usize| {
            let room = &mut room[len..len + 64];
            // SAFETY: `room` is sixty-four bytes long.
            unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), bytes_of(digits)) };
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
        // SAFETY: so many bytes were stored.
        unsafe { out.set_len(out.len() + len) };
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
                    assert_eq!(head(digits), head_portable(digits));
                    assert_eq!(head(digits).first, bytes[..2]);
                }
            }
        }
    }

    #[test]
    fn noise_is_told_with_vectors_only_where_it_is_seen_without() {
        let (mut seen, mut noisy) = (0, 0);
        for n in 0..4000 {
            let mut bytes = noise(24 + n).split_off(n);
            // Some of it is text, or nearly.
            for byte in bytes.iter_mut().take(n % 25) {
                *byte = b' ' + *byte % 95;
            }
            let digits = STANDARD_NO_PAD.encode(&bytes);
            let digits = digits.as_bytes().first_chunk().unwrap();
            let mut found = false;
            each_noise(digits, [0].into_iter(), |_| found = true);
            assert!(!found || head(digits).is_noise(), "{bytes:?}");
            (seen, noisy) = (seen + usize::from(found), noisy + usize::from(head(digits).is_noise()));
        }
        assert!(
            seen * 10 > noisy * 8 && noisy > 1000 && noisy < 3900,
            "{seen} of {noisy}"
        );
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
