//! Words that are numbers: `104`, `0x68`, `68h`, `104u8`, and what stands between them.

use crate::squeeze::is_kept;

/// Longest text between two numbers.
pub(super) const SEPARATOR_BYTES_MAX: usize = 48;

/// Longest number with prefix and suffix.
pub(super) const TOKEN_BYTES_MAX: usize = 24;

/// A number, or something that may be one.
#[derive(Clone, Copy)]
pub(crate) struct Token {
    pub(super) start: u32,
    pub(super) len: u8,
    /// It has hexadecimal letters or a prefix.
    pub(super) lettered: bool,
    /// What stands before it, without white space, as a hash; 0 when it is too long.
    pub(super) before: u32,
    /// What it is in each base.
    pub(super) values: [u32; 4],
    /// With how many digits it is written in each base; 0 when it is no number there.
    pub(super) digits: [u8; 4],
}

impl Token {
    pub(super) fn start(&self) -> usize {
        self.start as usize
    }

    pub(super) fn end(&self) -> usize {
        self.start as usize + usize::from(self.len)
    }

    pub(super) fn value(&self, base: usize) -> Option<Value> {
        (self.digits[base] > 0).then(|| Value {
            number: self.values[base],
            digits: self.digits[base],
        })
    }
}

/// Most digits of a number: of one of eight bytes in decimal.
const WIDE_DIGITS_MAX: usize = 20;

/// A number; one that has more than four bytes is read again where it matters.
#[derive(Clone, Copy)]
pub(super) struct Value {
    pub(super) number: u32,
    pub(super) digits: u8,
}

/// What kinds of words a text has.
pub(super) struct Words {
    /// Words of one or two hexadecimal letters.
    pub(super) lettered: usize,
    /// There are numbers like `6e`.
    pub(super) mixed: bool,
}

const KEPT: u8 = 1;
const DIGIT: u8 = 2;
const HEX: u8 = 4;
const LETTER: u8 = 8;
const JOINT: u8 = 16;

/// What a byte may be in a word.
static WORD: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let byte = i as u8;
        table[i] = match byte {
            b'0'..=b'9' => KEPT | DIGIT | HEX,
            b'a'..=b'f' | b'A'..=b'F' => KEPT | LETTER | HEX,
            b'_' => JOINT,
            _ if is_kept(byte) => KEPT | LETTER,
            _ => 0,
        };
        i += 1;
    }
    table
};

/// Words with digits in them, and if `letters`, words of one or two hexadecimal letters.
pub(super) fn tokenise(bytes: &[u8], from: usize, to: usize, letters: bool, tokens: &mut Vec<Token>) -> Words {
    let (mut lettered, mut hex) = (0, false);
    let mut at = from;
    let mut last_end = from;
    while at < to {
        if WORD[usize::from(bytes[at])] & KEPT == 0 {
            at += 1;
            continue;
        }
        let start = at;
        let most = bytes.len().min(start + 4 * TOKEN_BYTES_MAX);
        let (mut some, mut all) = (0, u8::MAX);
        while at < most {
            let class = WORD[usize::from(bytes[at])];
            if class == 0 {
                break;
            }
            some |= class;
            all &= class;
            at += 1;
        }
        let digits = some & DIGIT > 0;
        let short = at - start <= 2 && all & HEX > 0;
        lettered += usize::from(short && !digits);
        hex |= short && digits && some & LETTER > 0;
        if digits || letters && short {
            let before = separator(&bytes[last_end..start]);
            tokens.push(token(&bytes[start..at], start, before));
            last_end = at;
        }
    }
    Words { lettered, mixed: hex }
}

/// A hash of a separator that does not see white space or the sign of the number that follows.
fn separator(bytes: &[u8]) -> u32 {
    if bytes.len() > SEPARATOR_BYTES_MAX {
        return 0;
    }
    if let [byte] | [byte, b' ' | b'\n'] = bytes
        && !byte.is_ascii_whitespace()
        && *byte != b'-'
    {
        return (0x811C_9DC5 ^ u32::from(*byte)).wrapping_mul(0x0100_0193) | 1;
    }
    let bytes = match bytes {
        [rest @ .., b'-'] if rest.last().is_some_and(|b| !b.is_ascii_alphanumeric()) => rest,
        _ => bytes,
    };
    // The character that a number stands for may be shown beside it.
    let quoted = bytes
        .windows(3)
        .position(|three| matches!(three, [b'\'', char, b'\''] if is_kept(*char)));
    let shown = |i: &usize| quoted.is_some_and(|at| (at..at + 3).contains(i));
    let hash = (0..bytes.len()).filter(|i| !shown(i)).map(|i| &bytes[i]);
    hash.filter(|b| !b.is_ascii_whitespace())
        .fold(0x811C_9DC5_u32, |hash, b| {
            (hash ^ u32::from(*b)).wrapping_mul(0x0100_0193)
        })
        | 1
}

/// How a number is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    Decimal,
    Hex,
    Octal,
    Binary,
}

pub(super) const BASES: [Base; 4] = [Base::Decimal, Base::Hex, Base::Octal, Base::Binary];

/// What a word is in each base: `104`, `0x68`, `104u8`, `68h`.
fn token(word: &[u8], start: usize, before: u32) -> Token {
    let mut token = Token {
        start: start as u32,
        len: word.len().min(255) as u8,
        lettered: false,
        before,
        values: [0; 4],
        digits: [0; 4],
    };
    // Two or three digits, without branches where the digits differ.
    let three = match *word {
        [a, b] => Some([0, DIGIT_VALUE[usize::from(a)], DIGIT_VALUE[usize::from(b)]]),
        [a, b, c] => Some([a, b, c].map(|byte| DIGIT_VALUE[usize::from(byte)])),
        _ => None,
    };
    if let Some([hundreds, tens, ones]) = three.map(|three| three.map(u32::from)) {
        let most = hundreds.max(tens).max(ones);
        let n = word.len() as u8;
        if most < 10 || most < 16 && n == 2 {
            token.lettered = most >= 10;
            token.values = [
                hundreds * 100 + tens * 10 + ones,
                hundreds << 8 | tens << 4 | ones,
                hundreds << 6 | tens << 3 | ones,
                0,
            ];
            let (decimal, octal) = (u8::from(most < 10), u8::from(n == 3 && most < 8));
            token.digits = [n * decimal, n, n * octal, 0];
            return token;
        }
    }
    if word.len() > TOKEN_BYTES_MAX {
        return token;
    }
    token.lettered = word
        .iter()
        .any(|b| matches!(b, b'a'..=b'f' | b'A'..=b'F' | b'x' | b'X'));
    let prefixed = match word {
        [b'0', b'x' | b'X', rest @ ..] => Some((rest, 16)),
        [b'0', b'o' | b'O', rest @ ..] => Some((rest, 8)),
        _ => None,
    };
    let values = if let Some((rest, radix)) = prefixed {
        let value = value(rest, radix);
        [value, value, if radix == 8 { value } else { None }, None]
    } else {
        // In a hexadecimal list `0b` is a byte.
        let binary = match word {
            [b'0', b'b' | b'B', rest @ ..] if rest.len() >= 2 => Some(value(rest, 2)),
            _ => None,
        };
        let long = |value: Option<Value>, least: u8| value.filter(|value| value.digits >= least);
        let character = |value: &Value| value.number <= 0x10_FFFF;
        [
            binary.unwrap_or_else(|| value(word, 10)),
            value(word, 16),
            if binary.is_some() {
                None
            } else {
                long(value(word, 8), 3).filter(character)
            },
            binary.unwrap_or_else(|| long(value(word, 2), 7)),
        ]
    };
    for (nth, value) in values.into_iter().enumerate() {
        if let Some(value) = value {
            (token.values[nth], token.digits[nth]) = (value.number, value.digits);
        }
    }
    token
}

/// What a hexadecimal digit stands for; more than any of them for other bytes.
static DIGIT_VALUE: [u8; 256] = {
    let mut table = [255; 256];
    let mut i = 0;
    while i < 10 {
        table[b'0' as usize + i] = i as u8;
        i += 1;
    }
    while i < 16 {
        table[b'a' as usize + i - 10] = i as u8;
        table[b'A' as usize + i - 10] = i as u8;
        i += 1;
    }
    table
};

/// Digits of a base, and a suffix that says a number's type.
fn value(word: &[u8], radix: u32) -> Option<Value> {
    let mut number = 0u64;
    let mut digits = 0;
    for byte in word {
        let digit = match byte {
            b'0'..=b'9' => u32::from(byte - b'0'),
            b'a'..=b'f' => u32::from(byte - b'a' + 10),
            b'A'..=b'F' => u32::from(byte - b'A' + 10),
            _ => 36,
        };
        if digit >= radix {
            break;
        }
        if digits == WIDE_DIGITS_MAX {
            return None;
        }
        number = number.saturating_mul(u64::from(radix)).saturating_add(u64::from(digit));
        digits += 1;
    }
    let suffix = &word[digits..];
    let typed = match suffix {
        [] => true,
        [b'_', rest @ ..] | rest => {
            rest.is_empty()
                || matches!(
                    rest,
                    b"u8"
                        | b"u16"
                        | b"u32"
                        | b"u64"
                        | b"usize"
                        | b"i8"
                        | b"i16"
                        | b"i32"
                        | b"i64"
                        | b"h"
                        | b"H"
                        | b"L"
                        | b"n"
                )
        }
    };
    (digits > 0 && typed).then_some(Value {
        number: u32::try_from(number).unwrap_or(u32::MAX),
        digits: digits as u8,
    })
}
