//! Where panics are, in lines and columns of cells.
//!
//! A panic names a line of the code that was generated for a cell. The runner gives us, for each cell's library, a table of
//! the lines that come from cells; a panic's `Location` lies in the library that it is about, which tells the table.

use std::ffi::{c_char, c_int, c_void};
use std::panic::Location;
use std::sync::{Mutex, PoisonError};

/// The file that is generated for each cell, as the compiler is told of it.
const FILE: &str = "src/lib.rs";

/// Tables by the addresses of their libraries.
static TABLES: Mutex<Vec<(usize, String)>> = Mutex::new(Vec::new());

/// `Dl_info` of the C library.
#[repr(C)]
struct Library {
    file: *const c_char,
    base: *mut c_void,
    symbol: *const c_char,
    address: *mut c_void,
}

#[expect(unsafe_code, reason = "the only way to ask which library holds an address")]
// SAFETY: as the C library declares it.
unsafe extern "C" {
    fn dladdr(address: *const c_void, library: *mut Library) -> c_int;
}

/// `cell [2]:3:5` for a place in a cell, as it is for one in another file.
pub(crate) fn name(location: &Location<'_>) -> String {
    let (file, line, column) = (location.file(), location.line(), location.column());
    if file != FILE {
        return location.to_string();
    }
    let library = library_of(file.as_ptr().cast());
    let tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    let table = tables.iter().rev().find(|(base, _)| *base == library);
    table
        .and_then(|(_, table)| find(table, line, column))
        .unwrap_or_else(|| "the code around the cell".to_owned())
}

/// The place that a table has for a generated line.
fn find(table: &str, line: u32, column: u32) -> Option<String> {
    table.lines().find_map(|row| {
        let mut fields = row.splitn(5, ' ');
        let mut number = || fields.next()?.parse::<u32>().ok();
        let (first, count, cell_line, cell_column) = (number()?, number()?, number()?, number()?);
        if count == 0 && line == first {
            return Some(format!("{}:{cell_line}:{}", fields.next()?, cell_column + 1));
        }
        let below = line.checked_sub(first).filter(|below| *below < count)?;
        let column = column + if below == 0 { cell_column } else { 0 };
        Some(format!("{}:{}:{column}", fields.next()?, cell_line + below))
    })
}

fn library_of(address: *const c_void) -> usize {
    let mut library = Library {
        file: std::ptr::null(),
        base: std::ptr::null_mut(),
        symbol: std::ptr::null(),
        address: std::ptr::null_mut(),
    };
    #[expect(unsafe_code, reason = "a function of the C library")]
    // SAFETY: any address may be asked about, and the answer fits into `library`.
    let found = unsafe { dladdr(address, &raw mut library) };
    if found == 0 { 0 } else { library.base as usize }
}

/// Called by the runner before each cell: `function` is one of the cell's library, the rest its table.
///
/// # Safety
/// `table` must be readable for `length` bytes.
#[expect(unsafe_code, reason = "exported to the runner, which finds it by name")]
// SAFETY: no other symbol of this name exists in the process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealbook_cell_places(function: *const c_void, table: *const u8, length: usize) {
    // SAFETY: the caller vouches for it.
    let table = unsafe { std::slice::from_raw_parts(table, length) };
    let table = String::from_utf8_lossy(table).into_owned();
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    tables.push((library_of(function), table));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_in_a_table() {
        let table = "2 3 7 2 cell [2]\n9 1 4 0 an earlier cell\n";
        let place = |line, column| find(table, line, column);
        assert_eq!(place(2, 4), Some("cell [2]:7:6".to_owned()));
        assert_eq!(place(4, 4), Some("cell [2]:9:4".to_owned()));
        assert_eq!(place(5, 1), None);
        assert_eq!(place(9, 1), Some("an earlier cell:4:1".to_owned()));
        assert_eq!(find("", 1, 1), None);
        assert_eq!(find("8 0 2 3 cell [1]", 8, 28), Some("cell [1]:2:4".to_owned()));
        assert_eq!(find("8 0 2 3 cell [1]", 9, 1), None);
    }

    #[test]
    fn places_in_other_files_stay() {
        let here = Location::caller();
        assert_eq!(name(here), here.to_string());
    }

    #[test]
    fn a_library_is_told_by_an_address_in_it() {
        let (this, that) = (name as *const c_void, find as *const c_void);
        assert_ne!(library_of(this), 0);
        assert_eq!(library_of(this), library_of(that));
    }
}
