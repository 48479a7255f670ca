//! Bytes of a stream that have not left yet, with room before them for those that have.
//!
//! ```text
//!  buffer   ░░░░ context │ held back, then newly come …
//!           └── room ────┘ looked at together, without copying what came
//! ```
//!
//! Invariant: outside of [`Held::after`] the room holds zeros, and so does what lies after the bytes.

/// Room before the bytes.
pub(crate) const ROOM_BYTES: usize = 8 * 1024;

/// Bytes in the order in which they came.
#[derive(Default)]
pub(crate) struct Held {
    /// Empty, or begins with the room.
    buffer: Vec<u8>,
}

impl Held {
    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(ROOM_BYTES..).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.buffer.len().saturating_sub(ROOM_BYTES)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.buffer.is_empty() {
            self.buffer.reserve(ROOM_BYTES + bytes.len());
            self.buffer.resize(ROOM_BYTES, 0);
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Shows the bytes after others that have left, if there is room for those.
    pub(crate) fn after<T>(&mut self, context: &[u8], look: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let start = ROOM_BYTES.checked_sub(context.len())?;
        let room = self.buffer.get_mut(start..ROOM_BYTES)?;
        room.copy_from_slice(context);
        let seen = look(&self.buffer[start..]);
        wipe(&mut self.buffer[start..ROOM_BYTES]);
        Some(seen)
    }

    /// Lets the first `n` go.
    pub(crate) fn drop_first(&mut self, n: usize) {
        let (from, len) = (ROOM_BYTES + n, self.buffer.len());
        if n > 0 {
            self.buffer.copy_within(from.., ROOM_BYTES);
            wipe(&mut self.buffer[len - n..]);
            self.buffer.truncate(len - n);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        wipe(&mut self.buffer);
    }
}

/// Overwrites bytes that are not needed any more; as a block, not byte by byte.
pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    // Nobody reads them again, so that the compiler must be told that somebody might.
    std::hint::black_box(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_the_order_in_which_they_came() {
        let mut held = Held::default();
        assert_eq!(held.after(b"", <[u8]>::to_vec), None);
        held.push(b"one two ");
        held.push(b"three");
        assert_eq!(held.after(b"zero ", <[u8]>::to_vec).unwrap(), b"zero one two three");
        held.drop_first(4);
        assert_eq!((held.bytes(), held.len()), (&b"two three"[..], 9));
        assert_eq!(held.after(&[7; ROOM_BYTES], <[u8]>::len), Some(ROOM_BYTES + 9));
        assert_eq!(held.after(&[7; ROOM_BYTES + 1], <[u8]>::len), None);
        held.drop_first(9);
        assert!(held.is_empty());
        held.push(b"four");
        assert_eq!(held.after(b"", <[u8]>::to_vec).unwrap(), b"four");
        assert!(held.buffer[..ROOM_BYTES].iter().all(|b| *b == 0));
    }
}
