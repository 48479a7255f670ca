//! What user code learns when it asks whether a descriptor is a terminal.
//!
//! Why: progress bars (`indicatif` and its kind) draw only where standard error is a terminal. A front end shows what
//! they draw, so in the process that runs the cells standard error says that it is one. A real terminal in its place
//! would hand the output over later, and out of order with standard output.
//!
//! The function overrides that of the C library for everything loaded into this process, the cells included; the
//! programs that a cell starts ask their own.

#![expect(unsafe_code, reason = "defines a function of the C library")]

use std::sync::atomic::{AtomicBool, Ordering};

/// Set in the process that runs the cells.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// From now on standard error is taken for a terminal.
pub(super) fn show_standard_error() {
    SHOWN.store(true, Ordering::Relaxed);
    // Keeps the definition below in the program, whatever the linker thinks of it.
    std::hint::black_box(isatty as extern "C" fn(libc::c_int) -> libc::c_int);
}

/// As the C library's: 1 for a terminal, else 0 and `errno`.
// SAFETY: the signature is that of the C library's function, and nothing here can unwind.
#[unsafe(no_mangle)]
extern "C" fn isatty(fd: libc::c_int) -> libc::c_int {
    if fd == libc::STDERR_FILENO && SHOWN.load(Ordering::Relaxed) {
        return 1;
    }
    let mut settings = std::mem::MaybeUninit::<libc::termios>::uninit();
    // SAFETY: the call fills the structure or fails, and it is not read.
    let answer = unsafe { libc::tcgetattr(fd, settings.as_mut_ptr()) };
    i32::from(answer == 0)
}
