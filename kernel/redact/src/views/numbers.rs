//! Lists of numbers that are bytes or code points: decimal, hexadecimal, octal, binary; one per line or not, with any
//! uniform text between them.

use std::ops::Range;

use super::View;
use super::counted;
use super::dense::spans;
use super::even::Even;
use super::inflate;
use super::reading::{Element, readings, region_end};
use super::tokens::{BASES, Base, ROWS, SEPARATOR_BYTES_MAX, Token, Value, tokenise};
use crate::Form;
use crate::index;
use crate::scan::{Scan, Scanner, Window};
use crate::squeeze::is_kept;

/// Shortest list.
pub(super) const ELEMENTS_MIN: usize = 6;

/// More numbers than these that are equal, or each one more than the last, are no part of a value.
pub(super) const STEPS_MAX: usize = 16;

/// A stretch as short as this is looked at with as much text after it.
const SHORT_SPAN_BYTES: usize = 512;

pub(crate) fn scan(scanner: &mut Scanner<'_>, window: &Window<'_>, depth: usize, scan: &mut Scan) {
    let mut tokens: Vec<Token> = std::mem::take(&mut scanner.tokens);
    for (from, to) in spans(window, &mut scanner.marks) {
        // A number among the texts that are numbered ends a stretch early.
        let to = if to - from < SHORT_SPAN_BYTES {
            (to + SHORT_SPAN_BYTES).min(window.to)
        } else {
            to
        };
        let (mut from, mut lettered) = (from, false);
        while let Some(list) = Even::find(window.text.bytes, from, to) {
            let goes_on = near_end(window, list.end);
            // Of compressed data all is read at once.
            if goes_on && inflate::has_magic(&list.values) {
                break;
            }
            // Its first number may end another list, its last one begin one.
            let start = list.number(window.text.bytes, 0).end;
            stretch(scanner, window, &mut tokens, from..start, lettered, depth, scan);
            lettered |= list.hex;
            from = even(scanner, window, list, depth, scan);
            if goes_on {
                break;
            }
        }
        stretch(scanner, window, &mut tokens, from..to, lettered, depth, scan);
    }
    scanner.tokens = tokens;
    if window.last && !window.text.complete {
        for letters in [false, true] {
            tail(scanner, window, letters, scan);
        }
    }
}

/// Every list in a stretch of text. `lettered`: numbers near it have letters.
fn stretch(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    tokens: &mut Vec<Token>,
    Range { start, end }: Range<usize>,
    lettered: bool,
    depth: usize,
    scan: &mut Scan,
) {
    tokens.clear();
    // In a hexadecimal list some numbers have letters only; in other texts `b` and `be` are part of separators.
    let words = tokenise(window.text.bytes, start, end, true, tokens);
    let hexadecimal = words.lettered > 0 && (words.mixed || lettered);
    let only = hexadecimal && words.lettered * 16 > tokens.len();
    if hexadecimal {
        lists(scanner, window, tokens, end, depth, scan);
    }
    if only {
        // Others may stand before, among and after them.
        for others in without_letters(tokens, start..end) {
            stretch(scanner, window, tokens, others, false, depth, scan);
        }
        return;
    }
    if words.lettered > 0 {
        tokens.clear();
        tokenise(window.text.bytes, start, end, false, tokens);
    }
    counted::scan(scanner, window, tokens, depth, scan);
    lists(scanner, window, tokens, end, depth, scan);
}

/// Stretches between hexadecimal numbers with letters in which so many have none that they may be decimal ones.
fn without_letters(tokens: &[Token], Range { start, end }: Range<usize>) -> Vec<Range<usize>> {
    let (mut found, mut from, mut plain, mut first) = (Vec::new(), start, 0, true);
    for token in tokens {
        if !token.lettered {
            plain += 1;
            continue;
        }
        if plain >= if first { ELEMENTS_MIN } else { 2 * ELEMENTS_MIN } {
            found.push(from..token.start());
        }
        (from, plain, first) = (token.end(), 0, false);
    }
    if plain >= ELEMENTS_MIN {
        found.push(from..end);
    }
    found
}

/// Whether a list that ends here may go on in what follows the text.
fn near_end(window: &Window<'_>, end: usize) -> bool {
    window.last && !window.text.complete && window.text.bytes.len() - end <= SEPARATOR_BYTES_MAX
}

/// A long list of bytes. Returns from where the text after it is to be read.
fn even(scanner: &mut Scanner<'_>, window: &Window<'_>, mut list: Even, depth: usize, scan: &mut Scan) -> usize {
    let bytes = window.text.bytes;
    let mut rest = list.last_part(1);
    if near_end(window, list.end) {
        // As a list of another kind it goes on too.
        rest = list.last_part(window.overlap);
        // The last number may still grow.
        if list.end == bytes.len() {
            list.pop(bytes);
        }
    }
    let place = |i: usize| list.number(bytes, i);
    let form = if list.hex { Form::Hex } else { Form::Numbers };
    of_bytes(scanner, window, (&list.values, &place, list.end), form, depth, scan);
    let another = if list.hex { (Base::Decimal, 0) } else { (Base::Octal, 2) };
    let mut tokens = Vec::new();
    for row in list.in_another_base(ELEMENTS_MIN) {
        tokens.clear();
        let (from, to) = (place(row.start).start, place(row.end - 1).end);
        tokenise(bytes, from, to, false, &mut tokens);
        in_base(scanner, window, &tokens, another, depth, scan);
    }
    rest
}

/// Every list among the numbers up to `to`.
fn lists(scanner: &mut Scanner<'_>, window: &Window<'_>, tokens: &[Token], to: usize, depth: usize, scan: &mut Scan) {
    let least = if window.last && !window.text.complete && to == window.to {
        1
    } else {
        ELEMENTS_MIN
    };
    let strict = runs(tokens, least);
    // Lists of lists, and rows.
    let nested = if tokens.iter().any(|token| token.loose != token.before) {
        rows(tokens)
    } else {
        Vec::new()
    };
    // Rows of nothing but bytes say all that each of them says.
    let is_byte = |token: &Token| token.digits[0] > 0 && token.values[0] <= 0xFF && !token.lettered;
    let plain: Vec<Run> = nested
        .iter()
        .filter(|run| tokens[run.first..=run.last].iter().all(is_byte))
        .copied()
        .collect();
    // All of them are in order: of those that start no later, the last one ends last.
    let said = |run: &Run| {
        let after = plain.partition_point(|all| all.first <= run.first);
        run.step == 1 && after > 0 && run.last <= plain[after - 1].last
    };
    let even = &strict[..strict.partition_point(|run| run.step == 1)];
    let known = |run: &Run| {
        let at = even.partition_point(|other| other.first < run.first);
        even.get(at) == Some(run)
    };
    let new = nested.iter().filter(|run| !known(run) || said(run));
    for run in new.chain(strict.iter().filter(|run| !said(run))).copied() {
        each_reading(scanner, window, tokens, run, depth, scan);
    }
}

/// All numbers as one list.
pub(super) fn all_of(scanner: &mut Scanner<'_>, window: &Window<'_>, tokens: &[Token], depth: usize, scan: &mut Scan) {
    if let Some(last) = tokens.len().checked_sub(1) {
        let run = Run {
            first: 0,
            last,
            step: 1,
        };
        each_reading(scanner, window, tokens, run, depth, scan);
    }
}

/// Maximal lists in which brackets and line breaks do not matter.
fn rows(tokens: &[Token]) -> Vec<Run> {
    let mut runs = Vec::new();
    let (mut first, mut separator) = (0, 0);
    for i in 1..=tokens.len() {
        let loose = tokens.get(i).map_or(0, |token| token.loose);
        if loose != 0 && (loose == ROWS || separator == 0 || loose == separator) {
            separator = if loose == ROWS { separator } else { loose };
            continue;
        }
        if i - first >= ELEMENTS_MIN {
            runs.push(Run {
                first,
                last: i - 1,
                step: 1,
            });
        }
        // A new list may begin with the last number of this one.
        first = if loose == 0 { i } else { i - 1 };
        separator = loose;
    }
    runs
}

/// Tokens `first..=last` in steps of `step`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Run {
    first: usize,
    last: usize,
    step: usize,
}

/// Maximal lists, of at least `last` elements at the end of the tokens: the same separator everywhere, or two separators in turn (`"0":104,"1":117`).
fn runs(tokens: &[Token], last: usize) -> Vec<Run> {
    let mut runs = Vec::new();
    for step in [1, 2] {
        // One list of all of them.
        if step == 2 && matches!(runs[..], [Run { first: 0, last, .. }] if last + 1 == tokens.len()) {
            break;
        }
        let mut first = 0;
        for i in 1..=tokens.len() {
            let joins = i < tokens.len()
                && tokens[i].before != 0
                && (i < first + step + 1 || tokens[i].before == tokens[i - step].before);
            if joins {
                continue;
            }
            let least = if i == tokens.len() { last } else { ELEMENTS_MIN };
            if i - first >= least * step && i > first {
                let alternates = i - first < 3 || tokens[first + 1].before != tokens[first + 2].before;
                if step == 1 {
                    runs.push(Run {
                        first,
                        last: i - 1,
                        step,
                    });
                } else if alternates {
                    runs.push(Run {
                        first,
                        last: i - 1,
                        step,
                    });
                    runs.push(Run {
                        first: (first + 1).min(i - 1),
                        last: i - 1,
                        step,
                    });
                }
            }
            // A new list may begin with the last tokens of this one.
            first = if i < tokens.len() && tokens[i].before != 0 {
                (i - 1).max(first + 1)
            } else {
                i
            };
        }
    }
    runs
}

/// What all numbers of a list have in common.
struct Kinds {
    lettered: bool,
    /// Lengths of the shortest and the longest of them.
    narrow: u8,
    wide: u8,
    /// The bases, a bit for each, that every number has.
    all: u32,
    /// For each base, how many of its numbers stand in a row at most; not more than a list needs.
    longest: [usize; 4],
    /// And where those rows start that are long enough for a list.
    rows: [Vec<usize>; 4],
}

impl Kinds {
    fn of(tokens: &[Token]) -> Self {
        let mut kinds = Kinds {
            lettered: false,
            narrow: u8::MAX,
            wide: 0,
            all: 0xF,
            longest: [0; 4],
            rows: Default::default(),
        };
        // A bit for each base; of a row, one more nibble is set with each number, up to one more than a list needs.
        let (mut row, mut seen) = (0u32, 0u32);
        for (i, token) in tokens.iter().enumerate() {
            kinds.lettered |= token.lettered;
            kinds.narrow = kinds.narrow.min(token.len);
            kinds.wide = kinds.wide.max(token.len);
            let bases = token.bases();
            kinds.all &= bases;
            row = (row << 4 | 0xF) & bases.wrapping_mul(0x0111_1111);
            seen |= row;
            let mut full = row >> (4 * (ELEMENTS_MIN - 1)) & !(row >> (4 * ELEMENTS_MIN)) & 0xF;
            while full != 0 {
                kinds.rows[full.trailing_zeros() as usize].push(i + 1 - ELEMENTS_MIN);
                full &= full - 1;
            }
        }
        for (nth, longest) in kinds.longest.iter_mut().enumerate() {
            *longest = (0..ELEMENTS_MIN).take_while(|n| seen >> (4 * n + nth) & 1 == 1).count();
        }
        kinds
    }

    /// The base of a list of nothing but bytes: decimal numbers of which some have three digits, or pairs of hexadecimal
    /// digits of which some are letters.
    fn simple(&self, bytes: &[u8], tokens: &[Token], near_end: bool) -> Option<usize> {
        let nth = usize::from(self.lettered);
        let all = if self.lettered {
            self.narrow == 2 && self.wide == 2 && self.all & 2 != 0
        } else {
            self.narrow < 3 && self.wide == 3 && self.all & 1 != 0
        };
        let plain = |token: &Token| {
            let before = token.start().checked_sub(1).map_or(b' ', |i| bytes[i]);
            // A sign, and zeros before a number, say something else.
            let odd =
                token.values[nth] > 0xFF || before == b'-' || !self.lettered && token.len == 3 && token.values[0] < 100;
            !odd
        };
        (all && !near_end && tokens.len() >= ELEMENTS_MIN && tokens.iter().all(plain)).then_some(nth)
    }
}

/// A list of bytes, and of code points: the values, where each stands, and where the last one ends.
fn of_bytes(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    (values, place, last): (&[u8], &dyn Fn(usize) -> Range<usize>, usize),
    form: Form,
    depth: usize,
    scan: &mut Scan,
) {
    let region_end = region_end(window, last);
    let most = values.iter().max().copied().unwrap_or(0);
    let odd = || {
        values
            .iter()
            .map(|value| usize::from(is_odd(u32::from(*value))))
            .sum::<usize>()
    };
    for chars in [false, true] {
        if chars && (most < 0x80 || odd() * 8 > values.len()) {
            break;
        }
        let make = |plain: bool, _: Option<usize>| {
            let mut view = View::new(values.len(), plain);
            if plain && !chars {
                view.skip();
                view.bytes.extend_from_slice(values);
                return view;
            }
            for (i, value) in values.iter().enumerate() {
                if chars {
                    view.decode_char(char::from(*value), place(i));
                } else {
                    view.decode(*value, place(i));
                }
            }
            view
        };
        scanner.lazily(window, &make, region_end, form, depth, [0; 4], scan);
    }
}

/// Code points of text are no control characters.
pub(super) fn is_odd(number: u32) -> bool {
    matches!(number, 1..=6 | 14..=26 | 28..=31 | 0x80..=0x9F)
}

/// Whether numbers are those before and after the points of others of which hardly any are whole ones.
fn has_fractions(bytes: &[u8], tokens: &[Token]) -> bool {
    let point = |pair: &[Token]| pair[0].end() + 1 == pair[1].start() && bytes[pair[0].end()] == b'.';
    let Some(first) = tokens.windows(2).take(2).position(point) else {
        return false;
    };
    let fractions = || tokens[first + 1..].iter().step_by(2);
    let whole = fractions().filter(|token| token.digits[0] > 0 && token.values[0] == 0);
    // A byte has three digits.
    let long = fractions().filter(|token| token.len > 3).count();
    whole.take(ELEMENTS_MIN).count() < ELEMENTS_MIN && long * 2 > tokens.len() / 2
}

/// Words of several bytes among other numbers: of one width, with zeros before them. `begun`: more may follow.
fn padded_words(bytes: &[u8], tokens: &[Token], begun: bool) -> Vec<Range<usize>> {
    let is_padded = |token: &Token| matches!(token.len, 4 | 8 | 16) && bytes[token.start()] == b'0';
    let mut from = 0;
    let rows = tokens
        .chunk_by(|a, b| a.len == b.len && is_padded(a) && is_padded(b))
        .map(|row| {
            let row = from..from + row.len();
            from = row.end;
            row
        });
    rows.filter(|row| {
        let last = begun && row.end == tokens.len();
        is_padded(&tokens[row.start]) && (row.len() >= ELEMENTS_MIN || last)
    })
    .collect()
}

fn each_reading(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    tokens: &[Token],
    run: Run,
    depth: usize,
    scan: &mut Scan,
) {
    let bytes = window.text.bytes;
    let near_end = window.last && !window.text.complete;
    if !near_end && run.step == 2 && has_fractions(bytes, &tokens[run.first..=run.last]) {
        return;
    }
    let every: Vec<Token>;
    let all = if run.step == 1 {
        &tokens[run.first..=run.last]
    } else {
        every = tokens[run.first..=run.last].iter().step_by(run.step).copied().collect();
        &every
    };
    let kinds = Kinds::of(all);
    let done = kinds.simple(bytes, all, near_end);
    if let Some(nth) = done {
        let values: Vec<u8> = all.iter().map(|token| token.values[nth] as u8).collect();
        let place = |i: usize| all[i].start()..all[i].end();
        let form = if nth == 1 { Form::Hex } else { Form::Numbers };
        let last = all.last().map_or(0, Token::end);
        of_bytes(scanner, window, (&values, &place, last), form, depth, scan);
    }
    for (base, nth) in BASES.into_iter().zip(0..) {
        // Decimal numbers of three digits are hardly ever hexadecimal ones.
        if base == Base::Hex && !kinds.lettered && kinds.wide > 2 && kinds.narrow < kinds.wide {
            for words in padded_words(bytes, all, near_end) {
                in_base(scanner, window, &all[words], (base, nth), depth, scan);
            }
            continue;
        }
        // Too few numbers of this base in a row.
        let enough = kinds.longest[nth] >= ELEMENTS_MIN || kinds.longest[nth] >= 3 && kinds.wide >= 4;
        let begun = near_end && kinds.longest[nth] > 0;
        if done == Some(nth) || !(enough || begun) {
            continue;
        }
        if done.is_some() && !begun {
            // Only where enough of them stand in a row.
            for first in &kinds.rows[nth] {
                let row = all[*first..].iter().take_while(|token| token.digits[nth] > 0).count();
                in_base(scanner, window, &all[*first..*first + row], (base, nth), depth, scan);
            }
        } else {
            in_base(scanner, window, all, (base, nth), depth, scan);
        }
    }
}

/// Reads numbers in one base.
fn in_base(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    all: &[Token],
    (base, nth): (Base, usize),
    depth: usize,
    scan: &mut Scan,
) {
    let bytes = window.text.bytes;
    let mut values: Vec<Element> = std::mem::take(&mut scanner.elements);
    let mut previous: Option<&Token> = None;
    // Words of several bytes are none of a list of bytes or characters.
    let is_word = |number: u32, digits: usize| digits > 8 || base == Base::Decimal && number > 0x10_FFFF;
    for token in all {
        // The last number may still grow.
        let open = !window.text.complete && token.end() == bytes.len();
        let Some(Value { number, digits }) = token.value(nth).filter(|_| !open) else {
            if !values.is_empty() {
                flush(scanner, window, &mut values, base, depth, scan);
            }
            continue;
        };
        let negative = base == Base::Decimal && number <= 128 && is_negative(bytes, token.start());
        let number = if negative { 256 - number } else { number };
        let digits = usize::from(digits);
        // An offset between bytes is none of them.
        let offset = |token: &Token, digits: usize| {
            let marked = token.start().checked_sub(1).is_some_and(|i| bytes[i] == b'+');
            digits > 2 && bytes[token.start()] == b'0' && digits == usize::from(token.len) && !marked
        };
        if let Some((last, previous)) = values.last().zip(previous) {
            let before = usize::from(last.digits);
            let differs = before != digits && (offset(token, digits) || offset(previous, before));
            if differs || is_word(last.number, before) != is_word(number, digits) {
                flush(scanner, window, &mut values, base, depth, scan);
            }
        }
        values.push(Element {
            number,
            from: token.start - u32::from(negative),
            to: token.end() as u32,
            digits: digits as u8,
        });
        previous = Some(token);
    }
    flush(scanner, window, &mut values, base, depth, scan);
    scanner.elements = values;
}

fn flush(
    scanner: &mut Scanner<'_>,
    window: &Window<'_>,
    values: &mut Vec<Element>,
    base: Base,
    depth: usize,
    scan: &mut Scan,
) {
    let may_go_on = values.last().is_some_and(|last| near_end(window, last.to as usize));
    if values.len() >= ELEMENTS_MIN || may_go_on || values.len() >= 3 && values.iter().all(|v| v.digits >= 4) {
        readings(scanner, window, values, base, depth, scan);
    }
    values.clear();
}

pub(super) fn is_negative(bytes: &[u8], start: usize) -> bool {
    match bytes[..start] {
        [.., before, b'-'] => !before.is_ascii_alphanumeric(),
        _ => false,
    }
}

/// The end of the text may be the beginning of a list: fewer numbers than a list has, or an unfinished one.
/// With `letters`, the first ones of them may be hexadecimal letters only.
fn tail(scanner: &Scanner<'_>, window: &Window<'_>, letters: bool, scan: &mut Scan) {
    let bytes = window.text.bytes;
    let from = bytes.len().saturating_sub(SEPARATOR_BYTES_MAX * 4).max(window.from);
    let near = bytes.len().saturating_sub(SEPARATOR_BYTES_MAX);
    if !letters && !bytes[near..].iter().any(u8::is_ascii_digit) {
        return;
    }
    let mut tokens = Vec::new();
    tokenise(bytes, from, bytes.len(), letters, &mut tokens);
    let Some(last) = tokens
        .last()
        .copied()
        .filter(|t| bytes.len() - t.end() <= SEPARATOR_BYTES_MAX)
    else {
        return;
    };
    if bytes[last.end()..].iter().any(u8::is_ascii_alphabetic) && !bytes[last.end()..].contains(&b'(') {
        return;
    }
    let open = last.end() == bytes.len();
    let mut first = tokens.len() - 1;
    while first > 0 && tokens.len() - first < 2 * ELEMENTS_MIN && tokens[first].before != 0 {
        let differs = |a: usize, b: usize| {
            let (Some(a), Some(b)) = (tokens.get(a), tokens.get(b)) else {
                return false;
            };
            a.before != b.before && a.loose != b.loose && a.loose != ROWS && b.loose != ROWS
        };
        if first + 2 < tokens.len() && differs(first, first + 1) && differs(first, first + 2) {
            break;
        }
        first -= 1;
    }
    let closed = &tokens[first..tokens.len() - usize::from(open)];
    // A number at the end of a line begins a list only with others before it or with the line to itself.
    let broken = bytes[last.end()..].contains(&b'\n');
    let line = bytes[..last.start()].iter().rev().take_while(|b| **b != b'\n');
    if broken && closed.len() < 2 && line.into_iter().any(|b| is_kept(*b)) {
        return;
    }
    // Half a word of letters begins a list only after others, or after a bracket.
    let bracket = last.start().checked_sub(1).is_some_and(|i| bytes[i] == b'[');
    if open && (!letters || bracket || !closed.is_empty()) {
        scan.hold(last.start(), 1, u32::MAX);
    }
    for step in [1, 2] {
        for nth in 0..BASES.len() {
            let mut decoded: Vec<(u8, usize)> = Vec::new();
            for token in closed.iter().rev().step_by(step) {
                match token.value(nth) {
                    Some(value) => match u8::try_from(value.number) {
                        Ok(byte) => decoded.push((byte, token.start())),
                        Err(_) => break,
                    },
                    None => break,
                }
            }
            decoded.reverse();
            for skip in 0..decoded.len() {
                if begins(scanner, &decoded[skip..]) {
                    scan.hold(decoded[skip].1, decoded.len() - skip, u32::MAX);
                    break;
                }
            }
        }
    }
}

fn begins(scanner: &Scanner<'_>, decoded: &[(u8, usize)]) -> bool {
    let canon: Vec<u8> = decoded
        .iter()
        .filter(|d| is_kept(d.0))
        .map(|d| d.0.to_ascii_lowercase())
        .collect();
    match canon.len() {
        0 => scanner.index.leads(decoded[0].0),
        1..index::HEAD => scanner.index.begins(&canon),
        _ => scanner.index.beginning(&canon).is_some(),
    }
}

/// The texts that a whole list of integers may be, each with the element that every byte comes from.
pub(crate) fn from_integers(values: &[i64]) -> Vec<(Vec<u8>, Vec<usize>)> {
    let mut texts = Vec::new();
    if values.iter().all(|v| (-128..=255).contains(v)) {
        texts.push((values.iter().map(|v| *v as u8).collect(), (0..values.len()).collect()));
    }
    if values.iter().any(|v| *v > 127) && values.iter().all(|v| (0..=0x10_FFFF).contains(v)) {
        let mut text = (Vec::new(), Vec::new());
        for (i, v) in values.iter().enumerate() {
            let char = char::from_u32(*v as u32).unwrap_or('\u{FFFD}');
            text.0.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            text.1.resize(text.0.len(), i);
        }
        texts.push(text);
    }
    texts
}
