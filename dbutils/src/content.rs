//! [`Content`]: a display with all that the protocol has for one, where [`display_data`](crate::display_data) has only MIME types.
//!
//! Metadata is a JSON object as text, because this crate has no JSON of its own; buffers are bytes. The kernel redacts
//! both on their way out.

use crate::call::{CallError, call};
use crate::display::{DisplayHandle, flush};

/// Content by MIME type, with metadata and buffers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use = "nothing is shown before `show`"]
pub struct Content {
    bundle: Vec<(String, String)>,
    metadata: String,
    buffers: Vec<Vec<u8>>,
}

impl Content {
    /// Content of one MIME type, such as `Content::new("image/png", base64)`. JSON types take JSON as text.
    pub fn new(mime: impl Into<String>, content: impl Into<String>) -> Content {
        Content::default().also(mime, content)
    }

    /// The same in another MIME type; front ends show the richest one they know.
    pub fn also(mut self, mime: impl Into<String>, content: impl Into<String>) -> Content {
        self.bundle.push((mime.into(), content.into()));
        self
    }

    /// With metadata, a JSON object as text, such as `{"image/png": {"width": 640}}`.
    pub fn metadata(self, metadata: impl Into<String>) -> Content {
        Content {
            metadata: metadata.into(),
            ..self
        }
    }

    /// With one more buffer, for front ends whose renderers take some.
    pub fn buffer(mut self, bytes: impl Into<Vec<u8>>) -> Content {
        self.buffers.push(bytes.into());
        self
    }

    /// Shows it at once.
    ///
    /// # Panics
    /// When the metadata is no JSON object, or the kernel does not take the display.
    #[track_caller]
    pub fn show(&self) -> DisplayHandle {
        let handle = DisplayHandle::next();
        if let Err(error) = self.send(handle.id(), false) {
            panic!("{error}");
        }
        handle
    }

    /// Sends the display called `id`, or with `update` its replacement, in its place among what the cell prints.
    pub(crate) fn send(&self, id: &str, update: bool) -> Result<(), CallError> {
        flush();
        let count = self.bundle.len().to_string();
        let update: &[u8] = if update { b"1" } else { b"0" };
        let mut args = vec![id.as_bytes(), update, self.metadata.as_bytes(), count.as_bytes()];
        for (mime, content) in &self.bundle {
            args.extend([mime.as_bytes(), content.as_bytes()]);
        }
        args.extend(self.buffers.iter().map(Vec::as_slice));
        call("cell.display", &args).map(drop)
    }
}

impl From<Vec<(String, String)>> for Content {
    fn from(bundle: Vec<(String, String)>) -> Content {
        Content {
            bundle,
            ..Content::default()
        }
    }
}
