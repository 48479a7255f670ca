//! The cells' libraries, which stay loaded for ever because a value's code and a thread may be in any of them: what they
//! cost after their cell has run.
//!
//! Code and constants are given back to the system and come back from the file, page by page, when something touches them.
//! What remains of a small cell is one page of data. A cell that replaces a variable runs code of the cell that made it, so
//! the pages of all libraries are given back once in a while.
//!
//! Invariants: only pages of segments that cannot be written are given back, and only if the system says that they are the
//! file's still: one that somebody made writable and changed stays. Only files of this machine's own file systems are
//! trusted to be there when a page comes back; their names are gone by then.

#![expect(unsafe_code, reason = "reads a loaded library's headers and gives pages back")]

use std::ffi::c_void;
use std::fs::File;
use std::mem;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::slice;

use crate::sys;

/// How many cells run between two looks at all libraries.
const CELLS_BETWEEN: usize = 32;

/// Segments of a library larger than this are not looked at page by page.
const SEGMENT_BYTES_MAX: usize = 256 << 20;

/// Bits of an entry in `pagemap`.
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const OF_FILE: u64 = 1 << 61;

/// What is loaded for cells.
pub(super) struct Mapped {
    /// What the system says of this process's pages. Without it nothing is given back.
    pages: Option<File>,
    page_bytes: usize,
    /// Segments that cannot be written, by their addresses.
    segments: Vec<Range<usize>>,
    cells: usize,
}

impl Mapped {
    pub(super) fn new() -> Mapped {
        // SAFETY: no memory is involved.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        Mapped {
            pages: None,
            page_bytes: usize::try_from(page_bytes).unwrap_or(4096).max(1),
            segments: Vec::new(),
            cells: 0,
        }
    }

    /// This is another process than before.
    pub(super) fn settle(&mut self) {
        self.pages = sys::open_own("/proc/self/pagemap", sys::Access::Read).ok();
    }

    /// A cell has run; `function` is of its library, whose file [`is_local`].
    pub(super) fn give_back(&mut self, function: *const c_void) {
        let first = self.segments.len();
        self.segments.extend(segments(function, self.page_bytes));
        self.cells += 1;
        let all = self.cells.is_multiple_of(CELLS_BETWEEN);
        self.give_back_from(if all { 0 } else { first });
    }

    fn give_back_from(&self, first: usize) {
        let Some(pages) = &self.pages else { return };
        for segment in &self.segments[first..] {
            if are_of_file(pages, segment, self.page_bytes) {
                // SAFETY: the pages are unchanged ones of a file that is mapped here, and come back with the same content.
                unsafe { libc::madvise(segment.start as *mut c_void, segment.len(), libc::MADV_DONTNEED) };
            }
        }
    }
}

/// Whether the library's file will be there for as long as it is mapped, though it has no name any more.
pub(super) fn is_local(library: &Path) -> bool {
    const LOCAL: &[libc::c_long] = &[
        libc::TMPFS_MAGIC,
        libc::OVERLAYFS_SUPER_MAGIC,
        libc::EXT4_SUPER_MAGIC,
        libc::XFS_SUPER_MAGIC,
        libc::BTRFS_SUPER_MAGIC,
    ];
    sys::file_system_kind(library).is_ok_and(|kind| LOCAL.contains(&kind))
}

fn are_of_file(pages: &File, segment: &Range<usize>, page_bytes: usize) -> bool {
    let mut entries = vec![0; segment.len() / page_bytes * mem::size_of::<u64>()];
    let at = segment.start / page_bytes * mem::size_of::<u64>();
    if pages.read_exact_at(&mut entries, at as u64).is_err() {
        return false;
    }
    let (entries, _) = entries.as_chunks::<8>();
    entries.iter().all(|entry| {
        let entry = u64::from_ne_bytes(*entry);
        entry & SWAPPED == 0 && (entry & PRESENT == 0 || entry & OF_FILE != 0)
    })
}

/// Whole pages of the segments that cannot be written of the library that `function` is of.
fn segments(function: *const c_void, page_bytes: usize) -> Vec<Range<usize>> {
    // SAFETY: the structure outlives the call. A loaded library's first segment begins with its header, which says where
    // and how many the program headers are; they are read only if the header is one and they are in its page.
    let (base, headers) = unsafe {
        let mut about: libc::Dl_info = mem::zeroed();
        if libc::dladdr(function, &mut about) == 0 || about.dli_fbase.is_null() {
            return Vec::new();
        }
        let base = about.dli_fbase as usize;
        let header = &*(base as *const libc::Elf64_Ehdr);
        let (at, count) = (header.e_phoff as usize, usize::from(header.e_phnum));
        let is_near = at.saturating_add(count * mem::size_of::<libc::Elf64_Phdr>()) <= page_bytes;
        if header.e_ident[..5] != *b"\x7fELF\x02" || !is_near {
            return Vec::new();
        }
        (
            base,
            slice::from_raw_parts((base + at) as *const libc::Elf64_Phdr, count),
        )
    };
    let fixed = headers
        .iter()
        .filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0);
    let pages = fixed.map(|header| {
        let start = base + header.p_vaddr as usize;
        let end = start + header.p_memsz as usize;
        start / page_bytes * page_bytes..end.next_multiple_of(page_bytes)
    });
    pages.filter(|pages| pages.len() <= SEGMENT_BYTES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resident(mapped: &Mapped, segment: &Range<usize>) -> usize {
        let mut entries = vec![0; segment.len() / mapped.page_bytes * 8];
        let at = segment.start / mapped.page_bytes * 8;
        mapped
            .pages
            .as_ref()
            .unwrap()
            .read_exact_at(&mut entries, at as u64)
            .unwrap();
        let (entries, _) = entries.as_chunks::<8>();
        entries
            .iter()
            .filter(|entry| u64::from_ne_bytes(**entry) & PRESENT != 0)
            .count()
    }

    /// A library that this process has loaded anyway, and uses little of.
    fn a_function() -> *const c_void {
        // SAFETY: the name ends with a zero byte.
        unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_Unwind_Backtrace".as_ptr()) }
    }

    #[test]
    fn pages_go_and_come_back() {
        let mut mapped = Mapped::new();
        mapped.settle();
        let segments = segments(a_function(), mapped.page_bytes);
        assert!(!segments.is_empty());
        let bytes = |segment: &Range<usize>| {
            // SAFETY: a segment of a loaded library, readable to its end.
            let bytes: Vec<u8> = unsafe { slice::from_raw_parts(segment.start as *const u8, segment.len()) }.to_vec();
            bytes
        };
        let before: Vec<Vec<u8>> = segments.iter().map(bytes).collect();
        assert!(segments.iter().all(|segment| resident(&mapped, segment) > 0));
        mapped.give_back(a_function());
        assert!(
            segments.iter().any(|segment| resident(&mapped, segment) == 0),
            "nothing was given back"
        );
        assert_eq!(segments.iter().map(bytes).collect::<Vec<_>>(), before);
    }

    #[test]
    fn a_page_that_was_changed_stays() {
        let mut mapped = Mapped::new();
        mapped.settle();
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(mapped.page_bytes as u64).unwrap();
        // SAFETY: a mapping of our own, of one page.
        let at = unsafe {
            use std::os::fd::AsRawFd;
            let fd = file.as_file().as_raw_fd();
            let rights = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(
                std::ptr::null_mut(),
                mapped.page_bytes,
                rights,
                libc::MAP_PRIVATE,
                fd,
                0,
            )
        };
        assert_ne!(at, libc::MAP_FAILED);
        let segment = at as usize..at as usize + mapped.page_bytes;
        // SAFETY: as above.
        assert_eq!(unsafe { *at.cast::<u8>() }, 0);
        assert!(are_of_file(mapped.pages.as_ref().unwrap(), &segment, mapped.page_bytes));
        // SAFETY: as above.
        unsafe { *at.cast::<u8>() = 7 };
        mapped.segments.push(segment);
        mapped.give_back_from(0);
        // SAFETY: as above.
        assert_eq!(unsafe { *at.cast::<u8>() }, 7);
    }

    #[test]
    fn only_own_file_systems_are_trusted() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(is_local(file.path()));
        assert!(!is_local(Path::new("/proc/self/stat")));
        assert!(!is_local(Path::new("/nowhere/at all")));
    }
}
