//! The squeezed text: letters in lower case, digits and bytes above ASCII; everything else left out.
//!
//! Whatever separates the characters of a secret (spaces, dots, quotes, backslashes, line breaks, table borders), and
//! whatever letter case they have, the squeezed text is the same, so one lookup finds all of these forms. The same pass
//! notes where escapes, markup and control characters stand, for the views that need decoding.

/// A text without its separators.
#[derive(Default)]
pub(crate) struct Squeezed {
    /// The characters kept, followed by [`PADDING`] zero bytes, and whatever was there before.
    canon: Vec<u8>,
    len: usize,
    /// Per 64 bytes of text: which were kept, which are digits, which are quotes, which may start something that has to
    /// be decoded, which end a line.
    pub(crate) blocks: Vec<Block>,
    /// What there is in any of them.
    pub(crate) any: Block,
    /// Whether there is a `|`.
    pub(crate) bars: bool,
}

/// Sixty-four bytes of text, a bit for each.
#[derive(Clone, Copy, Default)]
pub(crate) struct Block {
    pub keep: u64,
    pub digit: u64,
    pub quote: u64,
    pub trigger: u64,
    pub line: u64,
    pub equals: u64,
    /// Characters kept before this block.
    pub before: u32,
}

impl Block {
    /// Adds what there is in another one.
    #[inline(always)]
    fn add(&mut self, other: &Self) {
        self.keep |= other.keep;
        self.digit |= other.digit;
        self.quote |= other.quote;
        self.trigger |= other.trigger;
        self.line |= other.line;
        self.equals |= other.equals;
    }
}

/// Zero bytes after the end, so that grams can be loaded as words.
const PADDING: usize = 64;

impl Squeezed {
    /// Squeezes a text into the memory of another one.
    pub(crate) fn new(text: &[u8], memory: Self) -> Self {
        let Self {
            mut canon, mut blocks, ..
        } = memory;
        canon.resize(canon.len().max(text.len().next_multiple_of(64) + 64 + PADDING), 0);
        blocks.clear();
        blocks.reserve(text.len() / 64 + 1);
        let mut out = Self {
            canon,
            blocks,
            ..Self::default()
        };
        let (blocks, rest) = text.as_chunks::<64>();
        out.fill(blocks);
        if !rest.is_empty() {
            let mut last = [b' '; 64];
            last[..rest.len()].copy_from_slice(rest);
            out.fill(&[last]);
        }
        out
    }

    fn fill(&mut self, blocks: &[[u8; 64]]) {
        #[cfg(target_arch = "x86_64")]
        if x86::has_compress() {
            #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
            // SAFETY: the features were detected.
            unsafe {
                x86::fill_wide(self, blocks);
            }
            return;
        }
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("ssse3") && std::arch::is_x86_feature_detected!("popcnt") {
            #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
            // SAFETY: both features were detected.
            unsafe {
                x86::fill(self, blocks);
            }
            return;
        }
        self.fill_portable(blocks);
    }

    fn fill_portable(&mut self, blocks: &[[u8; 64]]) {
        for bytes in blocks {
            let mut block = Block {
                before: self.len as u32,
                ..Block::default()
            };
            for (i, &byte) in bytes.iter().enumerate() {
                let class = CLASS[byte as usize];
                block.keep |= u64::from(class & KEEP) << i;
                block.digit |= u64::from((class & DIGIT) / DIGIT) << i;
                block.quote |= u64::from((class & QUOTE) / QUOTE) << i;
                block.trigger |= u64::from((class & TRIGGER) / TRIGGER) << i;
                block.line |= u64::from(byte == b'\n') << i;
                self.bars |= byte == b'|';
                block.equals |= u64::from(byte == b'=') << i;
                self.canon[self.len] = byte.to_ascii_lowercase();
                self.len += usize::from(class & KEEP);
            }
            self.any.add(&block);
            self.blocks.push(block);
        }
        self.canon[self.len..self.len + PADDING].fill(0);
    }

    /// The characters kept.
    #[inline]
    pub(crate) fn canon(&self) -> &[u8] {
        &self.canon[..self.len]
    }

    /// The characters kept and at least eight zero bytes.
    #[inline]
    pub(crate) fn padded(&self) -> &[u8] {
        &self.canon[..self.len + PADDING]
    }

    /// Where the `i`th kept character stands in the text.
    pub(crate) fn position(&self, i: usize) -> usize {
        let block = self
            .blocks
            .partition_point(|block| block.before as usize <= i)
            .saturating_sub(1);
        let Some(found) = self.blocks.get(block) else { return 0 };
        let mut keep = found.keep;
        for _ in 0..i - found.before as usize {
            keep &= keep.wrapping_sub(1);
        }
        block * 64 + keep.trailing_zeros() as usize
    }
}

const KEEP: u8 = 1;
const DIGIT: u8 = 2;
const QUOTE: u8 = 4;
const TRIGGER: u8 = 8;

/// Whether a byte is part of the squeezed text.
#[inline]
pub(crate) const fn is_kept(byte: u8) -> bool {
    byte >= 0x80 || byte.is_ascii_alphanumeric()
}

/// What starts an escape, a tag, an entity, a terminal code or an invisible character. In UTF-8 the last ones start with
/// 0xC2, 0xCC, 0xCD, 0xE2 or 0xEF.
const fn is_trigger(byte: u8) -> bool {
    match byte {
        b'\\' | b'%' | b'&' | b'<' | 0x7F | 0xC2 | 0xCC | 0xCD | 0xE2 | 0xEF => true,
        b'\t' | b'\n' => false,
        _ => byte < 0x20,
    }
}

const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let byte = i as u8;
        if is_kept(byte) {
            table[i] |= KEEP;
        }
        if byte.is_ascii_digit() {
            table[i] |= DIGIT;
        }
        if matches!(byte, b'\'' | b'"') {
            table[i] |= QUOTE;
        }
        if is_trigger(byte) {
            table[i] |= TRIGGER;
        }
        i += 1;
    }
    table
};

/// Where a byte stands among sixty-four.
#[inline]
pub(crate) fn places(bytes: &[u8; 64], byte: u8) -> u64 {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "vector instructions that every processor of this kind has")]
    // SAFETY: x86-64 includes SSE2.
    unsafe {
        x86::places(bytes, byte)
    }
    #[cfg(not(target_arch = "x86_64"))]
    bytes
        .iter()
        .enumerate()
        .fold(0, |mask, (i, b)| mask | u64::from(*b == byte) << i)
}

/// Which of sixty-four bytes are the same in both.
#[inline]
pub(crate) fn same(a: &[u8; 64], b: &[u8; 64]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "vector instructions that every processor of this kind has")]
    // SAFETY: x86-64 includes SSE2.
    unsafe {
        x86::same(a, b)
    }
    #[cfg(not(target_arch = "x86_64"))]
    a.iter()
        .zip(b)
        .enumerate()
        .fold(0, |mask, (i, (a, b))| mask | u64::from(a == b) << i)
}

/// Which of sixty-four bytes are above ASCII.
#[inline]
pub(crate) fn high(bytes: &[u8; 64]) -> u64 {
    bytes.as_chunks::<8>().0.iter().enumerate().fold(0, |mask, (i, eight)| {
        // The highest bit of every byte, gathered by a multiplication.
        let bits = (u64::from_le_bytes(*eight) >> 7) & 0x0101_0101_0101_0101;
        mask | (bits.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i)
    })
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, __m512i, _mm_and_si128, _mm_cmpeq_epi8, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_min_epu8,
        _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8, _mm_setzero_si128, _mm_shuffle_epi8,
        _mm_srli_epi16, _mm_srli_si128, _mm_sub_epi8, _mm512_and_si512, _mm512_broadcast_i32x4, _mm512_cmpeq_epi8_mask,
        _mm512_cmple_epu8_mask, _mm512_loadu_si512, _mm512_mask_add_epi8, _mm512_maskz_compress_epi8,
        _mm512_movepi8_mask, _mm512_or_si512, _mm512_set1_epi8, _mm512_shuffle_epi8, _mm512_srli_epi16,
        _mm512_storeu_si512, _mm512_sub_epi8, _mm512_test_epi8_mask,
    };

    use super::{Block, PADDING, Squeezed, is_trigger};

    /// For each set of kept bytes out of eight: where they stand, first to last.
    static PACK: [u64; 256] = {
        let mut table = [0u64; 256];
        let mut mask = 0;
        while mask < 256 {
            let mut at = 0;
            let mut i = 0;
            while i < 8 {
                if mask >> i & 1 == 1 {
                    table[mask] |= (i as u64) << (8 * at);
                    at += 1;
                }
                i += 1;
            }
            while at < 8 {
                table[mask] |= 0x80 << (8 * at);
                at += 1;
            }
            mask += 1;
        }
        table
    };

    /// Triggers by nibbles: bit `HIGH[h]` is set in `LOW[l]` when byte `h:l` is one.
    const fn nibbles() -> ([u8; 16], [u8; 16]) {
        // High nibbles that hold triggers, a bit each; 0xC and 0xD.. share none.
        let highs: [usize; 8] = [0x0, 0x1, 0x2, 0x3, 0x5, 0x7, 0xC, 0xE];
        let mut low = [0u8; 16];
        let mut high = [0u8; 16];
        let mut bit = 0;
        while bit < 8 {
            high[highs[bit]] = 1 << bit;
            let mut l = 0;
            while l < 16 {
                if is_trigger((highs[bit] * 16 + l) as u8) {
                    low[l] |= 1 << bit;
                }
                l += 1;
            }
            bit += 1;
        }
        (low, high)
    }
    const NIBBLES: ([u8; 16], [u8; 16]) = nibbles();

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn places(bytes: &[u8; 64], byte: u8) -> u64 {
        same(bytes, &[byte; 64])
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn same(a: &[u8; 64], b: &[u8; 64]) -> u64 {
        let vector = |bytes: &[u8; 16]| {
            let word = u128::from_le_bytes(*bytes);
            _mm_set_epi64x((word >> 64) as i64, word as i64)
        };
        let quarters = a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0);
        quarters.enumerate().fold(0, |mask, (i, (a, b))| {
            mask | u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(vector(a), vector(b))) as u32) << (16 * i)
        })
    }

    #[target_feature(enable = "ssse3")]
    fn vector(bytes: &[u8; 16]) -> __m128i {
        let word = u128::from_le_bytes(*bytes);
        _mm_set_epi64x((word >> 64) as i64, word as i64)
    }

    #[target_feature(enable = "ssse3")]
    fn at_most(v: __m128i, low: u8, span: u8) -> __m128i {
        let shifted = _mm_sub_epi8(v, _mm_set1_epi8(low as i8));
        _mm_cmpeq_epi8(_mm_min_epu8(shifted, _mm_set1_epi8(span as i8)), shifted)
    }

    /// Whether this processor packs the bytes of a whole vector at once.
    #[inline]
    pub(super) fn has_compress() -> bool {
        std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512vbmi2")
            && std::arch::is_x86_feature_detected!("popcnt")
    }

    #[target_feature(enable = "avx512f", enable = "avx512bw", enable = "avx512vbmi2", enable = "popcnt")]
    #[expect(unsafe_code, reason = "loads and stores of whole vectors")]
    pub(super) fn fill_wide(out: &mut Squeezed, blocks: &[[u8; 64]]) {
        let splat = |byte: u8| _mm512_set1_epi8(byte as i8);
        let at_most =
            |v: __m512i, low: u8, span: u8| _mm512_cmple_epu8_mask(_mm512_sub_epi8(v, splat(low)), splat(span));
        let (low_table, high_table) = (
            _mm512_broadcast_i32x4(vector(&NIBBLES.0)),
            _mm512_broadcast_i32x4(vector(&NIBBLES.1)),
        );
        let (case, low_nibble) = (splat(0x20), splat(0x0F));
        let mut len = out.len;
        let (mut any, mut bars) = (out.any, 0);
        out.blocks.reserve(blocks.len());
        for bytes in blocks {
            // SAFETY: sixty-four bytes are there.
            let v = unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
            let alpha = at_most(_mm512_or_si512(v, case), b'a', 25);
            let digit = at_most(v, b'0', 9);
            let keep = alpha | digit | _mm512_movepi8_mask(v);
            let low = _mm512_shuffle_epi8(low_table, _mm512_and_si512(v, low_nibble));
            let high = _mm512_shuffle_epi8(high_table, _mm512_and_si512(_mm512_srli_epi16(v, 4), low_nibble));
            let block = Block {
                keep,
                digit,
                quote: _mm512_cmpeq_epi8_mask(v, splat(b'\'')) | _mm512_cmpeq_epi8_mask(v, splat(b'"')),
                trigger: _mm512_test_epi8_mask(low, high),
                line: _mm512_cmpeq_epi8_mask(v, splat(b'\n')),
                equals: _mm512_cmpeq_epi8_mask(v, splat(b'=')),
                before: len as u32,
            };
            any.add(&block);
            out.blocks.push(block);
            bars |= _mm512_cmpeq_epi8_mask(v, splat(b'|'));
            let packed = _mm512_maskz_compress_epi8(
                keep,
                _mm512_mask_add_epi8(v, alpha & !_mm512_test_epi8_mask(v, case), v, case),
            );
            let room = &mut out.canon[len..len + 64];
            // SAFETY: `room` is sixty-four bytes long.
            unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), packed) };
            len += keep.count_ones() as usize;
        }
        (out.len, out.any) = (len, any);
        out.bars |= bars != 0;
        out.canon[len..len + PADDING].fill(0);
    }

    #[target_feature(enable = "ssse3", enable = "popcnt")]
    pub(super) fn fill(out: &mut Squeezed, blocks: &[[u8; 64]]) {
        let low_nibble = _mm_set1_epi8(0x0F);
        let (low_table, high_table) = (vector(&NIBBLES.0), vector(&NIBBLES.1));
        let case = _mm_set1_epi8(0x20);
        let (mut len, mut any) = (out.len, out.any);
        let mut bars = _mm_setzero_si128();
        for bytes in blocks {
            let mut block = Block {
                before: len as u32,
                ..Block::default()
            };
            let (quarters, _) = bytes.as_chunks::<16>();
            for (i, quarter) in quarters.iter().enumerate() {
                let v = vector(quarter);
                let folded = _mm_or_si128(v, case);
                let alpha = at_most(folded, b'a', 25);
                let digit = at_most(v, b'0', 9);
                let quote = _mm_or_si128(
                    _mm_cmpeq_epi8(v, _mm_set1_epi8(b'\'' as i8)),
                    _mm_cmpeq_epi8(v, _mm_set1_epi8(b'"' as i8)),
                );
                // The sign bit of each byte is its mask bit: bytes above ASCII have it set already.
                let keep = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(alpha, digit), v)) as u32;
                let class = _mm_and_si128(
                    _mm_shuffle_epi8(low_table, _mm_and_si128(v, low_nibble)),
                    _mm_shuffle_epi8(high_table, _mm_and_si128(_mm_srli_epi16(v, 4), low_nibble)),
                );
                let plain = _mm_movemask_epi8(_mm_cmpeq_epi8(class, _mm_setzero_si128())) as u32;
                block.keep |= u64::from(keep) << (16 * i);
                let places = |byte: u8| _mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(byte as i8))) as u32;
                block.line |= u64::from(places(b'\n')) << (16 * i);
                bars = _mm_or_si128(bars, _mm_cmpeq_epi8(v, _mm_set1_epi8(b'|' as i8)));
                block.equals |= u64::from(places(b'=')) << (16 * i);
                block.digit |= (_mm_movemask_epi8(digit) as u32 as u64) << (16 * i);
                block.quote |= (_mm_movemask_epi8(quote) as u32 as u64) << (16 * i);
                block.trigger |= u64::from(!plain & 0xFFFF) << (16 * i);

                let lower = _mm_or_si128(v, _mm_and_si128(alpha, case));
                let upper_half = _mm_srli_si128(lower, 8);
                for (half, mask) in [(lower, keep & 0xFF), (upper_half, keep >> 8)] {
                    let pack = _mm_cvtsi64_si128(PACK[mask as usize] as i64);
                    let packed = _mm_cvtsi128_si64(_mm_shuffle_epi8(half, pack)) as u64;
                    out.canon[len..len + 8].copy_from_slice(&packed.to_le_bytes());
                    len += mask.count_ones() as usize;
                }
            }
            any.add(&block);
            out.blocks.push(block);
        }
        (out.len, out.any) = (len, any);
        out.bars |= _mm_movemask_epi8(bars) != 0;
        out.canon[len..len + PADDING].fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Room for a text, with something in it.
    fn empty(text: &[u8]) -> Squeezed {
        Squeezed {
            canon: vec![b'x'; text.len().next_multiple_of(64) + 64 + PADDING],
            ..Squeezed::default()
        }
    }

    fn portable(text: &[u8]) -> Squeezed {
        let mut out = empty(text);
        let (blocks, rest) = text.as_chunks::<64>();
        out.fill_portable(blocks);
        let mut last = [b' '; 64];
        last[..rest.len()].copy_from_slice(rest);
        if !rest.is_empty() {
            out.fill_portable(&[last]);
        }
        out
    }

    /// With every kind of vector that this processor has.
    fn every_way(text: &[u8]) -> Vec<Squeezed> {
        let mut all = vec![
            Squeezed::new(text, Squeezed::default()),
            Squeezed::new(text, empty(text)),
        ];
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("ssse3") {
            let mut out = empty(text);
            let (blocks, rest) = text.as_chunks::<64>();
            let mut last = [b' '; 64];
            last[..rest.len()].copy_from_slice(rest);
            let blocks = [
                blocks,
                if rest.is_empty() {
                    &[]
                } else {
                    std::slice::from_ref(&last)
                },
            ]
            .concat();
            #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
            // SAFETY: the feature was detected.
            unsafe {
                x86::fill(&mut out, &blocks);
            }
            all.push(out);
        }
        all
    }

    #[test]
    fn masks_of_bytes() {
        let bytes: [u8; 64] = std::array::from_fn(|i| (i * 37 % 251) as u8);
        for byte in 0..=255 {
            let slow = (0..64).fold(0, |mask, i| mask | u64::from(bytes[i] == byte) << i);
            assert_eq!(places(&bytes, byte), slow);
        }
        let turned: [u8; 64] = std::array::from_fn(|i| if i % 3 == 0 { bytes[i] } else { !bytes[i] });
        assert_eq!(
            same(&bytes, &turned),
            (0..64).filter(|i| i % 3 == 0).fold(0, |mask, i| mask | 1 << i)
        );
        let slow = (0..64).fold(0, |mask, i| mask | u64::from(bytes[i] >= 0x80) << i);
        assert_eq!(high(&bytes), slow);
    }

    #[test]
    fn both_ways_of_squeezing_agree_on_every_byte() {
        let text: Vec<u8> = (0..4096u32).map(|i| (i.wrapping_mul(2654435761) >> 13) as u8).collect();
        for end in [0, 1, 63, 64, 65, 255, 4000, 4096] {
            let slow = portable(&text[..end]);
            for fast in every_way(&text[..end]) {
                assert_eq!(fast.canon(), slow.canon());
                assert_eq!(fast.padded(), [slow.canon(), &[0; PADDING]].concat());
                assert_eq!(fast.bars, slow.bars);
                let all = |block: &Block| (block.digit, block.quote, block.trigger, block.line, block.equals);
                assert_eq!(all(&fast.any), all(&slow.any));
                for of in [
                    |b: &Block| b.digit,
                    |b: &Block| b.trigger,
                    |b: &Block| b.quote,
                    |b: &Block| b.equals,
                ] {
                    assert_eq!(of(&fast.any), fast.blocks.iter().fold(0, |any, block| any | of(block)));
                }
                for (a, b) in fast.blocks.iter().zip(&slow.blocks) {
                    assert_eq!(
                        (a.keep, a.digit, a.quote, a.trigger, a.line, a.equals, a.before),
                        (b.keep, b.digit, b.quote, b.trigger, b.line, b.equals, b.before)
                    );
                }
                let kept: Vec<u8> = text[..end]
                    .iter()
                    .filter(|b| is_kept(**b))
                    .map(u8::to_ascii_lowercase)
                    .collect();
                assert_eq!(fast.canon(), kept);
                assert!((0..kept.len()).all(|i| text[fast.position(i)].to_ascii_lowercase() == kept[i]));
            }
        }
    }
}
