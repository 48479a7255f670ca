//! What the bits of a window tell about its lines, and parts of lines as one text.

use std::ops::Range;

use super::{View, dump, table};
use crate::scan::Window;

/// Whether each line is one word: neither cells of tables nor numbers of lines stand beside others.
pub(super) fn are_words(window: &Window<'_>) -> bool {
    let (keep, line) = (window.squeezed.keep.words(), window.squeezed.line.words());
    let mut words = keep.iter().zip(line).map(|(keep, line)| keep | line);
    let Some(last) = words.next_back() else {
        return true;
    };
    let rest = (window.to - window.from) % 64;
    let end = if rest == 0 { u64::MAX } else { (1 << rest) - 1 };
    last & end == end && words.all(|word| word == u64::MAX)
}

/// Whether each word is a single character, or all of them are numbers: nothing stands beside it.
pub(super) fn are_single(window: &Window<'_>) -> bool {
    let (keep, digit) = (&window.squeezed.keep, &window.squeezed.digit);
    let numbers = || keep.words() == digit.words();
    numbers() || keep.pairs().all(|(_, here, next)| here & (here >> 1 | next << 63) == 0)
}

/// What the lines of a window begin with.
pub(super) struct Heads {
    /// Some may be rows of a dump.
    pub(super) rows: bool,
    /// Some may have a number before their text.
    pub(super) numbered: bool,
}

impl Heads {
    /// Looks at each line's first bytes, without branches: in most texts no line is either, and nobody need ask again.
    pub(super) fn of(window: &Window<'_>) -> Self {
        let bytes = window.text.bytes;
        let (mut rows, mut numbered) = (false, false);
        // A window after the first one begins in the middle of a line.
        for line in window.lines().skip(usize::from(window.from > 0)) {
            let Some(head) = bytes[line.start..].first_chunk::<8>() else {
                // A short one at the end.
                (rows, numbered) = (true, true);
                break;
            };
            rows |= dump::may_begin(head);
            numbered |= table::may_be_numbered(head);
        }
        Self { rows, numbered }
    }
}

/// Parts of lines, one below the other.
pub(super) fn joined(bytes: &[u8], parts: &[Range<usize>], plain: bool) -> View {
    let mut view = View::new(parts.iter().map(|part| part.len() + 1).sum(), plain);
    view.fragments = true;
    for part in parts {
        view.copy_range(bytes, part.clone());
        view.decode(b'\n', part.end..part.end);
    }
    view
}
