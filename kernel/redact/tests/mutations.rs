//! Mutated texts from a committed corpus, a bounded number of them, the same in every run: no needle leaves, nothing else
//! is lost or changed, and any split gives the same bytes.
//!
//! `SEALBOOK_MUTATIONS=1000000 cargo test --release -p sealbook-redact --test mutations` looks further.

#[path = "support/random.rs"]
mod random;
#[path = "support/streams.rs"]
mod streams;

use random::Random;
use sealbook_redact::TOKEN;
use streams::{learn, stream};

const SECRETS: [&[u8]; 5] = [
    b"plantedT0ken9xQ4vLw8Zr2Kd7",
    b"hunter22",
    b"Pl4nted!pass-word",
    b"p@$$w0rd/Plant'ed\"&<x>",
    b"9f86d081884c7d659a2feaa0c55ad015",
];

fn corpus() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the corpus")
        .map(|entry| entry.expect("an entry of the corpus").path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| std::fs::read(path).expect("a text of the corpus"))
        .collect()
}

/// A few edits: a piece of another text, a secret, a byte, a cut, a repetition.
fn mutate(text: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    for _ in 0..1 + random.below(4) {
        let at = random.below(text.len() + 1);
        match random.below(6) {
            0 => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.len());
                let to = (from + random.below(120)).min(other.len());
                text.splice(at..at, other[from..to].iter().copied());
            }
            1 | 2 => {
                let secret = SECRETS[random.below(SECRETS.len())];
                text.splice(at..at, secret.iter().copied());
            }
            3 => text.insert(at, random.next() as u8),
            4 => {
                let to = (at + random.below(16)).min(text.len());
                text.drain(at..to);
            }
            _ => {
                let to = (at + random.below(24)).min(text.len());
                let piece = text[at..to].to_vec();
                text.splice(at..at, piece);
            }
        }
    }
    text.truncate(4096);
}

/// The text in parts of random lengths.
fn parts<'t>(mut text: &'t [u8], random: &mut Random) -> Vec<&'t [u8]> {
    let mut parts = Vec::new();
    while !text.is_empty() {
        let (part, rest) = text.split_at((1 + random.below(48)).min(text.len()));
        parts.push(part);
        text = rest;
    }
    parts
}

/// Every byte of the output that is not a token's stands in the input, in the same order.
fn is_subsequence(out: &[u8], text: &[u8]) -> bool {
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

#[test]
fn mutated_texts_keep_their_secrets_and_lose_nothing_else() {
    let rounds: usize = std::env::var("SEALBOOK_MUTATIONS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1500);
    let redactor = learn(&SECRETS);
    let corpus = corpus();
    let mut random = Random(11);
    let mut different = 0;
    for round in 0..rounds {
        let mut text = corpus[random.below(corpus.len())].clone();
        mutate(&mut text, &corpus, &mut random);
        let whole = stream(&redactor, [&text[..]]);
        let split = stream(&redactor, parts(&text, &mut random));
        for out in [&whole, &split] {
            for secret in SECRETS {
                assert!(
                    memchr::memmem::find(out, secret).is_none(),
                    "round {round}: {}",
                    String::from_utf8_lossy(&text)
                );
            }
            assert!(
                is_subsequence(out, &text),
                "round {round}: {}",
                String::from_utf8_lossy(&text)
            );
        }
        if split != whole {
            different += 1;
            if std::env::var_os("SEALBOOK_MUTATIONS_SHOW").is_some() {
                eprintln!(
                    "round {round}\n  in    {:?}\n  whole {:?}\n  split {:?}",
                    String::from_utf8_lossy(&text),
                    String::from_utf8_lossy(&whole),
                    String::from_utf8_lossy(&split)
                );
            }
        }
    }
    assert!(
        different * 100 <= rounds,
        "{different} of {rounds} texts come out differently in pieces"
    );
}
