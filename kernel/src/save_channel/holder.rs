//! The holder: a small process that knows what one kernel has learnt and says where it is in a notebook's texts.
//!
//! 1. Protect the process; read from the kernel the key and where to listen; listen; acknowledge.
//! 2. Learn what the kernel sends, acknowledging each value, until the kernel has gone.
//! 3. Go on answering until the server has gone or nothing was asked for hours; then take the socket away.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sealbook_redact::{Redactor, Secret};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::frame::{self, Authentication};
use super::{HOLDER_ARGUMENT, SERVER_FILE};
use crate::process;

/// Without its kernel and without a question for so long, a holder ends: nobody has the notebook open.
const UNUSED_MAX: Duration = Duration::from_secs(12 * 3600);
/// Time for the hook to send a request that it has begun, and to read an answer.
const PEER: Duration = Duration::from_secs(10);

/// Ends in the holder if this process was started as one; otherwise returns at once. To be called first in `main`.
pub fn hook() {
    if std::env::args_os().nth(1).is_some_and(|first| first == HOLDER_ARGUMENT) {
        std::process::exit(match hold() {
            Ok(()) => 0,
            Err(_) => 1,
        });
    }
}

#[derive(Deserialize)]
struct Question {
    texts: Vec<String>,
}

struct Shared {
    redactor: Redactor,
    key: Zeroizing<Vec<u8>>,
    asked: Mutex<Instant>,
}

fn hold() -> io::Result<()> {
    // 1. Listen.
    process::protect();
    let mut kernel = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let key = Zeroizing::new(frame::read_field(&mut kernel)?);
    let socket = PathBuf::from(std::ffi::OsString::from_vec(frame::read_field(&mut kernel)?));
    let listener = UnixListener::bind(&socket)?;
    let shared = Arc::new(Shared {
        redactor: Redactor::new(),
        key,
        asked: Mutex::new(Instant::now()),
    });
    std::thread::spawn({
        let shared = Arc::clone(&shared);
        move || answer_all(&shared, &listener)
    });
    std::thread::spawn({
        let socket = socket.clone();
        move || end_with_server(&socket)
    });
    kernel.write_all(&[0])?;
    // 2. Learn.
    while let Ok(scope) = frame::read_field(&mut kernel) {
        let name = frame::read_field(&mut kernel)?;
        let value = frame::read_field(&mut kernel)?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let secret = Secret::new(text(&scope), text(&name), value);
        let _ = shared.redactor.learn(&secret);
        kernel.write_all(&[0])?;
    }
    // 3. Outlive the kernel.
    loop {
        let unused = shared.asked.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        match UNUSED_MAX.checked_sub(unused) {
            Some(left) if !left.is_zero() => std::thread::sleep(left),
            _ => break,
        }
    }
    take_away(&socket);
    Ok(())
}

/// Returns never: waits for the lock that the server holds while it runs, then ends this process.
fn end_with_server(socket: &Path) {
    let Some(folder) = socket.parent().and_then(Path::parent) else {
        return;
    };
    let gone = std::fs::File::open(folder.join(SERVER_FILE)).and_then(|file| file.lock_shared());
    if gone.is_ok() || !folder.exists() {
        take_away(socket);
        let _ = std::fs::remove_dir_all(folder);
        std::process::exit(0);
    }
}

fn take_away(socket: &Path) {
    let _ = std::fs::remove_file(socket);
    // Only when no other holder of this kernel is left in it.
    let _ = socket.parent().map(std::fs::remove_dir);
}

fn answer_all(shared: &Shared, listener: &UnixListener) {
    for connection in listener.incoming().flatten() {
        // A peer that misbehaves loses its connection, and nothing else happens.
        let _ = answer(shared, connection);
    }
}

fn answer(shared: &Shared, mut connection: UnixStream) -> io::Result<()> {
    connection.set_read_timeout(Some(PEER))?;
    connection.set_write_timeout(Some(PEER))?;
    let nonce = uuid::Uuid::new_v4().into_bytes();
    connection.write_all(&nonce)?;
    let mut authentication = Authentication::new(&shared.key, nonce)?;
    while let Some(body) = authentication.request(&mut connection)? {
        *shared.asked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let question: Question = serde_json::from_slice(&body).map_err(io::Error::other)?;
        let found: Vec<(usize, usize, usize)> = question
            .texts
            .iter()
            .enumerate()
            .flat_map(|(at, text)| {
                let found = shared.redactor.find(text.as_bytes());
                found
                    .into_iter()
                    .map(move |found| (at, found.range.start, found.range.end))
            })
            .collect();
        authentication.answer(&mut connection, json!({ "found": found }).to_string().as_bytes())?;
    }
    Ok(())
}
