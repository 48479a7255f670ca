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

use super::columns::{Reader, add};

/// Fewer lines are read at once.
#[cfg(target_arch = "x86_64")]
const LINES_MIN: usize = 24;

/// Parts of a group of lines whose columns have to be read; nothing, where all of them have to: something compressed may
/// begin there, or this processor tells them no quicker. `open`: more lines may follow, so that any of the last ones may
/// be the first one of a value.
pub(super) fn lines(reader: &Reader<'_, '_>, group: &[Range<usize>], open: bool) -> Option<Vec<Range<usize>>> {
    let mut found = found(reader, group, open)?;
    found.sort_unstable_by_key(|stretch| stretch.start);
    let mut stretches = Vec::new();
    for stretch in found {
        add(&mut stretches, stretch.start..stretch.end.min(group.len()));
    }
    Some(stretches)
}

/// Where in some lines a value may be.
fn found(reader: &Reader<'_, '_>, group: &[Range<usize>], open: bool) -> Option<Vec<Range<usize>>> {
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
    use super::super::columns::{COLUMNS, FIRST, Number, Reader, SECOND, Steps, byte_count, packed};
    use super::super::digits::{self, Digits};
    use super::super::figures::{
        BEGINS, Byte, GOES_ON, HEAD, LIKELY, LINE_BYTES_MAX, Masks, Tables, Values, ZERO, begins_packed,
    };
    use super::super::numbers::{ELEMENTS_MIN, STEPS_MAX};
    use super::super::tokens;
    use crate::index::{CANON_MIN, Row};

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
                if may_be_packed(reader, line) {
                    return None;
                }
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
        for row in rows(&have, &go_on) {
            let row = (row.start..).zip(lines[row].iter().map(|n| &group[*n]));
            bytes_of(reader, row, &tables, &mut stretches);
        }
        if open {
            stretches.push(reader.tail(lines.len())..lines.len());
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
                    let other = Other::of(reader, place, masks.mixed >> bit & 1 == 1, false);
                    other.and_then(|other| other.byte())
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

    /// With one longer line among so many, all of them are read.
    const LONG_PARTS: usize = 16;

    /// How many lines around one are looked at because of it: as many as show enough characters of four numbers each.
    const AROUND: usize = 4 * (ELEMENTS_MIN + 1);

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
#[path = "../../tests/support/random.rs"]
mod random;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::random::Random;
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
