//! Whether a stretch of text whose squeezed characters are those of a form really shows the form.
//!
//! The squeezed text says that the letters and digits are the same. What stands between them decides:
//!
//! 1. exactly the form's own punctuation: the form itself;
//! 2. the form's punctuation with quotes or backslashes added to it: quoting of any kind, nested to any depth;
//! 3. line breaks with indentation, borders or quotes: a wrapped value;
//! 4. the same separator at regular distances: spaced, dotted, grouped, listed characters;
//!
//! anything else, in particular other punctuation in place of the form's own, is a near miss.

use crate::Form;
use crate::forms::Kind;
use crate::index::Literal;
use crate::pieces::{part_of_number, stands_alone, tell};
use crate::policy;
use crate::squeeze::is_kept;

/// Longest run of separators between two characters of a secret.
const GAP_BYTES_MAX: usize = 256;

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The form stands there.
    Match { start: usize, end: usize, form: Form },
    /// It may, when the text goes on.
    Live { from: usize },
    /// It does not.
    No,
}

/// What a comparison needs to know about the text.
#[derive(Clone, Copy)]
pub(crate) struct Text<'t> {
    pub bytes: &'t [u8],
    /// Nothing follows.
    pub complete: bool,
}

/// How a form's characters were found in the text.
struct Walk {
    /// Where each squeezed character of the form stands in the text.
    at: Vec<usize>,
    /// Where it stands in the form.
    of: Vec<usize>,
    case: Case,
}

/// All squeezed characters of `literal` stand in the text, the first one at `first`.
pub(crate) fn whole(literal: &Literal, text: Text<'_>, first: usize) -> Verdict {
    let exact = literal.exact.bytes();
    let verdict = with_exact(literal, exact, text, first);
    if verdict == Verdict::No && matches!(literal.kind, Kind::Base64 { .. }) && exact.iter().any(|b| b"+/".contains(b))
    {
        let safe: Vec<u8> = exact
            .iter()
            .map(|b| {
                if *b == b'+' {
                    b'-'
                } else if *b == b'/' {
                    b'_'
                } else {
                    *b
                }
            })
            .collect();
        return with_exact(literal, &zeroize::Zeroizing::new(safe), text, first);
    }
    let verdict = if literal.is_number() {
        by_itself(text, verdict)
    } else {
        verdict
    };
    match verdict {
        // A word with a digit or two stands in innocent text as part of other words.
        Verdict::Match {
            start,
            end,
            form: Form::Case | Form::Reversed,
        } if exact.len() < policy::STRIPPED_CHARS => {
            let inside = |b: Option<&u8>| b.is_some_and(|b| is_kept(*b));
            let before = start.checked_sub(1).and_then(|i| text.bytes.get(i));
            if end == text.bytes.len() && !text.complete {
                Verdict::Live { from: start }
            } else if inside(before) || inside(text.bytes.get(end)) {
                Verdict::No
            } else {
                verdict
            }
        }
        _ => verdict,
    }
}

/// A number is none inside a longer one, nor among the decimals of one.
fn by_itself(text: Text<'_>, verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Match { start, end, .. } => match part_of_number(text, start, end) {
            Some(true) => Verdict::No,
            Some(false) => verdict,
            None => Verdict::Live { from: start },
        },
        other => other,
    }
}

fn with_exact(literal: &Literal, exact: &[u8], text: Text<'_>, first: usize) -> Verdict {
    // 1. Byte for byte, the case that matters most.
    if let Some(start) = first.checked_sub(literal.lead) {
        let there = &text.bytes[start..];
        if there.starts_with(exact) {
            return matched(literal, text, start, start + exact.len(), base_form(literal.kind));
        }
        if !text.complete && exact.starts_with(there) {
            return Verdict::Live { from: start };
        }
    }
    let Some(walk) = walk(exact, text.bytes, first) else {
        return Verdict::No;
    };
    let Some(case_form) = accept_case(literal, &walk) else {
        return Verdict::No;
    };
    elastic(literal, exact, text, &walk, case_form)
}

fn base_form(kind: Kind) -> Form {
    match kind {
        Kind::Raw | Kind::Recoded => Form::Raw,
        Kind::Reversed => Form::Reversed,
        Kind::Hex | Kind::Digits => Form::Hex,
        Kind::Base64 { .. } => Form::Base64,
        Kind::Base32 { .. } => Form::Base32,
        Kind::Case => Form::Case,
    }
}

/// Adds the neighbours in base64 that hold bits of the value.
fn matched(literal: &Literal, text: Text<'_>, start: usize, end: usize, form: Form) -> Verdict {
    let (mut start, mut end) = (start, end);
    if let Kind::Base64 { before, after } | Kind::Base32 { before, after } = literal.kind {
        let (signs, most): (&[u8], _) = match literal.kind {
            Kind::Base64 { .. } => (b"+/-_", 2),
            _ => (b"", 6),
        };
        let digit = |b: &u8| b.is_ascii_alphanumeric() || signs.contains(b);
        let takes_before = before > 0 && start > 0 && digit(&text.bytes[start - 1]);
        start -= usize::from(takes_before);
        if after > 0 && text.bytes.get(end).is_some_and(digit) {
            end += 1;
            if text.bytes.get(end) == Some(&b'=') {
                end += text.bytes[end..].iter().take(most).take_while(|b| **b == b'=').count();
            }
        } else if after > 0 && end == text.bytes.len() && !text.complete {
            return Verdict::Live { from: start };
        }
    }
    Verdict::Match { start, end, form }
}

/// Finds the form's squeezed characters in the text one after the other.
fn walk(exact: &[u8], text: &[u8], first: usize) -> Option<Walk> {
    let mut walk = Walk {
        at: Vec::with_capacity(exact.len()),
        of: Vec::with_capacity(exact.len()),
        case: Case::default(),
    };
    let mut at = first;
    for (of, &byte) in exact.iter().enumerate().filter(|(_, b)| is_kept(**b)) {
        if walk.of.last().is_some_and(|last| last + 1 < of) {
            walk.case.gap();
        }
        if !walk.at.is_empty() {
            at += text.get(at..)?.iter().take(GAP_BYTES_MAX).position(|b| is_kept(*b))?;
        }
        walk.case.see(byte, *text.get(at)?);
        walk.at.push(at);
        walk.of.push(of);
        at += 1;
    }
    Some(walk)
}

/// How the letter case of a text relates to that of a form.
struct Case {
    exact: bool,
    upper: bool,
    lower: bool,
    swapped: bool,
    capital: bool,
    titled: bool,
    inside: bool,
    letters: usize,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            exact: true,
            upper: true,
            lower: true,
            swapped: true,
            capital: true,
            titled: true,
            inside: false,
            letters: 0,
        }
    }
}

impl Case {
    fn see(&mut self, form: u8, text: u8) {
        if form.is_ascii_alphabetic() {
            self.titled &= text.is_ascii_uppercase() != self.inside;
            self.inside = true;
            self.capital &= if self.letters == 0 {
                text.is_ascii_uppercase()
            } else {
                text.is_ascii_lowercase()
            };
            self.letters += 1;
            self.exact &= form == text;
            self.upper &= text.is_ascii_uppercase();
            self.lower &= text.is_ascii_lowercase();
            self.swapped &= form != text;
        } else {
            self.inside = form >= 0x80;
            self.exact &= form == text;
        }
    }

    /// Something that is not squeezed stands before the next character of the form.
    fn gap(&mut self) {
        self.inside = false;
    }
}

/// The form's name when the letter case is acceptable.
fn accept_case(literal: &Literal, walk: &Walk) -> Option<Option<Form>> {
    let case = &walk.case;
    if case.exact {
        return Some(None);
    }
    let folded = case.upper || case.lower || case.swapped || case.capital || case.titled;
    match literal.kind {
        Kind::Hex | Kind::Digits => Some(None),
        Kind::Base32 { .. } if case.lower => Some(None),
        _ if literal.foldable && folded => Some(Some(Form::Case)),
        _ => None,
    }
}

/// What stands between two characters beyond the form's own punctuation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    Own,
    Quoted,
    Wrapped,
    Other,
}

fn elastic(literal: &Literal, exact: &[u8], text: Text<'_>, walk: &Walk, case_form: Option<Form>) -> Verdict {
    let chars = exact.iter().filter(|b| (**b & 0xC0) != 0x80).count();
    let mut quoted = false;
    let mut wrapped = 0;
    // Every break of it is one between two string literals that their language puts together.
    let mut joined = true;
    let mut other = false;
    let mut plus = false;
    let mut first_wrap = None;
    // Where the pieces of it begin.
    let mut pieces = Vec::new();
    // Line breaks of the form's own.
    let mut own_lines = 0;
    let gaps = walk.at.windows(2).zip(walk.of.windows(2));
    for (k, (at, of)) in gaps.enumerate() {
        let (found, own) = (&text.bytes[at[0] + 1..at[1]], &exact[of[0] + 1..of[1]]);
        own_lines += usize::from(own.contains(&b'\n'));
        match gap(found, own) {
            Some(Gap::Own) => plus |= found != own && found.contains(&b'+'),
            Some(Gap::Quoted) => quoted = true,
            Some(Gap::Wrapped) => {
                joined &= is_literal_joint(found, own);
                wrapped += 1;
                first_wrap.get_or_insert(k + 1);
                pieces.push(of[1] - own.len() + torn_before(found, own));
            }
            Some(Gap::Other) => other = true,
            None => return Verdict::No,
        }
    }
    if other {
        return spaced(literal, exact, text, walk, chars, case_form);
    }
    // The punctuation at both ends, where quoting may have added to it.
    let otherwise = |walk| {
        if wrapped > 0 {
            spaced(literal, exact, text, walk, chars, case_form)
        } else {
            Verdict::No
        }
    };
    let Some(start) = before(text.bytes, walk.at[0], &exact[..literal.lead]) else {
        return otherwise(walk);
    };
    let last = walk.at[walk.at.len() - 1] + 1;
    let end = match after(text.bytes, last, &exact[exact.len() - literal.trail..]) {
        Ending::At(end) => end,
        Ending::Open if !text.complete => return Verdict::Live { from: start },
        _ => return otherwise(walk),
    };
    let exact_gaps = !quoted && wrapped == 0 && !plus;
    let mut begin = start;
    if wrapped > 0 {
        let alone = wrapped + own_lines + 1 >= exact.iter().filter(|b| is_kept(**b) && **b & 0xC0 != 0x80).count();
        if alone && !keeps_own(exact, text.bytes, walk) {
            return Verdict::No;
        }
        let told = chars < policy::STRIPPED_CHARS
            && wrapped <= chars / 2
            && tell(exact, &pieces)
            && stands_alone(text.bytes, begin, end);
        let few = chars < policy::STRIPPED_CHARS;
        if few && !(alone || told || joined && wrapped <= 2) {
            return Verdict::No;
        }
        if let Some(k) = first_wrap.filter(|k| *k < policy::HINT_CHARS && !alone && !told) {
            begin = walk.at[k];
        }
    }
    let form = match case_form {
        Some(form) => form,
        None if wrapped > 0 && literal.kind == Kind::Raw => Form::Wrapped,
        None if quoted => Form::Quoted,
        None if plus => Form::Percent,
        None => base_form(literal.kind),
    };
    debug_assert!(!exact_gaps || form != Form::Wrapped, "a wrapped form has a line break");
    matched(literal, text, begin, end, form)
}

/// How much of a form's own punctuation stands before the line break or joint in it.
fn torn_before(found: &[u8], own: &[u8]) -> usize {
    found.iter().zip(own).take_while(|(a, b)| a == b).count()
}

/// Whether a form's own punctuation stands between its characters as they themselves do: where they stand alone on
/// lines, a blank or a sign of the form is a line too, and nothing else is one.
fn keeps_own(exact: &[u8], text: &[u8], walk: &Walk) -> bool {
    let gaps = || {
        let pairs = walk.at.windows(2).zip(walk.of.windows(2));
        pairs.map(|(at, of)| (&text[at[0] + 1..at[1]], &exact[of[0] + 1..of[1]]))
    };
    let solid = |bytes: &[u8]| -> Vec<u8> { bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect() };
    let high = |of: usize| exact[of] & 0xC0 == 0x80;
    let Some(separator) = gaps()
        .zip(&walk.of[1..])
        .find(|((_, own), of)| own.is_empty() && !high(**of))
    else {
        return true;
    };
    let separator = solid(separator.0.0);
    gaps().filter(|(_, own)| !own.is_empty()).all(|(found, own)| {
        let listed = own
            .iter()
            .flat_map(|b| std::iter::once(*b).chain(separator.iter().copied()));
        let listed: Vec<u8> = separator.iter().copied().chain(listed).collect();
        solid(found) == solid(&listed) || solid(found) == solid(own)
    })
}

/// Characters that quoting adds before or around a special character.
fn is_quoting(byte: u8) -> bool {
    b"\\'\"`^".contains(&byte)
}

/// Characters that stand at the end or the start of a line when a text is wrapped or framed.
fn is_frame(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b"|\\+>#*/-\"'`:;.,=&_~()[]{}!<$%".contains(&byte)
}

/// Compares what stands between two characters with the form's own punctuation there.
fn gap(found: &[u8], own: &[u8]) -> Option<Gap> {
    if found == own {
        return Some(Gap::Own);
    }
    let breaks = found.iter().any(|b| matches!(b, b'\n' | b'\r'));
    let space = |b: u8| b.is_ascii_whitespace();
    let mut rest = own.iter().copied().peekable();
    let (mut extra, mut quoting) = (0, true);
    for (i, &byte) in found.iter().enumerate() {
        let own_byte = rest.peek().copied();
        if own_byte == Some(byte)
            || own_byte.is_some_and(|own| space(own) && (space(byte) || own == b' ' && byte == b'+'))
        {
            rest.next();
            continue;
        }
        extra += 1;
        // `$'…'` is one of the shell's quotes.
        quoting &= is_quoting(byte) || byte == b'$' && found.get(i + 1) == Some(&b'\'');
        if breaks && !is_frame(byte) {
            return Some(Gap::Other);
        }
    }
    let blank = !own.is_empty() && own.iter().copied().all(space);
    // A line break may have taken the place of one space.
    if rest.peek().is_some() {
        return (blank && is_joint(found, b"")).then_some(Gap::Wrapped);
    }
    Some(match extra {
        0 => Gap::Own,
        // Another line break and another indentation.
        _ if own.contains(&b'\n') && breaks && found.iter().copied().all(space) => Gap::Own,
        _ if breaks || is_joint(found, own) || blank && is_joint(found, b"") => Gap::Wrapped,
        _ if quoting && !own.is_empty() => Gap::Quoted,
        _ => Gap::Other,
    })
}

/// Whether two string literals are joined here: `"abc" + "def"`, `'abc' 'def'`, `("abc", "def")`.
fn is_joint(found: &[u8], own: &[u8]) -> bool {
    joint(found, own).is_some()
}

/// What joins two string literals, with their quotes and without the form's own punctuation on either side.
fn joint<'f>(found: &'f [u8], own: &[u8]) -> Option<&'f [u8]> {
    let joins = |middle: &[u8]| {
        let (Some(first), Some(last)) = (middle.first(), middle.last()) else {
            return false;
        };
        let inner = &middle[1..middle.len().max(2) - 1];
        let operators = inner.iter().filter(|b| b"+.,&|~()[]{}<>$\\".contains(b)).count();
        let blanks = inner.iter().filter(|b| b.is_ascii_whitespace()).count();
        middle.len() >= 3
            && first == last
            && b"'\"`".contains(first)
            && operators <= 6
            && operators + blanks == inner.len()
    };
    if found.len() <= own.len() {
        return None;
    }
    (0..=own.len()).find_map(|i| {
        let (head, tail) = own.split_at(i);
        let around = found.starts_with(head) && found.ends_with(tail);
        let middle = &found[i..found.len() - tail.len()];
        (around && joins(middle)).then_some(middle)
    })
}

/// Whether two string literals are put together here: nothing, `+`, `.`, `&`, `||` or `~` stands between them, and blanks.
/// A comma lists them.
fn is_literal_joint(found: &[u8], own: &[u8]) -> bool {
    joint(found, own).is_some_and(|middle| !middle.iter().any(|b| b",()[]{}".contains(b)))
}

/// Where the form starts, given its first squeezed character; `own` is the punctuation before it.
fn before(text: &[u8], first: usize, own: &[u8]) -> Option<usize> {
    let mut at = first;
    for &byte in own.iter().rev() {
        loop {
            let previous = *text.get(at.checked_sub(1)?)?;
            at -= 1;
            if previous == byte {
                break;
            }
            if !is_quoting(previous) {
                return None;
            }
        }
    }
    Some(at)
}

enum Ending {
    At(usize),
    Open,
    Differs,
}

/// Where the form ends, given the end of its last squeezed character; `own` is the punctuation after it.
fn after(text: &[u8], from: usize, own: &[u8]) -> Ending {
    let mut at = from;
    let mut skipped = 0;
    for &byte in own {
        loop {
            let Some(&next) = text.get(at) else { return Ending::Open };
            at += 1;
            if next == byte || byte.is_ascii_whitespace() && next.is_ascii_whitespace() {
                break;
            }
            skipped += 1;
            if !is_quoting(next) || skipped > 16 + 8 * own.len() {
                return Ending::Differs;
            }
        }
    }
    Ending::At(at)
}

/// Rule 4: the same separator at regular distances.
fn spaced(
    literal: &Literal,
    exact: &[u8],
    text: Text<'_>,
    walk: &Walk,
    chars: usize,
    case_form: Option<Form>,
) -> Verdict {
    let form = case_form.unwrap_or(match literal.kind {
        Kind::Raw => Form::Spaced,
        kind => base_form(kind),
    });
    let strict = groups(exact, text, walk, true);
    match strict.or_else(|| groups(exact, text, walk, false)) {
        Some(Groups::Found {
            sizes,
            separator,
            start,
            end,
        }) => {
            let single = sizes.iter().all(|n| *n == 1);
            let size = sizes.get(1).copied().unwrap_or(0);
            let (first, last) = (sizes[0], sizes[sizes.len() - 1]);
            let regular = sizes.len() >= 3
                && sizes[1..sizes.len() - 1].iter().all(|n| *n == size)
                && first <= size
                && last <= size;
            let digits = literal.canon.bytes().iter().any(u8::is_ascii_digit);
            let letters = literal.canon.bytes().iter().any(u8::is_ascii_alphabetic);
            let accepted = if single {
                chars >= policy::SHORT_BYTES
            } else if regular || matches!(literal.kind, Kind::Hex | Kind::Digits) {
                // Digits of bytes come in words of any size.
                chars >= policy::STRIPPED_CHARS
            } else {
                // A key without its dashes, or with them.
                sizes.len() >= 3 && chars >= 16 && digits && letters && separator <= 2
            };
            if accepted {
                Verdict::Match { start, end, form }
            } else {
                Verdict::No
            }
        }
        Some(Groups::Open { start }) if !text.complete => Verdict::Live { from: start },
        _ => Verdict::No,
    }
}

enum Groups {
    Found {
        sizes: Vec<usize>,
        separator: usize,
        start: usize,
        end: usize,
    },
    Open {
        start: usize,
    },
}

/// Reads the form as groups of characters with one separator between them.
/// `strict`: not even white space may differ between separators.
fn groups(exact: &[u8], text: Text<'_>, walk: &Walk, strict: bool) -> Option<Groups> {
    let starts = char_starts(exact);
    let char_at = |i: usize| &exact[starts[i]..starts.get(i + 1).copied().unwrap_or(exact.len())];
    let first = starts.iter().rposition(|s| *s <= walk.of[0])?;
    let same = |there: &[u8], char: &[u8]| there.len() >= char.len() && there[..char.len()].eq_ignore_ascii_case(char);
    let mut at = walk.at[0];
    let mut sizes: Vec<usize> = Vec::new();
    let mut separator: &[u8] = &[];
    let mut run = 0;
    let mut i = first;
    loop {
        if !same(&text.bytes[at.min(text.bytes.len())..], char_at(i)) {
            return None;
        }
        at += char_at(i).len();
        run += 1;
        i += 1;
        if i == starts.len() {
            break;
        }
        let there = &text.bytes[at..];
        if there.is_empty() {
            return Some(Groups::Open { start: walk.at[0] });
        }
        let known = !separator.is_empty();
        let full = known && sizes.last().is_some_and(|n| run >= (*n).max(1));
        let contiguous = same(there, char_at(i));
        if contiguous && !(full && separator_len(there, separator, strict).is_some()) {
            continue;
        }
        let length = if known {
            separator_len(there, separator, strict)?
        } else {
            let length = (1..=there.len().min(64)).find(|n| same(&there[*n..], char_at(i)))?;
            separator = &there[..length];
            if separator.iter().any(|b| is_kept(*b)) {
                return None;
            }
            length
        };
        sizes.push(run);
        run = 0;
        at += length;
    }
    sizes.push(run);
    // Characters before the first squeezed one.
    let mut start = walk.at[0];
    for i in (0..first).rev() {
        let char = char_at(i);
        let spaced = text.bytes[..start]
            .ends_with(separator)
            .then(|| start - separator.len());
        let end = match spaced.filter(|end| text.bytes[..*end].ends_with(char)) {
            Some(end) => end,
            None if text.bytes[..start].ends_with(char) => start,
            None => return None,
        };
        start = end - char.len();
    }
    Some(Groups::Found {
        sizes,
        separator: separator.len(),
        start,
        end: at,
    })
}

fn char_starts(exact: &[u8]) -> Vec<usize> {
    if std::str::from_utf8(exact).is_ok() {
        (0..exact.len()).filter(|i| exact[*i] & 0xC0 != 0x80).collect()
    } else {
        (0..exact.len()).collect()
    }
}

/// Length of the separator at the start of a text: the same one, but for the amount of white space and a line break.
fn separator_len(there: &[u8], separator: &[u8], strict: bool) -> Option<usize> {
    if strict {
        return there.starts_with(separator).then_some(separator.len());
    }
    let space = |b: &u8| b.is_ascii_whitespace();
    let spaces = |at: usize| there[at..].iter().take_while(|b| space(b)).count();
    let mut at = 0;
    let mut i = 0;
    while i < separator.len() {
        if space(&separator[i]) {
            i += separator[i..].iter().take_while(|b| space(b)).count();
            let n = spaces(at);
            if n == 0 {
                return None;
            }
            at += n;
        } else if there.get(at) == Some(&separator[i]) {
            at += 1;
            i += 1;
        } else {
            return None;
        }
    }
    let more = spaces(at);
    if there[at..at + more].iter().any(|b| matches!(b, b'\n' | b'\r')) {
        at += more;
    }
    (at <= GAP_BYTES_MAX).then_some(at)
}

/// Only the first `matched` squeezed characters of `literal` stand in the text: whether that is a value cut off on
/// purpose.
pub(crate) fn cut_off(literal: &Literal, text: Text<'_>, first: usize) -> Verdict {
    let exact = literal.exact.bytes();
    let Some(start) = first.checked_sub(literal.lead) else {
        return Verdict::No;
    };
    let there = &text.bytes[start..];
    let same = exact.iter().zip(there).take_while(|(a, b)| a == b).count();
    if same == there.len() && !text.complete {
        return Verdict::Live { from: start };
    }
    if same < policy::TRUNCATED_BYTES || same * 4 < exact.len() * 3 {
        return Verdict::No;
    }
    match ends_clearly(&there[same..], text.complete) {
        Some(true) => Verdict::Match {
            start,
            end: start + same,
            form: Form::Truncated,
        },
        Some(false) => Verdict::No,
        None => Verdict::Live { from: start },
    }
}

/// The last characters of `literal` stand in the text, ending at `last` (exclusive); a value cut off at its start shows
/// an ellipsis there.
pub(crate) fn cut_off_head(literal: &Literal, text: Text<'_>, last: usize) -> Verdict {
    let exact = literal.exact.bytes();
    let end = last + literal.trail;
    if end > text.bytes.len() || !text.bytes[..end].ends_with(&exact[exact.len() - literal.trail..]) {
        return Verdict::No;
    }
    let same = exact
        .iter()
        .rev()
        .zip(text.bytes[..end].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let start = end - same;
    let ellipsis = text.bytes[..start].ends_with("…".as_bytes()) || text.bytes[..start].ends_with(b"..");
    if same < policy::TRUNCATED_BYTES || same * 4 < exact.len() * 3 || !ellipsis {
        return Verdict::No;
    }
    Verdict::Match {
        start,
        end,
        form: Form::Truncated,
    }
}

/// Whether what follows a run says that it was cut off there. `None`: not known before more is there.
fn ends_clearly(rest: &[u8], complete: bool) -> Option<bool> {
    let unknown = if complete { Some(true) } else { None };
    let spaces = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let after = &rest[spaces..];
    let Some(&next) = after.first() else { return unknown };
    const ENDS: [&[u8]; 12] = [
        "…".as_bytes(),
        b"...",
        b"..",
        b"[...]",
        b"[\xE2\x80\xA6]",
        b"&hellip;",
        b"\\u2026",
        "│".as_bytes(),
        "┃".as_bytes(),
        "║".as_bytes(),
        "┆".as_bytes(),
        b"</",
    ];
    if matches!(next, b'\n' | b'\r' | b'|') || ENDS.iter().any(|end| after.starts_with(end)) {
        return Some(true);
    }
    if spaces == 0 && matches!(next, b'"' | b'\'' | b'`') || after.starts_with(b"\\\"") || after.starts_with(b"\\n") {
        return Some(true);
    }
    if !complete && ENDS.iter().any(|end| end.starts_with(after)) {
        return None;
    }
    Some(false)
}
