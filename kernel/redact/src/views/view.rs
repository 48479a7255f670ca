//! A decoded text with a map back to where each byte came from.
//!
//! The map is a list of pieces, each for a stretch of the view: text copied as it stands is one piece however long it
//! is, so a view costs memory only where something was decoded.

use std::ops::Range;

/// A decoded text.
#[derive(Default)]
pub(crate) struct View {
    pub(crate) bytes: Vec<u8>,
    pieces: Vec<Piece>,
    /// A second place that shows the same byte (the character column of a dump).
    pub(super) also: Vec<Range<u32>>,
    /// Something was decoded; otherwise the view shows nothing new.
    pub(super) changed: bool,
    /// Where something unfinished begins at the end of the parent.
    pub(super) open: Option<usize>,
    /// What stands between two bytes is not part of the secret.
    pub(crate) fragments: bool,
    /// There is no map: only what can be found in it is of interest yet.
    pub(super) plain: bool,
    /// Without a map: places from which the text may be decoded again, in the view and in the parent.
    checkpoints: Vec<(u32, u32)>,
    /// The text may be read in a second way.
    pub(super) ambiguous: bool,
    /// Something in it was left out, and not only shown as something else.
    pub(super) shortened: bool,
    /// How many characters stand in it as they are that look like others.
    pub(super) unusual: usize,
}

/// Bytes of a view between two places from which it may be decoded again.
const CHECKPOINT_BYTES: usize = 1024;

/// A stretch of the view that comes from one place of the parent.
#[derive(Clone, Copy)]
struct Piece {
    /// Where it starts in the view.
    at: u32,
    /// Where it starts in the parent.
    from: u32,
    /// Where it ends in the parent, if all of its bytes come from the whole of it.
    to: u32,
    shape: Shape,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Byte for byte.
    Copy,
    /// Every byte from the whole of the source.
    Whole,
    /// A byte from two digits.
    Hex,
    /// Three bytes from four digits.
    Base64,
}

impl View {
    pub(crate) fn with_capacity(n: usize) -> Self {
        View {
            bytes: Vec::with_capacity(n),
            ..View::default()
        }
    }

    /// A view without a map, or one with it.
    pub(super) fn new(n: usize, plain: bool) -> Self {
        View {
            bytes: Vec::with_capacity(n),
            plain,
            ..View::default()
        }
    }

    /// Decoding may begin again at `at` in the parent and goes on in the same way.
    #[inline]
    pub(super) fn checkpoint(&mut self, at: usize) {
        if self.plain
            && self.bytes.len() >= self.checkpoints.last().map_or(0, |last| last.0 as usize) + CHECKPOINT_BYTES
        {
            self.checkpoints.push((self.bytes.len() as u32, at as u32));
        }
    }

    /// The last place before `i` from which the text may be decoded again: in the view and in the parent.
    pub(super) fn checkpoint_before(&self, i: usize) -> Option<(usize, usize)> {
        let after = self.checkpoints.partition_point(|(at, _)| *at as usize <= i);
        let (at, from) = self.checkpoints[after.checked_sub(1)?];
        Some((at as usize, from as usize))
    }

    #[inline]
    fn piece(&mut self, shape: Shape, source: Range<usize>) {
        if self.plain {
            return;
        }
        self.pieces.push(Piece {
            at: self.bytes.len() as u32,
            from: source.start as u32,
            to: source.end as u32,
            shape,
        });
    }

    /// A byte as it stands in the parent.
    #[inline]
    pub(crate) fn copy(&mut self, byte: u8, at: usize) {
        self.reach(at);
        self.bytes.push(byte);
    }

    /// A stretch as it stands in the parent.
    #[inline]
    pub(crate) fn copy_range(&mut self, parent: &[u8], range: Range<usize>) {
        if !range.is_empty() {
            self.reach(range.start);
            self.bytes.extend_from_slice(&parent[range]);
        }
    }

    /// Makes sure that the next byte is a copy of the parent's one at `at`.
    #[inline]
    fn reach(&mut self, at: usize) {
        if self.plain {
            return;
        }
        let goes_on = self.pieces.last().is_some_and(|last| {
            last.shape == Shape::Copy && last.from as usize + (self.bytes.len() - last.at as usize) == at
        });
        if !goes_on {
            self.piece(Shape::Copy, at..at);
        }
    }

    /// A byte decoded from a range of the parent.
    #[inline]
    pub(crate) fn decode(&mut self, byte: u8, source: Range<usize>) {
        self.changed = true;
        if self.plain {
            self.bytes.push(byte);
            return;
        }
        let same = self.pieces.last().is_some_and(|last| {
            last.shape == Shape::Whole && last.from as usize == source.start && last.to as usize == source.end
        });
        if !same {
            self.piece(Shape::Whole, source);
        }
        self.bytes.push(byte);
    }

    /// The same byte `count` times, decoded from `n` bytes of the parent each time.
    pub(super) fn decode_each(&mut self, byte: u8, from: usize, n: usize, count: usize) {
        self.changed = true;
        if self.plain {
            self.bytes.resize(self.bytes.len() + count, byte);
        } else {
            (0..count).for_each(|i| self.decode(byte, from + n * i..from + n * (i + 1)));
        }
    }

    /// Bytes that all come from one range of the parent.
    pub(crate) fn decode_all(&mut self, bytes: &[u8], source: Range<usize>) {
        self.changed = true;
        self.piece(Shape::Whole, source);
        self.bytes.extend_from_slice(bytes);
    }

    /// A character decoded from a range of the parent.
    #[inline]
    pub(crate) fn decode_char(&mut self, char: char, source: Range<usize>) {
        if char.is_ascii() {
            self.decode(char as u8, source);
            return;
        }
        for byte in char.encode_utf8(&mut [0; 4]).bytes() {
            self.decode(byte, source.clone());
        }
    }

    /// Starts a stretch whose bytes come from two digits each; the caller appends the bytes.
    pub(super) fn hex_from(&mut self, at: usize) {
        self.changed = true;
        self.piece(Shape::Hex, at..at);
    }

    /// Starts a stretch of three bytes from every four digits; the caller appends the bytes.
    pub(super) fn base64_from(&mut self, at: usize) {
        self.changed = true;
        self.piece(Shape::Base64, at..at);
    }

    /// Something in the parent that shows nothing.
    pub(crate) fn skip(&mut self) {
        self.changed = true;
    }

    /// The same, of what stands nowhere in the view.
    pub(super) fn leave_out(&mut self) {
        self.skip();
        self.shortened = true;
    }

    pub(crate) fn open_at(&mut self, at: usize) {
        self.open = Some(at);
    }

    /// Where a byte of the view comes from.
    pub(super) fn source(&self, i: usize) -> Option<Range<usize>> {
        let place = self
            .pieces
            .partition_point(|piece| piece.at as usize <= i)
            .checked_sub(1)?;
        self.source_in(place, i)
    }

    fn source_in(&self, place: usize, i: usize) -> Option<Range<usize>> {
        let piece = self.pieces.get(place).filter(|_| i < self.bytes.len())?;
        let (into, from) = (i - piece.at as usize, piece.from as usize);
        Some(match piece.shape {
            Shape::Copy => from + into..from + into + 1,
            Shape::Whole => from..piece.to as usize,
            Shape::Hex => from + 2 * into..from + 2 * into + 2,
            Shape::Base64 => {
                let first = from + into / 3 * 4 + into % 3;
                first..first + 2
            }
        })
    }

    /// The ranges of the parent that show bytes `range`, which is not empty.
    pub(super) fn sources(&self, parent: &[u8], range: Range<usize>, out: &mut Vec<Range<usize>>) {
        let (Some(first), Some(last)) = (self.source(range.start), self.source(range.end - 1)) else {
            return;
        };
        if !self.fragments {
            out.push(first.start..last.end.max(first.end));
            return;
        }
        let kept = out.len();
        let mut place = self.pieces.partition_point(|piece| piece.at as usize <= range.start);
        for i in range {
            while self.pieces.get(place).is_some_and(|piece| piece.at as usize <= i) {
                place += 1;
            }
            let Some(source) = self.source_in(place - 1, i) else {
                continue;
            };
            match out[kept..].last_mut() {
                Some(last) if last.end <= source.start && is_bridge(&parent[last.end..source.start]) => {
                    last.end = source.end;
                }
                _ => out.push(source),
            }
        }
    }
}

/// Whether two fragments with this between them are one: blanks, or a character and the backspace after it.
fn is_bridge(between: &[u8]) -> bool {
    between.len() <= 2
        || between.len() <= 5 && between.contains(&8)
        || between.iter().all(|b| matches!(b, b' ' | b'\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_knows_where_it_comes_from() {
        let parent = b"ab\\ncd 6162 UVZY";
        let mut view = View::default();
        view.copy_range(parent, 0..2);
        view.decode(b'\n', 2..4);
        view.copy(b'c', 4);
        view.copy(b'd', 5);
        view.hex_from(7);
        view.bytes.extend_from_slice(b"ab");
        view.base64_from(12);
        view.bytes.extend_from_slice(b"QVX");
        let all: Vec<Range<usize>> = (0..view.bytes.len()).filter_map(|i| view.source(i)).collect();
        assert_eq!(all, [0..1, 1..2, 2..4, 4..5, 5..6, 7..9, 9..11, 12..14, 13..15, 14..16]);
        let mut out = Vec::new();
        view.sources(parent, 1..4, &mut out);
        assert_eq!(out, vec![Range { start: 1, end: 5 }]);
    }
}
