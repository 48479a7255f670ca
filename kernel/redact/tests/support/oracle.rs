//! What must hold whatever a program writes: the secrets of these tests, a text in pieces, and bytes that survive.

use sealbook_redact::TOKEN;

use super::random::Random;

/// Long and short, plain and awkward.
pub const SECRETS: [&[u8]; 5] = [
    b"plantedT0ken9xQ4vLw8Zr2Kd7",
    b"hunter22",
    b"Pl4nted!pass-word",
    b"p@$$w0rd/Plant'ed\"&<x>",
    b"9f86d081884c7d659a2feaa0c55ad015",
];

/// The text in parts of random lengths.
pub fn parts<'t>(mut text: &'t [u8], random: &mut Random) -> Vec<&'t [u8]> {
    let mut parts = Vec::new();
    while !text.is_empty() {
        let (part, rest) = text.split_at((1 + random.below(48)).min(text.len()));
        parts.push(part);
        text = rest;
    }
    parts
}

/// Every byte of the output that is not a token's stands in the input, in the same order.
pub fn is_subsequence(out: &[u8], text: &[u8]) -> bool {
    let mut rest = text.iter();
    let mut out = out;
    while let Some(byte) = out.first() {
        if let Some(after) = out.strip_prefix(TOKEN.as_bytes()) {
            out = after;
        } else {
            if !rest.any(|b| b == byte) {
                return false;
            }
            out = &out[1..];
        }
    }
    true
}
