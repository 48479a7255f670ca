//! Whether a stretch of text shows a value, or words and numbers of its own that only look like it.
//!
//! A short value that is torn to pieces reads like other text does, and so do digits inside a longer number: what stands
//! around the pieces, and what they are made of, decides.

use crate::policy;
use crate::squeeze::is_kept;
use crate::verify::Text;

/// Whether digits that stand here are part of a longer number or of a UUID. `None`: not known before more is there.
pub(crate) fn part_of_number(text: Text<'_>, start: usize, end: usize) -> Option<bool> {
    let is_digit = |at: Option<usize>| at.and_then(|at| text.bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let is_point = |at: Option<usize>| at.and_then(|at| text.bytes.get(at)) == Some(&b'.');
    let before = |n: usize| start.checked_sub(n);
    if is_digit(before(1)) || is_point(before(1)) && is_digit(before(2)) {
        return Some(true);
    }
    let more = |n: usize| end + n >= text.bytes.len() && !text.complete;
    if more(0) || is_point(Some(end)) && more(1) {
        return None;
    }
    let after = is_digit(Some(end)) || is_point(Some(end)) && is_digit(Some(end + 1));
    Some(after || in_uuid(text.bytes, start, end))
}

/// Whether a place lies in a UUID.
fn in_uuid(bytes: &[u8], start: usize, end: usize) -> bool {
    const LENGTH: usize = 36;
    let part = |b: &&u8| b.is_ascii_hexdigit() || **b == b'-';
    let before = bytes[..start].iter().rev().take(LENGTH).take_while(part).count();
    let all = bytes[start - before..].iter().take(LENGTH + 1).take_while(part).count();
    let dashes = [8, 13, 18, 23];
    all == LENGTH
        && end <= start - before + LENGTH
        && (0..LENGTH).all(|i| (bytes[start - before + i] == b'-') == dashes.contains(&i))
}

/// Whether pieces of a short value tell that they are pieces: one of them is clearly no word and no number, or they are
/// torn out of the middle of words or numbers. `hunter` and `22` are two words.
pub(crate) fn tell(exact: &[u8], pieces: &[usize]) -> bool {
    if policy::is_wordlike(exact) {
        return false;
    }
    let starts = std::iter::once(0).chain(pieces.iter().copied());
    let ends = pieces.iter().copied().chain(std::iter::once(exact.len()));
    let mixed: Vec<Mixed> = starts.zip(ends).map(|(from, to)| Mixed::of(&exact[from..to])).collect();
    let class = |b: u8| (b.is_ascii_digit(), is_kept(b));
    let alike = |at: usize| {
        at.checked_sub(1)
            .is_some_and(|before| class(exact[before]) == class(exact[at]))
    };
    let torn = |(i, at): (usize, &usize)| alike(*at) || mixed[i].some() && mixed[i + 1].some();
    // Pieces of one length.
    let size = pieces.first().copied().unwrap_or(0);
    let even =
        pieces.iter().enumerate().all(|(i, at)| *at == (i + 1) * size) && exact.len() <= (pieces.len() + 1) * size;
    mixed.iter().any(Mixed::much)
        || even && pieces.len() >= 2 && Mixed::of(exact).much()
        || exact.len() >= policy::FOLDED_CHARS && mixed.iter().any(Mixed::some) && pieces.iter().enumerate().all(torn)
}

/// How a piece of a value is mixed of small and capital letters, digits and signs.
struct Mixed {
    kinds: usize,
    /// How often letters, digits and signs take turns.
    turns: usize,
}

impl Mixed {
    fn of(piece: &[u8]) -> Self {
        let has = |class: fn(&u8) -> bool| usize::from(piece.iter().any(class));
        let upper = usize::from(piece.iter().skip(1).any(u8::is_ascii_uppercase));
        let signs = has(|b| !b.is_ascii_alphanumeric());
        let class = |b: u8| (b.is_ascii_digit(), b.is_ascii_alphabetic());
        Self {
            kinds: has(u8::is_ascii_lowercase) + upper + has(u8::is_ascii_digit) + signs,
            turns: piece.windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count(),
        }
    }

    fn some(&self) -> bool {
        self.kinds >= 2
    }

    fn much(&self) -> bool {
        self.kinds >= 3 || self.kinds >= 2 && self.turns >= 2
    }
}

/// Neither end of a stretch is inside a word.
pub(crate) fn stands_alone(bytes: &[u8], start: usize, end: usize) -> bool {
    let inside = |b: Option<&u8>| b.is_some_and(|b| is_kept(*b));
    !inside(start.checked_sub(1).and_then(|i| bytes.get(i))) && !inside(bytes.get(end))
}
