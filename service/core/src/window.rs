//! The replay window of a session: which request numbers were used.
//!
//! Requests may arrive out of order (reads are concurrent) but none twice. The window covers the last 1,024 numbers; an
//! older one is refused as used.

/// Numbers that may be in flight at once.
pub const WINDOW: u64 = 1_024;
const WORDS: usize = (WINDOW / 64) as usize;

/// Which of the last [`WINDOW`] numbers were used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplayWindow {
    /// The highest number used so far; 0 for none.
    high: u64,
    /// Bit `n % WINDOW` is set when number `n` was used, for `n` in `high - WINDOW + 1 ..= high`.
    used: [u64; WORDS],
}

impl ReplayWindow {
    /// Claims a number: `true` when it was never claimed before.
    #[must_use]
    pub fn claim(&mut self, seq: u64) -> bool {
        if seq == 0 || self.high.saturating_sub(seq) >= WINDOW {
            return false;
        }
        if seq > self.high {
            if seq - self.high >= WINDOW {
                self.used = [0; WORDS];
            } else {
                for passed in self.high + 1..seq {
                    self.clear(passed);
                }
            }
            self.high = seq;
            self.set(seq);
            return true;
        }
        if self.is_set(seq) {
            return false;
        }
        self.set(seq);
        true
    }

    /// The window's 8 + 128 bytes, for the session's row.
    pub fn to_bytes(&self) -> Vec<u8> {
        std::iter::once(self.high)
            .chain(self.used)
            .flat_map(u64::to_be_bytes)
            .collect()
    }

    /// Back from a session's row; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != 8 * (1 + WORDS) {
            return None;
        }
        let mut words = bytes
            .chunks_exact(8)
            .map(|word| u64::from_be_bytes(word.try_into().unwrap_or_default()));
        let high = words.next()?;
        let mut used = [0; WORDS];
        used.iter_mut().zip(words).for_each(|(slot, word)| *slot = word);
        Some(Self { high, used })
    }

    fn place(seq: u64) -> (usize, u64) {
        let bit = seq % WINDOW;
        ((bit / 64) as usize, 1 << (bit % 64))
    }

    fn set(&mut self, seq: u64) {
        let (word, mask) = Self::place(seq);
        self.used[word] |= mask;
    }

    fn clear(&mut self, seq: u64) {
        let (word, mask) = Self::place(seq);
        self.used[word] &= !mask;
    }

    fn is_set(&self, seq: u64) -> bool {
        let (word, mask) = Self::place(seq);
        self.used[word] & mask != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_number_is_accepted_twice_and_recent_ones_once() {
        // A plain set as the oracle, over numbers that jump about.
        let mut window = ReplayWindow::default();
        let mut seen = BTreeSet::new();
        let mut state = 12_345_u64;
        let mut high = 0_u64;
        for step in 0..20_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let seq = (step / 2 + (state >> 33) % 1_500).max(1);
            let expected = !seen.contains(&seq) && seq + WINDOW > high;
            assert_eq!(window.claim(seq), expected, "step {step}, number {seq}, highest {high}");
            if expected {
                seen.insert(seq);
                high = high.max(seq);
            }
            if step % 97 == 0 {
                window = ReplayWindow::from_bytes(&window.to_bytes()).unwrap();
            }
        }
    }

    #[test]
    fn zero_and_far_numbers() {
        let mut window = ReplayWindow::default();
        assert!(!window.claim(0));
        assert!(window.claim(u64::MAX));
        assert!(!window.claim(u64::MAX));
        assert!(window.claim(u64::MAX - 1));
        assert!(!window.claim(5));
        assert!(ReplayWindow::from_bytes(&[0; 8]).is_none());
    }
}
