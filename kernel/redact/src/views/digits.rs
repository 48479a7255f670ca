//! Eight digits at a time.
//!
//! ```text
//!  1 2 3 4 5 6 7 8      digits, a byte each
//!   12  34  56  78      pairs: each digit joins the next one
//!    1234    5678       fours
//!      12345678         and all of them, in any base
//! ```

use std::ops::Range;

/// Most digits that are read at once.
pub(super) const MOST: usize = 8;

/// How many digits a text of eight bytes begins with.
#[inline(always)]
pub(super) fn leading(text: [u8; 8]) -> usize {
    let text = u64::from_le_bytes(text);
    // In each byte the highest bit is set where it is no digit: what is above 9, or below 0, once 0 is taken away.
    let high = text & 0x8080_8080_8080_8080;
    let low = text ^ high;
    let no_digit = (low + 0x4646_4646_4646_4646) | !(low + 0x5050_5050_5050_5050) | high;
    ((no_digit & 0x8080_8080_8080_8080).trailing_zeros() / 8) as usize
}

/// The same of a text of any length; eight, if there are more.
#[inline(always)]
pub(super) fn leading_in(text: &[u8]) -> usize {
    match text.first_chunk() {
        Some(head) => leading(*head),
        None => text.iter().take_while(|byte| byte.is_ascii_digit()).count(),
    }
}

/// Up to eight decimal digits, the last one in the highest byte.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digits(u64);

impl Digits {
    #[inline(always)]
    pub(super) fn of(bytes: &[u8], word: &Range<usize>) -> Self {
        let rest = &bytes[word.start..];
        let text = rest.first_chunk().copied().unwrap_or_else(|| {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            last
        });
        let text = u64::from_le_bytes(text) ^ 0x3030_3030_3030_3030;
        Self(text << (64 - 8 * word.len()))
    }

    /// One of eight places to keep what is known of them.
    #[inline(always)]
    pub(super) fn slot(&self) -> usize {
        (self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 61) as usize
    }

    #[inline(always)]
    pub(super) fn decimal(&self) -> u32 {
        let pairs = self.0.wrapping_mul(10 << 8 | 1) >> 8 & 0x00FF_00FF_00FF_00FF;
        let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_FFFF_0000_FFFF;
        (fours.wrapping_mul(10_000 << 32 | 1) >> 32) as u32
    }

    #[inline(always)]
    pub(super) fn hex(&self) -> u32 {
        self.packed(4)
    }

    #[inline(always)]
    pub(super) fn octal(&self) -> u32 {
        self.packed(3)
    }

    /// Digits of so many bits each.
    #[inline(always)]
    fn packed(&self, bits: u32) -> u32 {
        let first = self.0.swap_bytes();
        let pairs = (first >> (8 - bits) | first) & ((0xFF >> (8 - 2 * bits)) * 0x0001_0001_0001_0001);
        let fours = (pairs >> (16 - 2 * bits) | pairs) & ((0xFFFF >> (16 - 4 * bits)) * 0x0000_0001_0000_0001);
        (fours >> (32 - 4 * bits) | fours) as u32 & (u64::MAX >> (64 - 8 * bits)) as u32
    }

    #[inline(always)]
    pub(super) fn are_octal(&self) -> bool {
        self.0 & 0x0808_0808_0808_0808 == 0
    }

    #[inline(always)]
    pub(super) fn are_binary(&self) -> bool {
        self.0 & 0x0E0E_0E0E_0E0E_0E0E == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_digits_are_counted() {
        for byte in 0..=u8::MAX {
            for n in 0..8 {
                let mut text = *b"19283746";
                text[n] = byte;
                let expected = text.iter().take_while(|b| b.is_ascii_digit()).count();
                assert_eq!(leading(text), expected, "{byte} at {n}");
            }
        }
    }

    #[test]
    fn digits_are_read_in_every_base() {
        for word in [
            "0", "7", "12", "99", "007", "104", "150", "4095", "0041", "55296", "123456", "777777", "7654321",
            "99999999", "00000068", "01101000",
        ] {
            for text in [word.to_owned(), format!("{word} and more")] {
                let digits = Digits::of(text.as_bytes(), &(0..word.len()));
                let radix = |radix| u32::from_str_radix(word, radix).unwrap();
                assert_eq!((digits.decimal(), digits.hex()), (radix(10), radix(16)), "{word}");
                assert_eq!(digits.are_octal(), !word.contains(['8', '9']), "{word}");
                assert_eq!(digits.are_binary(), word.chars().all(|digit| digit < '2'), "{word}");
                if digits.are_octal() {
                    assert_eq!(digits.octal(), radix(8), "{word}");
                }
            }
        }
    }
}
