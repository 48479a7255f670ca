//! Signals of the worker: a crash, or the kernel's interrupt.
//!
//! The handler runs on a stack of its own. It first tells the supervisor the signal, then tries to flush what the cell
//! printed and to say which panic made the cell abort, then ends the process. These may hang (the cell held the lock) or
//! crash again: the supervisor, which knows the signal by then, kills the process after a moment.
//!
//! Threads of the cells have no such stack, so the handler cannot run when one of them used up its own: a fault that was
//! not reported is taken for that.

#![expect(unsafe_code, reason = "signal handlers")]

use std::mem;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicUsize, Ordering};

use super::worker::LAST_WORDS;
use crate::sys;

/// First byte of the worker's packet about a signal; then the signal and whether the stack overflowed.
pub(crate) const CRASHED: u8 = b'C';

const STACK_BYTES: usize = 256 * 1024;

/// How far from the end of the stack a fault still means that the stack overflowed.
const GUARD_BYTES: usize = 1 << 20;

static CHANNEL: AtomicI32 = AtomicI32::new(-1);
/// Longest packet of last words.
const WORDS_BYTES_MAX: usize = 16 * 1024;

static WORDS: AtomicPtr<libc::c_void> = AtomicPtr::new(ptr::null_mut());
static FLUSH: AtomicPtr<libc::c_void> = AtomicPtr::new(ptr::null_mut());
static DYING: AtomicBool = AtomicBool::new(false);
static STACK_END: AtomicUsize = AtomicUsize::new(0);

/// The signal by which the supervisor interrupts the worker; one that programs do not use.
pub(crate) fn interrupt_signal() -> i32 {
    libc::SIGRTMAX() - 3
}

/// Where the handler reports to.
pub(crate) fn report_to(channel: RawFd) {
    CHANNEL.store(channel, Ordering::Relaxed);
}

/// What the handler calls to flush what the cell printed: an `extern "C" fn()`.
pub(crate) fn flush_with(function: *mut libc::c_void) {
    FLUSH.store(function, Ordering::Relaxed);
}

/// What the handler calls to learn of the panic that made the cell abort: an `extern "C" fn` that takes another one, for
/// the parts of the text, and a pointer to pass to it.
pub(crate) fn ask_with(function: *mut libc::c_void) {
    WORDS.store(function, Ordering::Relaxed);
}

/// Installs the handlers for this thread, which runs the cells.
pub(crate) fn install() {
    STACK_END.store(stack_end(), Ordering::Relaxed);
    let stack = Box::leak(vec![0u8; STACK_BYTES].into_boxed_slice());
    let signals = [
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGILL,
        libc::SIGFPE,
        libc::SIGABRT,
        interrupt_signal(),
    ];
    // SAFETY: the stack is never freed, and the structures outlive the calls.
    unsafe {
        let alternate = libc::stack_t {
            ss_sp: stack.as_mut_ptr().cast(),
            ss_flags: 0,
            ss_size: STACK_BYTES,
        };
        libc::sigaltstack(&alternate, ptr::null_mut());
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        for signal in signals {
            libc::sigaction(signal, &action, ptr::null_mut());
        }
    }
}

extern "C" fn on_signal(signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    if !DYING.swap(true, Ordering::Relaxed) {
        // SAFETY: the system passes a valid structure, and these signals carry an address.
        let address = unsafe { (*info).si_addr() } as usize;
        let end = STACK_END.load(Ordering::Relaxed);
        let is_fault = signal == libc::SIGSEGV || signal == libc::SIGBUS;
        let overflow = is_fault && address >= end.saturating_sub(GUARD_BYTES) && address < end + GUARD_BYTES / 16;
        let packet = [CRASHED, signal as u8, u8::from(overflow)];
        let _ = sys::send_packet(CHANNEL.load(Ordering::Relaxed), &packet, None);
        let flush = FLUSH.load(Ordering::Relaxed);
        if !flush.is_null() {
            // SAFETY: the pointer was given as an `extern "C" fn()` of a library that is never unloaded.
            unsafe { mem::transmute::<*mut libc::c_void, extern "C" fn()>(flush)() };
        }
        if signal == libc::SIGABRT {
            send_last_words();
        }
    }
    // SAFETY: ends the process without running anything of it.
    unsafe { libc::_exit(128 + signal) }
}

/// Memory of the handler's own stack: nothing may be allocated here.
struct Words {
    bytes: [u8; WORDS_BYTES_MAX],
    length: usize,
}

fn send_last_words() {
    let ask = WORDS.load(Ordering::Relaxed);
    if ask.is_null() {
        return;
    }
    let mut words = Words {
        bytes: [LAST_WORDS; WORDS_BYTES_MAX],
        length: 1,
    };
    // SAFETY: the pointer was given as a function with this signature, of a library that is never unloaded.
    unsafe {
        let ask = mem::transmute::<*mut libc::c_void, extern "C" fn(Take, *mut libc::c_void)>(ask);
        ask(take_words, (&raw mut words).cast());
    }
    if words.length > 1 {
        let _ = sys::send_packet(CHANNEL.load(Ordering::Relaxed), &words.bytes[..words.length], None);
    }
}

type Take = extern "C" fn(*mut libc::c_void, *const u8, usize);

extern "C" fn take_words(words: *mut libc::c_void, bytes: *const u8, length: usize) {
    // SAFETY: `words` is that of `send_last_words`, and the slice is readable for its length.
    let (words, bytes) = unsafe { (&mut *words.cast::<Words>(), std::slice::from_raw_parts(bytes, length)) };
    let length = length.min(WORDS_BYTES_MAX - words.length);
    words.bytes[words.length..words.length + length].copy_from_slice(&bytes[..length]);
    words.length += length;
}

/// Lowest address of this thread's stack.
fn stack_end() -> usize {
    // SAFETY: the structures outlive the calls and are released.
    unsafe {
        let mut attributes: libc::pthread_attr_t = mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return 0;
        }
        let (mut start, mut size) = (ptr::null_mut(), 0);
        libc::pthread_attr_getstack(&attributes, &mut start, &mut size);
        libc::pthread_attr_destroy(&mut attributes);
        start as usize
    }
}
