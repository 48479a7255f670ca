//! Stretches of bytes of one kind, looked for in the masks of a text many blocks at a time.
//!
//! ```text
//!  keep     111111111111101111…     twelve bits in a row, of those that are no capital letters or no small ones:
//!  capital  000000000000001111…     letters of one case, and digits
//! ```

use crate::index::RARE_CHARS;
use crate::squeeze::{Mask, Squeezed};

/// Blocks that are looked at together.
pub(crate) const BLOCKS: usize = 8;

/// The words of some blocks, and of the one after them.
type Words = [u64; BLOCKS + 1];

/// Whether at least sixteen bits in a row stand in a word or begin there.
#[inline]
pub(crate) fn has_sixteen(here: u64, next: u64) -> bool {
    let two = here & here >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    eight & eight >> 8 != 0 || (!here).leading_zeros() + (!next).trailing_zeros() >= 16
}

/// The places in some blocks, from the `first` on, at which [`RARE_CHARS`] digits and letters of one case begin.
#[inline]
pub(crate) fn of_one_case(squeezed: &Squeezed, first: usize) -> [u64; BLOCKS] {
    let words = |mask: &Mask| mask.words_from(first);
    let (keep, digit, capital) = (words(&squeezed.keep), words(&squeezed.digit), words(&squeezed.capital));
    #[cfg(target_arch = "x86_64")]
    if has_wide() {
        #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
        // SAFETY: the features were detected.
        return unsafe { of_one_case_wide(&keep, &digit, &capital) };
    }
    of_one_case_by(&keep, &digit, &capital)
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn has_wide() -> bool {
    std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512vbmi2")
}

/// The same, for which the compiler takes vectors of eight words.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f", enable = "avx512vbmi2")]
fn of_one_case_wide(keep: &Words, digit: &Words, capital: &Words) -> [u64; BLOCKS] {
    of_one_case_by(keep, digit, capital)
}

#[inline(always)]
fn of_one_case_by(keep: &Words, digit: &Words, capital: &Words) -> [u64; BLOCKS] {
    let mut starts = [0; BLOCKS];
    for (i, starts) in starts.iter_mut().enumerate() {
        let small = |i: usize| keep[i] & !capital[i];
        let large = |i: usize| capital[i] | digit[i];
        *starts = twelve(small(i), small(i + 1)) | twelve(large(i), large(i + 1));
    }
    starts
}

/// Where twelve bits in a row begin in a word.
#[inline(always)]
fn twelve(here: u64, next: u64) -> u64 {
    const { assert!(RARE_CHARS == 12) };
    let and = |[a, b]: [u64; 2], [c, d]: [u64; 2], n: u32| [a & (c >> n | d << (64 - n)), b & d >> n];
    let one = [here, next];
    let two = and(one, one, 1);
    let four = and(two, two, 2);
    let eight = and(four, four, 4);
    let [twelve, _] = and(eight, four, 8);
    twelve
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_one_case_are_found_at_every_place() {
        let mut text = vec![b'.'; 64 * (BLOCKS + 3)];
        for at in 0..text.len() - 20 {
            for (stretch, n) in [
                ("abcdefgh1234", 1),
                ("ABCDEFGH1234", 1),
                ("abcdEFGH1234", 0),
                ("12345678901", 0),
            ] {
                text[at..at + stretch.len()].copy_from_slice(stretch.as_bytes());
                let squeezed = Squeezed::new(&text, Squeezed::default());
                let words = |mask: &Mask, first| mask.words_from(first);
                for first in [0, BLOCKS] {
                    let found = of_one_case(&squeezed, first);
                    let inside = (64 * first..64 * (first + BLOCKS)).contains(&at);
                    let expected = std::array::from_fn(|i| {
                        u64::from(inside && n == 1 && (at / 64).wrapping_sub(first) == i) << (at % 64)
                    });
                    assert_eq!(found, expected, "{stretch} at {at}, from block {first}");
                    let [keep, digit, capital] =
                        [&squeezed.keep, &squeezed.digit, &squeezed.capital].map(|mask| words(mask, first));
                    assert_eq!(found, of_one_case_by(&keep, &digit, &capital));
                }
                text[at..at + stretch.len()].fill(b'.');
            }
        }
    }
}
