//! Hides our own arguments from the cells: `std::env::args` is to give a program's name, and no descriptors of ours.
//!
//! Cells have a standard library of their own, which takes the arguments from the C library when it is loaded, with the
//! first cell. The list that it then finds ends after the name.

#![expect(unsafe_code, reason = "changes the list of arguments that the C library keeps")]

use std::ffi::{c_char, c_int};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The list, as this process was started with it.
static LIST: AtomicPtr<*mut c_char> = AtomicPtr::new(ptr::null_mut());

/// The C library calls this at the start, with the list that it will give to libraries too.
// SAFETY: the section holds functions of this signature, which glibc calls once, before `main`.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[used]
#[unsafe(link_section = ".init_array")]
static REMEMBER: extern "C" fn(c_int, *mut *mut c_char, *mut *mut c_char) = {
    extern "C" fn remember(count: c_int, list: *mut *mut c_char, _environment: *mut *mut c_char) {
        if count > 1 {
            LIST.store(list, Ordering::Relaxed);
        }
    }
    remember
};

/// Ends the list after the program's name. Call it when our own arguments have been read.
pub(crate) fn hide() {
    let list = LIST.load(Ordering::Relaxed);
    if !list.is_null() {
        // SAFETY: the list has more than one entry, lives as long as the process, and no other thread reads it now.
        unsafe { *list.add(1) = ptr::null_mut() };
    }
}
