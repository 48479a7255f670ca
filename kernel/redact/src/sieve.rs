//! Says quickly of most places of a squeezed text that no gram of the index begins there.
//!
//! ```text
//!  …hunter2hunter2…     the next 4 characters ─ hash ─► one word of the sieve: two bits of it for a gram of four,
//!   ▲      ▲            the next 6 ─ hash ────────────► two bits of the same word for one of six
//! ```
//!
//! One word answers for grams of both lengths, so that a place costs one look into memory.
//!
//! Invariant: a gram that was entered is never said not to be there.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::index::{LONG, SHORT, WIDE};

/// Words of the sieve that is asked while few grams are known, and of the one for many, as powers of two.
const FEW_BITS: u32 = 15;
const MANY_BITS: u32 = 17;
const FEW: usize = 1 << FEW_BITS;
const MANY: usize = 1 << MANY_BITS;

/// A sieve this full lets too much through.
const GRAMS_PER_WORD_MAX: usize = 4;

type Words<const N: usize> = [AtomicU64; N];

/// Two bits of one word for each gram.
pub(crate) struct Sieve {
    key: u32,
    few: Box<[AtomicU64]>,
    many: Box<[AtomicU64]>,
    grams: AtomicUsize,
}

/// Which word a gram has, by its first four characters; two bits of it for one of four.
#[inline(always)]
fn four(gram: u64, key: u32) -> u64 {
    u64::from(gram as u32) * u64::from(key)
}

/// Two bits of that word for a gram of six, by its last four characters.
#[inline(always)]
fn six(gram: u64, key: u32) -> u64 {
    four(gram >> 16, key)
}

/// Where bits of a product tell most: those in the middle depend on all characters.
const FOUR_SHIFTS: [u32; 2] = [38, 32];
const SIX_SHIFTS: [u32; 2] = [32, 26];

/// The word of a product, in a sieve of so many.
#[inline(always)]
fn word<const BITS: u32>(place: u64) -> usize {
    (place as u32 >> (32 - BITS)) as usize
}

#[inline(always)]
fn test(word: u64, hash: u64, [a, b]: [u32; 2]) -> u64 {
    (word >> (hash >> a & 63)) & (word >> (hash >> b & 63))
}

/// Places at which a gram of six, or of four, may begin.
#[derive(Default)]
pub(crate) struct Places {
    pub long: Hits,
    pub short: Hits,
}

/// The first ones of some numbers, which keep their memory.
#[derive(Default)]
pub(crate) struct Hits {
    memory: Vec<u32>,
    len: usize,
}

impl Hits {
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.memory[..self.len].iter().map(|at| *at as usize)
    }

    #[inline(always)]
    fn push(&mut self, at: usize) {
        match self.memory.get_mut(self.len) {
            Some(place) => *place = at as u32,
            None => self.memory.push(at as u32),
        }
        self.len += 1;
    }
}

impl Sieve {
    pub(crate) fn new(key: u64) -> Self {
        let zeros = |n: usize| (0..n).map(|_| AtomicU64::new(0)).collect();
        Self {
            key: (key >> 32) as u32 | 1,
            few: zeros(FEW),
            many: zeros(MANY),
            grams: AtomicUsize::new(0),
        }
    }

    /// Lets a gram of so many characters through from now on.
    pub(crate) fn enter(&self, gram: u64, chars: usize) {
        let place = four(gram, self.key);
        let (hash, [a, b]) = if chars == SHORT.gram {
            (place, FOUR_SHIFTS)
        } else {
            (six(gram, self.key), SIX_SHIFTS)
        };
        let bits = 1 << (hash >> a & 63) | 1 << (hash >> b & 63);
        self.few[word::<FEW_BITS>(place)].fetch_or(bits, Ordering::Release);
        self.many[word::<MANY_BITS>(place)].fetch_or(bits, Ordering::Release);
        self.grams.fetch_add(1, Ordering::Release);
    }

    /// Every so many places of a squeezed text of `len` characters, and zeros after it, at which a gram of six or of four
    /// may begin.
    pub(crate) fn places(&self, padded: &[u8], len: usize, strides: [Option<usize>; 2], out: &mut Places) {
        (out.long.len, out.short.len) = (0, 0);
        if padded.len() < len + 8 {
            return;
        }
        let text = Text {
            padded,
            len,
            key: self.key,
        };
        if self.grams.load(Ordering::Acquire) <= FEW * GRAMS_PER_WORD_MAX {
            if let Some(words) = self.few.first_chunk::<FEW>() {
                text.sift::<FEW, FEW_BITS>(words, strides, out);
            }
        } else if let Some(words) = self.many.first_chunk::<MANY>() {
            text.sift::<MANY, MANY_BITS>(words, strides, out);
        }
    }
}

#[derive(Clone, Copy)]
struct Text<'t> {
    padded: &'t [u8],
    len: usize,
    key: u32,
}

impl Text<'_> {
    fn sift<const N: usize, const BITS: u32>(self, words: &Words<N>, strides: [Option<usize>; 2], out: &mut Places) {
        // A few places are asked before vectors and their room are there.
        #[cfg(target_arch = "x86_64")]
        if let [Some(WIDE), short @ (Some(WIDE) | None)] = strides
            && self.len >= x86::LEN_MIN
            && x86::has_gather()
        {
            #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
            // SAFETY: the features were detected.
            let from = unsafe { x86::sift(self, words, short.is_some(), out) };
            if short.is_some() {
                self.one_by_one::<N, BITS, true, true>(words, from, WIDE, out);
            } else {
                self.one_by_one::<N, BITS, true, false>(words, from, WIDE, out);
            }
            return;
        }
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("bmi2") && std::arch::is_x86_feature_detected!("bmi1") {
            #[expect(unsafe_code, reason = "instructions for shifts, present as just checked")]
            // SAFETY: the features were detected.
            unsafe {
                self.sift_shifted::<N, BITS>(words, strides, out);
            }
            return;
        }
        self.sift_anywhere::<N, BITS>(words, strides, out);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "bmi1", enable = "bmi2")]
    fn sift_shifted<const N: usize, const BITS: u32>(
        self,
        words: &Words<N>,
        strides: [Option<usize>; 2],
        out: &mut Places,
    ) {
        self.sift_anywhere::<N, BITS>(words, strides, out);
    }

    #[inline(always)]
    fn sift_anywhere<const N: usize, const BITS: u32>(
        self,
        words: &Words<N>,
        strides: [Option<usize>; 2],
        out: &mut Places,
    ) {
        match strides {
            // Nearly always.
            [Some(WIDE), Some(WIDE)] => self.every_seventh::<N, BITS, true, true>(words, out),
            [Some(WIDE), None] => self.every_seventh::<N, BITS, true, false>(words, out),
            [long, short] => {
                if let Some(stride) = long {
                    self.one_by_one::<N, BITS, true, false>(words, 0, stride, out);
                }
                if let Some(stride) = short {
                    self.one_by_one::<N, BITS, false, true>(words, 0, stride, out);
                }
            }
        }
    }

    /// Whether a gram of six (1) or one of four (2) may begin with this text.
    #[inline(always)]
    fn ask<const N: usize, const BITS: u32, const SIX: bool, const FOUR: bool>(
        self,
        words: &Words<N>,
        text: [u8; 8],
    ) -> u64 {
        let gram = u64::from_le_bytes(text);
        let place = four(gram, self.key);
        let word = words[word::<BITS>(place)].load(Ordering::Relaxed);
        let mut found = 0;
        if SIX {
            found |= test(word, six(gram, self.key), SIX_SHIFTS) & 1;
        }
        if FOUR {
            found |= (test(word, place, FOUR_SHIFTS) & 1) << 1;
        }
        found
    }

    #[inline(always)]
    fn every_seventh<const N: usize, const BITS: u32, const SIX: bool, const FOUR: bool>(
        self,
        words: &Words<N>,
        out: &mut Places,
    ) {
        // Eight at a time, so that nothing waits for what was loaded before it.
        let mut at = 0;
        while at + 7 * WIDE + LONG.gram <= self.len
            && let Some(text) = self.padded[at..].first_chunk::<{ 7 * WIDE + 8 }>()
        {
            let mut found = 0;
            for n in 0..8 {
                let text = text[n * WIDE..].first_chunk().copied().unwrap_or_default();
                found |= self.ask::<N, BITS, SIX, FOUR>(words, text) << (2 * n);
            }
            while found != 0 {
                let bit = found.trailing_zeros() as usize;
                let hits = if bit.is_multiple_of(2) {
                    &mut out.long
                } else {
                    &mut out.short
                };
                hits.push(at + WIDE * (bit / 2));
                found &= found - 1;
            }
            at += 8 * WIDE;
        }
        self.one_by_one::<N, BITS, SIX, FOUR>(words, at, WIDE, out);
    }

    /// Every place from `at` on in steps of `stride`.
    #[inline(always)]
    fn one_by_one<const N: usize, const BITS: u32, const SIX: bool, const FOUR: bool>(
        self,
        words: &Words<N>,
        mut at: usize,
        stride: usize,
        out: &mut Places,
    ) {
        let least = if FOUR { SHORT.gram } else { LONG.gram };
        while at + least <= self.len
            && let Some(text) = self.padded[at..].first_chunk()
        {
            let found = self.ask::<N, BITS, SIX, FOUR>(words, *text);
            if found & 1 != 0 {
                out.long.push(at);
            }
            if found & 2 != 0 {
                out.short.push(at);
            }
            at += stride;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::asm;
    use std::arch::x86_64::{
        __m256i, __m512i, _mm_cvtsi32_si128, _mm256_add_epi32, _mm256_maskz_compress_epi32, _mm256_set1_epi32,
        _mm256_setr_epi32, _mm256_storeu_si256, _mm512_and_si512, _mm512_loadu_si512, _mm512_mul_epu32,
        _mm512_permutexvar_epi8, _mm512_rorv_epi64, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_srl_epi64,
        _mm512_srli_epi64, _mm512_test_epi64_mask,
    };

    use super::{FOUR_SHIFTS, Hits, LONG, Places, SIX_SHIFTS, Text, WIDE, Words};

    /// Places that are asked at once.
    const LANES: usize = 8;

    /// Shorter texts are asked about without vectors.
    pub(super) const LEN_MIN: usize = 256;

    /// Whether this processor asks several words at once.
    #[inline]
    pub(super) fn has_gather() -> bool {
        std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512vbmi")
            && std::arch::is_x86_feature_detected!("popcnt")
    }

    /// Bytes 7, 8, 9 … of a text as the grams that begin at every seventh one.
    const SPREAD: [u8; 64] = {
        let mut spread = [0; 64];
        let mut i = 0;
        while i < 64 {
            spread[i] = (i / 8 * WIDE + i % 8) as u8;
            i += 1;
        }
        spread
    };

    /// Asks every seventh place, eight at a time. Returns where the first one is that was not asked.
    #[target_feature(
        enable = "avx512f",
        enable = "avx512bw",
        enable = "avx512vl",
        enable = "avx512vbmi",
        enable = "popcnt"
    )]
    #[expect(unsafe_code, reason = "loads and stores of whole vectors")]
    pub(super) fn sift<const N: usize>(text: Text<'_>, words: &Words<N>, short: bool, out: &mut Places) -> usize {
        const STEP: usize = LANES * WIDE;
        let steps = text
            .len
            .saturating_sub(LONG.gram - 1 + (LANES - 1) * WIDE)
            .div_ceil(STEP);
        let steps = steps.min(text.padded.len().saturating_sub(64 - STEP) / STEP);
        // Eight are written at a time, of which those that there are count.
        for hits in [&mut out.long, &mut out.short] {
            let most = LANES * (steps + 1);
            if hits.memory.len() < most {
                hits.memory.resize(most, 0);
            }
        }
        // SAFETY: sixty-four bytes are there.
        let spread = unsafe { _mm512_loadu_si512(SPREAD.as_ptr().cast()) };
        let (key, last) = (_mm512_set1_epi64(text.key.into()), _mm512_set1_epi64(N as i64 - 1));
        let one = _mm512_set1_epi64(1);
        let places = _mm256_setr_epi32(0, 7, 14, 21, 28, 35, 42, 49);
        let bits = N.trailing_zeros();
        for step in 0..steps {
            let at = step * STEP;
            let bytes: &[u8] = &text.padded[at..at + 64];
            // SAFETY: sixty-four bytes are there.
            let grams = _mm512_permutexvar_epi8(spread, unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) });
            let four = _mm512_mul_epu32(grams, key);
            let six = _mm512_mul_epu32(_mm512_srli_epi64::<16>(grams), key);
            let index = _mm512_and_si512(shift(four, 32 - bits), last);
            let held = gather(words, index);
            let test = |hash: __m512i, [a, b]: [u32; 2]| {
                let (a, b) = (
                    _mm512_rorv_epi64(held, shift(hash, a)),
                    _mm512_rorv_epi64(held, shift(hash, b)),
                );
                _mm512_test_epi64_mask(_mm512_and_si512(a, b), one)
            };
            let here = _mm256_add_epi32(places, _mm256_set1_epi32(at as i32));
            keep(&mut out.long, test(six, SIX_SHIFTS), here);
            if short {
                keep(&mut out.short, test(four, FOUR_SHIFTS), here);
            }
        }
        steps * STEP
    }

    /// Adds those of eight places that were found.
    #[inline]
    #[target_feature(enable = "avx512f", enable = "avx512vl", enable = "popcnt")]
    #[expect(unsafe_code, reason = "a store of a whole vector")]
    fn keep(hits: &mut Hits, found: u8, places: __m256i) {
        let room = &mut hits.memory[hits.len..hits.len + LANES];
        // SAFETY: eight of four bytes each are there.
        unsafe { _mm256_storeu_si256(room.as_mut_ptr().cast(), _mm256_maskz_compress_epi32(found, places)) };
        hits.len += found.count_ones() as usize;
    }

    /// Each lane moved to the right by so many bits.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn shift(lanes: __m512i, bits: u32) -> __m512i {
        _mm512_srl_epi64(lanes, _mm_cvtsi32_si128(bits as i32))
    }

    /// The words with these numbers, each below how many there are.
    #[inline]
    #[target_feature(enable = "avx512f", enable = "avx512bw")]
    #[expect(unsafe_code, reason = "eight loads at once, while others may write")]
    fn gather<const N: usize>(words: &Words<N>, index: __m512i) -> __m512i {
        let mut held = _mm512_setzero_si512();
        // SAFETY: the numbers are below that of the words, whose bytes are aligned: each is read whole, as a relaxed load
        // would read it.
        unsafe {
            asm!(
                // From a register, because a mask made of itself would wait for what used it last.
                "kmovd {all}, {ones:e}",
                "vpgatherqq {held}{{{all}}}, [{words} + {index} * 8]",
                all = out(kreg) _,
                ones = in(reg) u32::MAX,
                held = inout(zmm_reg) held,
                words = in(reg) words.as_ptr(),
                index = in(zmm_reg) index,
                options(nostack, readonly, preserves_flags),
            );
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize, mut state: u32) -> Vec<u8> {
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                b'a' + (state >> 24) as u8 % 26
            })
            .collect()
    }

    /// The places as they are found without vectors.
    fn one_by_one(sieve: &Sieve, padded: &[u8], len: usize, strides: [Option<usize>; 2]) -> Places {
        let text = Text {
            padded,
            len,
            key: sieve.key,
        };
        let mut places = Places::default();
        if sieve.grams.load(Ordering::Acquire) <= FEW * GRAMS_PER_WORD_MAX {
            text.sift_anywhere::<FEW, FEW_BITS>(sieve.few.first_chunk().unwrap(), strides, &mut places);
        } else {
            text.sift_anywhere::<MANY, MANY_BITS>(sieve.many.first_chunk().unwrap(), strides, &mut places);
        }
        places
    }

    /// Every sampled place of a gram that was entered is found, in short texts and long ones, in both sieves, and hardly
    /// any other.
    #[test]
    fn entered_grams_come_through() {
        for (grams, strides) in [
            (500, [Some(WIDE), Some(WIDE)]),
            (500, [Some(WIDE), None]),
            (500, [Some(3), Some(5)]),
            (FEW * GRAMS_PER_WORD_MAX + 1000, [Some(WIDE), Some(WIDE)]),
        ] {
            let sieve = Sieve::new(0x9E37_79B9_7F4A_7C15);
            let known = noise(grams, 3);
            let entered = |text: &[u8], chars: usize| {
                let mut gram = [0; 8];
                gram[..chars].copy_from_slice(&text[..chars]);
                u64::from_le_bytes(gram)
            };
            for at in 0..known.len() - 6 {
                sieve.enter(
                    entered(&known[at..], if at % 2 == 0 { 6 } else { 4 }),
                    if at % 2 == 0 { 6 } else { 4 },
                );
            }
            for len in [4, 5, 6, 13, 54, 55, 56, 62, 63, 110, 111, 112, 400, 4000] {
                let mut text = noise(len, 99);
                for (i, at) in (0..len.saturating_sub(10)).step_by(21).enumerate() {
                    let from = 7 * i % (known.len() - 6);
                    text[at..at + 6].copy_from_slice(&known[from..from + 6]);
                }
                let texts: Vec<&[u8]> = text.windows(6).collect();
                let has = |text: &[u8], chars: usize, parity: usize| {
                    (parity..known.len() - 6)
                        .step_by(2)
                        .any(|at| known[at..at + chars] == text[..chars])
                };
                let sampled = |stride: Option<usize>| (0..texts.len()).step_by(stride.unwrap_or(usize::MAX));
                let mut padded = text.clone();
                padded.resize(len + 8, 0);
                let mut places = Places::default();
                sieve.places(&padded, len, strides, &mut places);
                let shown = |places: &Places| [places.long.iter().collect::<Vec<_>>(), places.short.iter().collect()];
                assert_eq!(
                    shown(&places),
                    shown(&one_by_one(&sieve, &padded, len, strides)),
                    "{len}"
                );
                for at in sampled(strides[0]).filter(|at| has(texts[*at], 6, 0)) {
                    assert!(places.long.iter().any(|place| place == at), "{len}: {at}");
                }
                for at in sampled(strides[1]).filter(|at| strides[1].is_some() && has(texts[*at], 4, 1)) {
                    assert!(places.short.iter().any(|place| place == at), "{len}: {at}");
                }
                let steps = strides.map(|stride| stride.unwrap_or(1));
                assert!(places.long.iter().all(|at| at.is_multiple_of(steps[0])));
                assert!(places.short.iter().all(|at| at.is_multiple_of(steps[1])));
            }
        }
    }
}
