//! The literal forms of a value: the few that no view can undo at full speed.
//!
//! The squeezed text hides separators and letter case, so one form stands for many: the hexadecimal form covers upper
//! and lower case and any separators, the base64 forms cover both alphabets and any line width.

use zeroize::Zeroizing;

use crate::policy;

/// How a literal form came about; decides how strictly it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The value itself.
    Raw,
    /// The value in another character encoding, or as a program shows bytes that are not text.
    Recoded,
    /// The value backwards.
    Reversed,
    /// Hexadecimal digits.
    Hex,
    /// Base64 characters that depend on the value alone, at one of three alignments.
    Base64 {
        /// Characters before them that hold bits of the value too.
        before: u8,
        /// Characters after them that hold bits of the value too.
        after: u8,
    },
    /// Something else: letter case of other alphabets.
    Case,
}

pub(crate) type Text = Zeroizing<Vec<u8>>;

/// All literal forms of a value of the full tier.
pub(crate) fn literals(value: &[u8]) -> Vec<(Kind, Text)> {
    let mut all: Vec<(Kind, Text)> = vec![(Kind::Raw, Zeroizing::new(value.to_vec()))];
    encoded(value, &mut all);
    let text = std::str::from_utf8(value).ok();
    if value.len() >= policy::FOLDED_CHARS && !policy::is_wordlike(value) {
        let reversed: Vec<u8> = match text {
            Some(text) => text.chars().rev().collect::<String>().into_bytes(),
            None => value.iter().rev().copied().collect(),
        };
        if reversed != value {
            all.push((Kind::Reversed, Zeroizing::new(reversed)));
        }
    }
    if !value.is_ascii() {
        match text {
            Some(text) => {
                all.push((Kind::Case, Zeroizing::new(text.to_uppercase().into_bytes())));
                all.push((Kind::Case, Zeroizing::new(text.to_lowercase().into_bytes())));
                all.push((Kind::Case, Zeroizing::new(swapped(text).into_bytes())));
                all.push((Kind::Case, Zeroizing::new(titled(text).into_bytes())));
                // Two bytes per character, by themselves and inside other encodings; where most characters are ASCII,
                // a view finds them too.
                for order in [u16::to_le_bytes, u16::to_be_bytes] {
                    let wide = Zeroizing::new(text.encode_utf16().flat_map(order).collect::<Vec<u8>>());
                    encoded(&wide, &mut all);
                    all.push((Kind::Recoded, wide));
                }
                // One byte per character, where that can be.
                if let Some(narrow) = text
                    .chars()
                    .map(|c| u8::try_from(u32::from(c)).ok())
                    .collect::<Option<Vec<u8>>>()
                {
                    all.push((Kind::Recoded, Zeroizing::new(narrow)));
                }
                // `?` for what an ASCII terminal cannot show; only if enough is left.
                let ascii: String = text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
                if ascii.bytes().filter(|b| *b != b'?').count() * 4 >= text.chars().count() * 3 {
                    all.push((Kind::Recoded, Zeroizing::new(ascii.into_bytes())));
                }
            }
            None => all.push((
                Kind::Recoded,
                Zeroizing::new(String::from_utf8_lossy(value).into_owned().into_bytes()),
            )),
        }
        // Bytes taken for Latin-1 and written as UTF-8.
        let wide: String = value.iter().map(|b| char::from(*b)).collect();
        all.push((Kind::Recoded, Zeroizing::new(wide.into_bytes())));
    }
    all.dedup_by(|a, b| a.1 == b.1);
    all
}

/// The forms of a value, or of a recoded one, that no view has to decode.
fn encoded(value: &[u8], all: &mut Vec<(Kind, Text)>) {
    all.push((Kind::Hex, hex(value)));
    all.extend((0..3).filter_map(|alignment| base64(value, alignment)));
}

fn swapped(text: &str) -> String {
    let swap = |c: char| {
        if c.is_lowercase() {
            c.to_uppercase().collect::<String>()
        } else {
            c.to_lowercase().collect()
        }
    };
    text.chars().map(swap).collect()
}

/// Every word with a capital.
fn titled(text: &str) -> String {
    let mut inside = false;
    let mut title = |c: char| {
        let out: String = if inside {
            c.to_lowercase().collect()
        } else {
            c.to_uppercase().collect()
        };
        inside = c.is_alphabetic();
        out
    };
    text.chars().map(&mut title).collect()
}

fn hex(value: &[u8]) -> Text {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = value
        .iter()
        .flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]);
    Zeroizing::new(digits.collect())
}

/// The characters of standard base64 that depend on the value alone when `alignment` bytes precede it in its group of
/// three.
fn base64(value: &[u8], alignment: usize) -> Option<(Kind, Text)> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = 8 * (alignment + value.len());
    let first = (8 * alignment).div_ceil(6);
    let last = bits / 6;
    let byte = |i: usize| match i.checked_sub(alignment) {
        Some(i) => u32::from(*value.get(i).unwrap_or(&0)),
        None => 0,
    };
    let digit = |c: usize| {
        let bit = 6 * c;
        let pair = byte(bit / 8) << 8 | byte(bit / 8 + 1);
        ALPHABET[(pair >> (10 - bit % 8) & 63) as usize]
    };
    let text: Text = Zeroizing::new((first..last).map(digit).collect());
    let kind = Kind::Base64 {
        before: u8::from(!(8 * alignment).is_multiple_of(6)),
        after: u8::from(!bits.is_multiple_of(6)),
    };
    (text.len() >= 6).then_some((kind, text))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn base64_forms_stand_in_real_base64_at_every_alignment() {
        for value in [
            &b"planted"[..],
            b"planted-value-0123",
            &[0xFF, 0x00, 0x80, 0x7F, 0xC3, 0x28],
        ] {
            for before in 0..6 {
                for after in 0..3 {
                    let all = [vec![0xA5; before], value.to_vec(), vec![0x5A; after]].concat();
                    let encoded = STANDARD.encode(all);
                    let (kind, form) = base64(value, before % 3).unwrap();
                    let at = memchr::memmem::find(encoded.as_bytes(), &form).unwrap();
                    assert_eq!(at, (8 * before).div_ceil(6));
                    let Kind::Base64 { before: partial, .. } = kind else {
                        panic!("wrong kind")
                    };
                    assert_eq!(usize::from(partial), usize::from(before % 3 != 0));
                }
            }
        }
    }
}
