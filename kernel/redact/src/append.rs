//! A list that only grows and that readers walk without a lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Chunk `k` holds `FIRST << k` items, so nothing that a reader may look at ever moves.
const FIRST: usize = 64;
const CHUNKS: usize = 26;

type Chunk<T> = OnceLock<Box<[OnceLock<T>]>>;

/// Append-only list. Writers are serialised by the owner.
pub(crate) struct Append<T> {
    chunks: [Chunk<T>; CHUNKS],
    len: AtomicUsize,
}

impl<T> Default for Append<T> {
    fn default() -> Self {
        Self {
            chunks: [const { OnceLock::new() }; CHUNKS],
            len: AtomicUsize::new(0),
        }
    }
}

impl<T> Append<T> {
    /// Items published so far.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Adds an item and returns its place. One writer at a time.
    pub(crate) fn push(&self, item: T) -> usize {
        let at = self.len.load(Ordering::Relaxed);
        let (chunk, offset) = place(at);
        let slots = self.chunks[chunk].get_or_init(|| (0..FIRST << chunk).map(|_| OnceLock::new()).collect());
        let fresh = slots[offset].set(item).is_ok();
        debug_assert!(fresh, "one writer at a time");
        self.len.store(at + 1, Ordering::Release);
        at
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        let (chunk, offset) = place(at);
        self.chunks[chunk].get()?[offset].get()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len()).filter_map(|i| self.get(i))
    }
}

#[inline]
fn place(at: usize) -> (usize, usize) {
    let chunk = ((at / FIRST) + 1).ilog2() as usize;
    (chunk, at - FIRST * ((1 << chunk) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_stay_where_they_were_put() {
        let list = Append::default();
        assert_eq!(
            (0..5000).map(|i| list.push(i)).collect::<Vec<_>>(),
            (0..5000).collect::<Vec<_>>()
        );
        assert_eq!(list.iter().copied().collect::<Vec<_>>(), (0..5000).collect::<Vec<_>>());
        assert_eq!(list.get(5000), None);
    }
}
