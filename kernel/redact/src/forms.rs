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
    /// Hexadecimal digits in another order of the bytes.
    Digits,
    /// Base64 characters that depend on the value alone, at one of three alignments.
    Base64 {
        /// Characters before them that hold bits of the value too.
        before: u8,
        /// Characters after them that hold bits of the value too.
        after: u8,
    },
    /// Base32 characters that depend on the value alone, at one of five alignments.
    Base32 {
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
    all.extend((0..5).filter_map(|alignment| base32(value, alignment)));
    if value.len() <= WORDS_BYTES_MAX {
        all.extend(little_words(value, 8, Kind::Digits));
    }
    if value.len() <= FEW_WORDS_BYTES_MAX {
        all.extend([2, 4].into_iter().flat_map(|size| little_words(value, size, Kind::Hex)));
    }
    if value.len() < TWICE_BYTES {
        let once = padded(value);
        let twice = padded(&once);
        all.push((Kind::Base64 { before: 0, after: 0 }, twice));
    }
    let text = std::str::from_utf8(value).ok();
    if value.len() >= policy::FOLDED_CHARS && !policy::is_wordlike(value) {
        let reversed: Vec<u8> = match text {
            Some(text) => text.chars().rev().collect::<String>().into_bytes(),
            None => value.iter().rev().copied().collect(),
        };
        if reversed != value {
            all.push((Kind::Reversed, Zeroizing::new(reversed)));
        }
        let bytes = Zeroizing::new(value.iter().rev().copied().collect::<Vec<u8>>());
        all.push((Kind::Digits, hex(&bytes)));
        if !value.is_ascii() {
            all.push((Kind::Reversed, bytes));
        }
    }
    // Its lines put together.
    if text.is_some_and(|text| text.contains('\n')) {
        let mut joined: Text = Zeroizing::new(Vec::with_capacity(value.len()));
        joined.extend(value.iter().filter(|b| !matches!(b, b'\r' | b'\n')));
        if joined.len() >= policy::STRIPPED_CHARS {
            all.push((Kind::Recoded, joined));
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

/// Longest value whose words are looked for: keys have at most this many bytes.
const WORDS_BYTES_MAX: usize = 64;

/// Longest value of which narrower words are too few to be a list.
const FEW_WORDS_BYTES_MAX: usize = 24;

/// Hexadecimal words of `size` bytes whose lowest byte comes first in the value. What is left at the end is a word of its
/// own, filled up with zeros or not.
fn little_words(value: &[u8], size: usize, kind: Kind) -> Vec<(Kind, Text)> {
    let words: Vec<u8> = value.chunks(size).flat_map(|word| word.iter().rev()).copied().collect();
    let mut forms = vec![(kind, hex(&Zeroizing::new(words)))];
    let rest = value.len() % size;
    if rest > 0 && value.len() > size {
        let (whole, rest) = value.split_at(value.len() - rest);
        let whole = whole.chunks(size).flat_map(|word| word.iter().rev());
        let zeros = std::iter::repeat_n(&0, size - rest.len());
        let words: Vec<u8> = whole.chain(zeros).chain(rest.iter().rev()).copied().collect();
        forms.push((kind, hex(&Zeroizing::new(words))));
    }
    forms
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The characters of standard base64 that depend on the value alone when `alignment` bytes precede it in its group of
/// three.
fn base64(value: &[u8], alignment: usize) -> Option<(Kind, Text)> {
    let (text, before, after) = digits::<6>(value, alignment, BASE64)?;
    Some((Kind::Base64 { before, after }, text))
}

/// Values shorter than this are too short in base64 for a run of digits that is decoded once more.
const TWICE_BYTES: usize = 10;

/// All of a value in base64.
fn padded(value: &[u8]) -> Text {
    let filled: Text = Zeroizing::new(value.iter().copied().chain([0, 0]).collect());
    let digits = digits::<6>(&filled, 0, BASE64).map(|found| found.0).unwrap_or_default();
    let count = (8 * value.len()).div_ceil(6);
    let fill = std::iter::repeat_n(b'=', count.next_multiple_of(4) - count);
    Zeroizing::new(digits.iter().take(count).copied().chain(fill).collect())
}

/// The same in base32, in groups of five bytes.
fn base32(value: &[u8], alignment: usize) -> Option<(Kind, Text)> {
    let (text, before, after) = digits::<5>(value, alignment, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")?;
    Some((Kind::Base32 { before, after }, text))
}

/// Digits of `BITS` bits each that depend on the value alone, and whether the ones before and after them depend on it
/// too.
fn digits<const BITS: usize>(value: &[u8], alignment: usize, alphabet: &[u8]) -> Option<(Text, u8, u8)> {
    let bits = 8 * (alignment + value.len());
    let first = (8 * alignment).div_ceil(BITS);
    let last = bits / BITS;
    let byte = |i: usize| match i.checked_sub(alignment) {
        Some(i) => usize::from(*value.get(i).unwrap_or(&0)),
        None => 0,
    };
    let digit = |c: usize| {
        let bit = BITS * c;
        let pair = byte(bit / 8) << 8 | byte(bit / 8 + 1);
        alphabet[pair >> (16 - BITS - bit % 8) & ((1 << BITS) - 1)]
    };
    let text: Text = Zeroizing::new((first..last).map(digit).collect());
    let before = u8::from(!(8 * alignment).is_multiple_of(BITS));
    let after = u8::from(!bits.is_multiple_of(BITS));
    (text.len() >= 6).then_some((text, before, after))
}

impl Kind {
    /// Whether the form is looked for only where letters and digits stand together in a row.
    pub(crate) fn is_rare(self) -> bool {
        matches!(self, Kind::Digits | Kind::Base32 { before: 1, .. })
    }
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
