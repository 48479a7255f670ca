//! The save channel: how Jupyter Server's save hook hides a kernel's secrets in a notebook without seeing one.
//!
//! ```text
//! kernel ── socket pair ──► holder ◄── unix socket ── save hook (in Jupyter Server)
//!   every value, when learnt    │         texts → where secrets are in them
//!                               └─ lives on when the kernel dies, until the server ends or nothing asks for hours
//! ```
//!
//! The server's extension makes a private folder (mode 0700) and names it in [`FOLDER_VARIABLE`]; without that variable
//! there is no holder and no value leaves the kernel. In the folder: `key`, 32 random bytes that authenticate both ends;
//! `server`, which the server keeps locked for as long as it runs; and for each kernel a folder, named after its
//! connection file's key, with the socket of each holder. The folder is there before the first value is handed out, so
//! that a holder that could not start is noticed: the hook then refuses to save.
//!
//! Invariants: a value is with the holder before user code has it; an answer holds positions only, never text; a frame
//! without the right authentication is not parsed.

mod frame;
mod holder;
mod keeper;

pub use holder::hook as holder_hook;
pub(crate) use keeper::Keeper;

/// Names the folder of the server's extension.
pub const FOLDER_VARIABLE: &str = "SEALBOOK_SAVE_FOLDER";

/// First argument of a holder's process.
const HOLDER_ARGUMENT: &str = "save-holder";
/// File with the key of the channel.
const KEY_FILE: &str = "key";
/// File that the server keeps locked.
const SERVER_FILE: &str = "server";
/// Bytes of the channel's key.
const KEY_BYTES: usize = 32;
