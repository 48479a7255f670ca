//! The worker: loads each cell's library and calls its function, on this process's only own thread.
//!
//! Standard input, output and error are the user's; beside them there are the channel to the supervisor and a counter of
//! started cells.

#![expect(unsafe_code, reason = "loads and calls the cell's code")]

use std::ffi::{CStr, CString, OsStr, c_void};
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;

use super::args;
use super::checkpoint::{self, Made};
use super::crash;
use super::input;
use super::mapped::{self, Mapped};
use super::report::CellEnd;
use super::terminal;
use crate::places;
use crate::sys;

/// The packet that says that the cell's copy is made and its code starts now.
pub(crate) const STARTED: u8 = b'S';
/// First byte of the packet that says how a cell's function returned; then the record.
pub(crate) const DONE: u8 = b'D';
/// First byte of the packet that says why no copy was made.
pub(crate) const NO_COPY: u8 = b'N';
/// First byte of the packet of a worker that aborts in a panic: then the panic's place, a zero byte, its message.
pub(crate) const LAST_WORDS: u8 = b'W';
/// First byte of the packet of a copy that took over; then a [`TookOver`].
pub(crate) const TOOK_OVER: u8 = b'T';

/// What a copy says when it takes over.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct TookOver {
    pub(crate) pid: i32,
    pub(crate) threads: usize,
    pub(crate) connections: Vec<String>,
}

/// Runs cells until the channel closes. `starts` counts the cells whose code started, `parent` is the supervisor, `dbutils`
/// the path of the socket for calls.
pub(crate) fn main(channel: OwnedFd, starts: RawFd, parent: u32, dbutils: &[u8]) -> ! {
    let mut worker = Worker {
        channel,
        starts,
        parent,
        dbutils: dbutils.to_vec(),
        variables: ptr::null_mut(),
        took_over: None,
        mapped: Mapped::new(),
        ran: None,
    };
    args::hide();
    worker.settle();
    crash::install();
    terminal::show_standard_error();
    input::ask_when_empty(dbutils);
    loop {
        match sys::receive_packet(worker.channel.as_raw_fd()) {
            Ok((order, socket)) if !order.is_empty() => worker.run(&order, socket),
            _ => leave(),
        }
    }
}

struct Worker {
    channel: OwnedFd,
    starts: RawFd,
    parent: u32,
    dbutils: Vec<u8>,
    /// evcxr's store of the variables, made by the first cell that needs it.
    variables: *mut c_void,
    /// To be called in a copy that takes over; known after the first cell.
    took_over: Option<*mut c_void>,
    mapped: Mapped,
    /// The function of the cell that ran last, if its library's file can be trusted to stay.
    ran: Option<*mut c_void>,
}

impl Worker {
    /// Ties this process to the supervisor.
    fn settle(&mut self) {
        sys::die_with_parent();
        if std::os::unix::process::parent_id() != self.parent {
            leave();
        }
        crash::report_to(self.channel.as_raw_fd());
    }

    /// Makes the copy, says that the cell starts, loads and calls it, says how it ended, and reaps the released copy.
    fn run(&mut self, order: &[u8], socket: Option<OwnedFd>) {
        let mut copy = None;
        if let Some(socket) = socket {
            match checkpoint::make(socket, self.channel.as_raw_fd()) {
                Made::Waiting { copy: pid } => copy = Some(pid),
                Made::Nothing(reason) => self.send(NO_COPY, reason.as_bytes()),
                Made::TookOver { channel, threads } => return self.take_over(channel, threads),
            }
        }
        // User code may close what it does not own; that the cell is not run again is then no longer sure.
        let _ = sys::write_all(&self.starts, &1u64.to_ne_bytes());
        self.send(STARTED, &[]);
        let end = self.call(order).unwrap_or_else(|message| CellEnd {
            kind: "load".into(),
            message,
            ..CellEnd::default()
        });
        self.send(DONE, &serde_json::to_vec(&end).unwrap_or_default());
        if let Some(function) = self.ran.take() {
            self.mapped.give_back(function);
        }
        if let Some(copy) = copy {
            // SAFETY: no memory is involved; the status is not wanted.
            unsafe { libc::waitpid(copy, ptr::null_mut(), 0) };
        }
    }

    fn take_over(&mut self, channel: OwnedFd, threads: usize) {
        // The old channel's number was closed in the copy, and may be another descriptor by now: do not close it.
        std::mem::forget(std::mem::replace(&mut self.channel, channel));
        self.settle();
        let channel = self.channel.as_raw_fd();
        let connections = checkpoint::shut_down_connections(channel);
        if let Some(function) = self.took_over {
            // SAFETY: the function of this name takes and returns nothing.
            unsafe { std::mem::transmute::<*mut c_void, extern "C" fn()>(function)() };
        }
        let message = TookOver {
            pid: std::process::id() as i32,
            threads,
            connections,
        };
        self.send(TOOK_OVER, &serde_json::to_vec(&message).unwrap_or_default());
    }

    /// Loads the library and calls its function: `order` is the path, a zero byte, the function's name.
    fn call(&mut self, order: &[u8]) -> Result<CellEnd, String> {
        let mut parts = order.split(|byte| *byte == 0);
        let path = CString::new(parts.next().unwrap_or_default()).map_err(|error| error.to_string())?;
        let name = CString::new(parts.next().unwrap_or_default()).map_err(|error| error.to_string())?;
        // SAFETY: the library was built for this process by the engine; what its constructors do is the user's code.
        let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL) };
        if library.is_null() {
            return Err(load_error());
        }
        let file = PathBuf::from(path.to_string_lossy().into_owned());
        let is_local = mapped::is_local(&file);
        // The mapping stays; the file would only fill the build folder.
        let _ = fs::remove_file(&file);
        let function = find(library, &name).ok_or_else(load_error)?;
        let begin = find(library, c"sealbook_cell_begin");
        let end = find(library, c"sealbook_cell_end");
        if let Some(flush) = find(library, c"sealbook_flush") {
            crash::flush_with(flush);
        }
        if let Some(words) = find(library, c"sealbook_last_words") {
            crash::ask_with(words);
        }
        self.took_over = find(library, c"sealbook_took_over").or(self.took_over);
        let mut record = Vec::new();
        let own = std::process::id();
        // SAFETY: the functions are those of evcxr's generated code and of the dbutils crate, with these signatures;
        // no library is ever unloaded.
        unsafe {
            if let Some(locate) = find(library, c"sealbook_locate") {
                let locate = std::mem::transmute::<*mut c_void, extern "C" fn(*const u8, usize)>(locate);
                locate(self.dbutils.as_ptr(), self.dbutils.len());
            }
            if let Some(places) = find(library, c"sealbook_cell_places") {
                let table = fs::read(self.places()).unwrap_or_default();
                let places = std::mem::transmute::<*mut c_void, extern "C" fn(*const c_void, *const u8, usize)>(places);
                places(function, table.as_ptr(), table.len());
            }
            if let Some(begin) = begin {
                std::mem::transmute::<*mut c_void, extern "C" fn()>(begin)();
            }
            let cell = std::mem::transmute::<*mut c_void, extern "C" fn(*mut c_void) -> *mut c_void>(function);
            self.variables = cell(self.variables);
            // A copy of this process that the cell made itself came back from it; the cell ends in the original.
            if std::process::id() != own {
                leave();
            }
            if let Some(end) = end {
                let end = std::mem::transmute::<*mut c_void, extern "C" fn(Take, *mut c_void)>(end);
                end(take, (&raw mut record).cast());
            }
        }
        if is_local {
            self.ran = Some(function);
        }
        Ok(CellEnd::decode(&record))
    }

    /// Where the cell's lines come from, for panics: beside the socket, in the build folder.
    fn places(&self) -> PathBuf {
        Path::new(OsStr::from_bytes(&self.dbutils)).with_file_name(places::TABLE)
    }

    fn send(&self, kind: u8, body: &[u8]) {
        let packet = [&[kind], &body[..body.len().min(sys::PACKET_BYTES_MAX - 1)]].concat();
        if sys::send_packet(self.channel.as_raw_fd(), &packet, None).is_err() {
            leave();
        }
    }
}

type Take = extern "C" fn(*mut c_void, *const u8, usize);

extern "C" fn take(record: *mut c_void, bytes: *const u8, length: usize) {
    // SAFETY: `record` is the vector passed to `sealbook_cell_end`, which passes a readable slice.
    unsafe { (*record.cast::<Vec<u8>>()).extend_from_slice(std::slice::from_raw_parts(bytes, length)) };
}

fn find(library: *mut c_void, name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the handle is open (null: the whole process) and the name ends with a zero byte.
    let symbol = unsafe { libc::dlsym(library, name.as_ptr()) };
    (!symbol.is_null()).then_some(symbol)
}

fn load_error() -> String {
    // SAFETY: the message is valid until the next call on this thread, and copied.
    unsafe {
        let message = libc::dlerror();
        if message.is_null() {
            return "the cell's library cannot be loaded".to_owned();
        }
        CStr::from_ptr(message).to_string_lossy().into_owned()
    }
}

/// Ends the process without running anything of it.
fn leave() -> ! {
    // SAFETY: as said.
    unsafe { libc::_exit(0) }
}
