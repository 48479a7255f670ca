//! A bit for each of some lines.

use std::ops::Range;

/// As many as it takes, and more of them that are not set.
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// So many, none of them set.
    pub(super) fn new(n: usize) -> Self {
        Self(vec![0; n / 64 + 1])
    }

    /// So many, all of them set.
    pub(super) fn all(n: usize) -> Self {
        Self(vec![u64::MAX; n / 64 + 1])
    }

    #[inline(always)]
    pub(super) fn has(&self, i: usize) -> bool {
        self.0[i / 64] >> (i % 64) & 1 == 1
    }

    #[inline(always)]
    pub(super) fn set(&mut self, i: usize, bit: bool) {
        self.0[i / 64] |= u64::from(bit) << (i % 64);
    }

    /// How many bits from one on are like it, at most to the end of its word.
    #[inline(always)]
    fn same(&self, from: usize) -> (bool, usize) {
        let word = self.0[from / 64] >> (from % 64);
        let rest = 64 - from as u32 % 64;
        match word & 1 {
            1 => (true, word.trailing_ones().min(rest) as usize),
            _ => (false, word.trailing_zeros().min(rest) as usize),
        }
    }

    /// The first bits in a row from a place on.
    #[inline(always)]
    pub(super) fn row(&self, mut from: usize) -> Option<Range<usize>> {
        while from < 64 * self.0.len() && !self.same(from).0 {
            from += self.same(from).1;
        }
        let start = from;
        while from < 64 * self.0.len() && self.same(from).0 {
            from += self.same(from).1;
        }
        (start < from).then_some(start..from)
    }

    /// The last ones in a row of the first `n` bits.
    pub(super) fn last_row(&self, n: usize) -> Range<usize> {
        (0..n).rev().find(|i| !self.has(*i)).map_or(0, |i| i + 1)..n
    }

    #[inline(always)]
    pub(super) fn count(&self, range: &Range<usize>) -> usize {
        range.clone().filter(|i| self.has(*i)).count()
    }
}
