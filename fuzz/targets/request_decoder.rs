//! Whatever a client asks the secret service: decoding it is never fatal, and asked through the whole service no request
//! ends in a defect, an undocumented status, or a body that is neither JSON nor text.
//!
//! The input: the operation's number; an even or odd byte for "decode only" or "ask the service"; then the path segment,
//! the query, a header's value and the body, separated by NUL bytes.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sealbook_server::fuzzing::{Asked, Target, decode};

struct Service {
    target: Target,
    _folder: tempfile::TempDir,
}

/// Asked by one thread only: libFuzzer runs one input after another.
static SERVICE: LazyLock<std::sync::Mutex<Service>> = LazyLock::new(|| {
    let memory = std::path::Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    }
    .expect("a folder for the service");
    let target = Target::new(folder.path()).expect("a service");
    std::sync::Mutex::new(Service {
        target,
        _folder: folder,
    })
});

fuzz_target!(|data: &[u8]| {
    let [operation, how, rest @ ..] = data else { return };
    let operation = usize::from(*operation);
    let mut parts = rest.splitn(4, |byte| *byte == 0);
    let mut part = || parts.next().unwrap_or_default();
    let (segment, query, header, body) = (part(), part(), part(), part());
    let (Ok(segment), Ok(query)) = (std::str::from_utf8(segment), std::str::from_utf8(query)) else {
        return;
    };
    let refused = decode(operation, query, body);
    assert!(refused.is_none_or(|status| (400..500).contains(&status)), "{refused:?}");
    if how % 2 == 0 {
        return;
    }
    let headers: [(&str, &[u8]); 3] = [
        ("user-agent", header),
        ("authorization", header),
        ("x-sealbook-seq", header),
    ];
    let asked = Asked {
        operation,
        segment,
        query,
        headers: &headers[..usize::from(how / 2 % 4).min(3)],
        body,
    };
    let service = SERVICE.lock().expect("no input has failed before");
    if let Some((status, answer)) = service.target.ask(&asked) {
        assert!((200..500).contains(&status), "a defect: {status}");
        assert!(std::str::from_utf8(&answer).is_ok(), "a body that is no text");
    }
});
