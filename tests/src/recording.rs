//! Every frame that a front end received, written as it came. `tests/python/planted` reads the same form.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealbook_wire::Bytes;
use sealbook_wire::connection::Channel;
use serde_json::json;

/// A file of messages, one a line.
pub struct Recording {
    file: Mutex<File>,
}

impl Recording {
    /// Starts a recording.
    pub fn create(path: &Path) -> Recording {
        Recording {
            file: Mutex::new(File::create(path).expect("a file for the recording")),
        }
    }

    /// Adds a message from the kernel.
    pub fn add(&self, channel: Channel, frames: &[Bytes]) {
        let frames: Vec<String> = frames.iter().map(|frame| STANDARD.encode(frame)).collect();
        let line = json!({"from": "kernel", "channel": channel.name(), "frames": frames});
        let mut file = self.file.lock().expect("no panic while writing");
        writeln!(file, "{line}").expect("the recording can be written");
    }
}
