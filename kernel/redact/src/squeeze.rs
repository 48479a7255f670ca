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
    /// How many characters are kept before each sixty-four bytes of text.
    before: Vec<u32>,
    /// Which bytes were kept.
    pub(crate) keep: Mask,
    pub(crate) digit: Mask,
    /// Kept bytes that are neither digits nor have the bit of small letters.
    pub(crate) capital: Mask,
    /// Single and double ones.
    pub(crate) quote: Mask,
    /// What may start something that has to be decoded.
    pub(crate) trigger: Mask,
    /// Ends of lines.
    pub(crate) line: Mask,
    pub(crate) equals: Mask,
    /// Whether there is a `|`.
    pub(crate) bars: bool,
}

/// A bit for each byte of a text, sixty-four to a word. Each kind has its words in a row, so that whoever looks for some
/// of them reads no others.
#[derive(Default)]
pub(crate) struct Mask {
    /// As many as it takes for the text, and [`WORDS_AFTER`] zeros.
    words: Vec<u64>,
    any: u64,
}

/// Words without a bit after the last one of a mask.
const WORDS_AFTER: usize = 2;

impl Mask {
    fn resize(&mut self, words: usize) {
        self.words.resize(words + WORDS_AFTER, 0);
        self.words[words..].fill(0);
        self.any = 0;
    }

    /// Whether there is a bit at all.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.any != 0
    }

    /// The words of the text.
    #[inline]
    pub(crate) fn words(&self) -> &[u64] {
        &self.words[..self.words.len().saturating_sub(WORDS_AFTER)]
    }

    /// So many words from the one before `first` on; zeros where there is none.
    #[inline]
    pub(crate) fn some<const N: usize>(&self, first: usize) -> [u64; N] {
        some(&self.words, first)
    }

    /// A word, or zero where there is none.
    #[inline]
    pub(crate) fn at(&self, i: usize) -> u64 {
        self.words.get(i).copied().unwrap_or(0)
    }

    /// A word and the one after it.
    #[inline]
    pub(crate) fn two(&self, i: usize) -> u128 {
        u128::from(self.at(i + 1)) << 64 | u128::from(self.at(i))
    }

    /// The words, each with the one after it.
    #[inline]
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (usize, u64, u64)> {
        let after = self.words.get(1..).unwrap_or_default();
        self.words()
            .iter()
            .zip(after)
            .enumerate()
            .map(|(i, (here, next))| (i, *here, *next))
    }

    /// The words from one on, with zeros where there are none.
    #[inline]
    pub(crate) fn words_from<const N: usize>(&self, first: usize) -> [u64; N] {
        let words = self.words.get(first..).unwrap_or_default();
        words.first_chunk().copied().unwrap_or_else(|| {
            let mut all = [0; N];
            all[..words.len()].copy_from_slice(words);
            all
        })
    }
}

/// So many of some words from the one before `first` on; zeros where there is none.
#[inline]
pub(crate) fn some<const N: usize>(words: &[u64], first: usize) -> [u64; N] {
    let mut some = [0; N];
    let skip = usize::from(first == 0);
    let words = words.get(first + skip - 1..).unwrap_or_default();
    let n = words.len().min(N - skip);
    some[skip..skip + n].copy_from_slice(&words[..n]);
    some
}

/// Where the masks of some blocks of sixty-four bytes are written.
struct Rows<'s> {
    before: &'s mut [u32],
    keep: &'s mut [u64],
    digit: &'s mut [u64],
    capital: &'s mut [u64],
    quote: &'s mut [u64],
    trigger: &'s mut [u64],
    line: &'s mut [u64],
    equals: &'s mut [u64],
    canon: &'s mut [u8],
    len: usize,
    bars: bool,
}

/// Zero bytes after the end, so that grams can be loaded as words.
const PADDING: usize = 64;

impl Squeezed {
    /// Squeezes a text into the memory of another one.
    pub(crate) fn new(text: &[u8], memory: Self) -> Self {
        let mut out = Self {
            len: 0,
            bars: false,
            ..memory
        };
        out.resize(text.len());
        let (blocks, rest) = text.as_chunks::<64>();
        out.fill(blocks, 0);
        if !rest.is_empty() {
            let mut last = [b' '; 64];
            last[..rest.len()].copy_from_slice(rest);
            out.fill(&[last], blocks.len());
        }
        out.finish();
        out
    }

    fn masks(&mut self) -> [&mut Mask; 7] {
        [
            &mut self.keep,
            &mut self.digit,
            &mut self.capital,
            &mut self.quote,
            &mut self.trigger,
            &mut self.line,
            &mut self.equals,
        ]
    }

    fn resize(&mut self, bytes: usize) {
        let words = bytes.div_ceil(64);
        self.canon.resize(self.canon.len().max(64 * words + 64 + PADDING), 0);
        self.before.resize(words, 0);
        self.masks().into_iter().for_each(|mask| mask.resize(words));
    }

    fn finish(&mut self) {
        for mask in self.masks() {
            mask.any = mask.words.iter().fold(0, |any, word| any | word);
        }
        self.canon[self.len..self.len + PADDING].fill(0);
    }

    fn rows(&mut self, blocks: std::ops::Range<usize>) -> Rows<'_> {
        Rows {
            before: &mut self.before[blocks.clone()],
            keep: &mut self.keep.words[blocks.clone()],
            digit: &mut self.digit.words[blocks.clone()],
            capital: &mut self.capital.words[blocks.clone()],
            quote: &mut self.quote.words[blocks.clone()],
            trigger: &mut self.trigger.words[blocks.clone()],
            line: &mut self.line.words[blocks.clone()],
            equals: &mut self.equals.words[blocks],
            canon: &mut self.canon,
            len: self.len,
            bars: self.bars,
        }
    }

    /// Squeezes the blocks of a text from the `first` one on.
    fn fill(&mut self, blocks: &[[u8; 64]], first: usize) {
        let mut rows = self.rows(first..first + blocks.len());
        rows.fill(blocks);
        (self.len, self.bars) = (rows.len, rows.bars);
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

    /// How many characters are kept before a block.
    #[inline]
    pub(crate) fn before(&self, block: usize) -> usize {
        self.before.get(block).map_or(self.len, |before| *before as usize)
    }

    /// Where the `i`th kept character stands in the text.
    pub(crate) fn position(&self, i: usize) -> usize {
        let block = self
            .before
            .partition_point(|before| *before as usize <= i)
            .saturating_sub(1);
        let Some(before) = self.before.get(block) else { return 0 };
        let mut keep = self.keep.at(block);
        for _ in 0..i - *before as usize {
            keep &= keep.wrapping_sub(1);
        }
        block * 64 + keep.trailing_zeros() as usize
    }
}

impl Rows<'_> {
    fn fill(&mut self, blocks: &[[u8; 64]]) {
        #[cfg(target_arch = "x86_64")]
        if crate::wide::has_compress() {
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
        for (n, bytes) in blocks.iter().enumerate() {
            self.before[n] = self.len as u32;
            let mask = |is: &dyn Fn(u8) -> bool| {
                let bits = bytes.iter().enumerate();
                bits.fold(0, |mask, (i, byte)| mask | u64::from(is(*byte)) << i)
            };
            self.keep[n] = mask(&is_kept);
            self.digit[n] = mask(&|byte| byte.is_ascii_digit());
            self.capital[n] = mask(&|byte| is_kept(byte) && !byte.is_ascii_digit() && byte & SMALL == 0);
            self.quote[n] = mask(&|byte| matches!(byte, b'\'' | b'"'));
            self.trigger[n] = mask(&is_trigger);
            self.line[n] = mask(&|byte| byte == b'\n');
            self.equals[n] = mask(&|byte| byte == b'=');
            self.bars |= bytes.contains(&b'|');
            for byte in bytes.iter().filter(|byte| is_kept(**byte)) {
                self.canon[self.len] = byte.to_ascii_lowercase();
                self.len += 1;
            }
        }
    }
}

/// Whether a byte is part of the squeezed text.
#[inline]
pub(crate) const fn is_kept(byte: u8) -> bool {
    byte >= 0x80 || byte.is_ascii_alphanumeric()
}

/// The bit that tells small letters from capital ones.
const SMALL: u8 = 0x20;

/// What starts an escape, a tag, an entity, a terminal code or an invisible character. In UTF-8 the last ones start with
/// one of [`HIGH_TRIGGERS`].
const fn is_trigger(byte: u8) -> bool {
    let [a, b, c, d, e] = HIGH_TRIGGERS;
    match byte {
        b'\\' | b'%' | b'&' | b'<' | 0x7F => true,
        b'\t' | b'\n' => false,
        _ => byte < 0x20 || byte == a || byte == b || byte == c || byte == d || byte == e,
    }
}

/// First bytes of characters that show nothing.
const HIGH_TRIGGERS: [u8; 5] = [0xC2, 0xCC, 0xCD, 0xE2, 0xEF];

/// The first sixty-four bytes of a text, with zeros after its end.
#[inline]
pub(crate) fn sixty_four(text: &[u8]) -> [u8; 64] {
    text.first_chunk().copied().unwrap_or_else(|| {
        let mut all = [0; 64];
        all[..text.len()].copy_from_slice(text);
        all
    })
}

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

/// Which of sixty-four bytes are of a kind.
#[inline]
pub(crate) fn which(bytes: &[u8; 64], is: impl Fn(u8) -> bool) -> u64 {
    places(&bytes.map(|byte| u8::from(is(byte))), 1)
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
        __m128i, _MM_HINT_T0, _mm_and_si128, _mm_andnot_si128, _mm_cmpeq_epi8, _mm_cmpgt_epi8, _mm_cvtsi64_si128,
        _mm_cvtsi128_si64, _mm_movemask_epi8, _mm_or_si128, _mm_prefetch, _mm_set_epi64x, _mm_set1_epi8,
        _mm_setzero_si128, _mm_shuffle_epi8, _mm_slli_epi16, _mm_srli_epi16, _mm_srli_si128, _mm512_cmpeq_epi8_mask,
        _mm512_mask_add_epi8, _mm512_maskz_compress_epi8, _mm512_maskz_permutex2var_epi8, _mm512_movepi8_mask,
        _mm512_or_si512, _mm512_set1_epi8, _mm512_storeu_si512, _mm512_test_epi8_mask,
    };

    use super::{HIGH_TRIGGERS, Rows, SMALL, is_trigger};
    use crate::wide::load;

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

    /// What a byte of ASCII is, by its nibbles: each bit stands for some high nibbles with some low ones.
    const fn classes() -> ([u8; 16], [u8; 16]) {
        const CONTROL: u16 = !(1 << 0x9 | 1 << 0xA);
        let sets: [(&[usize], u16); 8] = [
            (&[0x4, 0x6], 0xFFFE),
            (&[0x5, 0x7], 0x07FF),
            (&[0x3], 0x03FF),
            // From here on what is seldom there.
            (&[0x0, 0x1], CONTROL),
            (&[0x1], !CONTROL),
            (&[0x2], 1 << 0x2 | 1 << 0x5 | 1 << 0x6 | 1 << 0x7),
            (&[0x3, 0x5, 0x7], 1 << 0xC),
            (&[0x7], 1 << 0xF),
        ];
        let (mut low, mut high) = ([0u8; 16], [0u8; 16]);
        let mut bit = 0;
        while bit < 8 {
            let (highs, lows) = sets[bit];
            let mut i = 0;
            while i < highs.len() {
                high[highs[i]] |= 1 << bit;
                i += 1;
            }
            let mut l = 0;
            while l < 16 {
                low[l] |= ((lows >> l & 1) as u8) << bit;
                l += 1;
            }
            bit += 1;
        }
        (low, high)
    }
    const CLASSES: ([u8; 16], [u8; 16]) = classes();
    const LETTER_OR_DIGIT: i8 = 0b111;
    const DIGIT_BIT: i32 = 2;
    const SELDOM: i8 = !LETTER_OR_DIGIT;

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

    /// How far ahead of the block that is read memory is asked for.
    const AHEAD_BYTES: usize = 1024;

    /// What a byte of ASCII is, a bit for each kind.
    const KINDS: [[u8; 64]; 2] = {
        let mut kinds = [[0; 64]; 2];
        let mut byte = 0;
        while byte < 128 {
            let kind = match byte as u8 {
                b'0'..=b'9' => DIGIT,
                b'A'..=b'Z' | b'a'..=b'z' => LETTER,
                b'\'' | b'"' => QUOTE,
                b'\n' => LINE,
                b'=' => EQUALS,
                b'|' => BAR,
                other if is_trigger(other) => TRIGGER,
                _ => 0,
            };
            kinds[byte / 64][byte % 64] = kind;
            byte += 1;
        }
        kinds
    };
    /// The highest bit is read without a test.
    const DIGIT: u8 = 1 << 7;
    const LETTER: u8 = 1 << 6;
    const QUOTE: u8 = 1 << 5;
    const TRIGGER: u8 = 1 << 4;
    const LINE: u8 = 1 << 3;
    const EQUALS: u8 = 1 << 2;
    const BAR: u8 = 1 << 1;

    #[target_feature(
        enable = "avx512f",
        enable = "avx512bw",
        enable = "avx512vbmi",
        enable = "avx512vbmi2",
        enable = "popcnt"
    )]
    #[expect(unsafe_code, reason = "stores of whole vectors")]
    pub(super) fn fill_wide(out: &mut Rows<'_>, blocks: &[[u8; 64]]) {
        let splat = |byte: u8| _mm512_set1_epi8(byte as i8);
        let (first, second) = (load(&KINDS[0]), load(&KINDS[1]));
        let small_bit = splat(SMALL);
        // So long as the text is, which the compiler sees once instead of at every block.
        let rows = blocks.len();
        let (before, keep, digit, capital) = (
            &mut out.before[..rows],
            &mut out.keep[..rows],
            &mut out.digit[..rows],
            &mut out.capital[..rows],
        );
        let (quote, trigger, line, equals) = (
            &mut out.quote[..rows],
            &mut out.trigger[..rows],
            &mut out.line[..rows],
            &mut out.equals[..rows],
        );
        let mut len = out.len;
        let mut all = splat(0);
        for (n, bytes) in blocks.iter().enumerate() {
            let v = load(bytes);
            _mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().wrapping_add(AHEAD_BYTES).cast());
            let high = _mm512_movepi8_mask(v);
            let kind = _mm512_maskz_permutex2var_epi8(!high, first, v, second);
            let is = |wanted: u8| _mm512_test_epi8_mask(kind, splat(wanted));
            let (letters, digits) = (is(LETTER), _mm512_movepi8_mask(kind));
            let small = _mm512_test_epi8_mask(v, small_bit);
            let keeps = letters | digits | high;
            before[n] = len as u32;
            keep[n] = keeps;
            digit[n] = digits;
            capital[n] = (letters | high) & !small;
            quote[n] = is(QUOTE);
            line[n] = is(LINE);
            equals[n] = is(EQUALS);
            trigger[n] = is(TRIGGER);
            if high != 0 {
                trigger[n] |= HIGH_TRIGGERS
                    .iter()
                    .fold(0, |mask, byte| mask | _mm512_cmpeq_epi8_mask(v, splat(*byte)));
            }
            all = _mm512_or_si512(all, kind);
            let packed = _mm512_maskz_compress_epi8(keeps, _mm512_mask_add_epi8(v, letters & !small, v, small_bit));
            let room = &mut out.canon[len..len + 64];
            // SAFETY: `room` is sixty-four bytes long.
            unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), packed) };
            len += keeps.count_ones() as usize;
        }
        out.len = len;
        out.bars |= _mm512_test_epi8_mask(all, splat(BAR)) != 0;
    }

    #[target_feature(enable = "ssse3", enable = "popcnt")]
    pub(super) fn fill(out: &mut Rows<'_>, blocks: &[[u8; 64]]) {
        let splat = |byte: u8| _mm_set1_epi8(byte as i8);
        let (low_table, high_table) = (vector(&CLASSES.0), vector(&CLASSES.1));
        let (low_nibble, case, zero) = (splat(0x0F), splat(SMALL), _mm_setzero_si128());
        let (kept, seldom) = (_mm_set1_epi8(LETTER_OR_DIGIT), _mm_set1_epi8(SELDOM));
        let equal = |v: __m128i, byte: u8| u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(v, splat(byte))) as u32);
        let mut len = out.len;
        for (n, bytes) in blocks.iter().enumerate() {
            out.before[n] = len as u32;
            let (mut keep, mut digit, mut small, mut line, mut equals) = (0, 0, 0, 0, 0);
            let (mut classes, mut signs) = (zero, zero);
            for (i, quarter) in bytes.as_chunks::<16>().0.iter().enumerate() {
                let v = vector(quarter);
                // A byte above ASCII has no class: its sign makes the first table give zero.
                let high = _mm_and_si128(_mm_srli_epi16(v, 4), low_nibble);
                let class = _mm_and_si128(_mm_shuffle_epi8(low_table, v), _mm_shuffle_epi8(high_table, high));
                let letter_or_digit = _mm_cmpgt_epi8(_mm_and_si128(class, kept), zero);
                let keeps = _mm_movemask_epi8(_mm_or_si128(letter_or_digit, v)) as u32;
                let digits = _mm_movemask_epi8(_mm_slli_epi16(class, 7 - DIGIT_BIT)) as u32;
                keep |= u64::from(keeps) << (16 * i);
                digit |= u64::from(digits) << (16 * i);
                small |= u64::from(_mm_movemask_epi8(_mm_slli_epi16(v, 2)) as u32) << (16 * i);
                line |= equal(v, b'\n') << (16 * i);
                equals |= equal(v, b'=') << (16 * i);
                (classes, signs) = (_mm_or_si128(classes, class), _mm_or_si128(signs, v));

                // What is neither a letter nor a byte above ASCII has the bit of small letters already, or is left out.
                let lower = _mm_or_si128(v, _mm_andnot_si128(_mm_cmpgt_epi8(zero, v), case));
                let upper_half = _mm_srli_si128(lower, 8);
                for (half, mask) in [(lower, keeps & 0xFF), (upper_half, keeps >> 8)] {
                    let pack = _mm_cvtsi64_si128(PACK[mask as usize] as i64);
                    let packed = _mm_cvtsi128_si64(_mm_shuffle_epi8(half, pack)) as u64;
                    out.canon[len..len + 8].copy_from_slice(&packed.to_le_bytes());
                    len += mask.count_ones() as usize;
                }
            }
            (out.keep[n], out.digit[n], out.line[n], out.equals[n]) = (keep, digit, line, equals);
            out.capital[n] = keep & !digit & !small;
            let plain = _mm_cmpeq_epi8(_mm_and_si128(classes, seldom), zero);
            (out.quote[n], out.trigger[n]) = if _mm_movemask_epi8(plain) == 0xFFFF && _mm_movemask_epi8(signs) == 0 {
                (0, 0)
            } else {
                out.bars |= places(bytes, b'|') != 0;
                (places(bytes, b'\'') | places(bytes, b'"'), triggers(bytes))
            };
        }
        out.len = len;
    }

    /// Where something that has to be decoded may start.
    #[target_feature(enable = "ssse3")]
    fn triggers(bytes: &[u8; 64]) -> u64 {
        let low_nibble = _mm_set1_epi8(0x0F);
        let (low_table, high_table) = (vector(&NIBBLES.0), vector(&NIBBLES.1));
        let quarters = bytes.as_chunks::<16>().0.iter().enumerate();
        quarters.fold(0, |mask, (i, quarter)| {
            let v = vector(quarter);
            let class = _mm_and_si128(
                _mm_shuffle_epi8(low_table, _mm_and_si128(v, low_nibble)),
                _mm_shuffle_epi8(high_table, _mm_and_si128(_mm_srli_epi16(v, 4), low_nibble)),
            );
            let plain = _mm_movemask_epi8(_mm_cmpeq_epi8(class, _mm_setzero_si128())) as u32;
            mask | u64::from(!plain & 0xFFFF) << (16 * i)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fill = fn(&mut Rows<'_>, &[[u8; 64]]);

    /// Squeezes in one way, into memory with something in it.
    fn squeezed(text: &[u8], fill: Fill) -> Squeezed {
        let mut out = Squeezed::new(&[b'|'; 5000], Squeezed::default());
        (out.len, out.bars) = (0, false);
        out.resize(text.len());
        let (blocks, rest) = text.as_chunks::<64>();
        let mut last = [b' '; 64];
        last[..rest.len()].copy_from_slice(rest);
        for (blocks, first) in [(blocks, 0), (&[last][..usize::from(!rest.is_empty())], blocks.len())] {
            let mut rows = out.rows(first..first + blocks.len());
            fill(&mut rows, blocks);
            (out.len, out.bars) = (rows.len, rows.bars);
        }
        out.finish();
        out
    }

    fn portable(text: &[u8]) -> Squeezed {
        squeezed(text, |rows, blocks| rows.fill_portable(blocks))
    }

    /// With every kind of vector that this processor has.
    fn every_way(text: &[u8]) -> Vec<Squeezed> {
        let mut all = vec![
            Squeezed::new(text, Squeezed::default()),
            Squeezed::new(text, portable(&[b'"'; 9000])),
        ];
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("ssse3") {
            #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
            // SAFETY: the feature was detected.
            all.push(squeezed(text, |rows, blocks| unsafe { x86::fill(rows, blocks) }));
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
                assert_eq!(fast.before, slow.before);
                let masks = |squeezed: &Squeezed| {
                    let masks = [
                        &squeezed.keep,
                        &squeezed.digit,
                        &squeezed.capital,
                        &squeezed.quote,
                        &squeezed.trigger,
                        &squeezed.line,
                        &squeezed.equals,
                    ];
                    masks.map(|mask| (mask.words().to_vec(), mask.any()))
                };
                assert_eq!(masks(&fast), masks(&slow));
                for mask in [&fast.keep, &fast.quote] {
                    assert_eq!(mask.words().len(), end.div_ceil(64));
                    assert_eq!(mask.any(), mask.words().iter().any(|word| *word != 0));
                    assert!(
                        mask.pairs()
                            .all(|(i, here, next)| here == mask.at(i) && next == mask.at(i + 1))
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
