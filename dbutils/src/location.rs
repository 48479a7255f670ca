//! Where the kernel's private socket is. The process that runs the cells says so before the first of them.

use std::path::Path;
use std::sync::OnceLock;

static SOCKET: OnceLock<String> = OnceLock::new();

/// Path of the socket; empty outside a kernel.
pub(crate) fn socket() -> &'static Path {
    Path::new(SOCKET.get().map_or("", String::as_str))
}

/// Called by the runner on the cell's thread before each cell; the first call counts.
///
/// # Safety
/// `path` must be readable for `length` bytes.
#[expect(unsafe_code, reason = "exported to the runner, which finds it by name")]
// SAFETY: no other symbol of this name exists in the process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealbook_locate(path: *const u8, length: usize) {
    // SAFETY: the caller vouches for it.
    let path = unsafe { std::slice::from_raw_parts(path, length) };
    SOCKET.get_or_init(|| String::from_utf8_lossy(path).into_owned());
}
