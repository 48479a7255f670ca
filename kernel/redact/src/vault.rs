//! Where needles live: memory that is locked, left out of core dumps and overwritten with zeros when dropped.
//!
//! Append only: a [`Needle`] keeps its chunk alive, so readers need no lock.

use std::ptr::NonNull;
use std::sync::Arc;

/// Size of a chunk; larger needles get a chunk of their own.
const CHUNK_BYTES: usize = 64 * 1024;

/// Hands out memory for needles. One writer at a time (its owner holds it in a mutex).
#[derive(Default)]
pub(crate) struct Vault {
    current: Option<(Arc<Chunk>, usize)>,
}

/// Immutable bytes in a vault.
#[derive(Clone)]
pub(crate) struct Needle {
    chunk: Arc<Chunk>,
    at: usize,
    len: usize,
}

impl Vault {
    /// Copies bytes in.
    pub(crate) fn store(&mut self, bytes: &[u8]) -> Needle {
        let (chunk, used) = match self.current.take() {
            Some((chunk, used)) if chunk.len - used >= bytes.len() => (chunk, used),
            _ => (Arc::new(Chunk::new(bytes.len().max(CHUNK_BYTES))), 0),
        };
        chunk.write(used, bytes);
        self.current = Some((Arc::clone(&chunk), used + bytes.len()));
        Needle {
            chunk,
            at: used,
            len: bytes.len(),
        }
    }
}

impl Needle {
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.chunk.read(self.at, self.len)
    }
}

/// An anonymous mapping.
struct Chunk {
    start: NonNull<u8>,
    len: usize,
}

#[expect(
    unsafe_code,
    reason = "a private mapping that can be locked and kept out of core dumps"
)]
mod mapping {
    use super::{Chunk, NonNull};

    // SAFETY: a chunk is plain memory. Bytes are written once, by the vault's only writer, before the needle that
    // names them exists; after that they are only read.
    unsafe impl Send for Chunk {}
    // SAFETY: as above.
    unsafe impl Sync for Chunk {}

    impl Chunk {
        pub(super) fn new(len: usize) -> Self {
            // SAFETY: a fresh anonymous mapping; the result is checked before use.
            let start = unsafe {
                libc::mmap(
                    std::ptr::null_mut(),
                    len,
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                    -1,
                    0,
                )
            };
            let start = (start != libc::MAP_FAILED)
                .then(|| NonNull::new(start.cast::<u8>()))
                .flatten();
            let Some(start) = start else {
                // What the allocator does too: nothing sensible is left to do without memory.
                std::alloc::handle_alloc_error(std::alloc::Layout::new::<u8>())
            };
            // Locking is limited by RLIMIT_MEMLOCK and may fail; the value is hidden all the same.
            // SAFETY: the mapping made above, in its whole length.
            unsafe {
                libc::mlock(start.as_ptr().cast(), len);
                #[cfg(target_os = "linux")]
                libc::madvise(start.as_ptr().cast(), len, libc::MADV_DONTDUMP);
            }
            Self { start, len }
        }

        pub(super) fn write(&self, at: usize, bytes: &[u8]) {
            assert!(at + bytes.len() <= self.len, "a needle fits its chunk");
            // SAFETY: in bounds (asserted); no needle names these bytes yet, so nobody reads them.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.as_ptr().add(at), bytes.len()) }
        }

        #[inline]
        pub(super) fn read(&self, at: usize, len: usize) -> &[u8] {
            // SAFETY: only needles call this, with a range that `write` has filled and that never changes again.
            unsafe { std::slice::from_raw_parts(self.start.as_ptr().add(at), len) }
        }
    }

    impl Drop for Chunk {
        fn drop(&mut self) {
            use zeroize::Zeroize;
            // SAFETY: the last owner is being dropped: no needle is left that could read.
            unsafe {
                std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len).zeroize();
                libc::munmap(self.start.as_ptr().cast(), self.len);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needles_keep_their_bytes() {
        let mut vault = Vault::default();
        let big = vec![7; CHUNK_BYTES + 1];
        let needles = [
            vault.store(b"planted"),
            vault.store(&big),
            vault.store(b""),
            vault.store(b"other"),
        ];
        assert_eq!(
            needles.each_ref().map(|n| n.bytes().to_vec()),
            [b"planted".to_vec(), big, vec![], b"other".to_vec()]
        );
    }
}
