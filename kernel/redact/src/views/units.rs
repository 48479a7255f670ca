//! Lines as what is compared of them: a character, any number, any white space are a unit each.
//!
//! ```text
//!  byte[3]  = 0x74 (t)      as it stands
//!  byte[0] = 0x0 (t)        its units: runs of digits and of blanks are one
//! ```

use std::ops::Range;

use super::bits::Bits;

/// A line, whose units are at hand if it is a short one.
#[derive(Clone, Copy)]
pub(super) struct Units<'t> {
    line: &'t [u8],
    #[cfg(target_arch = "x86_64")]
    packed: Option<x86::Packed>,
}

impl<'t> Units<'t> {
    #[inline(always)]
    pub(super) fn of(bytes: &'t [u8], line: Range<usize>) -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            packed: x86::Packed::of(bytes, &line),
            line: &bytes[line],
        }
    }

    pub(super) fn line(&self) -> &'t [u8] {
        self.line
    }

    /// With how many units both lines begin, at most so many, and how many bytes those take in each.
    #[inline]
    pub(super) fn heads(&self, other: &Self, most: usize) -> (usize, (usize, usize)) {
        #[cfg(target_arch = "x86_64")]
        if let (Some(a), Some(b)) = (&self.packed, &other.packed) {
            let n = a.same_heads(b).min(most);
            return (n, (a.start(n, self.line.len()), b.start(n, other.line.len())));
        }
        let forward = |at: usize| at;
        common(self.line, other.line, most, [forward, forward])
    }

    /// With how many units both lines end, and how many bytes those take.
    #[inline]
    pub(super) fn tails(&self, other: &Self, most: usize) -> (usize, (usize, usize)) {
        #[cfg(target_arch = "x86_64")]
        if let (Some(a), Some(b)) = (&self.packed, &other.packed) {
            let n = a.same_tails(b).min(most);
            let bytes = |units: &x86::Packed, length: usize| length - units.start(units.count() - n, length);
            return (n, (bytes(a, self.line.len()), bytes(b, other.line.len())));
        }
        let backward = |line: &[u8]| {
            let last = line.len().wrapping_sub(1);
            move |at: usize| last - at
        };
        common(self.line, other.line, most, [backward(self.line), backward(other.line)])
    }
}

/// What lines have in common with the next one, a bit for each line.
pub(super) struct Neighbours {
    /// They may be alike, but for a few bytes between what both begin and end with.
    pub(super) alike: Bits,
    /// They are known to have the same units.
    pub(super) same: Bits,
}

/// What some lines have in common with the next one. `most`: bytes in which lines alike may differ.
pub(super) fn neighbours<'l>(
    bytes: &[u8],
    lines: impl ExactSizeIterator<Item = &'l Range<usize>>,
    most: usize,
) -> Neighbours {
    #[cfg(target_arch = "x86_64")]
    if x86::has_units() {
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        // SAFETY: the features were detected.
        return unsafe { x86::neighbours(bytes, lines, most) };
    }
    Neighbours {
        alike: Bits::all(lines.len()),
        same: Bits::new(lines.len()),
    }
}

/// How many units are the same in both lines, at most so many, and how many bytes they take in each. `place` says where
/// the nth byte stands.
#[inline(always)]
fn common(a: &[u8], b: &[u8], most: usize, place: [impl Fn(usize) -> usize; 2]) -> (usize, (usize, usize)) {
    let (mut i, mut j, mut n) = (0, 0, 0);
    while n < most && i < a.len() && j < b.len() {
        let unit = UNIT[usize::from(a[place[0](i)])];
        if unit != UNIT[usize::from(b[place[1](j)])] {
            break;
        }
        (i, j, n) = (i + 1, j + 1, n + 1);
        // A number and white space are one each.
        if matches!(unit, b'0' | b' ') {
            while i < a.len() && UNIT[usize::from(a[place[0](i)])] == unit {
                i += 1;
            }
            while j < b.len() && UNIT[usize::from(b[place[1](j)])] == unit {
                j += 1;
            }
        }
    }
    (n, (i, j))
}

/// What is compared: any digit, any white space, or the byte itself.
static UNIT: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = match i as u8 {
            b'0'..=b'9' => b'0',
            b'\t' => b' ',
            other => other,
        };
        i += 1;
    }
    table
};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m512i, _mm512_cmpeq_epi8_mask, _mm512_cmple_epu8_mask, _mm512_cmpneq_epi8_mask, _mm512_mask_mov_epi8,
        _mm512_maskz_compress_epi8, _mm512_maskz_expand_epi8, _mm512_set1_epi8, _mm512_sub_epi8, _pdep_u64,
    };
    use std::ops::Range;

    use super::{Bits, Neighbours, UNIT};
    use crate::wide::{has_compress, load};

    pub(super) fn has_units() -> bool {
        has_compress() && std::arch::is_x86_feature_detected!("bmi2")
    }

    #[target_feature(
        enable = "avx512f",
        enable = "avx512bw",
        enable = "avx512vbmi2",
        enable = "popcnt",
        enable = "bmi2"
    )]
    pub(super) fn neighbours<'l>(
        bytes: &[u8],
        lines: impl ExactSizeIterator<Item = &'l Range<usize>>,
        most: usize,
    ) -> Neighbours {
        let (mut alike, mut same) = (Bits::new(lines.len()), Bits::new(lines.len()));
        let nothing = Packed {
            first: load(&[0; 64]),
            last: load(&[0; 64]),
            starts: 0,
        };
        let (mut a, mut length, mut known) = (nothing, 0, false);
        let mut last = nothing.first;
        // The units at both ends of the last line: of those that nothing else is known of one is the same, at least.
        let mut both = [0; 2];
        for (i, line) in lines.enumerate() {
            let text = &bytes[line.clone()];
            let here = [text.first(), text.last()].map(|byte| byte.map_or(0, |byte| UNIT[usize::from(*byte)]));
            let ends = std::mem::replace(&mut both, here);
            let an_end = ends[0] == both[0] || ends[1] == both[1] || line.len().max(length) <= 64;
            let text = bytes[line.start..]
                .first_chunk()
                .filter(|_| matches!(line.len(), 1..=64));
            let here = load(text.unwrap_or(&[0; 64]));
            let inside = u64::MAX.checked_shr(64 - line.len().min(64) as u32).unwrap_or(0);
            if known & text.is_some() & (length == line.len()) && differ(here, last) & inside == 0 {
                // Many lines are just the same.
                alike.set(i - 1, true);
                same.set(i - 1, true);
                continue;
            }
            last = here;
            let b = if text.is_some() {
                Packed::new(here, inside)
            } else {
                nothing
            };
            // Without branches: what lines have in common cannot be predicted.
            let (heads, tails) = (a.same_heads(&b), a.same_tails(&b));
            let middle = |units: &Packed, length: usize| {
                let end = units.start(units.count() - tails, length);
                end.saturating_sub(units.start(heads, length))
            };
            let few = middle(&a, length).max(middle(&b, line.len())) <= most;
            if let Some(before) = i.checked_sub(1) {
                let known = known & text.is_some();
                alike.set(before, if known { few } else { an_end });
                same.set(before, known & (heads == a.count()) & (heads == b.count()));
            }
            (a, length, known) = (b, line.len(), text.is_some());
        }
        Neighbours { alike, same }
    }

    /// The units of a line of up to sixty-four bytes.
    #[derive(Clone, Copy)]
    pub(super) struct Packed {
        /// From the first byte of a vector on, and up to its last one.
        first: __m512i,
        last: __m512i,
        /// Where each begins.
        starts: u64,
    }

    impl Packed {
        #[inline]
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        pub(super) fn of(bytes: &[u8], line: &Range<usize>) -> Option<Self> {
            if line.len() > 64 || line.is_empty() || !has_units() {
                return None;
            }
            let text = bytes[line.start..].first_chunk()?;
            // SAFETY: the features were detected.
            Some(unsafe { Self::new(load(text), u64::MAX >> (64 - line.len())) })
        }

        #[inline]
        #[target_feature(enable = "avx512f", enable = "avx512bw", enable = "avx512vbmi2", enable = "popcnt")]
        fn new(v: __m512i, inside: u64) -> Self {
            let is = |byte: u8| _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(byte as i8));
            let zero = _mm512_set1_epi8(b'0' as i8);
            let digit = _mm512_cmple_epu8_mask(_mm512_sub_epi8(v, zero), _mm512_set1_epi8(9));
            let blank = is(b' ') | is(b'\t');
            let unit = _mm512_mask_mov_epi8(v, digit, zero);
            let unit = _mm512_mask_mov_epi8(unit, blank, _mm512_set1_epi8(b' ' as i8));
            let starts = inside & !(digit & digit << 1 | blank & blank << 1);
            let first = _mm512_maskz_compress_epi8(starts, unit);
            // The first byte of a line is one.
            let last = _mm512_maskz_expand_epi8(u64::MAX << (64 - starts.count_ones()), first);
            Self { first, last, starts }
        }

        #[inline]
        pub(super) fn count(&self) -> usize {
            self.starts.count_ones() as usize
        }

        /// Where the `n`th begins in a line of so many bytes, or its end.
        #[inline]
        #[expect(
            unsafe_code,
            reason = "an instruction that is there, as otherwise there were no units"
        )]
        pub(super) fn start(&self, n: usize, length: usize) -> usize {
            // SAFETY: the feature was detected.
            let place = unsafe { _pdep_u64(1u64.checked_shl(n as u32).unwrap_or(0), self.starts) };
            (place.trailing_zeros() as usize).min(length)
        }

        /// With how many both begin.
        #[inline]
        #[expect(
            unsafe_code,
            reason = "vector instructions that are there, as otherwise there were no units"
        )]
        pub(super) fn same_heads(&self, other: &Self) -> usize {
            // SAFETY: the features were detected.
            let n = unsafe { differ(self.first, other.first) }.trailing_zeros() as usize;
            n.min(self.count()).min(other.count())
        }

        /// With how many both end.
        #[inline]
        #[expect(
            unsafe_code,
            reason = "vector instructions that are there, as otherwise there were no units"
        )]
        pub(super) fn same_tails(&self, other: &Self) -> usize {
            // SAFETY: the features were detected.
            let n = unsafe { differ(self.last, other.last) }.leading_zeros() as usize;
            n.min(self.count()).min(other.count())
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f", enable = "avx512bw")]
    fn differ(a: __m512i, b: __m512i) -> u64 {
        _mm512_cmpneq_epi8_mask(a, b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines with much in common, and room after them.
    fn lines(rounds: usize) -> (String, Vec<Range<usize>>) {
        let pieces = [
            "byte[",
            "] = ",
            "12",
            "104",
            "0",
            " ",
            "  ",
            "\t",
            "t",
            "\u{2502} ",
            "long text, ",
            "x",
            "-1.5",
        ];
        let (mut text, mut lines, mut state) = (String::new(), Vec::new(), 7u32);
        for round in 0..rounds {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state as usize >> 24
            };
            let (start, length) = (text.len(), next() % 72);
            while text.len() < start + length {
                text += pieces[next() % (2 + round / 8 % 11)];
            }
            lines.push(start..text.len());
            text.push('\n');
            if next() % 4 == 0 {
                lines.extend_from_within(lines.len() - 1..);
            }
        }
        (text + &" ".repeat(64), lines)
    }

    #[test]
    fn units_are_compared_alike_in_either_way() {
        let (text, lines) = lines(4000);
        for two in lines.windows(2) {
            let [a, b] = [0, 1].map(|i| &text.as_bytes()[two[i].clone()]);
            let both = [0, 1].map(|i| Units::of(text.as_bytes(), two[i].clone()));
            let forward = |at: usize| at;
            let backward = |line: &[u8]| {
                let last = line.len().wrapping_sub(1);
                move |at: usize| last - at
            };
            for most in [0, 1, 5, usize::MAX] {
                let heads = common(a, b, most, [forward, forward]);
                assert_eq!(both[0].heads(&both[1], most), heads, "{two:?} {most}");
                let tails = common(a, b, most, [backward(a), backward(b)]);
                assert_eq!(both[0].tails(&both[1], most), tails, "{two:?} {most}");
            }
        }
    }

    #[test]
    fn neighbours_are_told_as_line_by_line() {
        const MOST: usize = 8;
        let (text, lines) = lines(4000);
        let found = neighbours(text.as_bytes(), lines.iter(), MOST);
        for (n, two) in lines.windows(2).enumerate() {
            let [a, b] = [0, 1].map(|i| Units::of(text.as_bytes(), two[i].clone()));
            let (heads, tails) = (a.heads(&b, usize::MAX).1, a.tails(&b, usize::MAX).1);
            let middle = |line: &Range<usize>, head: usize, tail: usize| line.len().saturating_sub(head + tail);
            let alike = middle(&two[0], heads.0, tails.0) <= MOST && middle(&two[1], heads.1, tails.1) <= MOST;
            assert!(found.alike.has(n) || !alike, "{two:?}");
            let same = (heads.0, heads.1) == (two[0].len(), two[1].len());
            assert!(same || !found.same.has(n), "{two:?}");
        }
        // And most others are told apart.
        let alike = found.alike.count(&(0..lines.len()));
        let vectors = cfg!(target_arch = "x86_64") && std::arch::is_x86_feature_detected!("avx512vbmi2");
        assert!(!vectors || alike < lines.len() * 3 / 4, "{alike} of {}", lines.len());
    }
}
