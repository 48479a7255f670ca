//! String literals with a letter before them: `b'…' b'…'`, `[u"…", u"…"]`. Without the letters they are joined or listed
//! like others.

use super::View;
use crate::Form;
use crate::scan::{Scan, Scanner, Window};

/// Letters that say what kind of literal follows.
const KINDS: &[u8] = b"bBuUfFrRL";

pub(crate) fn scan(scanner: &mut Scanner<'_>, window: &Window<'_>, reach: usize, depth: usize, scan: &mut Scan) {
    let bytes = window.text.bytes;
    let mut places: Vec<usize> = Vec::new();
    let mut before = 0;
    if !window.squeezed.quote.any() {
        return;
    }
    let masks = window.squeezed.quote.words().iter().zip(window.squeezed.keep.words());
    for (i, (quote, keep)) in masks.enumerate() {
        // A quote after a letter that stands alone.
        let kept = keep << 1 | before >> 63;
        let two = keep << 2 | before >> 62;
        let mut quotes = quote & kept & !two;
        before = *keep;
        while quotes != 0 {
            let at = window.from + 64 * i + quotes.trailing_zeros() as usize;
            quotes &= quotes - 1;
            // The end of a path or of a name is none.
            match bytes[..at] {
                [.., b'/' | b'.' | b'-' | b'_' | b'@' | b'~', _] => {}
                [.., letter] if KINDS.contains(&letter) => places.push(at - 1),
                _ => {}
            }
        }
    }
    let regions = super::regions(places.iter().map(|at| (*at, *at)), reach, window);
    for region in regions {
        let first = places.partition_point(|at| *at < region.start);
        let last = places.partition_point(|at| *at < region.end);
        let letters = &places[first..last];
        if letters.len() < 2 {
            continue;
        }
        let make = |plain: bool, _: Option<usize>| {
            let mut view = View::new(region.len(), plain);
            let mut at = region.start;
            for letter in letters {
                view.copy_range(bytes, at..*letter);
                view.skip();
                at = letter + 1;
            }
            view.copy_range(bytes, at..region.end);
            view
        };
        scanner.lazily(window, &make, region.end, Form::Quoted, depth, [0; 4], scan);
    }
}
