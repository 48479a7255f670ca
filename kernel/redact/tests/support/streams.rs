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

pub fn stream<'p>(redactor: &Redactor, parts: impl IntoIterator<Item = &'p [u8]>) -> Vec<u8> {
    let mut stream = redactor.stream(Tail::default());
    let mut out = Vec::new();
    for part in parts {
        out.extend(
            stream
                .push(Lane::Stdout, part)
                .into_iter()
                .flat_map(|chunk| chunk.bytes),
        );
    }
    out.extend(stream.finish().0.into_iter().flat_map(|chunk| chunk.bytes));
    out
}
