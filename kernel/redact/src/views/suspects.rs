//! Lines whose numbers may show a value: those that the columns of a table are read for.
//!
//! ```text
//!  41,0.137204,104,2026-11-28     104 may be a byte of a value, 28 may be one in hexadecimal
//!  42,1.482217,3,2026-11-29       29 may
//!  43,0.000300,17,2026-11-30      30 may
//! ```
//!
//! A column that shows a value has such a number on each of its lines, so that only where enough lines in a row have one
//! its numbers have to be told apart. Numbers of up to three digits are asked for sixty-four bytes at a time, longer ones
//! one by one.

use std::ops::Range;

use super::columns::Reader;

/// Fewer lines are read at once.
#[cfg(target_arch = "x86_64")]
const LINES_MIN: usize = 24;

/// Parts of a group of lines whose columns have to be read, if this processor tells them quicker than all of them are
/// read, and nothing compressed may begin there. `open`: more lines may follow, so that any of the last ones may be the
/// first one of a value.
pub(super) fn lines(reader: &Reader<'_, '_>, group: &[Range<usize>], open: bool) -> Option<Vec<Range<usize>>> {
    let mut found = found(reader, group, open)?;
    found.sort_unstable_by_key(|stretch| stretch.start);
    let mut stretches: Vec<Range<usize>> = Vec::new();
    for stretch in found {
        let end = stretch.end.min(group.len());
        match stretches.last_mut() {
            Some(last) if stretch.start <= last.end => last.end = last.end.max(end),
            _ => stretches.push(stretch.start..end),
        }
    }
    Some(stretches)
}

/// Where in some lines a value may be.
fn found(reader: &Reader<'_, '_>, group: &[Range<usize>], open: bool) -> Option<Vec<Range<usize>>> {
    #[cfg(target_arch = "x86_64")]
    {
        // Zeros before a number stand in a value, or a number may be a character above ASCII.
        let special = reader.chars.likely.may_be(0) || reader.chars.wide;
        if group.len() >= LINES_MIN && !special && crate::wide::has_compress() {
            #[expect(unsafe_code, reason = "vector instructions, present as just checked")]
            // SAFETY: the features were detected.
            return unsafe { x86::found(reader, group, open) };
        }
    }
    let _ = (reader, group, open);
    None
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m512i, _mm512_adds_epu8, _mm512_cmpeq_epi8_mask, _mm512_cmple_epu8_mask, _mm512_cmplt_epu8_mask,
        _mm512_mask_mov_epi8, _mm512_mask_sub_epi8, _mm512_maskz_mov_epi8, _mm512_maskz_permutexvar_epi8,
        _mm512_movepi8_mask, _mm512_or_si512, _mm512_permutex2var_epi8, _mm512_set1_epi8, _mm512_setzero_si512,
        _mm512_sub_epi8, _mm512_test_epi8_mask,
    };
    use std::ops::Range;

    use super::super::columns::{COLUMNS, FIRST, Number, Reader, SECOND, Steps, packed};
    use super::super::digits::{self, Digits};
    use super::super::inflate;
    use super::super::numbers::{ELEMENTS_MIN, STEPS_MAX};
    use super::super::tokens;
    use crate::index::{CANON_MIN, Row};
    use crate::wide::load;

    /// Where in some lines a value may be; nothing, where something compressed may begin.
    #[target_feature(
        enable = "avx512f",
        enable = "avx512bw",
        enable = "avx512vbmi",
        enable = "avx512vbmi2",
        enable = "popcnt"
    )]
    pub(super) fn found(reader: &Reader<'_, '_>, group: &[Range<usize>], open: bool) -> Option<Vec<Range<usize>>> {
        let bytes = reader.window.text.bytes;
        let long = group.iter().filter(|line| line.len() > LINE_BYTES_MAX).count();
        if long * LONG_PARTS > group.len() {
            return None;
        }
        let tables = Tables::of(reader);
        let mut stretches = Vec::new();
        let mut words: Columns<Words> = Columns::default();
        // Which lines have a number that may be a byte, and which have one or a zero, which may stand between those.
        let (mut have, mut go_on) = (Bits::new(group.len()), Bits::new(group.len()));
        // Rules of a table end nothing.
        let mut lines: Vec<usize> = Vec::with_capacity(group.len());
        let mut begins = false;
        for (n, line) in group.iter().enumerate() {
            let i = lines.len();
            let inside = line.len() <= LINE_BYTES_MAX && line.end <= reader.window.to;
            let masks = if inside {
                Masks::of(bytes, line)
            } else {
                Masks::default()
            };
            if inside && masks.kept == 0 {
                continue;
            }
            lines.push(n);
            if !inside || masks.strange {
                // Those of longer lines are not known, nor what ends outside the window.
                stretches.push(i.saturating_sub(AROUND)..i + 1 + AROUND);
                words.next(0);
                begins = true;
                continue;
            }
            let (numbers, before) = (masks.numbers(), words.numbers);
            words.next(numbers);
            let values = Values::of(bytes, line, &masks, &tables);
            let mut kinds = values.kinds;
            let mut likely = values.kinds & LIKELY > 0;
            // Where a column begins, numbers of any length may be the first bytes of something compressed.
            if numbers > before && values.begin_packed(bytes, line, &masks) {
                return None;
            }
            let mut others = masks.number & !masks.short();
            while others != 0 {
                let bit = others.trailing_zeros();
                others &= others - 1;
                let nth = masks.nth(bit);
                if nth >= COLUMNS && numbers - nth > COLUMNS {
                    continue;
                }
                let Some(other) = Other::of(reader, masks.place(line, bit), masks.mixed >> bit & 1 == 1) else {
                    continue;
                };
                if numbers > before && other.begins_packed() {
                    return None;
                }
                if let Some(number) = other.number {
                    likely |= number.may_be > 0;
                    kinds |= u8::from(number.packed & FIRST > 0) * BEGINS;
                    kinds |= u8::from(number.packed & SECOND > 0) * GOES_ON;
                }
                words.add(i, nth, &other.word(&reader.chars.likely), &mut stretches);
            }
            if kinds & HEAD > 0 && numbers > before || kinds & GOES_ON > 0 && begins {
                return None;
            }
            begins = kinds & BEGINS > 0;
            have.set(i, likely);
            go_on.set(i, likely | (values.kinds & ZERO > 0));
        }
        for row in rows(&have, &go_on) {
            let row = (row.start..).zip(lines[row].iter().map(|n| &group[*n]));
            bytes_of(reader, row, &tables, &mut stretches);
        }
        if open {
            let tail = 4 * reader.longest + ELEMENTS_MIN;
            stretches.push(lines.len().saturating_sub(tail)..lines.len());
        }
        let place = |i: usize| lines.get(i).copied().unwrap_or(group.len());
        let of_group = |stretch: Range<usize>| place(stretch.start)..place(stretch.end);
        Some(stretches.into_iter().map(of_group).collect())
    }

    /// Where in lines that each have a number that may be a byte a value may be.
    #[target_feature(
        enable = "avx512f",
        enable = "avx512bw",
        enable = "avx512vbmi",
        enable = "avx512vbmi2",
        enable = "popcnt"
    )]
    fn bytes_of<'l>(
        reader: &Reader<'_, '_>,
        lines: impl Iterator<Item = (usize, &'l Range<usize>)>,
        tables: &Tables,
        stretches: &mut Vec<Range<usize>>,
    ) {
        let bytes = reader.window.text.bytes;
        let mut columns: Columns<Bytes> = Columns::default();
        for (i, line) in lines {
            let masks = Masks::of(bytes, line);
            columns.next(masks.numbers());
            let values = Values::of(bytes, line, &masks, tables);
            let mut numbers = masks.number;
            while numbers != 0 {
                let bit = numbers.trailing_zeros();
                numbers &= numbers - 1;
                let place = masks.place(line, bit);
                let byte = if masks.short() >> bit & 1 == 1 {
                    values.byte(bytes, &place, bit)
                } else {
                    Other::of(reader, place, masks.mixed >> bit & 1 == 1).and_then(|other| other.byte())
                };
                if let Some(byte) = byte {
                    columns.add(i, masks.nth(bit), &byte, stretches);
                }
            }
        }
    }

    /// Lines in a row of which enough have something, and the others end nothing.
    fn rows(have: &Bits, go_on: &Bits) -> impl Iterator<Item = Range<usize>> {
        let mut from = 0;
        let rows = std::iter::from_fn(move || {
            let row = go_on.row(from)?;
            from = row.end;
            Some(row)
        });
        rows.filter(|row| row.len() >= ELEMENTS_MIN && have.count(row) >= ELEMENTS_MIN)
    }

    /// Longest line whose numbers each end at a bit of one word.
    const LINE_BYTES_MAX: usize = 63;

    /// With one longer line among so many, all of them are read.
    const LONG_PARTS: usize = 16;

    /// How many lines around one are looked at because of it: as many as show enough characters of four numbers each.
    const AROUND: usize = 4 * (ELEMENTS_MIN + 1);

    /// A bit for each line.
    struct Bits(Vec<u64>);

    impl Bits {
        fn new(n: usize) -> Self {
            Self(vec![0; n / 64 + 1])
        }

        #[inline(always)]
        fn set(&mut self, i: usize, bit: bool) {
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
        fn row(&self, mut from: usize) -> Option<Range<usize>> {
            while from < 64 * self.0.len() && !self.same(from).0 {
                from += self.same(from).1;
            }
            let start = from;
            while from < 64 * self.0.len() && self.same(from).0 {
                from += self.same(from).1;
            }
            (start < from).then_some(start..from)
        }

        #[inline(always)]
        fn count(&self, range: &Range<usize>) -> usize {
            range.clone().filter(|i| self.0[i / 64] >> (i % 64) & 1 == 1).count()
        }
    }

    /// Numbers at one place of lines.
    trait Column: Default + Copy {
        /// What is known of a number.
        type Fact;

        /// How many lines around those with a value are looked at.
        const AROUND: usize;

        /// The number of the `i`th line. Tells from which line to that one a value may be.
        fn add(&mut self, i: usize, fact: &Self::Fact) -> Option<usize>;
    }

    /// A column of which it is known where a value may be.
    #[derive(Default, Clone, Copy)]
    struct Followed<C> {
        column: C,
        /// The line after the last one that had a number that is known.
        next: usize,
    }

    impl<C: Column> Followed<C> {
        #[inline(always)]
        fn add(&mut self, (line, i): (usize, usize), fact: &C::Fact, stretches: &mut Vec<Range<usize>>) {
            if self.next != line {
                self.column = C::default();
            }
            self.next = line + 1;
            if let Some(from) = self.column.add(i, fact) {
                stretches.push(from.saturating_sub(C::AROUND)..i + 1 + C::AROUND);
            }
        }
    }

    /// Columns of some lines, counted from the left and from the right, the latter only where that is something else.
    #[derive(Default)]
    struct Columns<C> {
        left: [Followed<C>; COLUMNS],
        right: [Followed<C>; COLUMNS],
        uneven: bool,
        /// How many lines had numbers, and how many numbers the last one had.
        lines: usize,
        numbers: usize,
    }

    impl<C: Column> Columns<C> {
        /// One more line with so many numbers.
        #[inline(always)]
        fn next(&mut self, numbers: usize) {
            // Where there are none, all columns end.
            self.lines += if numbers == 0 { 2 } else { 1 };
            let before = std::mem::replace(&mut self.numbers, numbers);
            if numbers != before && !self.uneven && self.lines > 1 {
                self.uneven = true;
                if before <= COLUMNS {
                    // So far, both were the same.
                    for (right, left) in self.right.iter_mut().zip(self.left[..before].iter().rev()) {
                        *right = *left;
                    }
                }
            }
        }

        /// The `nth` number of that line, which is the `i`th one of all.
        #[inline(always)]
        fn add(&mut self, i: usize, nth: usize, fact: &C::Fact, stretches: &mut Vec<Range<usize>>) {
            let line = (self.lines, i);
            if let Some(left) = self.left.get_mut(nth) {
                left.add(line, fact, stretches);
            }
            if (self.uneven || self.numbers > COLUMNS)
                && let Some(right) = self.right.get_mut(self.numbers - 1 - nth)
            {
                right.add(line, fact, stretches);
            }
        }
    }

    /// A number that may be a byte of a value or of text: in decimal, in hexadecimal, in octal; or zero.
    struct Byte {
        decimal: Option<u32>,
        likely: [bool; 3],
        zero: bool,
    }

    /// Bytes: how many lines in a row may show one, in each base, and the first of them.
    #[derive(Default, Clone, Copy)]
    struct Bytes {
        steps: Steps,
        rows: [(usize, usize); 3],
    }

    impl Column for Bytes {
        type Fact = Byte;
        const AROUND: usize = 4;

        #[inline(always)]
        fn add(&mut self, i: usize, byte: &Byte) -> Option<usize> {
            let steps = self.steps.next(byte.decimal);
            let mut found = None;
            for ((length, first), is) in self.rows.iter_mut().zip(byte.likely) {
                if steps >= STEPS_MAX {
                    // Only the last ones may belong to what follows.
                    (*length, *first) = ((*length).min(ELEMENTS_MIN - 1), i.saturating_sub(STEPS_MAX));
                    continue;
                }
                if !is {
                    *length *= usize::from(byte.zero);
                    // It may stand between the last ones that count and others.
                    if *length + 1 >= ELEMENTS_MIN {
                        found = Some(*first);
                    }
                    continue;
                }
                *first = if *length == 0 { i } else { *first };
                *length += 1;
                if *length >= ELEMENTS_MIN {
                    found = Some(*first);
                }
            }
            found
        }
    }

    /// A number of several bytes.
    struct Word {
        decimal: Option<u32>,
        /// What it is in decimal, and in hexadecimal, if it has two or four bytes there.
        spelt: [Spelt; 2],
        /// Enough of it may be part of a value, or nobody knows.
        wide: bool,
    }

    /// The bytes of a number, a bit each: those that there are, those that may be part of a value, and zeros.
    #[derive(Default, Clone, Copy)]
    struct Spelt {
        length: usize,
        likely: usize,
        zeros: usize,
    }

    impl Spelt {
        #[inline(always)]
        fn of(value: u32, row: &Row) -> Self {
            let bytes = value.to_le_bytes();
            let bits = |is: &dyn Fn(u8) -> bool| (0..4).fold(0, |bits, i| bits | usize::from(is(bytes[i])) << i);
            Self {
                length: bytes.len() - value.leading_zeros() as usize / 8,
                likely: bits(&|byte| row.may_be(byte)),
                zeros: bits(&|byte| byte == 0),
            }
        }

        /// Whether with the byte at a place there are enough in a row.
        #[inline(always)]
        fn reaches(&self, i: usize, length: &mut usize) -> bool {
            let (likely, zero) = (self.likely >> i & 1, self.zeros >> i & 1);
            *length = *length * (likely | zero) + likely;
            *length >= CANON_MIN
        }
    }

    /// Numbers of several bytes: how many bytes in a row may be part of a value, from the lowest to the highest and the
    /// other way, in decimal and in hexadecimal.
    #[derive(Default, Clone, Copy)]
    struct Words {
        steps: Steps,
        lengths: [[usize; 2]; 2],
    }

    impl Column for Words {
        type Fact = Word;
        // Some of them may be zeros.
        const AROUND: usize = AROUND;

        #[inline(always)]
        fn add(&mut self, i: usize, word: &Word) -> Option<usize> {
            if self.steps.next(word.decimal) >= STEPS_MAX {
                return None;
            }
            let mut found = word.wide;
            for ([up, down], spelt) in self.lengths.iter_mut().zip(&word.spelt) {
                if spelt.length < 2 {
                    (*up, *down) = (0, 0);
                }
                for n in 0..spelt.length {
                    found |= spelt.reaches(n, up) | spelt.reaches(spelt.length - 1 - n, down);
                }
            }
            found.then_some(i)
        }
    }

    /// A number that is not one of up to three decimal digits.
    struct Other {
        /// What it is in decimal and in hexadecimal, if that is simple; otherwise in every base, zeros where it is none.
        values: [u32; 4],
        plain: bool,
        /// It has several bytes, or so many that nobody knows.
        wide: bool,
        /// In hexadecimal it has two bytes or four.
        hex: bool,
        /// What it may be, if it may be a byte.
        number: Option<Number>,
    }

    impl Other {
        #[inline(always)]
        fn of(reader: &Reader<'_, '_>, place: Range<usize>, mixed: bool) -> Option<Self> {
            let bytes = reader.window.text.bytes;
            if mixed || place.len() > digits::MOST {
                let token = tokens::number(bytes, place)?;
                return Some(Self {
                    values: token.values,
                    plain: false,
                    wide: token.digits.iter().any(|digits| *digits >= 4),
                    hex: false,
                    number: Some(reader.other(&token)),
                });
            }
            // The highest byte of one of six digits is no part of a value: it is the first or the last number of one.
            if place.len() == 6 && bytes[place.start] != b'0' {
                return None;
            }
            let digits = Digits::of(bytes, &place);
            // Most have no zeros before them, so that they are no byte.
            let small = bytes[place.start] == b'0' || digits.are_binary();
            Some(Self {
                values: [digits.decimal(), digits.hex(), 0, 0],
                plain: true,
                wide: false,
                hex: matches!(place.len(), 4 | 8),
                number: small.then(|| reader.plain(&place)).flatten(),
            })
        }

        #[inline(always)]
        fn word(&self, row: &Row) -> Word {
            let spelt = |nth: usize, is: bool| {
                if is {
                    Spelt::of(self.values[nth], row)
                } else {
                    Spelt::default()
                }
            };
            Word {
                decimal: self.plain.then_some(self.values[0]),
                spelt: [spelt(0, self.plain), spelt(1, self.hex)],
                wide: self.wide,
            }
        }

        fn byte(&self) -> Option<Byte> {
            let number = self.number.filter(|number| number.may_be > 0)?;
            // Binary numbers are rare.
            let binary = number.may_be >> 3 & 1;
            Some(Byte {
                decimal: self.plain.then_some(self.values[0]),
                likely: [0, 1, 2].map(|nth| (number.may_be >> nth | binary) & 1 == 1),
                zero: false,
            })
        }

        /// Whether something compressed may begin with its bytes.
        fn begins_packed(&self) -> bool {
            self.values.iter().any(|value| begins_packed(*value))
        }
    }

    /// Whether something compressed may begin with the bytes of a number, in either order.
    fn begins_packed(value: u32) -> bool {
        let is = |first: u8, second: u8| inflate::may_begin_with(first, second);
        let bytes = value.to_le_bytes();
        let length = bytes.len() - value.leading_zeros() as usize / 8;
        match bytes[..length] {
            [] => false,
            [first] => inflate::may_begin(first),
            [first, .., last] => is(first, bytes[1]) || is(last, bytes[length - 2]) || value == u32::MAX,
        }
    }

    /// The words with digits of a line, a bit where each of them ends; the line's first byte has the first bit.
    #[derive(Default)]
    struct Masks {
        kept: u64,
        starts: u64,
        number: u64,
        /// Those that have other characters too, and those of one, of two and of three digits.
        mixed: u64,
        digits: [u64; 3],
        /// Some of them are no numbers, or not all of one.
        strange: bool,
    }

    impl Masks {
        #[inline]
        #[target_feature(enable = "avx512f", enable = "avx512bw")]
        fn of(bytes: &[u8], line: &Range<usize>) -> Self {
            let v = at(bytes, line.start, 0);
            let lower = _mm512_or_si512(v, _mm512_set1_epi8(0x20));
            let below = |v: __m512i, first: u8, n: u8| {
                let v = _mm512_sub_epi8(v, _mm512_set1_epi8(first as i8));
                _mm512_cmplt_epu8_mask(v, _mm512_set1_epi8(n as i8))
            };
            let digit = below(v, b'0', 10);
            let kept = digit | below(lower, b'a', 26) | _mm512_movepi8_mask(v);
            let is = |byte: u8| _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(byte as i8));
            let (joint, quote, colon) = (is(b'_'), is(b'\'') | is(b'"'), is(b':'));
            let inside = !(u64::MAX << line.len());
            let (kept, digit) = (kept & inside, digit & inside);
            let starts = kept & !(kept << 1);
            // A digit that is added to its word carries over to the place after the word.
            let ends = |some: u64| kept.wrapping_add(some) & !kept;
            let (number, mixed) = (ends(digit), ends(kept & !digit));
            let plain = number & !mixed;
            let digits = [
                plain & starts << 1,
                plain & starts << 2,
                plain & starts << 3 & kept << 2,
            ];
            // A word that goes on before or after a joint, a digit that is shown as a character, the name of a list.
            let joined = joint | kept.wrapping_add(joint << 1 & starts) & !kept;
            let shown = digits[0] & (quote | is(b'(')) << 2 & (quote | is(b')'));
            let named = if is(b'[') == 0 { 0 } else { colon | quote & colon >> 1 };
            Self {
                kept,
                starts,
                number,
                mixed,
                digits,
                strange: number & (joined | shown | named) != 0,
            }
        }

        #[inline(always)]
        fn short(&self) -> u64 {
            self.digits[0] | self.digits[1] | self.digits[2]
        }

        #[inline(always)]
        fn numbers(&self) -> usize {
            self.number.count_ones() as usize
        }

        /// How many numbers end before a place.
        #[inline(always)]
        fn nth(&self, bit: u32) -> usize {
            (self.number & !(u64::MAX << bit)).count_ones() as usize
        }

        /// The word that ends at a place.
        #[inline(always)]
        fn place(&self, line: &Range<usize>, bit: u32) -> Range<usize> {
            let start = (self.starts & !(u64::MAX << bit)).checked_ilog2().unwrap_or(0);
            line.start + start as usize..line.start + bit as usize
        }
    }

    /// What the numbers of up to three digits of a line may be, a bit where each of them ends.
    #[derive(Default)]
    struct Values {
        likely: [u64; 3],
        zero: u64,
        /// What one of them is, [`BEGINS`] and so on.
        kinds: u8,
    }

    /// What is asked of a byte, a bit each: whether it may be part of a value or of text; whether something compressed
    /// that is found anywhere may begin with it, or may with it as the second byte; whether it may be the first byte of a
    /// list of compressed data; whether it is zero.
    const LIKELY: u8 = 1;
    const BEGINS: u8 = 2;
    const GOES_ON: u8 = 4;
    const HEAD: u8 = 8;
    const ZERO: u8 = 16;

    impl Values {
        #[inline]
        #[target_feature(enable = "avx512f", enable = "avx512bw", enable = "avx512vbmi")]
        fn of(bytes: &[u8], line: &Range<usize>, masks: &Masks, tables: &Tables) -> Self {
            let [one, two, three] = masks.digits;
            let all = one | two | three;
            if all == 0 {
                return Self::default();
            }
            let zero = _mm512_set1_epi8(b'0' as i8);
            let digit = |n: usize| _mm512_sub_epi8(at(bytes, line.start, n), zero);
            let (ones, second, third) = (digit(1), digit(2), digit(3));
            let several = two | three;
            let times =
                |mask: u64, digit: __m512i, table: &[u8; 64]| _mm512_maskz_permutexvar_epi8(mask, digit, load(table));
            let sum = |a: __m512i, b: __m512i| _mm512_adds_epu8(a, b);
            let decimal = sum(ones, sum(times(several, second, &TENS), times(three, third, &HUNDREDS)));
            let hex = sum(ones, times(several, second, &SIXTEENS));
            let octal = sum(
                ones,
                sum(times(three, second, &EIGHTS), times(three, third, &SIXTY_FOURS)),
            );
            // Below zero it is a byte from 128 on. A sign follows no letter and no digit.
            let text = at(bytes, line.start, 0);
            let named = masks.kept & !_mm512_movepi8_mask(text);
            let signs = _mm512_cmpeq_epi8_mask(text, _mm512_set1_epi8(b'-' as i8)) & !(named << 1);
            let negative = one & signs << 2 | two & signs << 3 | three & signs << 4;
            let negative = negative & _mm512_cmple_epu8_mask(decimal, _mm512_set1_epi8(128u8 as i8));
            let shown = _mm512_mask_sub_epi8(decimal, negative, _mm512_setzero_si512(), decimal);
            // One of three digits in hexadecimal is no byte, unless the first one is zero. In octal there are three.
            let short = all & !(three & !_mm512_cmpeq_epi8_mask(third, _mm512_setzero_si512()));
            let ask = |value: __m512i, places: u64| _mm512_maskz_mov_epi8(places, tables.ask(value));
            let (decimal, hex, octal) = (ask(shown, all), ask(hex, short), ask(octal, three));
            let any = _mm512_or_si512(decimal, _mm512_or_si512(hex, octal));
            let has = |what: __m512i, bit: u8| _mm512_test_epi8_mask(what, _mm512_set1_epi8(bit as i8));
            let zeros = all & _mm512_cmpeq_epi8_mask(shown, _mm512_setzero_si512());
            let kind = |bit: u8| u8::from(has(any, bit) != 0) * bit;
            Self {
                likely: [has(decimal, LIKELY), has(hex, LIKELY), has(octal, LIKELY)],
                zero: zeros,
                kinds: kind(LIKELY) | kind(BEGINS) | kind(GOES_ON) | kind(HEAD) | (u8::from(zeros != 0) * ZERO),
            }
        }

        /// Whether numbers of three digits may be two bytes with which something compressed begins.
        fn begin_packed(&self, bytes: &[u8], line: &Range<usize>, masks: &Masks) -> bool {
            let mut three = masks.digits[2];
            std::iter::from_fn(|| {
                let bit = three.trailing_zeros();
                three &= three.wrapping_sub(1);
                (bit < 64).then(|| Digits::of(bytes, &masks.place(line, bit)))
            })
            .any(|digits| begins_packed(digits.decimal()) || begins_packed(digits.hex()))
        }

        /// The number at a place, which ends at a bit.
        #[inline(always)]
        fn byte(&self, bytes: &[u8], place: &Range<usize>, bit: u32) -> Option<Byte> {
            let is = |mask: u64| mask >> bit & 1 == 1;
            let byte = Byte {
                decimal: Some(Digits::of(bytes, place).decimal()),
                likely: self.likely.map(is),
                zero: is(self.zero),
            };
            (byte.zero || byte.likely != [false; 3]).then_some(byte)
        }
    }

    /// What each byte may be.
    struct Tables([[u8; 64]; 4]);

    impl Tables {
        fn of(reader: &Reader<'_, '_>) -> Self {
            let mut tables = [[0; 64]; 4];
            for byte in 0..=u8::MAX {
                let packed = packed(byte.into());
                let is = [
                    (reader.chars.may_be(byte.into()) && byte != 0, LIKELY),
                    (packed & FIRST > 0, BEGINS),
                    (packed & SECOND > 0, GOES_ON),
                    (inflate::may_begin(byte), HEAD),
                ];
                let kinds = is.iter().filter(|(is, _)| *is).fold(0, |all, (_, bit)| all | bit);
                tables[usize::from(byte) / 64][usize::from(byte) % 64] = kinds;
            }
            Self(tables)
        }

        #[inline]
        #[target_feature(enable = "avx512f", enable = "avx512bw", enable = "avx512vbmi")]
        fn ask(&self, bytes: __m512i) -> __m512i {
            let [a, b, c, d] = &self.0;
            let low = _mm512_permutex2var_epi8(load(a), bytes, load(b));
            let high = _mm512_permutex2var_epi8(load(c), bytes, load(d));
            _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(bytes), high)
        }
    }

    /// What a digit stands for in front of others; 255 where no byte is that high.
    const fn times(n: usize) -> [u8; 64] {
        let mut table = [u8::MAX; 64];
        let mut digit = 0;
        while digit < 10 && digit * n < 256 {
            table[digit] = (digit * n) as u8;
            digit += 1;
        }
        table
    }

    static TENS: [u8; 64] = times(10);
    static HUNDREDS: [u8; 64] = times(100);
    static SIXTEENS: [u8; 64] = times(16);
    static EIGHTS: [u8; 64] = times(8);
    static SIXTY_FOURS: [u8; 64] = times(64);

    /// The sixty-four bytes that begin so many places before one of a text; outside of it there is nothing.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn at(bytes: &[u8], place: usize, back: usize) -> __m512i {
        let inside = place
            .checked_sub(back)
            .and_then(|from| bytes.get(from..)?.first_chunk());
        match inside {
            Some(inside) => load(inside),
            None => load(&near_an_end(bytes, place, back)),
        }
    }

    #[cold]
    fn near_an_end(bytes: &[u8], place: usize, back: usize) -> [u8; 64] {
        std::array::from_fn(|i| {
            (place + i)
                .checked_sub(back)
                .and_then(|i| bytes.get(i))
                .copied()
                .unwrap_or(0)
        })
    }
}
