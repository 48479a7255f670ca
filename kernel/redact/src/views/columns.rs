//! Columns of numbers in lines: the same number, counted from the left or from the right, of each line.
//!
//! ```text
//!  byte[0] = 0x68 (h)      number 0 from the left   0 1 2 3 …
//!  byte[1] = 0x75 (u)      number 1 from the left   68 75 …
//!  byte[2] = 0x33 (3)      number 0 from the right  68 75 3 …
//! ```
//!
//! Nearly all columns are those of a table of numbers: ids, counts, dates, fractions. What a number may be is asked where
//! it stands, and only columns with enough bytes in a row that may be part of a value are read as lists.

use std::ops::Range;

use super::dense::ends;
use super::digits::{self, Digits};
use super::inflate;
use super::numbers::{self, ELEMENTS_MIN, STEPS_MAX, is_negative};
use super::suspects::{self, Stretch, Which};
use super::tokens::{self, BASES, Base, Token, tokenise};
use super::words::Pairs;
use crate::index::{CANON_MIN, Row};
use crate::scan::{Scan, Scanner, Window};
use crate::squeeze::is_kept;

/// Numbers of a line that are looked at from either side.
pub(super) const COLUMNS: usize = 4;

/// Numbers before and after those of several bytes in which enough of a value was seen: some of them may be zeros.
const AROUND: usize = 16;

/// Fewest numbers of several bytes.
const WORDS_MIN: usize = 3;

/// A number of a line.
#[derive(Clone, Copy)]
pub(super) struct Number {
    start: u32,
    len: u8,
    /// It has decimal digits only, and not too many.
    plain: bool,
    /// In which bases it may be a byte or a character of a value or of text, a bit for each.
    pub(super) may_be: u8,
    /// Whether it may be the first or the second byte of something compressed.
    pub(super) packed: u8,
}

pub(super) const FIRST: u8 = 1;
pub(super) const SECOND: u8 = 2;

impl Number {
    fn range(&self) -> Range<usize> {
        self.start as usize..self.start as usize + usize::from(self.len)
    }

    /// What it is, if that is simple.
    #[inline]
    fn decimal(&self, bytes: &[u8]) -> Option<u32> {
        self.plain.then(|| Digits::of(bytes, &self.range()).decimal())
    }

    fn token(&self, bytes: &[u8]) -> Option<Token> {
        tokens::number(bytes, self.range())
    }
}

/// Every column of numbers of some lines. `begun`: more of them may follow.
pub(super) fn scan(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    group: &[Range<usize>],
    begun: bool,
    depth: usize,
    scan: &mut Scan,
) {
    let mut reader = Reader {
        window,
        chars: Chars::of(scanner.index.row()),
        longest: scanner.index.longest(),
        packed: true,
    };
    // What has begun in the last ones goes on there, perhaps.
    let open = window.last && !window.text.complete;
    let open = open && group.last().is_some_and(|last| last.end + 1 >= window.text.bytes.len());
    let Some(stretches) = suspects::lines(&reader, group, open) else {
        return of_lines(scanner, &reader, group, Which::ALL, begun, depth, scan);
    };
    reader.packed = false;
    for Stretch { lines, columns } in stretches {
        let begun = begun && lines.end == group.len();
        of_lines(scanner, &reader, &group[lines], columns, begun, depth, scan);
    }
}

/// Some columns of numbers of some lines.
fn of_lines(
    scanner: &mut Scanner<'_>,
    reader: &Reader<'_, '_>,
    group: &[Range<usize>],
    columns: Which,
    begun: bool,
    depth: usize,
    scan: &mut Scan,
) {
    let window = reader.window;
    let words = words(window, group);
    let mut words = &words[..];
    let mut numbers = Vec::new();
    let mut lines: Vec<Range<usize>> = Vec::new();
    for line in group {
        let first = numbers.len();
        if line.end > window.to {
            reader.all_of(line, &mut numbers);
        } else {
            let before = words
                .iter()
                .take_while(|word| (word.start as usize) < line.start)
                .count();
            words = &words[before..];
            let inside = words.iter().take_while(|word| (word.start as usize) < line.end).count();
            reader.line(line, &words[..inside], &mut numbers);
            words = &words[inside..];
        }
        if numbers.len() > first {
            lines.push(first..numbers.len());
        } else if window.text.bytes[line.clone()].iter().any(|b| is_kept(*b)) {
            // A rule of a table ends nothing.
            each(scanner, reader, &numbers, (&lines, columns), false, depth, scan);
            numbers.clear();
            lines.clear();
        }
    }
    each(scanner, reader, &numbers, (&lines, columns), begun, depth, scan);
}

/// A word with a digit.
struct Word {
    start: u32,
    end: u32,
    /// It has nothing else.
    plain: bool,
}

/// The words with digits of some lines that end in the window.
fn words(window: &Window<'_>, group: &[Range<usize>]) -> Vec<Word> {
    let mut words = Vec::new();
    let (Some(first), Some(last)) = (group.first(), group.last()) else {
        return words;
    };
    let (keep, digit) = (&window.squeezed.keep, &window.squeezed.digit);
    let (from, to) = (
        (first.start - window.from) / 64,
        (last.end.min(window.to) - window.from).div_ceil(64),
    );
    let (mut goes_on, mut start, mut carries) = (0, 0, [0; 2]);
    for i in from..=to {
        let (kept, digits) = (keep.at(i), digit.at(i));
        let mut found = ends(kept, digits, &mut carries[0]);
        let mixed = ends(kept, kept & !digits, &mut carries[1]);
        let starts = kept & !(kept << 1 | goes_on);
        goes_on = kept >> 63;
        let at = window.from + 64 * i;
        while found != 0 {
            let end = found.trailing_zeros();
            found &= found - 1;
            let before = starts & !(u64::MAX << end);
            if before != 0 {
                start = at + before.ilog2() as usize;
            }
            words.push(Word {
                start: start as u32,
                end: at as u32 + end,
                plain: mixed >> end & 1 == 0,
            });
        }
        if starts != 0 {
            start = at + starts.ilog2() as usize;
        }
    }
    words
}

/// Columns of numbers; `lines` are ranges of `numbers`.
fn each(
    scanner: &mut Scanner<'_>,
    reader: &Reader<'_, '_>,
    numbers: &[Number],
    (lines, columns): (&[Range<usize>], Which),
    begun: bool,
    depth: usize,
    scan: &mut Scan,
) {
    if lines.len() < if begun { 1 } else { ELEMENTS_MIN } {
        return;
    }
    let most = lines.iter().map(Range::len).max().unwrap_or(0);
    // One number a line is a plain list, but for what stands around it.
    let left = (0..most.min(COLUMNS)).map(|n| (n, false));
    let right = (0..most.min(COLUMNS)).map(|n| (n, true));
    let uneven = lines.iter().any(|line| line.len() != most);
    let mut column: Vec<Number> = Vec::with_capacity(lines.len());
    for (n, from_right) in left.chain(right.filter(|_| uneven || most > COLUMNS)) {
        if !columns.has(n, from_right) {
            continue;
        }
        for line in lines {
            let line = &numbers[line.clone()];
            let place = if from_right {
                line.len().checked_sub(n + 1)
            } else {
                Some(n)
            };
            match place.and_then(|place| line.get(place)) {
                Some(number) => column.push(*number),
                // Where a line has too few numbers, the column ends.
                None if column.is_empty() => {}
                None => {
                    one(scanner, reader, &column, depth, scan);
                    column.clear();
                }
            }
        }
        one(scanner, reader, &column, depth, scan);
        column.clear();
    }
}

/// Numbers that stand at the same place of lines.
fn one(scanner: &mut Scanner<'_>, reader: &Reader<'_, '_>, column: &[Number], depth: usize, scan: &mut Scan) {
    let (window, bytes) = (reader.window, reader.window.text.bytes);
    let mut as_list = |column: &[Number]| {
        let tokens: Vec<Token> = column.iter().filter_map(|number| number.token(bytes)).collect();
        numbers::all_of(scanner, window, &tokens, depth, scan);
    };
    let Some((_, before)) = column.split_last() else {
        return;
    };
    // The last one may stand for fewer bytes.
    let wide = before.len() >= 2 && before.iter().all(|number| number.len >= 4);
    if reader.packed && (wide || column.len() >= ELEMENTS_MIN) && is_packed(bytes, column) {
        as_list(column);
        return;
    }
    // What has begun in the last numbers of an unfinished text may go on.
    let begun = window.last && !window.text.complete;
    let tail = if begun { reader.tail(column.len()) } else { column.len() };
    if wide {
        let mut stretches: Vec<Range<usize>> = Vec::new();
        let may_have_begun = reader.words(column, |i| {
            add(&mut stretches, i.saturating_sub(AROUND)..column.len().min(i + AROUND));
        });
        if begun && may_have_begun {
            add(&mut stretches, tail..column.len());
        }
        for stretch in stretches {
            as_list(&column[stretch]);
        }
        // With zeros before them they may be bytes.
        if column.iter().all(|number| number.may_be == 0) {
            return;
        }
    }
    let mut stretches: Vec<Range<usize>> = Vec::new();
    let mut add = |stretch: Range<usize>| add(&mut stretches, stretch);
    // Where no number is a byte of a value or of text, in no base, nothing ends that has begun before.
    // A nibble for each of the last numbers, in it a bit for each base; and where such numbers begin.
    let (mut row, mut start) = (0u32, 0);
    let mut steps = Steps::default();
    for (i, number) in column.iter().enumerate() {
        if row == 0 {
            start = i;
        }
        row = (row << 4 | 0xF) & u32::from(number.may_be).wrapping_mul(0x0011_1111);
        // Only the numbers before those that may be bytes tell whether these count.
        let decimal = if number.may_be == 0 {
            None
        } else {
            number.decimal(bytes)
        };
        if steps.next(decimal) >= STEPS_MAX {
            // Only the last ones may belong to what follows.
            row &= 0x000F_FFFF;
            start = i + 1 - STEPS_MAX;
        } else if row >> (4 * (ELEMENTS_MIN - 1)) != 0 {
            add(start..i + 1);
        }
    }
    if begun && (row != 0 || column.len() < 3 || reader.words(&column[tail..], |_| ())) {
        add(tail..column.len());
    }
    for stretch in stretches {
        as_list(&column[stretch]);
    }
    // Those of several bytes may stand among others.
    if wide || column.len() < WORDS_MIN && !begun {
        return;
    }
    let mut from = 0;
    for some in column.chunk_by(|a, b| (a.len >= 4) == (b.len >= 4)) {
        let to = from + some.len();
        if some[0].len >= 4 {
            let last = begun && to == column.len();
            for stretch in reader.spelling(some, last) {
                as_list(&some[stretch.clone()]);
                // The last one may stand for fewer bytes.
                if stretch.end == some.len() && to < column.len() {
                    as_list(&column[from + stretch.start..=to]);
                }
            }
        }
        from = to;
    }
}

/// Adds a stretch to others, which begin before it: what meets is one.
pub(super) fn add(stretches: &mut Vec<Range<usize>>, stretch: Range<usize>) {
    match stretches.last_mut() {
        Some(last) if last.end >= stretch.start => {
            *last = last.start.min(stretch.start)..last.end.max(stretch.end);
        }
        _ => stretches.push(stretch),
    }
}

/// Whether numbers begin like something compressed, each of them one byte, or several in some order.
fn is_packed(bytes: &[u8], column: &[Number]) -> bool {
    fn has_magic(head: impl Iterator<Item = u8>) -> bool {
        let mut first = [0; 8];
        let length = first.iter_mut().zip(head).map(|(to, byte)| *to = byte).count();
        inflate::has_magic(&first[..length])
    }
    let inside = |two: &[Number]| {
        two[0].packed & FIRST > 0
            && two[1].packed & SECOND > 0
            && (0..BASES.len()).any(|nth| {
                let [first, second] = [0, 1].map(|i| two[i].token(bytes).map_or(0, |token| token.values[nth]));
                let [first, second] = [first, second].map(|value| u8::try_from(value).unwrap_or(0));
                inflate::begins(first, second)
            })
    };
    let head: Vec<Token> = column.iter().take(8).filter_map(|number| number.token(bytes)).collect();
    let begins = |nth: usize| {
        let values = || head.iter().map(|token| token.values[nth]);
        has_magic(values().map(|value| value as u8))
            || has_magic(values().flat_map(little))
            || has_magic(values().flat_map(|value| little(value).rev()))
    };
    column.windows(2).any(inside) || (0..BASES.len()).any(begins)
}

/// The bytes of a number from the lowest one that counts to the highest.
fn little(number: u32) -> impl DoubleEndedIterator<Item = u8> {
    number.to_le_bytes().into_iter().take(byte_count(number).max(1))
}

/// How many bytes a number has without the zeros above them.
pub(super) fn byte_count(number: u32) -> usize {
    (32 - number.leading_zeros() as usize).div_ceil(8)
}

/// What a number may be, as a byte or a character.
pub(super) struct Chars {
    pub(super) likely: Row,
    /// Bytes of values or of text, or of what may stand between them, a bit each.
    held: [u64; 4],
    /// Whether a value has other characters than ASCII, and whether some of them have two units in UTF-16.
    pub(super) wide: bool,
    astral: bool,
}

impl Chars {
    fn of(likely: Row) -> Self {
        let mut held = likely.with_between();
        // Characters above ASCII.
        let wide = (0xC2..=0xF4).any(|lead| likely.may_be(lead));
        for byte in (0x80..=u8::MAX).filter(|_| wide) {
            if utf8(byte.into()).all(|b| likely.may_be(b)) {
                held[usize::from(byte) / 64] |= 1 << (byte % 64);
            }
        }
        Self {
            likely,
            held,
            wide,
            astral: (0xF0..=0xF4).any(|lead| likely.may_be(lead)),
        }
    }

    /// Whether a number may be a byte or a character of a value or of text.
    #[inline(always)]
    pub(super) fn may_be(&self, value: u32) -> bool {
        match value {
            0..=0xFF => self.held[value as usize / 64] >> (value % 64) & 1 == 1,
            _ => self.wide && self.may_be_wide(value),
        }
    }

    #[cold]
    fn may_be_wide(&self, value: u32) -> bool {
        match value {
            // Half of a character.
            0xD800..=0xDFFF => self.astral,
            _ => utf8(value).all(|b| self.likely.may_be(b)),
        }
    }
}

/// A code point in UTF-8; a byte that no text has where the number is none.
fn utf8(number: u32) -> impl Iterator<Item = u8> {
    let mut all = [0xFF; 4];
    let length = char::from_u32(number).map_or(1, |char| char.encode_utf8(&mut all).len());
    all.into_iter().take(length)
}

/// Reads the numbers of lines.
pub(super) struct Reader<'w, 't> {
    pub(super) window: &'w Window<'t>,
    pub(super) chars: Chars,
    /// Bytes of the longest value.
    longest: usize,
    /// Whether columns may stand for something compressed.
    packed: bool,
}

impl Reader<'_, '_> {
    /// Where the last ones of so many numbers begin that may be the first ones of a value: up to four of them show a
    /// character.
    pub(super) fn tail(&self, numbers: usize) -> usize {
        numbers.saturating_sub(4 * self.longest + ELEMENTS_MIN)
    }

    /// The numbers of a line that are looked at: those near its ends.
    fn line(&self, line: &Range<usize>, words: &[Word], numbers: &mut Vec<Number>) {
        let bytes = self.window.text.bytes;
        let first = numbers.len();
        let mut right = [None; COLUMNS];
        let (mut left, mut n) = (0, 0);
        let mut words = words.iter();
        while n < COLUMNS
            && let Some(word) = if left < COLUMNS {
                words.next()
            } else {
                words.next_back()
            }
        {
            let place = word.start as usize..word.end as usize;
            // Longer than it seems.
            if place.start > line.start && bytes[place.start - 1] == b'_'
                || bytes[..line.end].get(place.end) == Some(&b'_')
            {
                numbers.truncate(first);
                return self.all_of(line, numbers);
            }
            let number = if word.plain && place.len() <= digits::MOST {
                self.plain(&place)
            } else {
                tokens::number(bytes, place).map(|token| self.other(&token))
            };
            let Some(number) = number else {
                continue;
            };
            if left < COLUMNS {
                numbers.push(number);
                left += 1;
            } else {
                right[n] = Some(number);
                n += 1;
            }
        }
        numbers.extend(right.into_iter().rev().flatten());
    }

    /// All numbers of a line.
    fn all_of(&self, line: &Range<usize>, numbers: &mut Vec<Number>) {
        let mut tokens = Vec::new();
        tokenise(self.window.text.bytes, line.start, line.end, false, &mut tokens);
        numbers.extend(tokens.iter().map(|token| self.other(token)));
    }

    /// A word of decimal digits.
    #[inline]
    pub(super) fn plain(&self, word: &Range<usize>) -> Option<Number> {
        let bytes = self.window.text.bytes;
        if word.len() < 4 && !tokens::counts(bytes, word) {
            return None;
        }
        let digits = Digits::of(bytes, word);
        let is_binary = word.len() >= usize::from(tokens::BINARY_DIGITS_MIN) && digits.are_binary();
        // With so many digits a number is no byte, in any base but that of two.
        if word.len() >= 4 && bytes[word.start] != b'0' && !self.chars.wide {
            return Some(Number {
                start: word.start as u32,
                len: word.len() as u8,
                plain: true,
                may_be: u8::from(is_binary) << 3,
                packed: if is_binary { FIRST | SECOND } else { 0 },
            });
        }
        let (decimal, hex, octal) = (digits.decimal(), digits.hex(), digits.octal());
        let n = word.len();
        let is_octal = n > 2 && digits.are_octal() && (n < 4 || octal <= 0x10_FFFF);
        let negative = decimal <= 128 && is_negative(bytes, word.start);
        let mut may_be = u8::from(self.chars.may_be(if negative { 256 - decimal } else { decimal }))
            | u8::from(self.chars.may_be(hex)) << 1
            | u8::from(is_octal && self.chars.may_be(octal)) << 2;
        may_be |= u8::from(is_binary) << 3;
        let mut number = Number {
            start: word.start as u32,
            len: n as u8,
            plain: true,
            may_be,
            packed: if is_binary { FIRST | SECOND } else { 0 },
        };
        for value in [decimal, hex, octal] {
            number.packed |= packed(value);
        }
        Some(number)
    }

    /// Any other number.
    pub(super) fn other(&self, token: &Token) -> Number {
        let all = token.bases();
        let negative = token.values[0] <= 128 && is_negative(self.window.text.bytes, token.start());
        let mut number = Number {
            start: token.start,
            len: token.len,
            plain: false,
            may_be: 0,
            packed: 0,
        };
        for nth in (0..BASES.len()).filter(|nth| all >> nth & 1 == 1) {
            let value = token.values[nth];
            let shown = if negative && nth == 0 { 256 - value } else { value };
            number.may_be |= u8::from(self.chars.may_be(shown)) << nth;
            number.packed |= packed(value);
        }
        number
    }

    /// Tells with which numbers of several bytes each there is enough of what may be a value, or text, in some order, in
    /// some base. Returns whether one may have begun at the end.
    fn words(&self, column: &[Number], mut tell: impl FnMut(usize)) -> bool {
        let (bytes, likely) = (self.window.text.bytes, self.chars.likely);
        // Zeros before a number stand in a value.
        if likely.may_be(0) {
            (0..column.len()).for_each(tell);
            return true;
        }
        let mut spelt: [Spelt; BASES.len()] = std::array::from_fn(|_| Spelt::new(likely));
        let mut steps = Steps::default();
        for (i, number) in column.iter().enumerate() {
            let digits = number.plain.then(|| Digits::of(bytes, &number.range()));
            if steps.next(digits.as_ref().map(Digits::decimal)) >= STEPS_MAX {
                continue;
            }
            let holds = if let Some(digits) = digits {
                let decimal = digits.decimal();
                let (hex, octal) = (digits.hex(), digits.octal());
                let others = digits.are_octal() && self.chars.may_be(octal)
                    || digits.are_binary() && number.len >= tokens::BINARY_DIGITS_MIN;
                if others {
                    self.reads(&mut spelt, number)
                } else {
                    self.spells(&mut spelt[0], decimal, true)
                        | self.spells(&mut spelt[1], hex, matches!(number.len, 4 | 8))
                }
            } else {
                self.reads(&mut spelt, number)
            };
            if holds {
                tell(i);
            }
        }
        spelt.iter().any(Spelt::has_begun)
    }

    /// Where in numbers of several bytes each a value may be, in decimal, or in hexadecimal, where they all have as many
    /// digits. `begun`: the last ones may be the first ones of a value.
    fn spelling(&self, column: &[Number], begun: bool) -> Vec<Range<usize>> {
        let (bytes, row) = (self.window.text.bytes, &self.chars.likely);
        // Those that are told by words of one length stand beside the others.
        let mut stretches: Vec<Range<usize>> = Vec::new();
        let mut add = |stretch: Range<usize>| match stretches.last_mut() {
            Some(last) if last.contains(&stretch.start) => last.end = last.end.max(stretch.end),
            _ => stretches.push(stretch),
        };
        if column.iter().all(|number| number.plain) {
            let (mut decimal, mut steps) = (Pairs::default(), Steps::default());
            for (i, number) in column.iter().enumerate() {
                let value = Digits::of(bytes, &number.range()).decimal();
                if (steps.next(Some(value)) < STEPS_MAX) & decimal.hold(value, row) {
                    add(i.saturating_sub(AROUND)..column.len().min(i + AROUND));
                }
            }
        } else {
            self.words(column, |i| add(i.saturating_sub(AROUND)..column.len().min(i + AROUND)));
        }
        let (mut words, mut from) = (Vec::new(), 0);
        for alike in column.chunk_by(|a, b| a.len == b.len) {
            let to = from + alike.len();
            // Without a letter a few of them are decimal numbers, mostly.
            let lettered = || alike.iter().any(|number| !number.plain);
            let hexadecimal = matches!(alike[0].len, 4 | 8) && alike.len() >= ELEMENTS_MIN || lettered();
            if hexadecimal && alike.len() * usize::from(alike[0].len) >= 2 * CANON_MIN {
                let mut holds = false;
                self.words(alike, |_| holds = true);
                words.extend(holds.then_some(from..to));
            }
            from = to;
        }
        let tail = self.tail(column.len());
        if begun && self.words(&column[tail..], |_| ()) {
            add(tail..column.len());
        }
        stretches.append(&mut words);
        stretches
    }

    /// One more number, in any base.
    fn reads(&self, spelt: &mut [Spelt; BASES.len()], number: &Number) -> bool {
        let Some(token) = number.token(self.window.text.bytes) else {
            return false;
        };
        let mut some = false;
        for (nth, spelt) in spelt.iter_mut().enumerate() {
            if token.digits[nth] == 0 {
                spelt.end();
                continue;
            }
            // Hexadecimal numbers have as many digits as their bytes, numbers of other bases are characters.
            let is_word = match BASES[nth] {
                Base::Decimal => true,
                Base::Hex => matches!(token.digits[nth], 4 | 8 | 16),
                _ => false,
            };
            // More than four bytes are rare.
            some |= token.values[nth] == u32::MAX || self.spells(spelt, token.values[nth], is_word);
        }
        some
    }

    #[inline(always)]
    fn spells(&self, spelt: &mut Spelt, value: u32, is_word: bool) -> bool {
        // Half of a character goes with the other one.
        if matches!(value, 0xD800..=0xDFFF) && self.chars.astral {
            return true;
        }
        let mut some = false;
        if is_word || value <= 0xFF {
            some = spelt.up.reaches_in(little(value)) | spelt.down.reaches_in(little(value).rev());
        } else {
            spelt.up.end();
            spelt.down.end();
        }
        if self.chars.may_be(value) {
            some |= spelt.chars.reaches_in(utf8(value));
        } else {
            spelt.chars.end();
        }
        some
    }
}

/// How many numbers in a row are equal, or each one more than the last.
#[derive(Default, Clone, Copy)]
pub(super) struct Steps {
    last: Option<u32>,
    count: usize,
}

impl Steps {
    /// How many of them stand before this one.
    #[inline]
    pub(super) fn next(&mut self, decimal: Option<u32>) -> usize {
        let step = decimal.zip(self.last).map(|(here, last)| here.wrapping_sub(last));
        self.last = decimal;
        self.count = if step.is_some_and(|step| step <= 1) {
            self.count + 1
        } else {
            0
        };
        self.count
    }

    /// How many stood before the last one.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

/// Bytes in a row that numbers of one base spell.
struct Spelt {
    chars: Row,
    up: Row,
    down: Row,
}

impl Spelt {
    fn has_begun(&self) -> bool {
        [self.chars, self.up, self.down].iter().any(Row::has_begun)
    }

    fn new(likely: Row) -> Self {
        Self {
            chars: likely,
            up: likely,
            down: likely,
        }
    }

    fn end(&mut self) {
        self.chars.end();
        self.up.end();
        self.down.end();
    }
}

#[inline(always)]
pub(super) fn packed(value: u32) -> u8 {
    match value {
        0x1F | 0x50 => FIRST,
        0x8B | 0x4B => SECOND,
        _ => 0,
    }
}
