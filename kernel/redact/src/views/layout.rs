//! Rows of one dump stand in the same places: what the first one shows says where to look in the others.
//!
//! ```text
//!  00000010  68 75 6e 74 65 72 32 0a  |hunter2.|
//!  └offset┘  └────── cells ────────┘  └ border, and the bytes as characters
//! ```

use std::ops::Range;

use super::escape::{number, pair};

/// Longest part of a row before its border.
const CELLS_BYTES_MAX: usize = 128;

/// Where in a row its offset, its bytes and its border stand.
pub(super) struct Layout {
    len: usize,
    /// Digits of the offset.
    digits: usize,
    border: usize,
    /// Where the two digits of each byte begin.
    cells: Vec<usize>,
    /// What stands between them: blanks, and zeros for digits.
    between: [u8; CELLS_BYTES_MAX],
}

impl Layout {
    /// That of a row with an offset of so many digits, whose cells are pairs of digits with blanks between them.
    pub(super) fn of(line: &[u8], digits: usize, cells: Range<usize>) -> Option<Self> {
        let mut between = [0; CELLS_BYTES_MAX];
        let places = line.get(..cells.end).filter(|_| cells.end <= CELLS_BYTES_MAX)?;
        let mut pairs = Vec::new();
        for (at, byte) in places.iter().enumerate() {
            if !byte.is_ascii_hexdigit() {
                between[at] = *byte;
            } else if at >= cells.start && (pairs.last()).is_none_or(|last| last + 1 < at) {
                pairs.push(at);
            }
        }
        Some(Self {
            len: line.len(),
            digits,
            border: cells.end,
            cells: pairs,
            between,
        })
    }

    /// Bytes of a row.
    pub(super) fn bytes(&self) -> usize {
        self.cells.len()
    }

    /// Whether a line has digits and blanks where this has them.
    pub(super) fn fits(&self, line: &[u8]) -> bool {
        if line.len() != self.len || line[self.border] != b'|' {
            return false;
        }
        let places = line[..self.border].iter().zip(&self.between);
        // Without branches, so that many bytes are compared at once.
        places.fold(true, |fits, (byte, between)| {
            fits & if *between == 0 {
                byte.is_ascii_hexdigit()
            } else {
                byte == between
            }
        })
    }

    /// How many of its bytes follow the border of a line that fits as characters, with points for the others and a border
    /// after them; nothing, if something else does.
    pub(super) fn characters(&self, line: &[u8], bytes: &[u8]) -> Option<usize> {
        let rest = line
            .get(self.border + 1..)
            .filter(|rest| rest.len() == bytes.len() + 1)?;
        let [chars @ .., b'|'] = rest else { return None };
        let pairs = || chars.iter().zip(bytes);
        let fits = pairs().fold(true, |fits, (char, byte)| fits & (char == byte || *char == b'.'));
        let shown = pairs()
            .map(|(char, byte)| usize::from(char == byte && *char != b'.'))
            .sum();
        fits.then_some(shown)
    }

    /// Whether some of the digits of a line that fits are letters.
    pub(super) fn has_letters(&self, line: &[u8]) -> bool {
        let cells = &line[self.cells.first().copied().unwrap_or(0)..self.border];
        cells.iter().fold(false, |some, byte| some | byte.is_ascii_alphabetic())
    }

    /// The offset of a line that fits; nothing, if it is above four gigabytes.
    pub(super) fn offset(&self, line: &[u8]) -> Option<u32> {
        number(&line[..self.digits], 16)
    }

    /// Appends the bytes that a line shows which fits.
    pub(super) fn read(&self, line: &[u8], out: &mut Vec<u8>) {
        out.extend(self.cells.iter().filter_map(|at| pair(line[*at], line[at + 1])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_layout_are_read_alike() {
        let line = b"00a0F  68 75 6E 74  65 72 32 0a  |hunter2.|";
        let layout = Layout::of(line, 5, 7..33).unwrap();
        assert!(layout.fits(line) && layout.has_letters(line));
        assert_eq!((layout.bytes(), layout.offset(line)), (8, Some(0xA0F)));
        let mut out = Vec::new();
        layout.read(line, &mut out);
        assert_eq!(out, b"hunter2\n");
        assert_eq!(layout.characters(line, &out), Some(7));
        for (byte, char, shown) in [
            (6, b'x', None),
            (8, b' ', None),
            (7, b'\n', Some(8)),
            (2, b'.', Some(6)),
        ] {
            let mut other = line.to_vec();
            other[34 + byte] = char;
            assert_eq!(layout.characters(&other, &out), shown, "{}", other.escape_ascii());
        }
        assert!(!layout.has_letters(b"00a0F  68 75 60 74  65 72 32 00  |hunter2.|"));
        for other in [
            &b"00a0F  68 75 6E 74  65 72 32 0a  |hunter2.| "[..],
            b"00a0F  68 75 6E 74  65 72 32 0a   hunter2.|",
            b"00a0F  68 75 6E 74 165 72 32 0a  |hunter2.|",
            b"00a0F  68 75 6E 74  65 72 32 0   |hunter2.|",
            b"00a0F  68 75 6g 74  65 72 32 0a  |hunter2.|",
            b"",
        ] {
            assert!(!layout.fits(other), "{}", other.escape_ascii());
        }
        assert!(Layout::of(&[b'0'; 300], 8, 10..200).is_none());
    }
}
