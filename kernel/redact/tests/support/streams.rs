//! A redactor that knows some values, and what its stream makes of a text written in parts.

use sealbook_redact::{Lane, Redactor, Secret, Tail};

pub fn learn(values: &[&[u8]]) -> Redactor {
    let redactor = Redactor::new();
    for (i, value) in values.iter().enumerate() {
        let secret = Secret::new("s", format!("k{i}"), value.to_vec());
        let _proof = redactor.learn(&secret);
    }
    redactor
}

/// What comes out of parts written one after another.
pub fn stream<'p>(redactor: &Redactor, parts: impl IntoIterator<Item = &'p [u8]>) -> Vec<u8> {
    written(redactor, parts, false)
}

/// The same with a pause after each part, in which what is safe is shown.
pub fn live<'p>(redactor: &Redactor, parts: impl IntoIterator<Item = &'p [u8]>) -> Vec<u8> {
    written(redactor, parts, true)
}

fn written<'p>(redactor: &Redactor, parts: impl IntoIterator<Item = &'p [u8]>, pause: bool) -> Vec<u8> {
    let mut stream = redactor.stream(Tail::default());
    let mut chunks = Vec::new();
    for part in parts {
        chunks.extend(stream.push(Lane::Stdout, part));
        if pause {
            chunks.extend(stream.advance());
        }
    }
    chunks.extend(stream.finish().0);
    chunks.into_iter().flat_map(|chunk| chunk.bytes).collect()
}
