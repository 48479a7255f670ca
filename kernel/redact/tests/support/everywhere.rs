//! A text in every way in which it may come.

use sealbook_redact::Redactor;

use crate::streams::{live, stream};

/// The text as a whole, and as a stream in parts of several sizes.
pub fn everywhere(redactor: &Redactor, text: &str) -> Vec<String> {
    let mut all = vec![redactor.text(text).into_owned()];
    let parts = |size: usize| text.as_bytes().chunks(size);
    let streams = [
        stream(redactor, parts(4_000)),
        stream(redactor, parts(text.len())),
        live(redactor, parts(70_000)),
    ];
    all.extend(streams.map(|left| String::from_utf8_lossy(&left).into_owned()));
    all
}
