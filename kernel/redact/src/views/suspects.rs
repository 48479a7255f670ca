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

use super::columns::{COLUMNS, Reader};

/// Fewer lines are read at once.
#[cfg(target_arch = "x86_64")]
const LINES_MIN: usize = 24;

/// Lines of a group in some columns of which a value may be.
#[derive(Clone)]
pub(super) struct Stretch {
    pub(super) lines: Range<usize>,
    pub(super) columns: Which,
}

/// Which columns, a bit for each: those counted from the left, then those counted from the right.
#[derive(Clone, Copy)]
pub(super) struct Which(u8);

impl Which {
    pub(super) const ALL: Self = Self(u8::MAX);

    /// The `n`th one from a side.
    #[inline(always)]
    fn one(n: usize, from_right: bool) -> Self {
        const { assert!(2 * COLUMNS == 8) };
        Self(1 << (n + usize::from(from_right) * COLUMNS))
    }

    pub(super) fn has(self, n: usize, from_right: bool) -> bool {
        self.0 & Self::one(n, from_right).0 != 0
    }
}

/// Parts of a group of lines whose columns have to be read; nothing, where all of them have to: something compressed may
/// begin there, or this processor tells them no quicker. `open`: more lines may follow, so that any of the last ones may
/// be the first one of a value.
pub(super) fn lines(reader: &Reader<'_, '_>, group: &[Range<usize>], open: bool) -> Option<Vec<Stretch>> {
    let mut found = found(reader, group, open)?;
    found.sort_unstable_by_key(|stretch| stretch.lines.start);
    let mut stretches: Vec<Stretch> = Vec::new();
    for Stretch { lines, columns } in found {
        let lines = lines.start..lines.end.min(group.len());
        match stretches.last_mut() {
            Some(last) if last.lines.end >= lines.start => {
                last.lines.end = last.lines.end.max(lines.end);
                last.columns.0 |= columns.0;
            }
            _ => stretches.push(Stretch { lines, columns }),
        }
    }
    Some(stretches)
}

/// Where in some lines a value may be.
fn found(reader: &Reader<'_, '_>, group: &[Range<usize>], open: bool) -> Option<Vec<Stretch>> {
    #[cfg(test)]
    if tests::ALL.get() {
        return None;
    }
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
    use std::ops::Range;

    use super::super::bits::Bits;
    use super::super::columns::{FIRST, Number, Reader, SECOND, Steps, byte_count, packed};
    use super::super::digits::{self, Digits};
    use super::super::figures::{
        BEGINS, Byte, GOES_ON, HEAD, LIKELY, LINE_BYTES_MAX, Masks, Tables, Values, ZERO, begins_packed,
    };
    use super::super::numbers::{ELEMENTS_MIN, STEPS_MAX};
    use super::super::tokens;
    use super::{COLUMNS, Stretch, Which};
    use crate::index::{CANON_MIN, Row};

    /// Where in some lines a value may be; nothing, where something compressed may begin.
    #[target_feature(
        enable = "avx512f",
        enable = "avx512bw",
        enable = "avx512vbmi",
        enable = "avx512vbmi2",
        enable = "popcnt"
    )]
    pub(super) fn found(reader: &Reader<'_, '_>, group: &[Range<usize>], open: bool) -> Option<Vec<Stretch>> {
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
        let (mut begins, mut unknown) = (false, None);
        for (n, line) in group.iter().enumerate() {
            let i = lines.len();
            let inside = line.len() <= LINE_BYTES_MAX;
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
                // Those of longer lines are not known.
                if may_be_packed(reader, line) {
                    return None;
                }
                stretches.push(Stretch {
                    lines: i.saturating_sub(AROUND)..i + 1 + AROUND,
                    columns: Which::ALL,
                });
                unknown = Some(i);
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
            if numbers > before && masks.begin_packed(bytes, line) {
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
                let place = masks.place(line, bit);
                let Some(other) = Other::of(reader, place, masks.mixed >> bit & 1 == 1, numbers > before) else {
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
        words.end(&mut stretches);
        for row in rows(&have, &go_on) {
            let row = (row.start..).zip(lines[row].iter().map(|n| &group[*n]));
            bytes_of(reader, row, &tables, &mut stretches);
        }
        if open {
            let (tail, all) = (reader.tail(lines.len()), lines.len());
            // Of lines that are read as they are nobody knows.
            let known = unknown.is_none_or(|last| last < tail);
            let begun = || go_on.last_row(all).start.min(words.open().unwrap_or(all));
            let first = if known {
                begun().min(all).saturating_sub(OPEN).max(tail)
            } else {
                tail
            };
            stretches.push(Stretch {
                lines: first..all,
                columns: Which::ALL,
            });
        }
        let place = |i: usize| lines.get(i).copied().unwrap_or(group.len());
        let of_group = |stretch: Stretch| Stretch {
            lines: place(stretch.lines.start)..place(stretch.lines.end),
            ..stretch
        };
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
        stretches: &mut Vec<Stretch>,
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
                    let other = Other::of(reader, place, masks.mixed >> bit & 1 == 1, false);
                    other.and_then(|other| other.byte())
                };
                if let Some(byte) = byte {
                    columns.add(i, masks.nth(bit), &byte, stretches);
                }
            }
        }
        columns.end(stretches);
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

    /// Lines before those in which a value has begun: their numbers may only count, or be the first ones of it.
    const OPEN: usize = STEPS_MAX + ELEMENTS_MIN;

    /// With one longer line among so many, all of them are read.
    const LONG_PARTS: usize = 16;

    /// How many lines around one are looked at because of it: as many as show enough characters of four numbers each.
    const AROUND: usize = 4 * (ELEMENTS_MIN + 1);

    /// Numbers at one place of lines.
    trait Column: Default + Copy {
        /// What is known of a number.
        type Fact<'r>;

        /// How many lines around those with a value are looked at.
        const AROUND: usize;

        /// The number of the `i`th line. Tells from which line to that one a value may be.
        fn add(&mut self, i: usize, fact: &Self::Fact<'_>) -> Option<usize>;

        /// How many numbers before the last one only count up to it.
        fn counted(&self) -> usize;

        /// The first number of a value that the last one may be part of.
        fn first(&self, found: usize) -> usize;
    }

    /// A column of which it is known where a value may be.
    #[derive(Default, Clone)]
    struct Followed<C> {
        column: C,
        /// The line after the last one that had a number that is known.
        next: usize,
        /// Where a value may be, if its numbers do not go on to count.
        waits: Option<Stretch>,
    }

    impl<C: Column> Followed<C> {
        #[inline(always)]
        fn add(&mut self, (line, i): (usize, usize), fact: &C::Fact<'_>, columns: Which, stretches: &mut Vec<Stretch>) {
            if self.next != line {
                stretches.extend(self.waits.take());
                self.column = C::default();
            }
            self.next = line + 1;
            let found = self.column.add(i, fact);
            let counted = self.column.counted();
            if counted == 0 {
                stretches.extend(self.waits.take());
            } else if counted >= STEPS_MAX {
                self.waits = None;
            }
            let Some(from) = found else { return };
            let lines = from.saturating_sub(C::AROUND)..i + 1 + C::AROUND;
            let mut stretch = Stretch { lines, columns };
            if counted > 0 && self.column.first(from) + counted >= i {
                if let Some(Stretch { lines, columns }) = self.waits.take() {
                    stretch.lines.start = stretch.lines.start.min(lines.start);
                    stretch.columns.0 |= columns.0;
                }
                self.waits = Some(stretch);
            } else {
                stretches.push(stretch);
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

    impl Columns<Words> {
        /// The first line of what has begun in some column and may go on after the last line.
        fn open(&self) -> Option<usize> {
            let columns = self.left.iter().chain(&self.right);
            let last = columns.filter(|followed| followed.next == self.lines + 1);
            last.filter_map(|followed| followed.column.open()).min()
        }
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
                        *right = left.clone();
                    }
                }
            }
        }

        /// Where a value may be in the last lines.
        fn end(&mut self, stretches: &mut Vec<Stretch>) {
            let columns = self.left.iter_mut().chain(&mut self.right);
            stretches.extend(columns.filter_map(|followed| followed.waits.take()));
        }

        /// The `nth` number of that line, which is the `i`th one of all.
        #[inline(always)]
        fn add(&mut self, i: usize, nth: usize, fact: &C::Fact<'_>, stretches: &mut Vec<Stretch>) {
            let line = (self.lines, i);
            let other = self.numbers - 1 - nth;
            let right = self.uneven || self.numbers > COLUMNS;
            if let Some(left) = self.left.get_mut(nth) {
                // So far both are the same, but perhaps not in the next lines.
                let mut columns = Which::one(nth, false);
                if !right {
                    columns.0 |= Which::one(other, true).0;
                }
                left.add(line, fact, columns, stretches);
            }
            if right && let Some(right) = self.right.get_mut(other) {
                right.add(line, fact, Which::one(other, true), stretches);
            }
        }
    }

    /// Bytes: how many lines in a row may show one, in each base, and the first of them.
    #[derive(Default, Clone, Copy)]
    struct Bytes {
        steps: Steps,
        rows: [(usize, usize); 3],
    }

    impl Column for Bytes {
        type Fact<'r> = Byte;
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

        fn counted(&self) -> usize {
            self.steps.count()
        }

        fn first(&self, found: usize) -> usize {
            found
        }
    }

    /// A number of several bytes.
    struct Word<'r> {
        decimal: Option<u32>,
        /// What it is in decimal, and in hexadecimal, if it has two or four bytes there.
        values: [Option<u32>; 2],
        /// Enough of it may be part of a value, or nobody knows.
        wide: bool,
        likely: &'r Row,
    }

    impl Word<'_> {
        /// Its bytes, which nobody asks for where numbers only count.
        #[inline(always)]
        fn spelt(&self) -> [Spelt; 2] {
            self.values
                .map(|value| value.map_or_else(Spelt::default, |value| Spelt::of(value, self.likely)))
        }
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
                length: byte_count(value),
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
        /// The line of the first of them.
        first: usize,
    }

    impl Words {
        /// The line from which on a value may have begun.
        fn open(&self) -> Option<usize> {
            let any = self.lengths.iter().flatten().fold(0, |any, length| any | length);
            (any != 0).then_some(self.first)
        }
    }

    impl Column for Words {
        type Fact<'r> = Word<'r>;
        // Some of them may be zeros.
        const AROUND: usize = AROUND;

        #[inline(always)]
        fn add(&mut self, i: usize, word: &Word<'_>) -> Option<usize> {
            if self.steps.next(word.decimal) >= STEPS_MAX {
                self.first = i - STEPS_MAX.min(i);
                return None;
            }
            if self.open().is_none() {
                self.first = i;
            }
            let mut found = word.wide;
            for ([up, down], spelt) in self.lengths.iter_mut().zip(word.spelt()) {
                if spelt.length < 2 {
                    (*up, *down) = (0, 0);
                }
                for n in 0..spelt.length {
                    found |= spelt.reaches(n, up) | spelt.reaches(spelt.length - 1 - n, down);
                }
            }
            found.then_some(i)
        }

        fn counted(&self) -> usize {
            self.steps.count()
        }

        fn first(&self, _: usize) -> usize {
            self.first
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
        /// That at a place; `first`: a column may begin with it. Nothing, if it is none or cannot be part of a value.
        #[inline(always)]
        fn of(reader: &Reader<'_, '_>, place: Range<usize>, mixed: bool, first: bool) -> Option<Self> {
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
            // The highest byte of one of six digits is a line break or a tab at most: such a number is the first or the
            // last one of a value, or the first one of something compressed.
            if place.len() == 6 && bytes[place.start] != b'0' && !first {
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
        fn word<'r>(&self, likely: &'r Row) -> Word<'r> {
            let [decimal, hex, ..] = self.values;
            let decimal = self.plain.then_some(decimal);
            Word {
                decimal,
                values: [decimal, self.hex.then_some(hex)],
                wide: self.wide,
                likely,
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

    /// Whether something compressed may begin or go on with a number of a line that is read as it is.
    fn may_be_packed(reader: &Reader<'_, '_>, line: &Range<usize>) -> bool {
        let mut tokens = Vec::new();
        tokens::tokenise(reader.window.text.bytes, line.start, line.end, false, &mut tokens);
        tokens.iter().any(|token| {
            let values = token.values.iter().zip(token.digits).filter(|(_, digits)| *digits > 0);
            values
                .map(|(value, _)| *value)
                .any(|value| packed(value) > 0 || begins_packed(value))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::random::Random;
    use crate::{Redactor, Secret};

    thread_local! {
        /// All lines are read.
        pub(super) static ALL: Cell<bool> = const { Cell::new(false) };
    }

    fn one_of<'t>(random: &mut Random, some: &[&'t str]) -> &'t str {
        some[random.below(some.len())]
    }

    /// The numbers that show a value, one for each row.
    fn cells(value: &[u8], kind: usize) -> Vec<String> {
        let words = |two: &[u8]| u32::from(two[0]) | u32::from(*two.get(1).unwrap_or(&0)) << 8;
        match kind {
            0 => value.iter().map(u8::to_string).collect(),
            1 => value.iter().map(|byte| format!("{byte:02x}")).collect(),
            2 => value.iter().map(|byte| format!("{byte:#x}")).collect(),
            3 => value.iter().map(|byte| format!("{byte:03o}")).collect(),
            4 => value
                .iter()
                .flat_map(|byte| [byte.to_string(), "0".to_owned()])
                .collect(),
            5 => value.chunks(2).map(|two| words(two).to_string()).collect(),
            6 => value
                .chunks(2)
                .map(|two| format!("{:04x}", words(two).swap_bytes() >> 16))
                .collect(),
            _ => value.iter().map(|byte| format!("{byte:04}")).collect(),
        }
    }

    /// A table with a value down one of its columns, and other lines before, among and after them.
    fn table(random: &mut Random, value: &[u8]) -> String {
        let cells = cells(value, random.below(8));
        let (before, after) = (random.below(60), random.below(60));
        let separator = one_of(random, &[",", " ", "  ", " | ", "\t", ": ["]);
        let kinds: Vec<usize> = (0..1 + random.below(4)).map(|_| random.below(12)).collect();
        let at = random.below(kinds.len() + 1);
        let mut text = String::new();
        for n in 0..before + cells.len() + after {
            let other = |random: &mut Random| (random.below(1000)).to_string();
            let cell = n.checked_sub(before).and_then(|i| cells.get(i)).cloned();
            let mut row: Vec<String> = kinds
                .iter()
                .map(|kind| match kind {
                    0 => (900 + n).to_string(),
                    1 => "2026-11-28".to_owned(),
                    2 => format!("0.{:06}", random.below(1_000_000)),
                    3 => one_of(random, &["the", "of", "user_1", "x", "\u{2502}", "7b"]).to_owned(),
                    4 => other(random),
                    5 => random.below(70_000).to_string(),
                    6 => format!("-{}", random.below(200)),
                    7 => one_of(random, &["'7'", "\"x\"", "(5)", "a_1", "31", "139", "120"]).to_owned(),
                    8 => "0".to_owned(),
                    9 => one_of(random, &["", "x", "1 2"]).to_owned(),
                    10 => "x".repeat(random.below(50)),
                    _ => (100_000 + random.below(800_000)).to_string(),
                })
                .collect();
            row.insert(at, cell.unwrap_or_else(|| other(random)));
            text += &row.join(separator);
            text += one_of(random, &["\n", "\n", "\n", "\n", "\n---\n"]);
        }
        text
    }

    /// Nothing is lost because only some lines are read.
    #[test]
    fn what_all_lines_show_some_of_them_do() {
        let mut random = Random(7);
        let (mut found, mut differ) = (0, 0);
        for _ in 0..1500 {
            let length = 6 + random.below(20);
            let value: Vec<u8> = (0..length).map(|_| b"abcxyzABZ0189!#_-"[random.below(17)]).collect();
            let redactor = Redactor::new();
            let _proof = redactor.learn(&Secret::new("s", "k", value.clone()));
            let text = table(&mut random, &value);
            let shown = [true, false].map(|all| {
                ALL.set(all);
                redactor.bytes(text.as_bytes()).into_owned()
            });
            ALL.set(false);
            found += usize::from(shown[0] != text.as_bytes());
            // What is hidden is seen by what is left: other numbers beside a value may be hidden or not.
            let left = |shown: &[u8]| String::from_utf8_lossy(shown).lines().count();
            differ += usize::from(left(&shown[1]) > left(&shown[0]) + 2);
            let none = shown[1] == text.as_bytes();
            assert!(shown[0] == text.as_bytes() || !none, "{}\n{text}", value.escape_ascii());
        }
        assert!(found > 500, "{found}");
        assert_eq!(differ, 0);
    }
}
