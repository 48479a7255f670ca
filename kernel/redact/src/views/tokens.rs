//! Words that are numbers: `104`, `0x68`, `68h`, `104u8`, and what stands between them.

use std::ops::Range;

use super::dense::ends;
use crate::squeeze::{is_kept, places, which};

/// Longest text between two numbers.
pub(super) const SEPARATOR_BYTES_MAX: usize = 48;

/// Longest indentation and brackets between two numbers of lists of lists.
const NESTED_BYTES_MAX: usize = 160;

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
    /// The same without brackets and the names of lists in it: lists of lists are one list.
    pub(super) loose: u32,
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

    /// The bases in which it is a number, a bit for each.
    #[inline]
    pub(super) fn bases(&self) -> u32 {
        // The highest bit of each byte that is not zero, gathered by a multiplication: no number has 128 digits.
        let some = u32::from_le_bytes(self.digits).wrapping_add(0x7F7F_7F7F) >> 7 & 0x0101_0101;
        some.wrapping_mul(0x0102_0408) >> 24 & 0xF
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

const DIGIT: u8 = 1;
const HEX: u8 = 2;
const LETTER: u8 = 4;
const STRANGE: u8 = 8;

/// What a byte may be in a word.
static WORD: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let byte = i as u8;
        table[i] = match byte {
            b'0'..=b'9' => DIGIT | HEX,
            b'a'..=b'f' | b'A'..=b'F' => LETTER | HEX,
            // Of prefixes and suffixes; no number has any other letter.
            b'x' | b'X' | b'o' | b'O' | b'u' | b'i' | b's' | b'z' | b'h' | b'H' | b'L' | b'n' => LETTER,
            _ if is_kept(byte) => LETTER | STRANGE,
            _ => 0,
        };
        i += 1;
    }
    table
};

/// Words with digits in them, and if `letters`, words of one or two hexadecimal letters.
///
/// ```text
///  text      rows=104, "b": 0x68
///  words     1111 111   1   1111      sixty-four bytes at a time
///  digits         111       1 11
///  wanted            ↑   ↑      ↑     where words end: adding a digit to its word carries over to the place after it
/// ```
pub(super) fn tokenise(bytes: &[u8], from: usize, to: usize, letters: bool, tokens: &mut Vec<Token>) -> Words {
    let mut reader = Reader {
        bytes,
        to,
        letters,
        last_end: from,
        tokens,
        words: Words {
            lettered: 0,
            mixed: false,
        },
    };
    // A word may go on after the end.
    let text = &bytes[..bytes.len().min(to + WORD_BYTES_MAX)];
    let (mut before, mut carries) = (0, [0; 2]);
    // Where the word begins that goes on from the block before.
    let mut open = from;
    let mut at = from;
    while at < to || before >> 63 == 1 {
        let masks = Masks::of(text, at);
        let inside = masks.word << 1 | before >> 63;
        let starts = masks.word & !inside;
        let mut wanted = masks.ends(masks.digit, &mut carries[0]);
        if letters {
            // Words of one or two letters, and those before which there may be something that is none of them.
            let [two, three] = [2, 3].map(|n| masks.word << n | before >> (64 - n));
            let short = !masks.word & inside & !(two & three);
            wanted |= short | masks.ends(masks.joint, &mut carries[1]);
        }
        while wanted != 0 {
            let end = wanted.trailing_zeros();
            wanted &= wanted - 1;
            let start = match starts & !(u64::MAX << end) {
                0 => open,
                starts => at + starts.ilog2() as usize,
            };
            reader.read(start, at + end as usize);
        }
        if starts != 0 {
            open = at + starts.ilog2() as usize;
        }
        before = masks.word;
        at += 64;
    }
    reader.words
}

/// Longest part of a word that is looked at as one.
const WORD_BYTES_MAX: usize = 4 * TOKEN_BYTES_MAX;

/// What sixty-four bytes are, a bit for each.
struct Masks {
    /// Letters, digits and joints.
    word: u64,
    digit: u64,
    joint: u64,
}

impl Masks {
    /// Those at a place of a text; after its end there is nothing.
    #[inline]
    fn of(text: &[u8], at: usize) -> Self {
        let rest = text.get(at..).unwrap_or_default();
        match rest.first_chunk() {
            Some(bytes) => Self::new(bytes),
            None => {
                let mut bytes = [0; 64];
                bytes[..rest.len()].copy_from_slice(rest);
                Self::new(&bytes)
            }
        }
    }

    #[inline]
    fn new(bytes: &[u8; 64]) -> Self {
        let joint = places(bytes, b'_');
        Self {
            word: which(bytes, is_kept) | joint,
            digit: which(bytes, |byte| byte.is_ascii_digit()),
            joint,
        }
    }

    /// Where words end that have some of these.
    #[inline]
    fn ends(&self, some: u64, carry: &mut u64) -> u64 {
        ends(self.word, some, carry)
    }
}

/// Reads words.
struct Reader<'t> {
    bytes: &'t [u8],
    /// Words begin before this.
    to: usize,
    letters: bool,
    /// Where the last number ends.
    last_end: usize,
    tokens: &'t mut Vec<Token>,
    words: Words,
}

impl Reader<'_> {
    /// Reads a word, in parts if it is a long one.
    #[inline(always)]
    fn read(&mut self, start: usize, end: usize) {
        let mut at = start;
        loop {
            if self.bytes.get(at) == Some(&b'_') {
                at += self.bytes[at..end].iter().take_while(|b| **b == b'_').count();
            }
            if at >= end.min(self.to) {
                return;
            }
            let part = at..end.min(at + WORD_BYTES_MAX);
            at = part.end;
            let short = self.bytes[part.start..].first_chunk().filter(|_| part.len() < 4);
            match short.and_then(|text| Short::new(text, part.len())) {
                Some(word) => self.short(part.start, &word),
                None => self.other(part),
            }
        }
    }

    #[inline(always)]
    fn short(&mut self, start: usize, word: &Short) {
        self.words.lettered += usize::from(word.pair & !word.decimal_digit);
        self.words.mixed |= word.pair & word.decimal_digit & word.lettered;
        let end = start + word.len;
        let shown = word.len == 1 && is_shown(self.bytes, start);
        if word.decimal_digit | (self.letters & word.pair) && !(shown || names_list(&self.bytes[end..])) {
            let before = separators(&self.bytes[self.last_end..start]);
            self.tokens.push(word.token(start, before));
            self.last_end = end;
        }
    }

    fn other(&mut self, part: Range<usize>) {
        let text = &self.bytes[part.clone()];
        let (some, all) = classes(text);
        let digits = some & DIGIT > 0;
        let short = text.len() <= 2 && all & HEX > 0;
        self.words.lettered += usize::from(short && !digits);
        self.words.mixed |= short && digits && some & LETTER > 0;
        if digits || self.letters && short {
            let before = separators(&self.bytes[self.last_end..part.start]);
            self.tokens.push(long(text, part.start, (some, all), before));
            self.last_end = part.end;
        }
    }
}

/// The number that a word with a digit is, if it may be one of a list, whatever stands before it.
pub(super) fn number(bytes: &[u8], word: Range<usize>) -> Option<Token> {
    let short = bytes[word.start..].first_chunk().filter(|_| word.len() < 4);
    let Some(short) = short.and_then(|text| Short::new(text, word.len())) else {
        let text = &bytes[word.clone()];
        return Some(long(text, word.start, classes(text), (0, 0)));
    };
    (short.decimal_digit && counts(bytes, &word)).then(|| short.token(word.start, (0, 0)))
}

/// Whether a short number is one of a list: neither a character that another number stands for nor the name of a list.
#[inline]
pub(super) fn counts(bytes: &[u8], word: &Range<usize>) -> bool {
    let shown = word.len() == 1 && is_shown(bytes, word.start);
    !(shown || names_list(&bytes[word.end..]))
}

/// What some bytes of a word are, and what all of them are.
fn classes(text: &[u8]) -> (u8, u8) {
    let classes = text.iter().map(|byte| WORD[usize::from(*byte)]);
    classes.fold((0, u8::MAX), |(some, all), class| (some | class, all & class))
}

/// A word that is no short one.
fn long(text: &[u8], start: usize, (some, all): (u8, u8), before: (u32, u32)) -> Token {
    match text.len() {
        4..=PLAIN_DIGITS_MAX if some & LETTER == 0 && all & DIGIT > 0 => plain(text, start, before),
        _ => token(text, start, before, some & STRANGE == 0),
    }
}

/// A word of one to three digits, of which the shorter ones may be hexadecimal: what nearly all words of a list are.
struct Short {
    len: usize,
    /// Up to three digits, with zeros before them.
    values: [u32; 3],
    /// Has a decimal digit.
    decimal_digit: bool,
    /// Has a hexadecimal letter.
    lettered: bool,
    /// Not longer than a byte in hexadecimal.
    pair: bool,
}

impl Short {
    /// The word of up to three bytes at the start of a text. Without branches where words differ: neither their length
    /// nor their digits can be predicted.
    #[inline(always)]
    fn new(text: &[u8; 4], len: usize) -> Option<Self> {
        let [a, b, c, _] = text.map(|byte| DIGIT_VALUE[usize::from(byte)]);
        // Bytes after the word are shifted out, zeros before it in.
        let packed = u32::from_le_bytes([0, a, b, c]) << (8 * (3 - len));
        let values = [packed >> 8 & 0xFF, packed >> 16 & 0xFF, packed >> 24];
        let most = values[0].max(values[1]).max(values[2]);
        let pair = len <= 2;
        if most >= 16 || most >= 10 && !pair {
            return None;
        }
        let decimal_digit = (a < 10) | (len > 1) & (b < 10) | (len == 3);
        Some(Self {
            len,
            values,
            decimal_digit,
            lettered: most >= 10,
            pair,
        })
    }

    #[inline(always)]
    fn token(&self, start: usize, (before, loose): (u32, u32)) -> Token {
        let [hundreds, tens, ones] = self.values;
        let most = hundreds.max(tens).max(ones);
        let n = self.len as u8;
        let (decimal, octal) = (u8::from(!self.lettered), u8::from(n == 3 && most < 8));
        Token {
            start: start as u32,
            len: n,
            lettered: self.lettered,
            before,
            loose,
            values: [
                hundreds * 100 + tens * 10 + ones,
                hundreds << 8 | tens << 4 | ones,
                hundreds << 6 | tens << 3 | ones,
                0,
            ],
            digits: [n * decimal, n, n * octal, 0],
        }
    }
}

/// Where a separator shows the character that a number stands for: `'h'`, `(h)`, `'\''`.
fn shown_char(bytes: &[u8]) -> Range<usize> {
    let quoted = |window: &[u8]| match *window {
        [b'\'' | b'"', b'\\', _, end] => end == window[0],
        [b'\'' | b'"', _, end] => end == window[0],
        [b'(', char, b')'] => !char.is_ascii_whitespace() && !b"()".contains(&char),
        _ => false,
    };
    let first = |n: usize| bytes.windows(n).position(quoted).map(|at| at..at + n);
    first(4).or_else(|| first(3)).unwrap_or(0..0)
}

/// Whether a digit by itself is the character that a number beside it stands for: `55 '7'`, `0x37 (7)`.
#[inline(always)]
fn is_shown(bytes: &[u8], at: usize) -> bool {
    let around = (at.checked_sub(1).map(|before| bytes[before]), bytes.get(at + 1));
    match around {
        // A key is none.
        (Some(quote @ (b'\'' | b'"')), Some(end)) => quote == *end && bytes.get(at + 2) != Some(&b':'),
        // The codes of digits end in digits, in either base.
        (Some(b'('), Some(b')')) => matches!(bytes[..at - 1], [.., b'0'..=b'9'] | [.., b'0'..=b'9', b' ']),
        _ => false,
    }
}

/// Whether a number is the name of a list that follows: `"0": [104, …`.
#[inline(always)]
fn names_list(rest: &[u8]) -> bool {
    matches!(
        rest,
        [b'"' | b'\'', b':', b'[', ..] | [b'"' | b'\'', b':', b' ', b'[', ..] | [b':', b' ', b'[', ..]
    )
}

/// The loose hash of a line break by itself: rows of one list.
pub(super) const ROWS: u32 = BLANK ^ 2;
/// The hash of white space.
const BLANK: u32 = 0x811C_9DC5;

/// The hash of a separator, and its loose one.
#[inline]
pub(super) fn separators(bytes: &[u8]) -> (u32, u32) {
    let hash = separator(bytes);
    match bytes {
        [byte] | [byte, b' '] if *byte != b'\n' => (hash, hash),
        _ => (hash, loose(bytes).unwrap_or(hash)),
    }
}

/// The hash of a separator without what stands between the end of one list in it and the start of another.
fn loose(bytes: &[u8]) -> Option<u32> {
    if hash_is_blank(bytes) {
        return (bytes.contains(&b'\n') && bytes.len() <= SEPARATOR_BYTES_MAX).then_some(ROWS);
    }
    let close = bytes.iter().position(|b| b"])}".contains(b))?;
    let open = bytes
        .iter()
        .rposition(|b| b"[({".contains(b))
        .filter(|open| *open > close)?;
    let (before, between, after) = (&bytes[..close], &bytes[close..open], &bytes[open + 1..]);
    let solid = |part: &[u8]| part.iter().filter(|b| !b.is_ascii_whitespace()).count();
    if bytes.len() > NESTED_BYTES_MAX || solid(bytes) > SEPARATOR_BYTES_MAX {
        return None;
    }
    let is_sign = |b: &u8| !b.is_ascii_whitespace();
    let comma: &[u8] = if before.iter().any(is_sign) || !between.contains(&b',') {
        b""
    } else {
        b","
    };
    // What opens inner lists stands after the brackets, what closes them before.
    let inner = |b: &&u8| is_sign(b) && !b"[](){}".contains(b);
    Some(before.iter().chain(comma).chain(after).filter(inner).fold(BLANK, mix) | 1)
}

fn hash_is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_whitespace)
}

fn mix(hash: u32, byte: &u8) -> u32 {
    (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
}

/// A hash of a separator that does not see white space or the sign of the number that follows.
fn separator(bytes: &[u8]) -> u32 {
    if bytes.len() > SEPARATOR_BYTES_MAX {
        return 0;
    }
    // Only white space, as in a dump.
    if let [byte] = bytes
        && byte.is_ascii_whitespace()
    {
        return BLANK;
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
    let shown = shown_char(bytes);
    let hash = (0..bytes.len()).filter(|i| !shown.contains(i)).map(|i| &bytes[i]);
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

/// Digits that are no more than four bytes in any base.
const PLAIN_DIGITS_MAX: usize = 8;

/// What four to eight decimal digits are in each base.
fn plain(word: &[u8], start: usize, (before, loose): (u32, u32)) -> Token {
    let (mut decimal, mut shifted, mut most) = (0, [0; 3], 0);
    for byte in word {
        let digit = u32::from(byte - b'0');
        decimal = decimal * 10 + digit;
        shifted = std::array::from_fn(|nth| shifted[nth] << [4, 3, 1][nth] | digit);
        most = most.max(digit);
    }
    let [hex, octal, binary] = shifted;
    let n = word.len() as u8;
    let is = [
        true,
        true,
        most < 8 && is_character(octal),
        most < 2 && n >= BINARY_DIGITS_MIN,
    ];
    let only = |value: [u32; 4]| std::array::from_fn(|nth| if is[nth] { value[nth] } else { 0 });
    Token {
        start: start as u32,
        len: n,
        lettered: false,
        before,
        loose,
        values: only([decimal, hex, octal, binary]),
        digits: is.map(|is| if is { n } else { 0 }),
    }
}

/// Fewest digits of a binary number without a prefix.
pub(super) const BINARY_DIGITS_MIN: u8 = 7;

fn is_character(number: u32) -> bool {
    number <= 0x10_FFFF
}

/// What a word is in each base: `104`, `0x68`, `104u8`, `68h`; in none if it has letters that no number has.
fn token(word: &[u8], start: usize, (before, loose): (u32, u32), may_be: bool) -> Token {
    let mut token = Token {
        start: start as u32,
        len: word.len().min(255) as u8,
        lettered: false,
        before,
        loose,
        values: [0; 4],
        digits: [0; 4],
    };
    if word.len() > TOKEN_BYTES_MAX {
        return token;
    }
    token.lettered = word
        .iter()
        .any(|b| matches!(b, b'a'..=b'f' | b'A'..=b'F' | b'x' | b'X'));
    if !may_be {
        return token;
    }
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
        [
            binary.unwrap_or_else(|| value(word, 10)),
            value(word, 16),
            if binary.is_some() {
                None
            } else {
                long(value(word, 8), 3).filter(|value| is_character(value.number))
            },
            binary.unwrap_or_else(|| long(value(word, 2), BINARY_DIGITS_MIN)),
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
pub(super) static DIGIT_VALUE: [u8; 256] = {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_alone_is_one_separator() {
        let blanks: [&[u8]; 6] = [b" ", b"\n", b"\t", b"  ", b"\r\n", b" \n  "];
        assert!(blanks.iter().all(|blank| separator(blank) == separator(b"")));
        assert_ne!(separator(b" "), separator(b","));
    }

    /// Every word of up to three characters that matter is read alike, whichever way it is read.
    #[test]
    fn short_words_are_read_alike() {
        let bytes = b"017 89abfFxg_h-";
        let words = bytes.iter().flat_map(|a| {
            let pairs = bytes.iter().map(move |b| [*a, *b]);
            pairs.flat_map(|[a, b]| bytes.iter().map(move |c| [a, b, *c]))
        });
        for word in words.filter(|word| is_kept(word[0])) {
            let text = [&word[..], b", "].concat();
            let len = word.iter().take_while(|b| is_kept(**b) || **b == b'_').count();
            let slow = token(&word[..len], 7, (9, 9), true);
            let Some(short) = text.first_chunk().and_then(|text| Short::new(text, len)) else {
                continue;
            };
            let fast = short.token(7, (9, 9));
            assert_eq!(
                (fast.start, fast.len, fast.lettered, fast.before, fast.digits),
                (slow.start, slow.len, slow.lettered, slow.before, slow.digits),
                "{word:?}"
            );
            for nth in 0..BASES.len() {
                assert_eq!(fast.value(nth).map(|v| v.number), slow.value(nth).map(|v| v.number));
            }
            assert_eq!(
                fast.bases(),
                (0..4).map(|nth| u32::from(slow.digits[nth] > 0) << nth).sum::<u32>()
            );
            let digit = word[..len].iter().any(u8::is_ascii_digit);
            assert_eq!((short.len, short.decimal_digit, short.pair), (len, digit, len <= 2));
        }
        assert!(
            Short::new(b"12, ", 2).is_some() && Short::new(b"255]", 3).is_some() && Short::new(b"12g ", 3).is_none()
        );
    }

    /// Longer words too.
    #[test]
    fn longer_words_are_read_alike() {
        let words = [
            "2026",
            "0000",
            "1777",
            "7777",
            "77777777",
            "01101000",
            "1101000",
            "11010002",
            "99999999",
            "41777777",
            "24T08",
            "12Z",
            "0x68",
            "104u8",
            "68h",
            "104usize",
            "0b1101000",
            "0o150",
            "1_u8",
            "1g_u8",
            "beef",
            "12n",
        ];
        for word in words {
            let mut tokens = Vec::new();
            tokenise(format!("{word} ").as_bytes(), 0, word.len(), true, &mut tokens);
            let slow = token(word.as_bytes(), 0, (BLANK, BLANK), true);
            let all = |token: &Token| (token.start, token.len, token.lettered, token.digits, token.values);
            let digits = word.bytes().any(|b| b.is_ascii_digit());
            assert_eq!(
                tokens.iter().map(all).collect::<Vec<_>>(),
                digits.then(|| all(&slow)).into_iter().collect::<Vec<_>>(),
                "{word}"
            );
        }
    }

    /// Where words begin and end, byte by byte.
    fn words_of(bytes: &[u8], from: usize, to: usize) -> Vec<Range<usize>> {
        let (mut words, mut at) = (Vec::new(), from);
        while at < to {
            if !is_kept(bytes[at]) {
                at += 1;
                continue;
            }
            let word = bytes[at..].iter().take(WORD_BYTES_MAX);
            let end = at + word.take_while(|b| is_kept(**b) || **b == b'_').count();
            words.push(at..end);
            at = end;
        }
        words
    }

    #[test]
    fn words_are_found_wherever_they_begin_and_end() {
        let pieces: [&[u8]; 12] = [
            b"104",
            b"0x68",
            b"be",
            b"a",
            b"_",
            b", ",
            b" ",
            b"server",
            b"\xc3\xa4",
            b"7",
            b"long_name_1",
            &[b'x'; 60],
        ];
        let mut state = 7u32;
        for round in 0..3000usize {
            let mut text = Vec::new();
            while text.len() < round % 400 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.extend_from_slice(pieces[(state >> 24) as usize % (2 + round % 11)]);
            }
            let (from, to) = (round % 7, text.len().saturating_sub(round % 5));
            if from > to {
                continue;
            }
            for letters in [false, true] {
                let mut tokens = Vec::new();
                let words = tokenise(&text, from, to, letters, &mut tokens);
                let all = words_of(&text, from, to);
                let some = |word: &Range<usize>, is: fn(&u8) -> bool| text[word.clone()].iter().any(is);
                let short = |word: &Range<usize>| word.len() <= 2 && !some(word, |b| !b.is_ascii_hexdigit());
                let digits = |word: &Range<usize>| some(word, u8::is_ascii_digit);
                let wanted: Vec<Range<usize>> = all
                    .iter()
                    .filter(|word| digits(word) || letters && short(word))
                    .cloned()
                    .collect();
                let found: Vec<Range<usize>> = tokens.iter().map(|token| token.start()..token.end()).collect();
                assert_eq!(found, wanted, "{from}..{to} {}", text.escape_ascii());
                if letters {
                    assert_eq!(
                        words.lettered,
                        all.iter().filter(|word| short(word) && !digits(word)).count()
                    );
                }
            }
        }
    }
}
