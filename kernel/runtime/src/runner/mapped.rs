//! The cells' libraries, which stay loaded for ever because a value's code and a thread may be in any of them: what they
//! cost after their cell has run.
//!
//! Code and constants are given back to the system once in a while and come back from the file, page by page, when something
//! touches them. What remains of a small cell is one page of data.
//!
//! Invariants: only pages of segments that cannot be written are given back, and only if the system says that they are the
//! file's still: one that somebody made writable and changed stays. Only files of this machine's own file systems are
//! trusted to be there when a page comes back; their names are gone by then. The system is asked by a file that a process may
//! open of itself at any time; the one that tells of single pages could be opened only while others may read this process.

#![expect(unsafe_code, reason = "reads a loaded library's headers and gives pages back")]

use std::ffi::c_void;
use std::fs;
use std::mem;
use std::ops::Range;
use std::path::Path;
use std::slice;
use std::time::{Duration, Instant};

use crate::sys;

/// How many cells run at least between two looks at all libraries, each at some ten microseconds.
const CELLS_BETWEEN: usize = 32;

/// What a look may cost for each cell that runs until the next one: the system walks all pages and mappings of the process.
const COST_OF_CELL: Duration = Duration::from_micros(200);

/// A process with more in memory is not looked at: that takes a tenth of a second, and the libraries are little of it.
const RESIDENT_BYTES_MAX: usize = 1 << 30;

/// What is loaded for cells.
pub(super) struct Mapped {
    page_bytes: usize,
    /// Segments that cannot be written, by their addresses.
    segments: Vec<Range<usize>>,
    /// How many cells run until the next look.
    cells_left: usize,
    resident_bytes_max: usize,
}

impl Mapped {
    pub(super) fn new() -> Mapped {
        // SAFETY: no memory is involved.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        Mapped {
            page_bytes: usize::try_from(page_bytes).unwrap_or(4096).max(1),
            segments: Vec::new(),
            cells_left: CELLS_BETWEEN,
            resident_bytes_max: RESIDENT_BYTES_MAX,
        }
    }

    /// A cell has run; `function` is of its library, whose file [`is_local`].
    pub(super) fn give_back(&mut self, function: *const c_void) {
        self.segments.extend(segments(function, self.page_bytes));
        self.cells_left = self.cells_left.saturating_sub(1);
        if self.cells_left > 0 {
            return;
        }
        let since = Instant::now();
        let resident = fs::read_to_string("/proc/self/statm")
            .ok()
            .and_then(|text| resident_pages(&text));
        if resident.is_some_and(|pages| pages.saturating_mul(self.page_bytes) <= self.resident_bytes_max) {
            self.give_back_all();
        }
        self.cells_left = cells_until_next(since.elapsed());
    }

    fn give_back_all(&self) {
        let Ok(text) = fs::read("/proc/self/smaps") else { return };
        let unchanged = unchanged(&text);
        for segment in &self.segments {
            if is_within(&unchanged, segment) {
                // SAFETY: the pages are unchanged ones of a file that is mapped here, and come back with the same content.
                unsafe { libc::madvise(segment.start as *mut c_void, segment.len(), libc::MADV_DONTNEED) };
            }
        }
    }
}

/// How many cells run until the next look, after one that took so long.
fn cells_until_next(took: Duration) -> usize {
    let cells = took.as_micros() / COST_OF_CELL.as_micros();
    usize::try_from(cells).unwrap_or(usize::MAX).max(CELLS_BETWEEN)
}

/// What `statm` says is in memory, which the system need not count.
fn resident_pages(statm: &str) -> Option<usize> {
    statm.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The mappings in `smaps` that hold some pages, all of them the file's, in the order of their addresses.
fn unchanged(smaps: &[u8]) -> Vec<Range<usize>> {
    let text = String::from_utf8_lossy(smaps);
    let mut found = Vec::new();
    let mut current = None;
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(first), second) = (words.next(), words.next()) else {
            continue;
        };
        match first.strip_suffix(':') {
            None => current = range(first),
            // Pages of its own, in memory or not; and no pages at all, which are nothing to give back.
            Some("Anonymous" | "Swap") if second != Some("0") => current = None,
            Some("Rss") if second == Some("0") => current = None,
            // The last line of each.
            Some("VmFlags") => found.extend(current.take()),
            Some(_) => {}
        }
    }
    found
}

/// `start-end`, in hexadecimal digits.
fn range(text: &str) -> Option<Range<usize>> {
    let (start, end) = text.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    Some(number(start)?..number(end)?)
}

/// Whether the segment is in one of the mappings, as it was mapped and as it stays unless somebody changes its rights.
fn is_within(mappings: &[Range<usize>], segment: &Range<usize>) -> bool {
    let after = mappings.partition_point(|mapping| mapping.start <= segment.start);
    after > 0 && segment.end <= mappings[after - 1].end
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
    pages.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether pages of the segment are in this process's memory.
    fn is_resident(segment: &Range<usize>) -> bool {
        let smaps = fs::read("/proc/self/smaps").unwrap();
        let text = String::from_utf8(smaps).unwrap();
        let mut is_it = false;
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let first = words.next().unwrap();
            match range(first) {
                Some(mapping) => is_it = mapping.start <= segment.start && segment.end <= mapping.end,
                None if is_it && first == "Rss:" => return words.next() != Some("0"),
                None => {}
            }
        }
        panic!("no such mapping: {segment:?}")
    }

    /// A library that this process has loaded anyway, and uses little of.
    fn a_function() -> *const c_void {
        // SAFETY: the name ends with a zero byte.
        unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_Unwind_Backtrace".as_ptr()) }
    }

    #[test]
    fn pages_go_and_come_back() {
        let mut mapped = Mapped::new();
        let segments = segments(a_function(), mapped.page_bytes);
        assert!(!segments.is_empty());
        let bytes = |segment: &Range<usize>| {
            // SAFETY: a segment of a loaded library, readable to its end.
            let bytes: Vec<u8> = unsafe { slice::from_raw_parts(segment.start as *const u8, segment.len()) }.to_vec();
            bytes
        };
        let before: Vec<Vec<u8>> = segments.iter().map(bytes).collect();
        assert!(segments.iter().all(is_resident));
        for _ in 0..CELLS_BETWEEN {
            mapped.give_back(a_function());
        }
        assert!(!segments.iter().all(is_resident), "nothing was given back");
        assert_eq!(segments.iter().map(bytes).collect::<Vec<_>>(), before);
    }

    #[test]
    fn a_process_with_much_in_memory_is_not_looked_at() {
        let statm = fs::read_to_string("/proc/self/statm").unwrap();
        let mut mapped = Mapped::new();
        let resident = resident_pages(&statm).unwrap() * mapped.page_bytes;
        let page = read_only_page(mapped.page_bytes);
        mapped.segments.push(page.clone());
        for (bytes_max, stays) in [(resident / 2, true), (resident * 16, false)] {
            // SAFETY: a page of our own, which is read to be in memory.
            unsafe { std::ptr::read_volatile(page.start as *const u8) };
            mapped.resident_bytes_max = bytes_max;
            mapped.cells_left = 1;
            mapped.give_back(std::ptr::null());
            assert_eq!(is_resident(&page), stays);
            assert!(mapped.cells_left >= CELLS_BETWEEN);
        }
    }

    /// A page of a file, mapped.
    fn read_only_page(page_bytes: usize) -> Range<usize> {
        use std::os::fd::AsRawFd;
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(page_bytes as u64).unwrap();
        let (fd, no_place) = (file.as_file().as_raw_fd(), std::ptr::null_mut());
        // SAFETY: a new mapping, which stays for as long as the process.
        let at = unsafe { libc::mmap(no_place, page_bytes, libc::PROT_READ, libc::MAP_PRIVATE, fd, 0) };
        assert_ne!(at, libc::MAP_FAILED);
        at as usize..at as usize + page_bytes
    }

    #[test]
    fn a_page_that_was_changed_stays() {
        let mut mapped = Mapped::new();
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
        let is_unchanged = || is_within(&unchanged(&fs::read("/proc/self/smaps").unwrap()), &segment);
        assert!(is_unchanged());
        // SAFETY: as above.
        unsafe { *at.cast::<u8>() = 7 };
        assert!(!is_unchanged());
        mapped.segments.push(segment.clone());
        mapped.give_back_all();
        // SAFETY: as above.
        assert_eq!(unsafe { *at.cast::<u8>() }, 7);
    }

    #[test]
    fn what_costs_much_is_done_rarely() {
        for (took_us, cells) in [(0, 32), (6_400, 32), (7_000, 35), (150_000, 750), (2_000_000, 10_000)] {
            assert_eq!(cells_until_next(Duration::from_micros(took_us)), cells);
        }
        assert_eq!(resident_pages("266335 265570 263823 1 0 2061 0\n"), Some(265_570));
        assert_eq!(resident_pages(""), None);
        // After a look that took long, as many cells as ever run without one.
        let mut mapped = Mapped::new();
        mapped.cells_left = cells_until_next(Duration::from_millis(10));
        let first = CELLS_BETWEEN + 1;
        for _ in 0..first {
            mapped.give_back(a_function());
        }
        assert_eq!(mapped.cells_left, 50 - first);
    }

    #[test]
    fn only_own_file_systems_are_trusted() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(is_local(file.path()));
        assert!(!is_local(Path::new("/proc/self/stat")));
        assert!(!is_local(Path::new("/nowhere/at all")));
    }
}
