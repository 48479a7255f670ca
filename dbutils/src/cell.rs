//! What the generated code around a cell, and the process that runs it, ask of this crate.
//!
//! Not for notebook code. The crate is one shared library in the cell process, so what one cell's wrapper records here
//! the runner finds, whatever the cell printed: nothing of this goes through standard output, where user code could
//! forge it.
//!
//! ```text
//! runner ── sealbook_cell_begin ─► run_user_code_N ── panicked / failed / type_changed ─► RECORD
//!        ── sealbook_cell_end ───► flushes standard output, hands out RECORD
//! ```

use std::any::Any;
use std::cell::Cell;
use std::ffi::c_void;
use std::fmt::{Debug, Write as _};
use std::io::Write as _;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::call::call;
use crate::places;

/// Longest message kept of a panic or a failed `?`; the rest is cut, so that the record fits into one packet.
const MESSAGE_BYTES_MAX: usize = 24 * 1024;

/// Longest text of a result; the rest is cut. A notebook with more in one result cannot be opened by front ends.
const RESULT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How a cell ended, as far as its own wrapper can tell.
#[derive(Default)]
struct Record {
    /// `panic`, `error` or `exit`; empty if the cell ran to its end.
    kind: &'static str,
    /// The error's type, for `error`.
    name: String,
    message: String,
    /// Where the panic was, as users call it.
    location: String,
    /// Variables whose type was redefined.
    changed: Vec<String>,
}

/// A panic that the hook saw, kept until it is known whether the cell caught it.
struct Pending {
    message: String,
    location: String,
    /// A hook of the user has said it.
    is_said: bool,
}

static RECORD: Mutex<Option<Record>> = Mutex::new(None);
static PENDING: Mutex<Option<Pending>> = Mutex::new(None);
/// Format of results: 0 `{:?}`, 1 `{:#?}`; and 2 more with the type's name in front.
static FORMAT: AtomicU32 = AtomicU32::new(0);
/// The final expression showed itself by its `Debug`.
static IS_RESULT_SENT: AtomicBool = AtomicBool::new(false);
/// How many times a copy of the process took over after a crash.
static TAKEOVERS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static IS_CELL_THREAD: Cell<bool> = const { Cell::new(false) };
    static IN_HOOK: Cell<bool> = const { Cell::new(false) };
}

/// The payload of `dbutils.notebook.exit`: unwinds the cell without being a panic to anyone.
struct Exit;

/// Ends the cell successfully.
pub(crate) fn exit() -> ! {
    std::panic::resume_unwind(Box::new(Exit))
}

/// Sends the cell's result.
pub fn result(bundle: &[(String, String)]) {
    let _ = std::io::stdout().flush();
    let args: Vec<&[u8]> = bundle
        .iter()
        .flat_map(|(mime, content)| [mime.as_bytes(), content.as_bytes()])
        .collect();
    let _ = call("cell.result", &args);
}

/// `value`, of the type `name`, in the format chosen with `:fmt` and `:types`.
pub(crate) fn format_result(value: &dyn Debug, name: &str) -> String {
    let format = FORMAT.load(Ordering::Relaxed);
    let mut text = String::new();
    if format & 2 != 0 {
        text = format!(": {} = ", short_type(name));
    }
    let mut limited = Limited { text: &mut text };
    let written = if format & 1 != 0 {
        write!(limited, "{value:#?}")
    } else {
        write!(limited, "{value:?}")
    };
    if written.is_err() {
        let _ = write!(text, "… (cut after {} MiB)", RESULT_BYTES_MAX >> 20);
    }
    text
}

/// The final expression has been shown: content that it printed is the cell's result.
pub fn displayed<T>(_: T) {
    // What `Debug` shows is sent as the result already.
    if !IS_RESULT_SENT.swap(false, Ordering::Relaxed) {
        let _ = std::io::stdout().flush();
        let _ = call("cell.displayed", &[]);
    }
}

/// The final expression shows itself by its `Debug`.
pub(crate) fn shown_by_debug() {
    IS_RESULT_SENT.store(true, Ordering::Relaxed);
}

/// Stands for a value without `Debug`.
pub fn opaque<T: ?Sized>(_: &T) -> impl Debug {
    Opaque(std::any::type_name::<T>())
}

struct Opaque(&'static str);

impl Debug for Opaque {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = if self.0.ends_with("{{closure}}") {
            "a closure".to_owned()
        } else {
            format!("a value of type {}", short_type(self.0))
        };
        write!(f, "<{what}, which has no Debug to show it>")
    }
}

/// Chooses the format of results.
pub fn set_format(pretty: bool, types: bool) {
    FORMAT.store(u32::from(pretty) | u32::from(types) << 1, Ordering::Relaxed);
}

/// The cell panicked and its wrapper caught it.
pub fn panicked(payload: Box<dyn Any + Send>) {
    let pending = lock(&PENDING).take();
    let mut record = lock(&RECORD);
    let record = record.get_or_insert_default();
    if payload.is::<Exit>() {
        record.kind = "exit";
        return;
    }
    record.kind = "panic";
    let text = payload_text(payload.as_ref());
    match pending {
        Some(pending) => {
            record.message = pending.message;
            record.location = pending.location;
        }
        None => record.message = cut(text.unwrap_or("the cell unwound with a payload that is not text")),
    }
    // A payload's destructor may panic itself, and is the user's code: leak it rather than end the process.
    std::mem::forget(payload);
}

/// A `?` at the top of the cell met an error of type `E`.
pub fn failed<E>(message: &str) {
    let mut record = lock(&RECORD);
    let record = record.get_or_insert_default();
    record.kind = "error";
    record.name = short_type(std::any::type_name::<E>());
    record.message = cut(message);
}

/// The type of a variable was redefined, so the cell cannot run with it.
pub fn type_changed(variable: &str) {
    lock(&RECORD).get_or_insert_default().changed.push(variable.to_owned());
}

/// Name under which the asynchronous runtime of the cells is kept: another one after each takeover, because the
/// threads of the old one are gone.
pub fn tokio_runtime_name() -> String {
    format!("evcxr_tokio_runtime_{}", TAKEOVERS.load(Ordering::Relaxed))
}

/// `Vec<String>` for `std::vec::Vec<std::string::String>`.
pub fn short_type(name: &str) -> String {
    let mut short = String::new();
    let mut segment = String::new();
    for c in name.chars() {
        match c {
            ':' => segment.clear(),
            c if c.is_alphanumeric() || c == '_' => segment.push(c),
            c => {
                short.push_str(&segment);
                segment.clear();
                short.push(c);
            }
        }
    }
    short + &segment
}

fn payload_text(payload: &(dyn Any + Send)) -> Option<&str> {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

fn cut(message: &str) -> String {
    let mut end = message.len().min(MESSAGE_BYTES_MAX);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message[..end].to_owned() + if end < message.len() { "…" } else { "" }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Hook = dyn Fn(&PanicHookInfo<'_>) + Send + Sync;

/// The hook that was installed last, and the one that the standard library has without any.
static KNOWN: Mutex<Option<(HookId, HookId)>> = Mutex::new(None);

/// Sees to it that panics are seen, whatever hooks there are.
fn watch_panics(known: &mut Option<(HookId, HookId)>) {
    let found = std::panic::take_hook();
    let id = hook_id(&*found);
    if let Some((ours, _)) = *known
        && ours == id
    {
        return std::panic::set_hook(found);
    }
    let default = known.map_or(id, |(_, default)| default);
    // Of a hook without data only its code tells.
    let users = (default.code != id.code).then_some(found);
    let replaced = Replaced;
    let hook: Box<Hook> = Box::new(move |info| {
        let _ = &replaced;
        seen(info, users.as_deref());
    });
    *known = Some((hook_id(&*hook), default));
    std::panic::set_hook(hook);
}

/// Part of our hook. It is dropped when user code sets another one: that one is watched from then on, in the same cell.
struct Replaced;

impl Drop for Replaced {
    fn drop(&mut self) {
        // While a thread panics it must not change hooks.
        if !std::thread::panicking()
            && let Ok(mut known) = KNOWN.try_lock()
        {
            watch_panics(&mut known);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct HookId {
    data: usize,
    code: usize,
}

fn hook_id(hook: &Hook) -> HookId {
    #[expect(unsafe_code, reason = "the only way to tell one hook from another")]
    // SAFETY: a reference to a trait object is two words; they are compared and never used as pointers.
    let [data, code] = unsafe { std::mem::transmute::<&Hook, [usize; 2]>(hook) };
    HookId { data, code }
}

/// On the cell's own thread a panic is kept until it is known whether it ends the cell: then it is the cell's error,
/// else it was caught and is printed. On other threads it is printed at once, as usual. A hook that user code has set
/// says it in its own way.
fn seen(info: &PanicHookInfo<'_>, users: Option<&Hook>) {
    // Called by the user's hook, which called us.
    let is_inner = IN_HOOK.replace(true);
    if let Some(users) = users {
        users(info);
    }
    IN_HOOK.set(is_inner);
    let message = cut(info.payload_as_str().unwrap_or("Box<dyn Any>"));
    let location = info.location().map(places::name).unwrap_or_default();
    if IS_CELL_THREAD.get() {
        if !is_inner {
            let is_said = users.is_some();
            let earlier = lock(&PENDING).replace(Pending {
                message,
                location,
                is_said,
            });
            report_caught(earlier);
        }
    } else if users.is_none() {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("<unnamed>");
        say(&format!("\nthread '{name}' panicked at {location}:\n{message}\n"));
    }
}

fn report_caught(pending: Option<Pending>) {
    if let Some(Pending {
        message,
        location,
        is_said: false,
    }) = pending
    {
        say(&format!("panicked at {location}, and the cell caught it:\n{message}\n"));
    }
}

/// Writes to standard error at once, so that nothing comes in between.
pub(crate) fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

struct Limited<'a> {
    text: &'a mut String,
}

impl std::fmt::Write for Limited<'_> {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        if self.text.len() + part.len() > RESULT_BYTES_MAX {
            return Err(std::fmt::Error);
        }
        self.text.push_str(part);
        Ok(())
    }
}

/// Called by the runner on the cell's thread before each cell.
#[expect(unsafe_code, reason = "exported to the runner, which finds it by name")]
// SAFETY: no other symbol of this name exists in the process.
#[unsafe(no_mangle)]
pub extern "C" fn sealbook_cell_begin() {
    watch_panics(&mut lock(&KNOWN));
    IS_CELL_THREAD.set(true);
    *lock(&RECORD) = None;
    *lock(&PENDING) = None;
}

/// Called by the runner after each cell: flushes standard output and hands the record to `take`, as fields each
/// preceded by its length.
#[expect(unsafe_code, reason = "exported to the runner, which finds it by name")]
// SAFETY: no other symbol of this name exists in the process.
#[unsafe(no_mangle)]
pub extern "C" fn sealbook_cell_end(take: extern "C" fn(*mut c_void, *const u8, usize), context: *mut c_void) {
    report_caught(lock(&PENDING).take());
    sealbook_flush();
    let record = lock(&RECORD).take().unwrap_or_default();
    let mut fields = vec![record.kind, &record.name, &record.message, &record.location];
    fields.extend(record.changed.iter().map(String::as_str));
    let mut bytes = Vec::new();
    for field in fields {
        bytes.extend_from_slice(&(field.len() as u32).to_be_bytes());
        bytes.extend_from_slice(field.as_bytes());
    }
    take(context, bytes.as_ptr(), bytes.len());
}

/// Called by the runner when the process is about to end, possibly from a signal handler.
#[expect(unsafe_code, reason = "exported to the runner, which finds it by name")]
// SAFETY: no other symbol of this name exists in the process.
#[unsafe(no_mangle)]
pub extern "C" fn sealbook_flush() {
    let _ = std::io::stdout().flush();
}

/// Called by the runner from a signal handler when the process aborts: hands the place of the panic that cannot unwind to
/// `take`, then a zero byte, then its message, if there is one on this thread.
#[expect(unsafe_code, reason = "exported to the runner, which finds it by name")]
// SAFETY: no other symbol of this name exists in the process.
#[unsafe(no_mangle)]
pub extern "C" fn sealbook_last_words(take: extern "C" fn(*mut c_void, *const u8, usize), context: *mut c_void) {
    // A panic that was caught is over, and not what the process ends for.
    if !(IS_CELL_THREAD.get() && std::thread::panicking()) {
        return;
    }
    if let Ok(pending) = PENDING.try_lock()
        && let Some(pending) = pending.as_ref()
    {
        for part in [pending.location.as_str(), "\0", &pending.message] {
            take(context, part.as_ptr(), part.len());
        }
    }
}

/// Called by the runner in the copy of the process that took over after a crash.
#[expect(unsafe_code, reason = "exported to the runner, which finds it by name")]
// SAFETY: no other symbol of this name exists in the process.
#[unsafe(no_mangle)]
pub extern "C" fn sealbook_took_over() {
    TAKEOVERS.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_names_lose_their_paths() {
        let cases = [
            ("core::num::error::ParseIntError", "ParseIntError"),
            ("core::option::Option<alloc::string::String>", "Option<String>"),
            ("(alloc::vec::Vec<u8>, i32)", "(Vec<u8>, i32)"),
        ];
        for (long, short) in cases {
            assert_eq!(short_type(long), short);
        }
    }

    #[test]
    fn results_are_formatted_as_chosen() {
        assert_eq!(format_result(&Some(1), "core::option::Option<i32>"), "Some(1)");
        set_format(false, true);
        assert_eq!(
            format_result(&Some(1), "core::option::Option<i32>"),
            ": Option<i32> = Some(1)"
        );
        set_format(true, false);
        assert_eq!(format_result(&Some(1), "core::option::Option<i32>"), "Some(\n    1,\n)");
        set_format(false, false);
    }

    #[test]
    fn a_huge_result_is_cut() {
        let text = format_result(&"x".repeat(RESULT_BYTES_MAX + 1), "String");
        assert!(text.ends_with("… (cut after 8 MiB)"), "{}", text.len());
    }
}
