//! Mutated texts from a committed corpus, a bounded number of them, the same in every run: no needle leaves, nothing else
//! is lost or changed, and any split gives the same bytes. With a pause after each piece, too, no needle leaves and nothing
//! else changes; what is shown then may differ a little, because nobody knows yet what comes.
//!
//! `SEALBOOK_MUTATIONS=1000000 cargo test --release -p sealbook-redact --test mutations` looks further.

#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/random.rs"]
mod random;
#[path = "support/streams.rs"]
mod streams;

use oracle::{SECRETS, is_subsequence, parts};
use random::Random;
use streams::{learn, live, stream};

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
        let parts = parts(&text, &mut random);
        let split = stream(&redactor, parts.iter().copied());
        assert_eq!(
            String::from_utf8_lossy(&split),
            String::from_utf8_lossy(&whole),
            "round {round}: {}",
            String::from_utf8_lossy(&text)
        );
        let live = live(&redactor, parts);
        for out in [&whole, &live] {
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
        if live != whole {
            different += 1;
            if std::env::var_os("SEALBOOK_MUTATIONS_SHOW").is_some() {
                eprintln!(
                    "round {round}\n  in    {:?}\n  whole {:?}\n  live  {:?}",
                    String::from_utf8_lossy(&text),
                    String::from_utf8_lossy(&whole),
                    String::from_utf8_lossy(&live)
                );
            }
        }
    }
    assert!(
        different * 100 <= 3 * rounds,
        "{different} of {rounds} texts come out differently with pauses"
    );
}
