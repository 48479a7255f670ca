//! Where the kernel's private socket is. The kernel writes its own copy of this file when it starts.

/// Path of the socket; empty outside a kernel.
pub(crate) const SOCKET: &str = "";
