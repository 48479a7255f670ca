//! What the bits of a window tell about its lines, and parts of lines as one text.

use std::ops::Range;

use super::View;
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
